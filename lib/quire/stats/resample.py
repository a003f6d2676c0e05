"""Bootstrap: the error of any statistic of independent values."""

import math
from collections.abc import Callable

import numpy as np

from quire.stats.estimate import Estimate

__all__ = ["bootstrap"]


def bootstrap(values: object, statistic: Callable, *, num: int = 1000, seed: int = 0) -> Estimate:
    """A statistic of n independent values and its bootstrap error (values are resampled with replacement).

    The n values limit how well the error is known, however many resamples are drawn: it has n - 1 degrees of freedom.

    Args:
        values: an array whose first axis counts independent draws.
        statistic: maps such an array to a number.
        num: number of resamples, two or more.
        seed: of the resamples.

    Returns:
        Missing if the statistic of all values is not finite.

    Raises:
        ValueError: no values, or one that is not finite, or fewer than two resamples.

    >>> bootstrap([1.0, 1.0, 1.0], np.mean)
    Estimate(value=1.0, stderr=0.0, dof=2.0, reason='')
    """
    values = np.asarray(values)
    if values.ndim < 1 or not len(values) or num < 2:
        raise ValueError(f"a bootstrap needs values and two resamples or more, got the shape {values.shape} and {num}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("the values of a bootstrap must be finite: drop what has none, and say why")
    value = float(statistic(values))
    if not math.isfinite(value):
        return Estimate.missing("the statistic does not exist for these values")
    if len(values) == 1:
        return Estimate(value, math.nan, 0.0)
    draw = np.random.default_rng(seed).integers(0, len(values), (num, len(values)))
    found = [statistic(values[index]) for index in draw]
    if not np.isfinite(found).all():
        return Estimate(value, math.nan, 0.0, "the statistic does not exist for some resamples of so few seeds")
    return Estimate(value, np.std(found, ddof=1), len(values) - 1)
