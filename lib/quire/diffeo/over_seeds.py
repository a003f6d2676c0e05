"""Averages over networks of one architecture, and how averaged stabilities correlate with the test error.

Single networks differ by factors, so that stabilities are averaged by their logarithms.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from quire.cite import cites

__all__ = ["GeometricMean", "error_correlation", "geometric_mean"]


class GeometricMean(NamedTuple):
    """exp⟨log x⟩ and its standard error."""

    mean: float
    stderr: float


def geometric_mean(values: Iterable[float]) -> GeometricMean:
    """Of positive, independent values; the error is not a number for a single one.

    >>> geometric_mean([1.0, 4.0]).mean
    2.0
    """
    logs = np.log(np.fromiter(values, float))
    mean = float(np.exp(logs.mean()))
    stderr = float(mean * logs.std(ddof=1) / len(logs) ** 0.5) if len(logs) > 1 else float("nan")
    return GeometricMean(mean, stderr)


@cites("petrini2021diffeo", "correlation of test error and relative stability")
def error_correlation(stability: np.ndarray, test_error: np.ndarray, *, ranks: bool) -> float:
    """Correlation over architectures of a stability with the test error, both averaged over seeds first.

    Args:
        stability: D_f, G_f or R_f, [seed, architecture]; its logarithms are averaged.
        test_error: [seed, architecture], positive; averaged as it is.
        ranks: Spearman's correlation; otherwise Pearson's, of the logarithms.

    Raises:
        ValueError: shapes that differ, or fewer than three architectures.

    >>> stability = np.array([[0.1, 1.0, 10.0]])
    >>> round(error_correlation(stability, stability**0.5, ranks=False), 12)
    1.0
    """
    if stability.shape != test_error.shape or stability.ndim != 2 or stability.shape[1] < 3:
        raise ValueError(
            "expected two tables [seed, architecture] with three architectures or more, "
            f"got {stability.shape} and {test_error.shape}"
        )
    pair = np.stack([np.log(stability).mean(0), np.log(test_error.mean(0))])
    return float(np.corrcoef(rankdata(pair, axis=1) if ranks else pair)[0, 1])
