"""Statistics on tidy rows: exponents with a confidence interval, means over seeds, bootstrap, crossing points."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats as distributions

__all__ = ["Slope", "bootstrap", "crossing", "loglog_slope", "mean_over", "slope_over_seeds"]


@dataclass(frozen=True)
class Slope:
    """A fitted exponent: ``value`` ± ``stderr``, its 95 % interval [low, high], and the log of the prefactor."""

    value: float
    stderr: float
    low: float
    high: float
    intercept: float


def loglog_slope(x: Sequence[float], y: Sequence[float], stderr: Sequence[float] | None = None) -> Slope:
    """Fit log y = slope · log x + intercept.

    Args:
        x: positive abscissae, at least three (two fix a line but leave no error).
        y: positive ordinates.
        stderr: standard errors of ``y``; with them the fit is weighted and its error follows from them, without them
            the error follows from the scatter about the line (Student's t).

    Raises:
        ValueError: fewer than three points, lengths that differ, or a value that is not positive and finite.

    >>> round(loglog_slope([1, 2, 4, 8], [3, 6, 12, 24]).value, 12)
    1.0
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3:
        raise ValueError(
            f"a slope with an error needs three points or more, x and y of one length; got {x.shape}, {y.shape}"
        )
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise ValueError(f"a log-log slope needs positive finite values, got x={x.tolist()}, y={y.tolist()}")
    if np.ptp(x) == 0:
        raise ValueError(f"a slope needs two different abscissae, got {x[0]} only")
    weight = np.ones_like(x) if stderr is None else (y / np.asarray(stderr, float)) ** 2
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("standard errors must be positive and finite: leave stderr out if they are not known")
    u, w = np.log(x), np.log(y)
    centre, height = np.average(u, weights=weight), np.average(w, weights=weight)
    spread = np.sum(weight * (u - centre) ** 2)
    slope = float(np.sum(weight * (u - centre) * (w - height)) / spread)
    if stderr is None:
        residual = w - height - slope * (u - centre)
        error, t = (math.sqrt(np.sum(residual**2) / (len(x) - 2) / spread), distributions.t.ppf(0.975, len(x) - 2))
    else:
        error, t = math.sqrt(1 / spread), distributions.norm.ppf(0.975)
    return Slope(slope, error, slope - t * error, slope + t * error, float(height - slope * centre))


def slope_over_seeds(rows: pd.DataFrame, *, x: str, y: str, seed: str) -> Slope:
    """Fit one log-log slope for each seed; their mean and the standard error of that mean.

    Points of one learning curve share data, so the scatter about a line understates the error: independent seeds do not.

    Raises:
        ValueError: fewer than two seeds.
    """
    fits = [loglog_slope(group[x], group[y]) for _, group in rows.sort_values(x).groupby(seed)]
    if len(fits) < 2:
        raise ValueError(
            f"an error over seeds needs two seeds or more, got {len(fits)}: add seeds, or use loglog_slope"
        )
    values = np.array([fit.value for fit in fits])
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    t = distributions.t.ppf(0.975, len(values) - 1)
    mean = float(values.mean())
    return Slope(mean, error, mean - t * error, mean + t * error, float(np.mean([fit.intercept for fit in fits])))


def mean_over(rows: pd.DataFrame, *, by: list[str], value: str) -> pd.DataFrame:
    """Mean, standard error and count of a column within each group (the error is 0 where there is one row)."""
    grouped = rows.groupby(by, sort=False)[value].agg(["mean", "sem", "count"]).reset_index()
    return grouped.rename(columns={"sem": "stderr", "count": "n"}).fillna({"stderr": 0.0})


def bootstrap(values: Sequence, statistic: Callable, *, num: int = 1000, seed: int = 0) -> tuple[float, float]:
    """A statistic of independent values and its bootstrap standard error (values are resampled with replacement).

    >>> bootstrap([1.0, 1.0, 1.0], np.mean)
    (1.0, 0.0)
    """
    values = np.asarray(values)
    if len(values) < 2:
        raise ValueError(f"a bootstrap needs two values or more, got {len(values)}")
    draw = np.random.default_rng(seed).integers(0, len(values), (num, len(values)))
    return float(statistic(values)), float(np.std([statistic(values[index]) for index in draw], ddof=1))


def crossing(x: Sequence[float], y: Sequence[float], level: float) -> float:
    """Where a curve first crosses a level, by interpolation linear in log x.

    Raises:
        ValueError: the curve stays on one side of the level.

    >>> round(crossing([1, 10, 100], [1.0, 0.5, 0.1], 0.5), 9)
    10.0
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    order = np.argsort(x)
    x, gap = x[order], y[order] - level
    hits = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) <= 0)
    if not len(hits) or (gap == 0).all():
        raise ValueError(
            f"the curve stays between {y.min():.4g} and {y.max():.4g} and does not cross {level}: widen the range of x"
        )
    i = hits[0]
    fraction = gap[i] / (gap[i] - gap[i + 1]) if gap[i] != gap[i + 1] else 0.0
    return float(np.exp(np.log(x[i]) + fraction * (np.log(x[i + 1]) - np.log(x[i]))))
