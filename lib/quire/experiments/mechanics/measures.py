"""From rows to numbers: the distance from an exact law, the slope of a scaling law, the place of an optimum."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "beyond_edge",
    "bias_distance",
    "bias_order",
    "collapse_size",
    "conserved",
    "edge_height",
    "flow_error",
    "flow_order",
    "kernel_slope",
    "likeness_order",
    "likeness_slope",
    "optimum",
    "optimum_drift",
    "pool_distance",
    "rises",
    "scaled_half_time",
    "scaling_slope",
]

NONE = "nothing was computed for it"


def flow_error(rows: pd.DataFrame, *, depth: int) -> Estimate:
    """Largest distance of a mode from the exact flow, over its singular value, at the smallest step size."""
    found = rows[(rows.depth == depth) & (rows.rate == rows.rate.min())]
    if not len(found):
        return Estimate.missing(NONE)
    values = found.singular_values.map(np.asarray)
    own = np.array([value[mode] for value, mode in zip(values, found["mode"], strict=True)])
    return Estimate.exact(float(((found.strength - found.predicted).abs() / own).max()))


def flow_order(rows: pd.DataFrame, *, depth: int) -> Estimate:
    """Exponent of the largest distance against the step size, from the largest rate to the smallest; one for gradient descent."""
    rates = sorted(rows.rate.unique())
    if len(rates) < 2:
        return Estimate.missing("one step size has no slope")
    large, small = (flow_error(rows[rows.rate == rate], depth=depth).value for rate in (rates[-1], rates[0]))
    return Estimate.exact(float(np.log(large / small) / np.log(rates[-1] / rates[0])))


def scaled_half_time(rows: pd.DataFrame) -> Estimate:
    """half_time · s / ln(1/spread): mean over the modes of a draw that were half learned, then over draws."""
    learned = rows.dropna(subset="scaled")
    return stats.mean_over_seeds(learned, value="scaled", seed="draw", if_empty="no mode was half learned")


def bias_distance(rows: pd.DataFrame) -> Estimate:
    """Largest relative distance of where the flow ends from the minimiser, over scales and draws."""
    return Estimate.exact(float(rows.distance.max())) if len(rows) else Estimate.missing(NONE)


def bias_order(rows: pd.DataFrame) -> dict[str, Estimate]:
    """Population loss at the largest, a middle, and the smallest scale: mean over draws."""
    scales = sorted(rows.scale.unique())
    if len(scales) < 3:
        return {name: Estimate.missing("fewer than three scales") for name in ("lazy", "between", "rich")}
    places = {"lazy": scales[-1], "between": scales[len(scales) // 2], "rich": scales[0]}
    return {name: stats.mean(rows[rows.scale == scale].loss) for name, scale in places.items()}


def kernel_slope(rows: pd.DataFrame, *, least: float, most: float) -> Estimate:
    """Exponent of the kernel's change against α between two scales: mean over networks that were fitted."""
    found = rows[(rows.scale >= least) & (rows.scale <= most) & (rows.fitted <= 1.001 * rows.target_loss)]
    return stats.slope_over_seeds(found, x="scale", y="change", seed="seed", if_empty="fewer than two scales")


def conserved(rows: pd.DataFrame) -> Estimate:
    """Largest distance of the sum of learnabilities from the number of samples."""
    return Estimate.exact(float((rows.total - rows.samples).abs().max())) if len(rows) else Estimate.missing(NONE)


def pool_distance(rows: pd.DataFrame, *, least: int) -> Estimate:
    """Test error over the prediction less one, at the size at which its mean over draws is farthest from zero."""
    found = rows[rows["size"] >= least]
    ratios = [stats.mean(part.error / part.predicted - 1) for _, part in found.groupby("size")]
    return stats.farthest(ratios, from_=0, if_empty=NONE)


