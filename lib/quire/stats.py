"""Statistics on tidy rows: exponents with a confidence interval, means over seeds, bootstrap, crossing points."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats as distributions

__all__ = ["Slope", "bootstrap", "crossing", "loglog_slope", "mean_over", "slope_of_mean", "slope_over_seeds"]

Numbers = Sequence | np.ndarray | pd.Series


@dataclass(frozen=True)
class Slope:
    """A fitted exponent: ``value`` ± ``stderr``, its 95 % interval [low, high], and the log of the prefactor."""

    value: float
    stderr: float
    low: float
    high: float
    intercept: float


def loglog_slope(x: Numbers, y: Numbers, stderr: Numbers | None = None) -> Slope:
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
    x, y = _positive(x, y)
    if len(x) < 3:
        raise ValueError(f"a slope with an error needs three points or more, got {len(x)}: add points, or seeds")
    errors = y if stderr is None else np.asarray(stderr, float)  # without errors, the weights are all one
    if errors.shape != y.shape or not (np.isfinite(errors) & (errors > 0)).all():
        raise ValueError("standard errors must be positive and finite, one for each y: leave stderr out if unknown")
    u, w, weight = np.log(x), np.log(y), (y / errors) ** 2
    (slope, intercept), covariance = np.polyfit(u, w, 1, w=np.sqrt(weight), cov="unscaled")
    error, t = math.sqrt(covariance[0, 0]), distributions.norm.ppf(0.975)
    if stderr is None:
        residual = w - intercept - slope * u
        error, t = error * math.sqrt(residual @ residual / (len(x) - 2)), distributions.t.ppf(0.975, len(x) - 2)
    return Slope(float(slope), float(error), float(slope - t * error), float(slope + t * error), float(intercept))


def slope_over_seeds(rows: pd.DataFrame, *, x: str, y: str, seed: str) -> Slope:
    """Fit one log-log slope for each seed; their mean and the standard error of that mean.

    Points of one learning curve share data, so the scatter about a line understates the error: independent seeds do not.

    Raises:
        ValueError: fewer than two seeds, fewer than two abscissae for a seed, or a value that is not positive.
    """
    curves = [_positive(curve[x], curve[y]) for _, curve in rows.groupby(seed)]
    if len(curves) < 2:
        raise ValueError(f"an error needs two seeds or more, got {len(curves)}: use loglog_slope, or add seeds")
    fits = np.array([np.polyfit(np.log(u), np.log(v), 1) for u, v in curves])
    (mean, intercept), error = fits.mean(0).tolist(), float(fits[:, 0].std(ddof=1) / math.sqrt(len(fits)))
    t = float(distributions.t.ppf(0.975, len(fits) - 1))
    return Slope(mean, error, mean - t * error, mean + t * error, intercept)


def slope_of_mean(rows: pd.DataFrame, *, x: str, y: str, seed: str) -> tuple[float, float]:
    """Log-log slope of the mean curve, and its bootstrap error over seeds: for curves that are too noisy one by one.

    >>> rows = pd.DataFrame({"size": [1, 2, 4] * 2, "error": [4, 2, 1] * 2, "seed": [0] * 3 + [1] * 3})
    >>> round(slope_of_mean(rows, x="size", y="error", seed="seed")[0], 9)
    -1.0
    """
    table = rows.pivot_table(index=seed, columns=x, values=y)
    return bootstrap(table.to_numpy(), lambda curves: loglog_slope([*table.columns], curves.mean(0)).value)


def mean_over(rows: pd.DataFrame, *, by: list[str], value: str) -> pd.DataFrame:
    """Mean, standard error and count of a column within each group (the error is 0 where there is one row)."""
    grouped = rows.groupby(by, sort=False, dropna=False)[value].agg(["mean", "sem", "count"]).reset_index()
    return grouped.rename(columns={"sem": "stderr", "count": "n"}).fillna({"stderr": 0.0})


def bootstrap(values: Numbers, statistic: Callable, *, num: int = 1000, seed: int = 0) -> tuple[float, float]:
    """A statistic of independent values and its bootstrap standard error (values are resampled with replacement).

    >>> bootstrap([1.0, 1.0, 1.0], np.mean)
    (1.0, 0.0)
    """
    values = np.asarray(values)
    if len(values) < 2 or num < 2:
        raise ValueError(f"a bootstrap needs two values and two resamples or more, got {len(values)} and {num}")
    draw = np.random.default_rng(seed).integers(0, len(values), (num, len(values)))
    return float(statistic(values)), float(np.std([statistic(values[index]) for index in draw], ddof=1))


def crossing(x: Numbers, y: Numbers, level: float) -> float:
    """Where a curve first crosses a level, by interpolation linear in log x.

    Raises:
        ValueError: the curve stays on one side of the level.

    >>> round(crossing([1, 10, 100], [1.0, 0.5, 0.1], 0.5), 9)
    10.0
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim != 1 or not (np.isfinite(x) & np.isfinite(y) & (x > 0)).all():
        raise ValueError(f"a crossing needs positive x and finite y of one length, got x={x.tolist()}, y={y.tolist()}")
    order = np.argsort(x)
    x, gap = x[order], y[order] - level
    hits = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) <= 0)
    if not len(hits):
        between = f"between {y.min():.4g} and {y.max():.4g}" if len(y) else "empty"
        raise ValueError(f"the curve stays {between} and does not cross {level}: widen the range of x")
    i = hits[0]
    fraction = gap[i] / (gap[i] - gap[i + 1]) if gap[i] != gap[i + 1] else 0.0
    return float(np.exp(np.log(x[i]) + fraction * (np.log(x[i + 1]) - np.log(x[i]))))


def _positive(x: Numbers, y: Numbers) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be two lists of one length, got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise ValueError(f"a log-log slope needs positive finite values, got x={x.tolist()}, y={y.tolist()}")
    if len(x) < 2 or np.ptp(x) == 0:
        raise ValueError(f"a slope needs two different abscissae or more, got {x.tolist()}")
    return x, y
