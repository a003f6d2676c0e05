"""What is measured on real images: rows of :mod:`quire.experiments.locality.image_cells` to estimates and tables of figures."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "curve_table",
    "exponent_table",
    "largest_table",
    "locality_gain",
    "sharing_change",
    "sharing_ratio",
    "theory_deviation",
]

SHARE = 1 / 4  # of the images that are drawn at most, where the theory is held against the measurement
DRAWS = ["seed", "draw"]
ABSENT = "no such curves were measured"


def curve_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: curves of one noise, with the theory up to the sizes that it is made for."""
    shown = rows.assign(predicted_error=rows.predicted_error.where(rows["size"] <= SHARE * rows.num_points))
    return shown[["dataset", "kernel", "noise", *DRAWS, "size", "error", "predicted_error"]]


def theory_deviation(rows: pd.DataFrame) -> Estimate:
    """The largest distance from one of measured over predicted error, of all curves and of sizes up to a quarter of the images.

    Its error is over draws, of the curve where it is largest.
    """
    inside = rows[rows["size"] <= SHARE * rows.num_points]
    ratios = inside.assign(ratio=inside.error / inside.predicted_error)
    found = [
        abs(stats.mean(part.ratio) - 1.0)
        for _, part in ratios.groupby(["dataset", "kernel", "noise", "shifted", "size"])
    ]
    return stats.largest(found, if_empty=ABSENT)


def exponent_table(rows: pd.DataFrame, *, from_size: int) -> pd.DataFrame:
    """The table of a figure: the exponent β of each curve against the filter size, with and without weight sharing."""
    table = [
        {"dataset": dataset, "filter_size": size, "architecture": kind, "beta": found.value, "stderr": found.stderr}
        for (dataset, kind, size), found in _exponents(rows, from_size).items()
    ]
    return pd.DataFrame(table, columns=["dataset", "filter_size", "architecture", "beta", "stderr"])


def sharing_change(rows: pd.DataFrame, *, from_size: int) -> Estimate:
    """The largest difference, in absolute value, that weight sharing makes to the exponent, over data sets and filter sizes."""
    found = _exponents(rows, from_size)
    local = {(dataset, size): value for (dataset, kind, size), value in found.items() if kind == "lc"}
    shared = {(dataset, size): value for (dataset, kind, size), value in found.items() if kind == "cn"}
    return stats.largest([abs(shared[key] - local[key]) for key in local if key in shared], if_empty=ABSENT)


def locality_gain(rows: pd.DataFrame, *, filter_size: int, from_size: int) -> Estimate:
    """By how much the exponent of local filters exceeds that of a fully-connected kernel, on the data set where it does least."""
    found = _exponents(rows, from_size)
    whole = {dataset: value for (dataset, kind, _), value in found.items() if kind == "fc"}
    gains = [
        value - whole[dataset]
        for (dataset, kind, size), value in found.items()
        if (kind, size) == ("lc", filter_size) and dataset in whole
    ]
    return stats.smallest(gains, if_empty=ABSENT)


def sharing_ratio(rows: pd.DataFrame) -> Estimate:
    """Error of convolutional over that of local filters of the same size at the largest P, where sharing gains least; over draws."""
    last = rows[rows["size"] == rows["size"].max()]
    errors = last.pivot_table(index=["dataset", "seed", "draw"], columns="kernel", values="error")
    pairs = [(name, f"{name[:-2]}cn") for name in errors if name.endswith("lc") and f"{name[:-2]}cn" in errors]
    found = [stats.mean(part[shared] / part[local]) for _, part in errors.groupby("dataset") for local, shared in pairs]
    return stats.largest(found, if_empty=ABSENT)


def largest_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Squared error and misclassified fraction of each curve at its largest P, averaged over draws."""
    last = rows[rows["size"] == rows["size"].max()]
    return last.groupby(["dataset", "kernel"], sort=False)[["error", "misclassified"]].mean().round(3).reset_index()


def _exponents(rows: pd.DataFrame, from_size: int) -> dict[tuple[str, str, int], Estimate]:
    """β of error ~ P^(-β) by data set, architecture and filter size; the error is over draws."""
    clean = rows[(rows.noise == 0) & (rows["size"] >= from_size)]
    clean = clean.assign(unit=clean.seed.astype(str) + "/" + clean.draw.astype(str))
    return {
        (dataset, kernel[-2:], int(kernel[:-2])): -stats.slope_over_seeds(part, x="size", y="error", seed="unit")
        for (dataset, kernel), part in clean.groupby(["dataset", "kernel"], sort=False)
    }
