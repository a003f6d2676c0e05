"""From rows of forward-backward journeys to numbers and tables; the independent unit is a pair of networks, told by its seed."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "class_kept",
    "cosine_table",
    "kept_table",
    "largest_rescaled_distance",
    "layer_difference",
    "smallest_layer_difference",
    "susceptibility_table",
]

ABSENT = "no journey to such a time was made"
KEPT = "class kept"


def class_kept(rows: pd.DataFrame, *, time: float) -> Estimate:
    """Fraction of images with the class kept, at the time nearest to this one."""
    found = _one_per_time(rows)
    return _over_seeds(found[_near(found, time)], lambda part: part.kept.mean())


def layer_difference(rows: pd.DataFrame, *, time: float) -> Estimate:
    """Cosine at the output minus that at the first layer, standardised by channel, at the time nearest to this one."""
    found = _ends(rows)
    return _over_seeds(
        found[_near(found, time)], lambda part: (part["cosine", "last"] - part["cosine", "first"]).mean()
    )


def smallest_layer_difference(rows: pd.DataFrame, *, after: float) -> Estimate:
    """Cosine at the first layer minus that at the output, standardised by channel, where it is smallest from a time on."""
    found = _ends(rows)
    late = found[found.time >= after - 1e-9]
    return _over_seeds(late, lambda part: (part["cosine", "first"] - part["cosine", "last"]).min())


def largest_rescaled_distance(rows: pd.DataFrame) -> Estimate:
    """The largest distance over times between first layer and output, each rescaled by its floor."""
    found = _ends(rows)
    return _over_seeds(found, lambda part: (part["rescaled", "first"] - part["rescaled", "last"]).abs().max())


def kept_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: fraction of images with the class kept."""
    return _one_per_time(rows)


def susceptibility_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: susceptibility of the changed pixels, where there is one."""
    return _one_per_time(rows).dropna(subset=["susceptibility"])


def cosine_table(rows: pd.DataFrame, *, layers: list[str]) -> pd.DataFrame:
    """The table of a figure: cosines of some layers in three ways, and the class kept beside the rescaled ones."""
    shown = _rescaled(rows[rows.layer.isin(layers)])
    by_channel, by_unit = (shown[shown.per == per] for per in ("channel", "unit"))
    columns = ["seed", "time", "layer", "value", "view"]
    views = [
        by_channel.assign(value=by_channel.cosine, view="by channel"),
        by_channel.assign(value=by_channel.rescaled, view="above its floor"),
        by_unit.assign(value=by_unit.cosine, view="by unit"),
    ]
    kept = _one_per_time(rows).assign(layer=KEPT)
    views += [kept.assign(value=kept.kept, view=view) for view in ("by channel", "above its floor", "by unit")]
    return pd.concat([one[columns] for one in views], ignore_index=True)


def _one_per_time(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop_duplicates(["seed", "time"])[["seed", "time", "kept", "susceptibility"]]


def _rescaled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(rescaled=(rows.cosine - rows.floor) / (1 - rows.floor))


def _ends(rows: pd.DataFrame) -> pd.DataFrame:
    """First and last layer side by side, standardised by channel."""
    found = _rescaled(rows[rows.per == "channel"])
    place = {found.depth.min(): "first", found.depth.max(): "last"}
    ends = found[found.depth.isin(place)].assign(end=lambda part: part.depth.map(place))
    return ends.pivot(index=["seed", "time"], columns="end", values=["cosine", "rescaled"]).reset_index()


def _near(rows: pd.DataFrame, time: float) -> pd.Series:
    return (rows.time - time).abs() < 0.05


def _over_seeds(rows: pd.DataFrame, of) -> Estimate:
    return stats.mean([of(part) for _, part in rows.groupby("seed")], if_empty=ABSENT)
