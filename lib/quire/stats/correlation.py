"""How two quantities are correlated over architectures, each averaged over seeds first."""

import numpy as np
import pandas as pd

from quire.cite import cites
from quire.stats.estimate import Estimate
from quire.stats.resample import bootstrap

__all__ = ["correlation_over_seeds", "error_correlation"]


def correlation_over_seeds(stability: np.ndarray, test_error: np.ndarray, *, ranks: bool) -> Estimate:
    """:func:`error_correlation` and its bootstrap error over seeds; missing with fewer than three architectures.

    Args:
        stability: [seed, architecture], positive.
        test_error: [seed, architecture], positive.
        ranks: as there.

    >>> correlation_over_seeds(np.array([[0.1, 1.0]]), np.array([[0.1, 1.0]]), ranks=True).reason
    'a correlation needs three architectures'
    """
    if stability.ndim == 2 and stability.shape[1] < 3:
        return Estimate.missing("a correlation needs three architectures")
    return bootstrap(
        np.arange(len(stability)),
        lambda drawn: error_correlation(stability[drawn], test_error[drawn], ranks=ranks),
    )


@cites("petrini2021diffeo", "correlation of test error and relative stability")
def error_correlation(stability: np.ndarray, test_error: np.ndarray, *, ranks: bool) -> float:
    """Correlation over architectures of a stability with the test error, both averaged over seeds first.

    Args:
        stability: D_f, G_f or R_f, [seed, architecture]; its logarithms are averaged.
        test_error: [seed, architecture], positive; averaged as it is.
        ranks: Spearman's correlation; otherwise Pearson's, of the logarithms.

    Returns:
        nan if one of the two is the same for all architectures.

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
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(pd.DataFrame(pair).rank(axis=1) if ranks else pair)[0, 1])
