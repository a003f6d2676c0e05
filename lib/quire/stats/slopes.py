"""Slopes, and exponents as slopes in log-log: from the scatter about a line, from known errors, over seeds, within groups.

All are least squares. Points of one learning curve share data, so that the scatter about its line understates the error of
the slope: where there are independent seeds, the error comes from them.
"""

import math

import numpy as np
import pandas as pd

from quire.stats.averages import mean
from quire.stats.checks import Numbers, columns, finite, logarithms, paired
from quire.stats.estimate import Estimate
from quire.stats.resample import bootstrap

__all__ = ["linear_slope", "loglog_slope", "slope_of_mean", "slope_over_seeds", "slope_within"]

ZERO = "a value of zero has no logarithm"
FLAT = "a slope needs two different abscissae"


def linear_slope(x: Numbers, y: Numbers) -> Estimate:
    """Slope of y against x, with an error from the scatter about the line (n - 2 degrees of freedom).

    Two points fix a line and leave no error; one abscissa fixes no line, and the slope is missing.

    Raises:
        ValueError: lengths differ, or a value is not finite.

    >>> linear_slope([0, 1, 2], [1, 3, 5]).dof
    1.0
    """
    return _from_scatter(*paired(x, y))


def loglog_slope(x: Numbers, y: Numbers, stderr: Numbers | None = None) -> Estimate:
    """Slope of log y against log x.

    Args:
        x: positive abscissae.
        y: ordinates; with a zero among them, which has no logarithm, the slope is missing.
        stderr: standard errors of ``y``, positive. With them the fit is weighted, and its error follows from them (dof:
            inf); without them it follows from the scatter about the line (dof: n - 2).

    Raises:
        ValueError: lengths differ, a value is negative or not finite, an abscissa or an error is zero.

    >>> round(loglog_slope([1, 2, 4, 8], [3, 6, 12, 24]).value, 12)
    1.0
    """
    x, y = paired(x, y)
    u, w = _abscissae(x), logarithms(y, "y")
    if not np.isfinite(w).all():
        return Estimate.missing(ZERO)
    if stderr is None:
        return _from_scatter(u, w)
    errors = finite(stderr, "standard errors")
    if errors.shape != y.shape or not (errors > 0).all():
        raise ValueError("standard errors must be positive, one for each y: leave stderr out if they are unknown")
    if _flat(u):
        return Estimate.missing(FLAT)
    (slope, _), covariance = np.polyfit(u, w, 1, w=y / errors, cov="unscaled")
    return Estimate(slope, math.sqrt(covariance[0, 0]), math.inf)


def slope_over_seeds(rows: pd.DataFrame, *, x: str, y: str, seed: str, if_empty: str = FLAT) -> Estimate:
    """One log-log slope for each seed; their mean and its standard error (number of seeds - 1 degrees of freedom).

    Seeds with fewer than two abscissae have no slope and are left out; if that leaves none, the slope is missing. With a
    y of zero in any seed it is missing, since to leave out such seeds would select by the outcome.

    Args:
        rows: a learning curve for each seed.
        x: column of abscissae, positive.
        y: column of ordinates.
        seed: column that tells independent curves apart.
        if_empty: what to say if no seed has a slope.

    Raises:
        ValueError: a column is lost, a value is negative or not finite.
    """
    columns(rows, x, y, seed)
    slopes = []
    for _, curve in rows.groupby(seed):
        u, w = _abscissae(finite(curve[x], x)), logarithms(curve[y], y)
        if not np.isfinite(w).all():
            return Estimate.missing(ZERO)
        if not _flat(u):
            slopes.append(np.polyfit(u, w, 1)[0])
    return mean(slopes, if_empty=if_empty)


def slope_of_mean(rows: pd.DataFrame, *, x: str, y: str, seed: str) -> Estimate:
    """Log-log slope of the mean curve and its bootstrap error over seeds, for curves that are too noisy one by one.

    Args:
        rows: a curve for each seed, all at the same abscissae.
        x: column of abscissae, positive.
        y: column of ordinates; with a zero among them, the slope is missing.
        seed: column that tells independent curves apart.

    Raises:
        ValueError: a seed lacks an abscissa, a column is lost, a value is negative or not finite.

    >>> rows = pd.DataFrame({"size": [1, 2, 4] * 2, "error": [4, 2, 1] * 2, "seed": [0] * 3 + [1] * 3})
    >>> round(slope_of_mean(rows, x="size", y="error", seed="seed").value, 9)
    -1.0
    """
    columns(rows, x, y, seed)
    finite(rows[y], y)
    table = rows.pivot_table(index=seed, columns=x, values=y)
    if table.isna().any(axis=None):
        raise ValueError(f"every {seed} must have the same values of {x}, got\n{table.notna()}: drop the others")
    u = _abscissae(finite(table.columns, x))
    if (table == 0).any(axis=None):
        return Estimate.missing(ZERO)
    if _flat(u):
        return Estimate.missing(FLAT)
    logarithms(rows[y], y)
    return bootstrap(table.to_numpy(), lambda curves: np.polyfit(u, np.log(curves.mean(0)), 1)[0])


def slope_within(rows: pd.DataFrame, *, x: str, y: str, group: str) -> Estimate:
    """Common log-log slope of groups that have a prefactor each, with an error from the scatter about these lines.

    Of N points in G groups, N - G - 1 degrees of freedom are left.

    Args:
        rows: points of all groups.
        x: column of abscissae, positive.
        y: column of ordinates; with a zero among them, the slope is missing.
        group: column that names the group.

    Raises:
        ValueError: a column is lost, a value is negative or not finite.

    >>> rows = pd.DataFrame({"p": [1, 2, 1, 2], "e": [1.0, 4.0, 3.0, 12.0], "s": [0, 0, 1, 1]})
    >>> round(slope_within(rows, x="p", y="e", group="s").value, 9)
    2.0
    """
    columns(rows, x, y, group)
    logs = pd.DataFrame({"u": _abscissae(finite(rows[x], x)), "w": logarithms(rows[y], y)})
    if not np.isfinite(logs.w).all():
        return Estimate.missing(ZERO)
    groups = rows[group].to_numpy()
    u, w = ((logs[name] - logs[name].groupby(groups).transform("mean")).to_numpy() for name in ("u", "w"))
    if np.allclose(u, 0, atol=1e-12):
        return Estimate.missing("a slope within groups needs two different abscissae in one of them")
    slope = float((u @ w) / (u @ u))
    dof = len(rows) - len(set(groups)) - 1
    if dof < 1:
        return Estimate(slope, math.nan, 0.0, "as many lines as pairs of points leave no error")
    return Estimate(slope, (((w - slope * u) ** 2).sum() / dof / (u @ u)) ** 0.5, dof)


def _from_scatter(u: np.ndarray, w: np.ndarray) -> Estimate:
    if _flat(u):
        return Estimate.missing(FLAT)
    (slope, intercept), covariance = np.polyfit(u, w, 1, cov="unscaled")
    dof = len(u) - 2
    if not dof:
        return Estimate(slope, math.nan, 0.0, "two points fix a line and leave no error")
    residual = w - intercept - slope * u
    return Estimate(slope, math.sqrt(covariance[0, 0]) * math.sqrt(residual @ residual / dof), dof)


def _abscissae(x: np.ndarray) -> np.ndarray:
    if (x <= 0).any():
        raise ValueError(f"abscissae of a log-log slope must be positive, got {x.tolist()}")
    return np.log(x)


def _flat(u: np.ndarray) -> bool:
    return len(set(u.tolist())) < 2
