"""From rows to numbers: one for each claim of the chapter."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["digit_error", "error_less", "largest_excess", "mean_energy", "mean_ratio", "texture_error", "texture_less"]

NONE = "nothing was computed for it"


def mean_energy(rows: pd.DataFrame, *, nonlinearity: str) -> Estimate:
    """Energy of the class means over all energy: mean over parts of the images."""
    return stats.mean(rows[rows.nonlinearity == nonlinearity].ratio, if_empty=NONE)


def mean_ratio(rows: pd.DataFrame, *, over: str) -> Estimate:
    """That of the modulus over that of another nonlinearity, part by part."""
    table = rows.pivot(index="part", columns="nonlinearity", values="ratio")
    return stats.ratio(table["modulus"], table[over]) if len(table) else Estimate.missing(NONE)


def largest_excess(rows: pd.DataFrame) -> Estimate:
    """The largest measured change over its bound, over displacements and scales."""
    return Estimate.exact(float((rows.ratio / rows.bound).max())) if len(rows) else Estimate.missing(NONE)


def texture_error(rows: pd.DataFrame, *, features: str) -> Estimate:
    """Test error: mean over draws of the fields."""
    return stats.mean_over_seeds(rows[rows.features == features], value="error", seed="seed", if_empty=NONE)


def texture_less(rows: pd.DataFrame, *, features: tuple[str, str]) -> Estimate:
    """Test error with one kind of features less that with another, on the same fields: mean over draws."""
    table = rows.pivot(index="seed", columns="features", values="error")
    return stats.difference(*(table[name] for name in features)) if len(table) else Estimate.missing(NONE)


def digit_error(rows: pd.DataFrame, *, nonlinearity: str, order: int, shift: int, pooled: bool) -> Estimate:
    """Test error of fixed scattering on digits: mean over splits and shifts."""
    found = rows[(rows.nonlinearity == nonlinearity) & (rows.order == order)]
    found = found[(found["shift"] == shift) & (found.pooled == pooled)]
    return stats.mean_over_seeds(found, value="error", seed="seed", if_empty=NONE)


def error_less(rows: pd.DataFrame, *, kinds: tuple[str, str], most_train_error: float = 1.0) -> Estimate:
    """Test error of trained networks of one nonlinearity less that of another, over networks that have fitted their training images.

    Args:
        most_train_error: networks above it have not.
    """
    fitted = rows[rows.train_error <= most_train_error]
    errors = [stats.mean(fitted[fitted.nonlinearity == kind].error, if_empty=NONE) for kind in kinds]
    return errors[0] - errors[1]
