"""What is measured on the kernels themselves: rows of :mod:`quire.experiments.locality.kernel_cells` to estimates."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "decay_exponent",
    "largest_lemma_error",
    "largest_odd_share",
    "largest_trace_error",
    "multiplicity_ratio",
    "spelled_out",
    "width_exponent",
]

FIRST_FREQUENCY = 8  # below it a coefficient has not reached its power law
LISTED = 30  # ranks from 1 to this one are in the rows without a gap


def largest_lemma_error(rows: pd.DataFrame) -> float:
    """The largest relative difference between an empirical tangent kernel and its average over patches, of all networks."""
    return float(rows.lemma_error.max())


def width_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of the distance from infinite width against width; mean over seeds.

    Each seed's line goes through the points of both architectures together.
    """
    return stats.slope_over_seeds(rows, x="width", y="width_error", seed="seed", if_empty="one width has no slope")


def decay_exponent(rows: pd.DataFrame, *, filter_size: int) -> Estimate:
    """Log-log slope of the Fourier coefficients of one patch against frequency, error from the scatter about the line.

    The window is 8 ≤ k ≤ k_max/2: from where the power law has set in to where aliasing has not.
    """
    tail = rows[(rows.filter_size == filter_size) & (rows.frequency >= FIRST_FREQUENCY)]
    tail = tail[tail.frequency <= tail.largest / 2]
    return stats.loglog_slope(tail.frequency, tail.coefficient)


def largest_trace_error(rows: pd.DataFrame) -> float:
    """The largest relative difference between the mean diagonal of a convolutional kernel and its predicted trace."""
    return float((rows.mean_diagonal / rows.predicted_trace - 1).abs().max())


def largest_odd_share(rows: pd.DataFrame) -> float:
    """The largest coefficient at an odd sum of frequencies above one, in units of the largest of all, of all filters."""
    return float(rows.odd_share.max())


def multiplicity_ratio(rows: pd.DataFrame) -> Estimate:
    """How many modes of the local kernel stand on the first stair below the constant, for each of the convolutional one.

    Eigenvalues of rank 2 to 30 are counted that lie above the geometric mean of the first two exact levels below the
    constant. The ratio of the two counts of a data set, then the mean over data sets.
    """
    levels = rows[rows.architecture == "cn"].predicted_eigenvalue.drop_duplicates().to_numpy()
    if len(levels) < 3:
        return Estimate.missing("a stair needs two levels below the constant")
    stair = rows["rank"].between(2, LISTED) & (rows.eigenvalue > np.sqrt(levels[1] * levels[2]))
    counts = rows.assign(on_stair=stair).pivot_table(
        index="seed", columns="architecture", values="on_stair", aggfunc="sum"
    )
    return stats.ratio(counts.lc, counts.cn)


def spelled_out(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows for a figure: architectures in words."""
    return rows.assign(architecture=rows.architecture.map({"cn": "convolutional", "lc": "local"}))
