"""From rows to numbers: one for each claim of the chapter."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "accuracy",
    "accuracy_less",
    "feature_slope",
    "gap_ratio",
    "largest_eigenvalue",
    "likeness",
    "shift_gain",
]

NONE = "nothing was computed for it"


def feature_slope(rows: pd.DataFrame, *, value: str) -> Estimate:
    """Exponent of a distance of random features against their number: mean over draws."""
    return stats.slope_over_seeds(rows, x="width", y=value, seed="number", if_empty="fewer than two widths")


def accuracy(rows: pd.DataFrame, *, kind: str, width: int, scaling: str) -> Estimate:
    """Test accuracy: mean over draws, then over trained networks."""
    found = _at(rows, kind=kind, width=width, scaling=scaling)
    return stats.mean_over_seeds(found, value="accuracy", seed="seed", if_empty=NONE)


def accuracy_less(rows: pd.DataFrame, *, kinds: tuple[str, str], width: int, scaling: str) -> Estimate:
    """Accuracy of one kind less that of another, network by network."""
    own = _at(rows, width=width, scaling=scaling)
    table = own.pivot_table(index="seed", columns="kind", values="accuracy")
    if not len(table):
        return Estimate.missing(NONE)
    return stats.difference(table[kinds[0]], table[kinds[1]])


def gap_ratio(rows: pd.DataFrame, *, small: int, large: int, scaling: str) -> Estimate:
    """By how much the rainbow is less accurate than the trained network, at the larger width over that at the smaller one."""
    gaps = [
        accuracy_less(rows, kinds=("trained", "gaussian"), width=width, scaling=scaling) for width in (large, small)
    ]
    return gaps[0] / gaps[1]


def likeness(rows: pd.DataFrame, *, kind: str, layer: int, widths: dict[str, int], scaling: str) -> dict[str, Estimate]:
    """Alignment distance to a trained network at several widths: mean over pairs."""
    found = _at(rows, kind=kind, layer=layer, scaling=scaling)
    return {
        name: stats.mean_over_seeds(_at(found, width=width), value="distance", seed="first", if_empty=NONE)
        for name, width in widths.items()
    }


def shift_gain(rows: pd.DataFrame, *, layer: int, width: int, scaling: str) -> Estimate:
    """Alignment distance of rows drawn about zero over that of rows drawn about their mean, network by network."""
    own = _at(rows, layer=layer, width=width, scaling=scaling)
    table = own.pivot_table(index="first", columns="kind", values="distance")
    if not len(table):
        return Estimate.missing(NONE)
    return stats.ratio(table["gaussian"], table["shifted"])


def largest_eigenvalue(rows: pd.DataFrame, *, layer: int, width: int, scaling: str) -> Estimate:
    """The largest eigenvalue of the covariance after training over that before: mean over networks."""
    own = _at(rows, layer=layer, width=width, scaling=scaling, order=1)
    table = own.pivot_table(index="seed", columns="when", values="eigenvalue")
    if not len(table):
        return Estimate.missing(NONE)
    return stats.ratio(table["end"], table["start"])


def _at(rows: pd.DataFrame, **values) -> pd.DataFrame:
    """The rows with these values."""
    for name, value in values.items():
        rows = rows[rows[name] == value]
    return rows
