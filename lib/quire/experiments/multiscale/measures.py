"""From rows to numbers: one for each claim of the chapter."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "binder",
    "coefficient_error",
    "condition_ratio",
    "converged_spread",
    "critical_exponent",
    "curvature_gain",
    "detail_time",
    "detail_time_ratio",
    "excess",
    "fraction_concave",
    "generated_binder",
    "generated_spread",
    "network_excess",
    "spectrum_error",
    "spread",
    "step_growth",
    "tilt_error",
    "widest",
]

NONE = "nothing was computed for it"


def binder(rows: pd.DataFrame, *, side: int, coupling: float) -> Estimate:
    """Binder cumulant: mean over blocks of chains."""
    return stats.mean_over_seeds(_at(rows, side=side, coupling=coupling), value="binder", seed="seed", if_empty=NONE)


def spread(rows: pd.DataFrame, *, side: int, coupling: float) -> Estimate:
    """Root mean square of a site: mean over blocks of chains."""
    return stats.mean_over_seeds(_at(rows, side=side, coupling=coupling), value="spread", seed="seed", if_empty=NONE)


def fraction_concave(rows: pd.DataFrame, *, band: tuple) -> Estimate:
    """Fraction of fields at which the law is log-concave: mean over blocks."""
    found = _band(rows, band)
    positive = found.assign(positive=(found.least > 0).astype(float))
    return stats.mean_over_seeds(positive, value="positive", seed="seed", if_empty=NONE)


def curvature_gain(rows: pd.DataFrame, *, band: tuple, joint: tuple) -> Estimate:
    """Median smallest eigenvalue of a conditional law less that of the joint law: mean over blocks."""
    medians = [_band(rows, one).groupby("seed").least.median() for one in (band, joint)]
    return stats.mean((medians[0] - medians[1]).dropna(), if_empty=NONE)


def coefficient_error(rows: pd.DataFrame, *, conditional: bool, potentials: list[str]) -> Estimate:
    """Largest distance from the truth of the mean over blocks of a coefficient, on the lattices of the model's own fields."""
    found = rows[(rows.conditional == conditional) & (rows.tilt == 0) & rows.potential.isin(potentials)]
    return _largest_distance(found)


def tilt_error(rows: pd.DataFrame, *, conditional: bool) -> Estimate:
    """The same where the averages have another law."""
    return _largest_distance(rows[(rows.conditional == conditional) & (rows.tilt > 0) & (rows.potential != "sixth")])


def condition_ratio(rows: pd.DataFrame) -> Estimate:
    """Condition number of the joint least squares over that of the conditional ones: mean over lattices and blocks."""
    own = rows[(rows.tilt == 0) & (rows.potential == "bonds")]
    table = own.pivot_table(index=["side", "seed"], columns="conditional", values="condition")
    if table.shape[1] < 2:
        return Estimate.missing(NONE)
    ratio = (table[False] / table[True]).rename("ratio").reset_index()
    return stats.mean_over_seeds(ratio, value="ratio", seed="seed", if_empty=NONE)


def critical_exponent(rows: pd.DataFrame) -> Estimate:
    """Exponent of the relaxation time of local sweeps against the side: mean over blocks."""
    return stats.slope_over_seeds(
        rows.dropna(subset="time"), x="side", y="time", seed="seed", if_empty="fewer than two sides"
    )


def detail_time(rows: pd.DataFrame, *, side: int) -> Estimate:
    """Relaxation time of the details: mean over blocks."""
    return stats.mean_over_seeds(_at(rows, side=side).dropna(subset="time"), value="time", seed="seed", if_empty=NONE)


def detail_time_ratio(rows: pd.DataFrame, *, small: int, large: int) -> Estimate:
    """Relaxation time of the details on a large lattice over that on a small one: mean over blocks."""
    times = [_at(rows, side=side).set_index("seed").time for side in (large, small)]
    return stats.mean((times[0] / times[1]).dropna(), if_empty=NONE)


