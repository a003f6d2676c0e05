"""What is measured on networks that detect a scale: rows of :func:`quire.experiments.diffeo.scale_cells.scale_detection`
to estimates and tables of figures.

Each network counts once; means over networks are taken for each task, and the weaker task is what is claimed.
"""

import pandas as pd

from quire import stats

__all__ = [
    "filter_gain",
    "filter_table",
    "largest_gain",
    "share_of_change",
    "smallest_gain",
    "stability_table",
]

NETWORK = ["task", "seed", "network"]


def stability_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: D_k and G_k of every layer, a panel for each task and quantity.

    Constant filters have D = 0 at the last layer, which has no place on a logarithmic axis.
    """
    parts = []
    for name, symbol in {"diffeo": "$D_k$", "noise": "$G_k$"}.items():
        pooling = rows[f"{name}_pooling"]
        panel = rows.task + f", {symbol}"
        parts.append(rows.assign(panel=panel, value=rows[name], pooling=pooling.where(pooling > 0)))
    table = pd.concat(parts)
    return table[table.value > 0]


def filter_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: share of the zero mode in the filters of both states, and in what training changed."""
    trained = rows[rows.state == "trained"]
    weights = rows.assign(share=rows.zero_mode, of=rows.state + " filters")
    change = trained.assign(share=trained.zero_mode_of_change, of="change in training")
    return pd.concat([weights, change])


def filter_gain(rows: pd.DataFrame) -> stats.Estimate:
    """Share of the zero mode after training over that before, each averaged over layers; geometric mean over networks.

    Of the task at which it is smallest.
    """
    share = rows.groupby([*NETWORK, "state"], as_index=False).zero_mode.mean()
    return stats.smallest(_gains(share, "zero_mode"))


def share_of_change(rows: pd.DataFrame, *, scale: int) -> stats.Estimate:
    """Share of the zero mode in what training changed, averaged over layers with patches up to the scale.

    Mean over networks, of the task at which it is smallest. Layers that did not change have no share.
    """
    below = rows[(rows.state == "trained") & (rows.patch <= scale)].dropna(subset="zero_mode_of_change")
    each = below.groupby(NETWORK, as_index=False).zero_mode_of_change.mean()
    none = "no filter has changed"
    return stats.smallest(stats.mean_by(each, by="task", value="zero_mode_of_change"), if_empty=none)


def smallest_gain(rows: pd.DataFrame, *, quantity: str, patch: int) -> stats.Estimate:
    """D ("diffeo") or G ("noise") after training over that before, at the layer with patches of this size.

    Geometric mean over networks, of the task at which it is smallest.
    """
    return stats.smallest(
        _gains(rows[rows.patch == patch], quantity), if_empty=f"no layer with patches of {patch} pixels"
    )


def largest_gain(rows: pd.DataFrame, *, quantity: str, patch: int) -> stats.Estimate:
    """The same for the task at which it is largest."""
    return stats.largest(
        _gains(rows[rows.patch == patch], quantity), if_empty=f"no layer with patches of {patch} pixels"
    )


def _gains(rows: pd.DataFrame, value: str) -> dict:
    """Trained over initial of each network; geometric mean for each task."""
    if rows.empty:
        return {}
    pairs = rows.pivot(index=NETWORK, columns="state", values=value)
    gain = (pairs.trained / pairs.initial).rename("gain").reset_index()
    return stats.geometric_mean_by(gain, by="task", value="gain")
