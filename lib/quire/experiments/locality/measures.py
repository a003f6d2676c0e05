"""What is measured on learning curves: rows of :mod:`quire.experiments.locality.cells` to estimates and tables of figures.

A pair is written "teacher → student", as in the rows.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "beside_theory",
    "change_with_dimension",
    "exponent",
    "in_panels",
    "largest_gap",
    "ranking",
    "sharing_ratio",
    "with_and_without_shift",
    "with_filters",
]

SHARED, UNSHARED = "3cn → 3cn", "3cn → 3lc"
SHIFTED_FROM = 32  # points of the convolutional student from which the two curves are compared
THEORY_FROM = 128  # points from which measurement and theory are compared


def exponent(rows: pd.DataFrame, *, pair: str, fit_from: int) -> Estimate:
    """β of E ~ P^(-β): minus the log-log slope at sizes ≥ ``fit_from``; one for each seed, then their mean."""
    curve = rows[(rows.pair == pair) & (rows["size"] >= fit_from)]
    few = f"fewer than two training sets from {fit_from} points on"
    return -stats.slope_over_seeds(curve, x="size", y="error", seed="seed", if_empty=few)


def ranking(rows: pd.DataFrame, pairs: dict[str, str], *, fit_from: int) -> dict[str, Estimate]:
    """The exponents of several pairs, under the names that a ranking gives them."""
    return {name: exponent(rows, pair=pair, fit_from=fit_from) for name, pair in pairs.items()}


def change_with_dimension(rows: pd.DataFrame, *, pair: str, fit_from: int) -> Estimate:
    """The exponent β in the largest dimension minus that in the smallest."""
    low, high = rows.dim.min(), rows.dim.max()
    if low == high:
        return Estimate.missing("one dimension shows no change")
    first, last = (exponent(rows[rows.dim == dim], pair=pair, fit_from=fit_from) for dim in (low, high))
    return last - first


def sharing_ratio(rows: pd.DataFrame, *, dim: int) -> Estimate:
    """E_LC(d P) / E_CN(P): the errors without and with weight sharing, for a convolutional teacher with filters of three.

    Averaged over all P ≥ 32 at which both were measured, for each seed; then the mean over seeds.
    """
    shifted = _shifted(rows, dim)
    both = shifted.pivot_table(index=["seed", "shifted"], columns="pair", values="error").dropna().reset_index()
    both = both[both.shifted >= SHIFTED_FROM]
    none = f"no training set of {SHIFTED_FROM} points or more has one that is {dim} times as large"
    return stats.mean_over_seeds(
        both.assign(ratio=both[UNSHARED] / both[SHARED]), value="ratio", seed="seed", if_empty=none
    )


def with_and_without_shift(rows: pd.DataFrame, *, dim: int) -> pd.DataFrame:
    """The table of a figure: both students' curves at their own sizes, and with the local student's points divided by d."""
    shifted = _shifted(rows, dim)
    plain = shifted.assign(panel="$P$", place=shifted["size"])
    return pd.concat([plain, shifted.assign(panel="$P$, or $P/N_p$ for the local student", place=shifted.shifted)])


def beside_theory(rows: pd.DataFrame, theory: pd.DataFrame, *, by: list[str]) -> pd.DataFrame:
    """Measured rows with the predicted error of the same curve and size in a column of their own.

    Args:
        rows: measured errors.
        theory: predicted errors, one for each curve and size.
        by: the columns that name a curve.

    Raises:
        ValueError: a measured size that the theory does not have, or has twice.
    """
    keys = [*by, "size"]
    merged = rows.merge(theory[[*keys, "predicted_error"]], on=keys, how="left", validate="many_to_one")
    if merged.predicted_error.isna().any():
        lost = merged[merged.predicted_error.isna()][keys].drop_duplicates().to_dict("records")
        raise ValueError(f"no prediction for {lost[:3]}: sweep theory and measurement over the same curves and sizes")
    return merged


def largest_gap(rows: pd.DataFrame) -> Estimate:
    """The largest |⟨log(measured / predicted error)⟩| of all pairs and sizes ≥ 128; the average is over seeds.

    Where all training sets are smaller, the largest one counts.
    """
    compared = rows[rows["size"] >= min(THEORY_FROM, rows["size"].max())]
    gaps = compared.assign(gap=np.log(compared.error / compared.predicted_error))
    return abs(stats.farthest(stats.mean_by(gaps, by=["pair", "size"], value="gap"), from_=0.0))


def in_panels(rows: pd.DataFrame, panels: dict[str, list]) -> pd.DataFrame:
    """The table of a figure: the rows of some pairs, each with the panel that it is drawn in.

    Args:
        rows: learning curves of any pairs.
        panels: [teacher, student] of each pair, by panel.
    """
    place = {f"{teacher} → {student}": panel for panel, pairs in panels.items() for teacher, student in pairs}
    shown = rows[rows.pair.isin(place)]
    return shown.assign(panel=shown.pair.map(place))


def with_filters(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their pair as "filters", sizes alone: "2cn → 3lc" is "t = 2, s = 3"."""
    sizes = rows.pair.str.extract(r"^(\d+)\D.* (\d+)\D")
    return rows.assign(filters="t = " + sizes[0] + ", s = " + sizes[1])


def _shifted(rows: pd.DataFrame, dim: int) -> pd.DataFrame:
    """The rows of both students, with the points that count in "shifted": P, for the local student P/d."""
    both = rows[rows.pair.isin([SHARED, UNSHARED])]
    return both.assign(shifted=both["size"].where(both.pair == SHARED, both["size"] / dim))