def converged_spread(rows: pd.DataFrame) -> Estimate:
    """Root mean square at the coarsest scale by longer chains, over that of what was drawn: mean over runs."""
    coarsest = _at(rows, scale=rows.scale.min())
    parts = [_at(coarsest, source=name).set_index("seed").spread for name in ("longer", "generated")]
    return stats.mean((parts[0] / parts[1]).dropna(), if_empty=NONE)


def generated_binder(rows: pd.DataFrame) -> Estimate:
    """Binder cumulant of what was drawn at the finest scale: mean over runs."""
    return stats.mean_over_seeds(_finest(rows, "generated"), value="binder", seed="seed", if_empty=NONE)


def generated_spread(rows: pd.DataFrame, *, source: str) -> Estimate:
    """Root mean square of what was drawn at the finest scale, over that of the model: mean over runs."""
    parts = [_finest(rows, name).set_index("seed").spread for name in (source, "true")]
    return stats.mean((parts[0] / parts[1]).dropna(), if_empty=NONE)


def spectrum_error(rows: pd.DataFrame, *, source: str) -> Estimate:
    """Largest relative distance of the power from the model's, over frequencies; the mean over runs is taken first."""
    power = rows[rows.source.isin([source, "true"])].groupby(["source", "waves"]).power.mean().unstack(0)
    if source not in power:
        return Estimate.missing(NONE)
    return Estimate.exact(float((power[source] / power["true"] - 1).abs().max()))


def step_growth(rows: pd.DataFrame, *, exponent: float, basis: str, value: str, small: int, large: int) -> Estimate:
    """Condition number, or steps, on a large lattice over those on a small one; exact."""
    ends = [_at(rows, exponent=exponent, basis=basis, side=side)[value] for side in (large, small)]
    if any(len(end) != 1 or end.isna().any() for end in ends):
        return Estimate.missing("one of the two was not computed, or needs more steps than were tried")
    return Estimate.exact(float(ends[0].iloc[0] / ends[1].iloc[0]))


def excess(rows: pd.DataFrame, *, domain: str, window: int, noise: float) -> Estimate:
    """Relative excess of the best linear denoiser with a window; exact."""
    found = _at(rows, domain=domain, window=window, noise=noise)
    return Estimate.exact(float(found.excess.iloc[0])) if len(found) else Estimate.missing(NONE)


def widest(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of trained denoisers, each over that of the widest window with its seed, domain and noise, less one: excess."""
    keys = ["domain", "noise", "seed"]
    best = rows[rows.window == rows.window.max()].set_index(keys).error.rename("best")
    joined = rows.join(best, on=keys)
    return joined.assign(excess=joined.error / joined.best - 1)


def network_excess(rows: pd.DataFrame, *, domain: str, window: int, noise: float) -> Estimate:
    """Excess of trained denoisers with a window over the widest: mean over networks."""
    if rows.window.nunique() < 2:
        return Estimate.missing("one window has nothing to be compared with")
    found = _at(widest(rows), domain=domain, window=window, noise=noise)
    return stats.mean_over_seeds(found, value="excess", seed="seed", if_empty=NONE)


def _largest_distance(rows: pd.DataFrame) -> Estimate:
    if not len(rows):
        return Estimate.missing(NONE)
    groups = [part for _, part in rows.groupby(["side", "potential"])]
    found = [abs(stats.mean(part.value - part.truth, if_empty=NONE)) for part in groups]
    return found[int(np.argmax([one.value for one in found]))]


def _at(rows: pd.DataFrame, **wanted) -> pd.DataFrame:
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return rows


def _band(rows: pd.DataFrame, band: tuple) -> pd.DataFrame:
    depth, number, moments = band
    return _at(rows, depth=depth, band=number, moments=moments)


def _finest(rows: pd.DataFrame, source: str) -> pd.DataFrame:
    return _at(rows, source=source, scale=rows.scale.max())
