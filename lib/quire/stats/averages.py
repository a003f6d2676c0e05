"""Means of independent values, with the standard error of the mean: of all, of groups, of pairs, over seeds.

The error of a mean of n values is their standard deviation (n - 1 in the denominator) over √n, with n - 1 degrees of freedom.
One value is an estimate without error.
"""

import math

import numpy as np
import pandas as pd

from quire.stats.checks import Numbers, columns, finite, logarithms
from quire.stats.estimate import Estimate

__all__ = ["converged", "difference", "geometric_mean", "geometric_mean_by", "mean", "mean_by", "mean_over_seeds"]
__all__ += ["ratio", "table"]

Key = str | list[str]


def mean(values: Numbers, *, if_empty: str = "") -> Estimate:
    """Mean of independent values and its standard error.

    Args:
        values: one number for each seed.
        if_empty: why there may be no value at all ("no network learned the task"): the estimate is then missing.

    Raises:
        ValueError: no values (without ``if_empty``), or one that is not finite.

    >>> str(mean([1.0, 2.0, 3.0])), mean([1.0]).reason
    ('2.0 ± 0.6', 'one seed has no error')
    """
    values = finite(values)
    if not len(values):
        return _nothing(if_empty)
    if len(values) == 1:
        return Estimate(values[0], math.nan, 0.0)
    return Estimate(values.mean(), values.std(ddof=1) / math.sqrt(len(values)), len(values) - 1)


def geometric_mean(values: Numbers, *, if_empty: str = "") -> Estimate:
    """exp⟨log x⟩ of independent values ≥ 0, for what differs by factors; the error is that of ⟨log x⟩ times the mean.

    Args:
        values: one number for each seed; with a zero among them, the estimate is missing.
        if_empty: as in :func:`mean`.

    Raises:
        ValueError: no values (without ``if_empty``), one below zero or not finite.

    >>> geometric_mean([1.0, 4.0]).value
    2.0
    """
    logs = logarithms(values, "values")
    if not np.isfinite(logs).all():
        return Estimate.missing("a value of zero has no logarithm")
    if not len(logs):
        return _nothing(if_empty)
    center = float(np.exp(logs.mean()))
    if len(logs) == 1:
        return Estimate(center, math.nan, 0.0)
    return Estimate(center, center * logs.std(ddof=1) / len(logs) ** 0.5, len(logs) - 1)


def mean_by(rows: pd.DataFrame, *, by: Key, value: str) -> dict:
    """The mean of a column in each group.

    Args:
        rows: one row for each seed of each group.
        by: the column that names the group, or a list of them: the keys are then tuples.
        value: the column of values.

    >>> {k: str(v) for k, v in mean_by(pd.DataFrame({"a": [1, 1, 2], "v": [1.0, 3.0, 5.0]}), by="a", value="v").items()}
    {1: '2 ± 1', 2: '5 ± ?'}
    """
    return {key: mean(part) for key, part in _groups(rows, by, value)}


def geometric_mean_by(rows: pd.DataFrame, *, by: Key, value: str) -> dict:
    """The geometric mean of a column in each group, as :func:`mean_by`."""
    return {key: geometric_mean(part) for key, part in _groups(rows, by, value)}


def mean_over_seeds(rows: pd.DataFrame, *, value: str, seed: Key, if_empty: str = "") -> Estimate:
    """Mean over seeds of each seed's own mean: rows of one seed are not independent of one another.

    Args:
        rows: any number of rows for each seed.
        value: the column of values.
        seed: the column (or columns) that tell independent draws apart.
        if_empty: as in :func:`mean`.

    >>> rows = pd.DataFrame({"seed": [0, 0, 1, 1], "v": [1.0, 3.0, 2.0, 4.0]})
    >>> mean_over_seeds(rows, value="v", seed="seed")
    Estimate(value=2.5, stderr=0.5, dof=1.0, reason='')
    """
    return mean([finite(part, value).mean() for _, part in _groups(rows, seed, value)], if_empty=if_empty)


def ratio(a: Numbers, b: Numbers) -> Estimate:
    """Mean of a / b, pair by pair: what two quantities of one seed share drops out.

    Args:
        a: numerators; columns of pandas are paired by their index, anything else by place.
        b: denominators; with a zero among them, the estimate is missing.

    Raises:
        ValueError: values without a partner.

    >>> ratio([2.0, 4.0], [1.0, 2.0])
    Estimate(value=2.0, stderr=0.0, dof=1.0, reason='')
    """
    a, b = _matched(a, b)
    if (b == 0).any():
        return Estimate.missing("a ratio to zero has no value")
    return mean(a / b)


def difference(a: Numbers, b: Numbers) -> Estimate:
    """Mean of a - b, pair by pair, as :func:`ratio`; ``mean(a) - mean(b)`` is for values that share nothing."""
    a, b = _matched(a, b)
    return mean(a - b)


def converged(values: Numbers) -> Estimate:
    """The last of a sequence that converges, and its last step as the error, which is a bound and no sample (dof: inf).

    >>> converged([1.5, 1.25, 1.125])
    Estimate(value=1.125, stderr=0.125, dof=inf, reason='')
    """
    values = finite(values)
    if len(values) < 2:
        return Estimate.missing("a sequence of one value shows no convergence")
    return Estimate(values[-1], abs(values[-1] - values[-2]), math.inf)


def table(rows: pd.DataFrame, *, by: Key, value: str) -> pd.DataFrame:
    """Mean, standard error (nan for one row) and count of a column in each group, for a figure.

    >>> table(pd.DataFrame({"a": [1, 1], "v": [1.0, 3.0]}), by="a", value="v").to_dict("records")
    [{'a': 1, 'mean': 2.0, 'stderr': 1.0, 'n': 2}]
    """
    names = [by] if isinstance(by, str) else by
    found = []
    for key, part in _groups(rows, names, value):
        estimate = mean(part)
        named = dict(zip(names, key, strict=True))
        found.append({**named, "mean": estimate.value, "stderr": estimate.stderr, "n": len(part)})
    return pd.DataFrame(found, columns=[*names, "mean", "stderr", "n"])


def _groups(rows: pd.DataFrame, by: Key, value: str):
    columns(rows, by, value)
    return list(rows.groupby(by, sort=False, dropna=False)[value])


def _matched(a: Numbers, b: Numbers) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        if not (a.index.is_unique and b.index.is_unique and set(a.index) == set(b.index)):
            raise ValueError(
                f"pairs need one value of each for every index, got {list(a.index)[:5]} and {list(b.index)[:5]}: set_index "
                "to the columns that name a pair, and drop what has no partner"
            )
        b = b[a.index]
    a, b = finite(a, "a"), finite(b, "b")
    if len(a) != len(b):
        raise ValueError(f"pairs need two lists of one length, got {len(a)} and {len(b)}")
    return a, b


def _nothing(if_empty: str) -> Estimate:
    if not if_empty:
        raise ValueError(
            "a mean of no values: if that may happen (no curve crosses, no network learns), say why with if_empty=…, "
            "which makes the estimate missing; otherwise look at how the rows were selected"
        )
    return Estimate.missing(if_empty)
