"""What is measured on networks that detect a scale: rows of :func:`quire.experiments.diffeo.scale_cells.scale_detection`
to estimates and tables of figures.

Each network counts once, and those that say the same for every image (the weights have decayed) nowhere; means over
networks are taken for each task, and the weaker task is what is claimed. Stabilities are those of the mean over channels.
"""

import pandas as pd

from quire import stats

__all__ = [
    "beyond_gain",
    "decayed",
    "filter_gain",
    "filter_table",
    "largest_gain",
    "over_pooling",
    "smallest_gain",
    "stability_table",
]

NETWORK = ["task", "seed", "network"]
CONSTANT = 0.5  # hinge loss above which a network counts as constant, whose loss is one


def decayed(rows: pd.DataFrame) -> int:
    """How many networks say the same for every image."""
    constant = rows[rows.train_loss > CONSTANT]
    return len(constant[NETWORK].drop_duplicates())


def stability_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: D_k and G_k of every layer, a panel for each task and quantity.

    Constant filters have D = 0 from the scale on, which has no place on a logarithmic axis.
    """
    rows, parts = _learned(rows), []
    for name, symbol in {"diffeo": "$D_k$", "noise": "$G_k$"}.items():
        pooling = rows[f"{name}_pooling"]
        panel = rows.task + f", {symbol}"
        parts.append(rows.assign(panel=panel, value=rows[name], pooling=pooling.where(pooling > 0)))
    table = pd.concat(parts)
    return table[table.value > 0]


def filter_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: share of the zero mode in the filters of both states."""
    rows = _learned(rows)
    return rows.assign(share=rows.zero_mode, of=rows.state + " filters")


def filter_gain(rows: pd.DataFrame, *, scale: int) -> stats.Estimate:
    """Share of the zero mode after training over that before, each averaged over layers with patches up to the scale.

    Geometric mean over networks, of the task at which it is smallest.
    """
    return stats.smallest(_shares(rows[rows.patch <= scale]), if_empty=f"no layer with patches up to {scale} pixels")


def beyond_gain(rows: pd.DataFrame, *, task: str, scale: int) -> stats.Estimate:
    """The same at the first layer whose patches are larger than the scale, of one task."""
    beyond = rows[(rows.patch == 2 * scale) & (rows.task == task)]
    return stats.largest(_shares(beyond), if_empty=f"no layer with patches of {2 * scale} pixels")


def smallest_gain(rows: pd.DataFrame, *, quantity: str, patch: int) -> stats.Estimate:
    """D ("diffeo") or G ("noise") after training over that before, at the layer with patches of this size.

    Geometric mean over networks, of the task at which it is smallest.
    """
    return stats.smallest(_gains(_layer(rows, patch), quantity), if_empty=f"no layer with patches of {patch} pixels")


def largest_gain(rows: pd.DataFrame, *, quantity: str, patch: int) -> stats.Estimate:
    """The same for the task at which it is largest."""
    return stats.largest(_gains(_layer(rows, patch), quantity), if_empty=f"no layer with patches of {patch} pixels")


def over_pooling(rows: pd.DataFrame, *, task: str, scale: int) -> stats.Estimate:
    """G_k of trained networks over that of constant filters: geometric mean over layers up to the scale, and over networks."""
    trained = _learned(rows)
    trained = trained[(trained.state == "trained") & (trained.task == task) & (trained.patch <= scale)]
    ratio = trained.assign(ratio=trained.noise / trained.noise_pooling)
    each = {network: stats.geometric_mean(part.ratio).value for network, part in ratio.groupby(["seed", "network"])}
    return stats.geometric_mean(list(each.values()), if_empty=f"no network has learned the task {task}")


def _learned(rows: pd.DataFrame) -> pd.DataFrame:
    """The networks that have learned, read by the mean over channels."""
    return rows[(rows.train_loss <= CONSTANT) & (rows.channels == "mean")]


def _layer(rows: pd.DataFrame, patch: int) -> pd.DataFrame:
    return rows[rows.patch == patch]


def _shares(rows: pd.DataFrame) -> dict:
    share = rows.groupby([*NETWORK, "state", "channels", "train_loss"], as_index=False).zero_mode.mean()
    return _gains(share, "zero_mode")


def _gains(rows: pd.DataFrame, value: str) -> dict:
    """Trained over initial of each network; geometric mean for each task."""
    rows = _learned(rows)
    if rows.empty:
        return {}
    pairs = rows.pivot(index=NETWORK, columns="state", values=value)
    gain = (pairs.trained / pairs.initial).rename("gain").reset_index()
    return stats.geometric_mean_by(gain, by="task", value="gain")
