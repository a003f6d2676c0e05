"""Values of which some are only known to lie beyond a bound: a curve that has not come down to its level at the last point."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from quire.stats.checks import Numbers

__all__ = ["fill_censored"]

ROUNDS = 2000  # of expectation and maximisation, at most
STILL = 1e-10  # largest change of a mean logarithm, in units of the spread, that counts as none


def fill_censored(values: Numbers, bounds: Numbers, groups: Numbers) -> np.ndarray:
    r"""Put what is expected of it in the place of each value that lies beyond its bound.

    The logarithms of a group are taken as Gaussian about a mean of their own, with one variance for all groups, and both are those of
    maximum likelihood (the Tobit model, by expectation and maximisation). A value beyond the bound b is replaced by

    .. math:: \exp\big(\mu + \sigma\, \varphi(z)/(1 - \Phi(z))\big), \qquad z = (\log b - \mu)/\sigma,

    so that the mean logarithm of each group is its maximum-likelihood mean: to drop such values would make it too small, since it is the
    largest that are missing. What is filled in does not scatter, so that a spread of filled values is somewhat too small.

    Args:
        values: positive, nan where all that is known is the bound.
        bounds: positive; those of known values are not looked at.
        groups: which values have a mean in common.

    Returns:
        The values, with nan only in groups of which no value is known.

    Raises:
        ValueError: three columns of different lengths, or values or bounds that are not positive.

    >>> fill_censored([2.0, 8.0, np.nan], [9.0, 9.0, 9.0], ["a", "a", "b"]).tolist()
    [2.0, 8.0, nan]
    """
    values, bounds = np.asarray(values, float), np.asarray(bounds, float)
    groups = pd.factorize(np.asarray(groups, dtype=object))[0]
    if not values.shape == bounds.shape == groups.shape:
        raise ValueError(f"expected three columns of one length, got {values.shape}, {bounds.shape}, {groups.shape}")
    beyond = np.isnan(values)
    if not ((values[~beyond] > 0).all() and (bounds[beyond] > 0).all()):
        raise ValueError("values and bounds must be positive: they are compared by their logarithms")
    known = np.isin(groups, groups[~beyond])
    filled = values.copy()
    if (beyond & known).any():
        filled[known] = _filled(values[known], bounds[known], pd.factorize(groups[known])[0])
    return filled


def _filled(values: np.ndarray, bounds: np.ndarray, groups: np.ndarray) -> np.ndarray:
    beyond, sizes = np.isnan(values), np.bincount(groups)
    logs = np.log(np.where(beyond, bounds, values))
    least = logs.copy()
    unsure = np.zeros_like(logs)  # variance of what is filled in
    mean = _means(logs, groups, sizes)
    for _ in range(ROUNDS):
        deviation = np.sqrt(np.mean((logs - mean[groups]) ** 2 + unsure))
        if deviation == 0:  # all on their means: a bound is all that there is to say
            break
        below = (least - mean[groups])[beyond] / deviation
        hazard = np.exp(norm.logpdf(below) - norm.logsf(below))
        logs[beyond] = mean[groups][beyond] + deviation * hazard
        unsure[beyond] = deviation**2 * (1 + below * hazard - hazard**2)
        before, mean = mean, _means(logs, groups, sizes)
        if np.abs(mean - before).max() < STILL * deviation:
            break
    return np.where(beyond, np.exp(logs), values)


def _means(logs: np.ndarray, groups: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.bincount(groups, weights=logs) / sizes
