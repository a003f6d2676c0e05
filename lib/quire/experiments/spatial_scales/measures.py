"""What is measured on spatial scales: rows of the cells to estimates and to tables of figures.

Levels count from the patches (1) to the top of the tree; a target of level l is one of depth l + 1.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "asymptotic_table",
    "beside_theory",
    "by_kernel",
    "connected_price",
    "cursed_exponent",
    "cursed_table",
    "decay_exponent",
    "depth_name",
    "exponent",
    "formula_table",
    "largest_share_of_bound",
    "last_local_exponent",
    "ridge_and_ridgeless",
    "sector_table",
    "worst_ratio",
]

DEPTHS = ["two", "three", "four", "five", "six", "seven", "eight", "nine"]
KERNELS = {"ntk": "NTK", "nngp": "NNGP"}
COMPARED_FROM = 64  # training points from which measurement and theory are compared
ABSENT = "no target of this depth"


def depth_name(level: int) -> str:
    """A target of a level in words.

    >>> depth_name(1)
    'depth two'
    """
    return f"depth {DEPTHS[level - 1]}"


def sector_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: three eigenvalues an octave in each sector, of even and of odd wavenumbers apart."""
    kernel = rows.kind.map({"ntk": "NTK", "nngp": "NNGP (random features)"})
    odd = rows.groupby(["kind", "level"]).cumcount() % 2
    third = np.log2(rows.wavenumber).mul(3).round()
    return rows.assign(kernel=kernel, odd=odd, third=third).drop_duplicates(["kind", "level", "odd", "third"])


def decay_exponent(rows: pd.DataFrame, *, kind: str, level: int) -> Estimate:
    """Log-log slope of a sector's eigenvalues in the upper half of its wavenumbers, error from the scatter.

    Each point is the geometric mean of two neighbours, an even and an odd wavenumber: their offset drops out.
    """
    part = rows[(rows.kind == kind) & (rows.level == level) & rows.fitted]
    if len(part) < 2:
        return Estimate.missing("no sector of this level")
    logs = np.log(part[["wavenumber", "eigenvalue"]])
    neighbours = np.exp((logs + logs.shift()) / 2).dropna()
    return stats.loglog_slope(neighbours.wavenumber, neighbours.eigenvalue)


