"""What every statistic asks of its input: numbers, finite, one for each point."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

__all__ = ["Numbers", "columns", "finite", "logarithms", "paired"]

Numbers = Iterable  # a list, an array, a column, a view of a dict


def finite(values: Numbers, what: str = "values") -> np.ndarray:
    """The values as a list of floats.

    Raises:
        ValueError: more than one dimension, text, or a number that is not finite.
    """
    try:
        array = np.array(
            values if hasattr(values, "__len__") and hasattr(values, "__getitem__") else list(values), float
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be numbers, got {values!r:.200}: {error}") from None
    if array.ndim != 1:
        raise ValueError(f"{what} must be one list of numbers, got the shape {array.shape}")
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array))
        raise ValueError(
            f"{what} must be finite, got {array[bad[0]]} at place {bad[0]} ({len(bad)} of {len(array)}): drop such rows "
            "and say why (rows.dropna), or find where they come from"
        )
    return array


def paired(x: Numbers, y: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of finite numbers of one length.

    Raises:
        ValueError: lengths differ, or what :func:`finite` refuses.
    """
    x, y = finite(x, "x"), finite(y, "y")
    if x.shape != y.shape:
        raise ValueError(f"x and y must be two lists of one length, got {len(x)} and {len(y)}")
    return x, y


def logarithms(values: Numbers, what: str) -> np.ndarray:
    """Natural logarithms of numbers ≥ 0; that of zero is -inf.

    Raises:
        ValueError: a number below zero, or what :func:`finite` refuses.
    """
    array = finite(values, what)
    if (array < 0).any():
        raise ValueError(f"{what} must be positive to have a logarithm, got {array.min()}")
    with np.errstate(divide="ignore"):
        return np.log(array)


def columns(rows: pd.DataFrame, *names: str | list[str]) -> None:
    """Refuse rows that lack a column.

    Raises:
        ValueError: with the columns that there are.
    """
    wanted = [name for group in names for name in ([group] if isinstance(group, str) else group)]
    lost = [name for name in wanted if name not in rows.columns]
    if lost:
        raise ValueError(f"no columns {lost} in the rows, which have {list(rows.columns)}")