def scaling_slope(rows: pd.DataFrame, *, limited_by: str, exponent: float) -> Estimate:
    """Exponent of the error against the number of features, or of samples: mean over draws."""
    found = rows[(rows.limited_by == limited_by) & (rows.exponent == exponent)]
    return stats.slope_over_seeds(found, x="number", y="error", seed="draw", if_empty="fewer than two numbers")


def edge_height(rows: pd.DataFrame, *, rate: float) -> Estimate:
    """Sharpness times η/2 over the last half of training: mean over networks."""
    found = rows[(rows.rate == rate) & (rows.step > rows.step.max() / 2)]
    return stats.mean_over_seeds(found, value="product", seed="seed", if_empty=NONE)


def rises(rows: pd.DataFrame, *, rate: float) -> Estimate:
    """Fraction of the steps of the last half at which the loss goes up: mean over networks."""
    found = rows[(rows.rate == rate) & (rows.step > rows.step.max() / 2)]
    return stats.mean_over_seeds(found, value="rises", seed="seed", if_empty=NONE)


def beyond_edge(flow: pd.DataFrame, *, rate: float) -> Estimate:
    """The largest sharpness of descent in small steps, over 2/η of a larger η: mean over networks."""
    highest = flow.groupby("seed").sharpness.max()
    return stats.mean(highest * rate / 2, if_empty=NONE)


def optimum(rows: pd.DataFrame) -> pd.DataFrame:
    """The best binary logarithm of the learning rate of each width, parametrisation and seed.

    The top of a parabola through the smallest log loss and its neighbours; the smallest itself at the ends of the grid.
    """
    found = []
    for key, part in rows.groupby(["parametrisation", "width", "seed"]):
        part = part.sort_values("log_rate")
        place, value = part.log_rate.to_numpy(float), np.log(part.loss.to_numpy(float))
        best = int(value.argmin())
        where = place[best]
        if 0 < best < len(place) - 1:
            around = slice(best - 1, best + 2)
            curvature, tilt, _ = np.polyfit(place[around] - where, value[around], 2)
            where = where - tilt / (2 * curvature)
        found.append(dict(zip(("parametrisation", "width", "seed"), key, strict=True)) | {"best": float(where)})
    return pd.DataFrame(found, columns=["parametrisation", "width", "seed", "best"])


def optimum_drift(rows: pd.DataFrame, *, parametrisation: str) -> Estimate:
    """How far the best learning rate moves from the smallest width to the largest, in octaves: mean over seeds, then its size."""
    best = optimum(rows)
    own = best[best.parametrisation == parametrisation].pivot(index="seed", columns="width", values="best")
    if own.shape[1] < 2:
        return Estimate.missing("one width has no drift")
    return abs(stats.mean(own[own.columns.max()] - own[own.columns.min()]))


def collapse_size(rows: pd.DataFrame) -> Estimate:
    """The largest of variability, deviations of cosines and lengths, self-duality, and distance of the mean cosine, over draws."""
    if not len(rows):
        return Estimate.missing(NONE)
    columns = ["variability", "cosine_deviation", "length_deviation", "self_duality"]
    off = (rows.mean_cosine - rows.predicted_cosine).abs()
    return Estimate.exact(float(max(rows[columns].to_numpy().max(), off.max())))


def likeness_slope(rows: pd.DataFrame, *, value: str, layer: int) -> Estimate:
    """Exponent of a distance of two untrained networks against the width: mean over pairs."""
    found = rows[(rows.epochs == 0) & (rows.layer == layer)]
    return stats.slope_over_seeds(found, x="width", y=value, seed="seed", if_empty="fewer than two widths")


def likeness_order(rows: pd.DataFrame, *, layer: int) -> dict[str, Estimate]:
    """Alignment error of two trained networks at the smallest and at the largest width: mean over pairs."""
    found = rows[(rows.epochs > 0) & (rows.layer == layer)]
    ends = {"narrow": found.width.min(), "wide": found.width.max()}
    return {
        name: stats.mean(found[found.width == width].alignment, if_empty=NONE)
        if ends["narrow"] < ends["wide"]
        else Estimate.missing("one width")
        for name, width in ends.items()
    }