def asymptotic_table(rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: local exponents of the theory beside the derived limit of their target."""
    limits = predicted.set_index("teacher_level").derived
    return rows.assign(target=rows.teacher_level.map(depth_name), derived=rows.teacher_level.map(limits))


def last_local_exponent(rows: pd.DataFrame, *, level: int) -> Estimate:
    """The local exponent at the largest P, with its last change as the error."""
    part = rows[rows.teacher_level == level]
    return stats.converged(part.local_exponent) if len(part) else Estimate.missing(ABSENT)


def beside_theory(measured: pd.DataFrame, theory: pd.DataFrame) -> pd.DataFrame:
    """Measured errors beside the theory of the same curve; ``ratio`` is measured over predicted."""
    key = ["student", "teacher_level", "samples"]
    predicted = ["predicted_error", "predicted_ridge_error", "bound", "best_bound"]
    merged = measured[[*key, "seed", "error", "ridge_error"]].merge(theory[[*key, *predicted]], on=key)
    return merged.assign(target=merged.teacher_level.map(depth_name), ratio=merged.error / merged.predicted_error)


def exponent(rows: pd.DataFrame, *, level: int, window: list[int], student: str = "cnn") -> Estimate:
    """β of E ~ P^(-β): minus the log-log slope from the first to the last P of a window; mean over seeds."""
    part = rows[(rows.teacher_level == level) & (rows.student == student) & rows.samples.between(*window)]
    if part.empty:
        return Estimate.missing(f"{ABSENT}, or no training set in the window")
    few = "fewer than two training sets in the window"
    return -stats.slope_over_seeds(part, x="samples", y="error", seed="seed", if_empty=few)


def worst_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """⟨measured / predicted error⟩ where it is farthest from one, of all P ≥ 64; the average is over seeds."""
    part = rows[(rows.student == "cnn") & (rows.teacher_level == level) & (rows.samples >= COMPARED_FROM)]
    none = f"{ABSENT}, or no training set of {COMPARED_FROM} points"
    return stats.farthest(stats.mean_by(part, by="samples", value="ratio"), from_=1.0, if_empty=none)


def connected_price(rows: pd.DataFrame, *, samples: int) -> Estimate:
    """Error of the fully-connected student over that of the convolutional one on the simplest target, at one P; mean over seeds."""
    part = rows[(rows.teacher_level == 1) & (rows.samples == samples)]
    if part.empty:
        return Estimate.missing(f"no training set of {samples} points")
    errors = part.pivot(index="seed", columns="student", values="error")
    return stats.ratio(errors.fc, errors.cnn)


def formula_table(rows: pd.DataFrame, predicted: pd.DataFrame, *, window: list[int]) -> pd.DataFrame:
    """The table of a figure: measured exponents, the derived formula and the quoted one, for each kernel and target.

    Args:
        rows: learning curves of convolutional students; ``kind`` names the kernel.
        predicted: "derived" and "quoted" exponents for each kind and level.
        window: first and last P of the fitted exponents.
    """
    found = []
    for case in predicted.itertuples():
        measured = exponent(rows[rows.kind == case.kind], level=case.teacher_level, window=window)
        values = {"measured": measured.value, "derived": case.derived, "quoted": case.quoted}
        names = {"kernel": KERNELS[case.kind], "target": depth_name(case.teacher_level)}
        errors = {"measured": measured.stderr if measured.known else 0.0}
        found += [{**names, "source": s, "value": v, "stderr": errors.get(s, 0.0)} for s, v in values.items()]
    return pd.DataFrame(found, columns=["kernel", "target", "source", "value", "stderr"]).dropna(subset="value")


def ridge_and_ridgeless(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the convolutional student with a ridge and its bound, and without a ridge."""
    part = rows[rows.student == "cnn"]
    with_ridge = part.assign(curve="with ridge", shown=part.ridge_error, ceiling=part.bound)
    return pd.concat([with_ridge, part.assign(curve="ridgeless", shown=part.error)])


def largest_share_of_bound(rows: pd.DataFrame) -> Estimate:
    """⟨error with ridge / its upper bound⟩ where it is largest, of all students, targets and P; the average is over seeds."""
    shares = rows.assign(share=rows.ridge_error / rows.bound)
    return stats.largest(stats.mean_by(shares, by=["student", "teacher_level", "samples"], value="share"))


def cursed_table(measured: pd.DataFrame, theory: pd.DataFrame) -> pd.DataFrame:
    """Students of depth three on targets of their own depth beside the theory; "filters" names the architecture."""
    measured, theory = (
        rows.assign(filters=[f"({a},{b}), d = {(a - 1) * b}" for a, b in rows.filter_sizes])
        for rows in (measured, theory)
    )
    merged = measured.merge(theory[["filters", "samples", "predicted_error"]])
    return merged[["filters", "samples", "seed", "student", "teacher_level", "error", "predicted_error"]]


def cursed_exponent(rows: pd.DataFrame, *, filters: tuple[int, int], window: list[int]) -> Estimate:
    """β of a student of depth three on a target of its own depth, as :func:`exponent`."""
    part = rows[rows.filters.str.startswith(f"({filters[0]},{filters[1]})")]
    return exponent(part, level=2, window=window)


def by_kernel(rough: pd.DataFrame, smooth: pd.DataFrame) -> pd.DataFrame:
    """Convolutional learning curves of the chapter's kernel and of the NNGP, each once; ``kind`` names the kernel."""
    both = pd.concat([rough[rough.student == "cnn"], smooth])
    return both.drop_duplicates(["kind", "teacher_level", "samples", "seed"])
