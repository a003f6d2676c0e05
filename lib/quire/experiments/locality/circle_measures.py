"""What is measured on the circle: rows of :mod:`quire.experiments.locality.circle_cells` to estimates and a figure's table.

Rows stand beside their theory, as :func:`quire.experiments.locality.measures.beside_theory` puts them.
"""

import math

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["amplitude_ratio", "circle_exponent", "ridge_gap", "saturation"]

STUDENT = 1.0  # smoothness of the student's kernel


def circle_exponent(rows: pd.DataFrame, *, smoothness: float) -> Estimate:
    """β of E ~ P^(-β) for a teacher of this smoothness: of the mean curve, with a bootstrap error over seeds."""
    curve = rows[rows.teacher_exponent == smoothness]
    if curve.empty:
        return _no_teacher(smoothness)
    return -stats.slope_of_mean(curve, x="size", y="error", seed="seed")


def saturation(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the exponent of every teacher with its error, and min(α_t, 2(α_s + 1)) beside it."""
    table = []
    for smoothness in sorted(set(rows.teacher_exponent)):
        found = circle_exponent(rows, smoothness=smoothness)
        derived = min(smoothness, 2 * (STUDENT + 1))
        table.append({"smoothness": smoothness, "beta": found.value, "stderr": found.stderr, "derived": derived})
    return pd.DataFrame(table, columns=["smoothness", "beta", "stderr", "derived"])


def amplitude_ratio(rows: pd.DataFrame, *, smoothness: float) -> Estimate:
    """Measured over predicted error for a teacher of this smoothness: averaged over sizes, then over seeds."""
    curve = rows[rows.teacher_exponent == smoothness]
    if curve.empty:
        return _no_teacher(smoothness)
    return stats.mean_over_seeds(curve.assign(ratio=curve.error / curve.predicted_error), value="ratio", seed="seed")


def ridge_gap(rows: pd.DataFrame, *, smoothness: float, relative: bool = False) -> Estimate:
    """The largest distance, of all penalties, between the measured exponent and that of the theory at the same sizes.

    Args:
        rows: curves for several ``ridge_exponent``.
        smoothness: of the teacher.
        relative: in units of the theory's exponent.

    Returns:
        The distance, with the error of its measured exponent (bootstrap over seeds); the theory has none.
    """
    gaps = []
    for _, part in rows[rows.teacher_exponent == smoothness].groupby("ridge_exponent"):
        line = part.groupby("size").predicted_error.mean()
        theory = -stats.loglog_slope(line.index, line)
        if math.isnan(theory.value):
            return theory
        gap = abs(circle_exponent(part, smoothness=smoothness) - theory.value)
        gaps.append(gap / abs(theory.value) if relative else gap)
    return stats.largest(gaps, if_empty=_no_teacher(smoothness).reason)


def _no_teacher(smoothness: float) -> Estimate:
    return Estimate.missing(f"no teacher of smoothness {smoothness:g}")
