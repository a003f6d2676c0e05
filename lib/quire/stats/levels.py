"""Where curves cross a level: how many data are needed for a test error of one half."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd

from quire.stats.averages import mean
from quire.stats.checks import Numbers, columns, paired
from quire.stats.estimate import Estimate

__all__ = ["crossing", "crossing_over_seeds", "crossings"]

LOGARITHMS = {None: lambda places: places, "e": np.log, 2: np.log2}


def crossing(x: Numbers, y: Numbers, level: Real) -> float:
    """Where a curve first crosses a level, by interpolation linear in log x; a point on the level counts.

    Raises:
        ValueError: the curve stays on one side of the level, or x is not positive, or a value is not finite.

    >>> round(crossing([1, 10, 100], [1.0, 0.5, 0.1], 0.5), 9)
    10.0
    """
    x, y = paired(x, y)
    if (x <= 0).any():
        raise ValueError(f"the abscissae of a crossing must be positive, got {x.tolist()}")
    order = np.argsort(x)
    x, gap = x[order], y[order] - level
    hits = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) <= 0)
    if not len(hits):
        between = f"between {y.min():.4g} and {y.max():.4g}" if len(y) else "empty"
        raise ValueError(f"the curve stays {between} and does not cross {level}: widen the range of x")
    i = hits[0]
    fraction = gap[i] / (gap[i] - gap[i + 1]) if gap[i] != gap[i + 1] else 0.0
    return float(np.exp(np.log(x[i]) + fraction * (np.log(x[i + 1]) - np.log(x[i]))))


def crossings(rows: pd.DataFrame, *, x: str, y: str, level: Real | Mapping, by: str | list[str]) -> pd.Series:
    """Where the curve of each group crosses a level; groups without values on both sides of it are left out.

    Leaving out selects by the outcome: if some curves do not cross within the range, the mean place is biased towards it.

    Args:
        rows: a curve for each group.
        x: column of abscissae, positive.
        y: column of ordinates.
        level: the level, or one for each group (a mapping from what names it in ``by``; a group without one is left out).
        by: column that names the group, or a list of them.

    Returns:
        The places, indexed by group and named as ``x``: two such series divide group by group.

    >>> rows = pd.DataFrame({"p": [1, 100] * 2, "e": [1.0, 0.0, 1.0, 0.9], "seed": [0, 0, 1, 1]})
    >>> crossings(rows, x="p", y="e", level=0.5, by="seed").round(9).to_dict()
    {0: 10.0}
    """
    columns(rows, x, y, by)
    found = {}
    for key, curve in rows.groupby(by):
        at = level.get(key) if isinstance(level, Mapping) else level
        if at is not None and curve[y].min() < at < curve[y].max():
            found[key] = crossing(curve[x], curve[y], at)
    return pd.Series(found, index=_index(list(found), by), dtype=float, name=x)


def crossing_over_seeds(
    rows: pd.DataFrame, *, x: str, y: str, level: Real | Mapping, seed: str, log: str | int | None = None
) -> Estimate:
    """Mean over seeds of the place where a curve crosses a level, or of its logarithm.

    Args:
        rows: a curve for each seed; those that do not cross are left out, as in :func:`crossings`.
        x: column of abscissae, positive.
        y: column of ordinates.
        level: the level, or one for each seed (a mapping).
        seed: column that tells independent curves apart.
        log: average the place (None), its natural logarithm ("e") or that to base two (2).

    Returns:
        Missing if no curve crosses.

    Raises:
        ValueError: another ``log``, or what :func:`crossing` refuses.
    """
    if log not in LOGARITHMS:
        raise ValueError(f'log must be None, "e" or 2, got {log!r}')
    places = crossings(rows, x=x, y=y, level=level, by=seed)
    where = "its level" if isinstance(level, Mapping) else f"{level:g}"
    return mean(LOGARITHMS[log](places), if_empty=f"no curve crosses {where}")


def _index(keys: list, by: str | list[str]) -> pd.Index:
    if isinstance(by, str):
        return pd.Index(keys, name=by)
    return pd.MultiIndex.from_tuples(keys, names=by) if keys else pd.MultiIndex.from_arrays([[]] * len(by), names=by)
