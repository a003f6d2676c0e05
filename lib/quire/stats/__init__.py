"""Statistics on tidy rows: every number that a chapter reports is an :class:`Estimate`, value ± error with its dof."""

from quire.stats.averages import (
    converged,
    difference,
    geometric_mean,
    geometric_mean_by,
    mean,
    mean_by,
    mean_over_seeds,
    ratio,
    table,
)
from quire.stats.censored import fill_censored
from quire.stats.correlation import correlation_over_seeds, error_correlation
from quire.stats.estimate import ONE_SEED, Estimate
from quire.stats.levels import crossing, crossing_over_seeds, crossings
from quire.stats.resample import bootstrap
from quire.stats.several import average, farthest, largest, smallest, spread
from quire.stats.slopes import linear_slope, loglog_slope, slope_of_mean, slope_over_seeds, slope_within

__all__ = [
    "ONE_SEED",
    "Estimate",
    "average",
    "bootstrap",
    "converged",
    "correlation_over_seeds",
    "crossing",
    "crossing_over_seeds",
    "crossings",
    "difference",
    "error_correlation",
    "farthest",
    "fill_censored",
    "geometric_mean",
    "geometric_mean_by",
    "largest",
    "linear_slope",
    "loglog_slope",
    "mean",
    "mean_by",
    "mean_over_seeds",
    "ratio",
    "slope_of_mean",
    "slope_over_seeds",
    "slope_within",
    "smallest",
    "spread",
    "table",
]
