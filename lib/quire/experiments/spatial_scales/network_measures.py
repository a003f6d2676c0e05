"""What is measured on networks of finite width: their error beside that of their kernel."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["over_kernel", "relative_error", "width_order"]


def over_kernel(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: each network's error over the mean error of the kernel at the same P and width."""
    mean = rows.groupby(["samples", "width"]).kernel_error.transform("mean")
    return rows.assign(ratio=rows.network_error / mean, channels=rows.width.astype(str))


def relative_error(rows: pd.DataFrame, *, width: int) -> Estimate:
    """Error of networks of a width over the error of their kernel, at the largest P.

    Both are averaged over the networks of a data set; then the mean of the ratio over data sets.
    """
    part = rows[(rows.samples == rows.samples.max()) & (rows.width == width)]
    if part.empty:
        return Estimate.missing(f"no network of width {width}")
    errors = part.groupby("seed")[["network_error", "kernel_error"]].mean()
    return stats.ratio(errors.network_error, errors.kernel_error)


def width_order(rows: pd.DataFrame) -> dict[str, Estimate]:
    """The relative errors of widths 32 and 256, by name."""
    return {f"width {width}": relative_error(rows, width=width) for width in (32, 256)}
