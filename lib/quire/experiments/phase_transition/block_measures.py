"""What is measured on blocks of change: rows to estimates and tables of figures. Independent units are blocks of grammars."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "correlation_deviation",
    "correlation_slope_ratio",
    "correlation_table",
    "growth_with_length",
    "last_over",
    "limit_ratio",
    "peak_height",
    "peak_height_ratio",
    "peak_place",
    "peak_place_ratio",
    "peaks_by_depth",
    "susceptibility_at",
    "susceptibility_table",
    "text_table",
]

FITTED = 6  # levels of the power law
SHOWN = (0.5, 0.65, 0.73, 0.8)  # in ε, of the figure of correlations
NEAR = 0.03


def correlation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: C(r)/C(0) of the deepest trees at the noises nearest to four, where it is above zero."""
    deepest = rows[(rows.depth == rows.depth.max()) & (rows.level > 0)]
    noises = np.array(sorted(deepest.noise.unique()))
    wanted = sorted({float(noises[np.abs(noises - noise).argmin()]) for noise in SHOWN})
    shown = deepest[deepest.noise.isin(wanted) & (deepest.correlation > 0)]
    return shown.assign(noise_name="$ε$ = " + shown.noise.astype(str)).sort_values(["noise", "level"])


def correlation_deviation(rows: pd.DataFrame) -> Estimate:
    """Largest distance of C(r)/C(0) from the mean field, over noises and levels of the deepest trees."""
    deepest = rows[(rows.depth == rows.depth.max()) & (rows.level > 0)].dropna(subset="correlation")
    distances = [
        abs(stats.difference(cell.correlation, cell.mean_field_correlation))
        for _, cell in deepest.groupby(["noise", "level"])
    ]
    return stats.largest(distances, if_empty="nothing changed at any noise")


def correlation_slope_ratio(rows: pd.DataFrame, points: pd.DataFrame) -> Estimate:
    """Exponent of C(r) ~ r^-η at the noise nearest to ε*, over levels 1 to 6, in units of the mean field's η."""
    critical, expected = float(points.critical_noise.iloc[0]), float(points.correlation_exponent.iloc[0])
    deepest = rows[(rows.depth == rows.depth.max()) & rows.level.between(1, FITTED)]
    place = deepest.noise.iloc[(deepest.noise - critical).abs().argmin()]
    if abs(place - critical) > NEAR:
        return Estimate.missing(f"no ε lies within {NEAR} of ε*")
    chosen = deepest[deepest.noise == place].dropna(subset="correlation")
    if (chosen.correlation <= 0).any():
        return Estimate.missing("a correlation is not above zero: more strings are needed")
    slope = stats.slope_over_seeds(chosen, x="distance", y="correlation", seed="block")
    return slope / -expected


# --- susceptibility


def susceptibility_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: χ against the noise, for each depth."""
    shown = rows[rows.level == 0].dropna(subset="susceptibility")
    return shown.assign(depth_name="$L$ = " + shown.depth.astype(str)).sort_values(["depth", "noise"])


def peak_height(rows: pd.DataFrame, *, depth: int) -> Estimate:
    """χ of each block at the noise where their mean is largest; then their mean.

    One noise for all blocks: the largest χ of each would be chosen by its own sampling noise, and be too high.
    """
    chosen = _leaves(rows, depth)
    if chosen.empty:
        return Estimate.missing(_no_peak(depth))
    place = chosen.groupby("noise").susceptibility.mean().idxmax()
    return stats.mean(chosen[chosen.noise == place].susceptibility)


def peak_place(rows: pd.DataFrame, *, depth: int) -> Estimate:
    """The noise of the largest χ: the top of a parabola through it and its neighbours, of each block; then their mean."""
    return stats.mean([_place(block) for _, block in _leaves(rows, depth).groupby("block")], if_empty=_no_peak(depth))


def peak_height_ratio(rows: pd.DataFrame, *, depth: int) -> Estimate:
    """The largest χ, over the mean field's at the same noises."""
    expected = rows[(rows.depth == depth) & (rows.level == 0)].mean_field_susceptibility.max()
    return peak_height(rows, depth=depth) / float(expected) if expected > 0 else Estimate.missing(_no_peak(depth))


def peak_place_ratio(rows: pd.DataFrame, theory: pd.DataFrame, *, depth: int) -> Estimate:
    """The noise of the largest χ, over the mean field's."""
    expected = theory[theory.depth == depth].place
    return (
        peak_place(rows, depth=depth) / float(expected.iloc[0]) if len(expected) else Estimate.missing(_no_peak(depth))
    )


def peaks_by_depth(rows: pd.DataFrame) -> dict[str, Estimate]:
    """The largest χ of the three deepest trees, by name: "deep", "middle", "shallow"."""
    depths = sorted(rows.depth.unique(), reverse=True)
    names = ("deep", "middle", "shallow")
    found = {name: peak_height(rows, depth=int(depth)) for name, depth in zip(names, depths, strict=False)}
    return {name: found.get(name, Estimate.missing("fewer than three depths")) for name in names}


# --- text


def text_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: χ against the fraction that is masked, for each text and length."""
    shown = rows[rows.distance == 0].dropna(subset="susceptibility")
    names = {"grammar": "grammar", "chain": "chain", "tokens": "independent tokens"}
    length = (2**shown.depth).astype(str) + " tokens"
    return shown.assign(text_name=shown.text.map(names), length=length).sort_values(["depth", "noise"])


def susceptibility_at(rows: pd.DataFrame, *, text: str, noise: float) -> Estimate:
    """χ of the longest texts of a kind at the masked fraction that is nearest to this one."""
    chosen = _longest(rows, text)
    place = chosen.noise.iloc[(chosen.noise - noise).abs().argmin()]
    at = chosen[chosen.noise == place]
    return stats.mean_over_seeds(at, value="susceptibility", seed="block", if_empty="nothing changed")


def last_over(rows: pd.DataFrame, *, text: str) -> Estimate:
    """χ at the largest masked fraction, over the largest χ at smaller fractions: below one if the maximum lies inside."""
    chosen = _longest(rows, text)
    last = chosen.noise.max()
    ratios = []
    for _, block in chosen.groupby("block"):
        inside = block[block.noise < last].susceptibility
        if len(inside) and last in set(block.noise):
            ratios.append(float(block[block.noise == last].susceptibility.mean() / inside.max()))
    return stats.mean(ratios, if_empty="one masked fraction has no other beside it")


def growth_with_length(rows: pd.DataFrame, *, text: str) -> Estimate:
    """By which factor the largest χ over the masked fractions grows with a doubling of the text, between the two longest."""
    chosen = rows[(rows.text == text) & (rows.distance == 0)].dropna(subset="susceptibility")
    depths = sorted(chosen.depth.unique(), reverse=True)
    if len(depths) < 2:
        return Estimate.missing("texts of one length do not grow")
    longest, next_ = (peak_height(chosen.assign(level=0), depth=int(depth)) for depth in depths[:2])
    return (longest / next_) ** (1 / float(depths[0] - depths[1]))


def limit_ratio(rows: pd.DataFrame) -> Estimate:
    """χ of the longest chains with all masked, over that of two independent chains, (1 + ρ²)/(1 - ρ²).

    Two chains agree at both of two sites r apart, beyond chance, if neither was renewed in between: C(r)/C(0) = ρ^(2r).
    """
    square = float(rows.persistence.iloc[0]) ** 2
    if rows.noise.max() < 1:
        return Estimate.missing("the largest masked fraction is not one")
    return susceptibility_at(rows, text="chain", noise=1.0) / ((1 + square) / (1 - square))


# --- helpers


def _longest(rows: pd.DataFrame, text: str) -> pd.DataFrame:
    chosen = rows[(rows.text == text) & (rows.distance == 0)].dropna(subset="susceptibility")
    return chosen[chosen.depth == chosen.depth.max()]


def _leaves(rows: pd.DataFrame, depth: int) -> pd.DataFrame:
    """One row for each block and noise."""
    return rows[(rows.depth == depth) & (rows.level == 0)].dropna(subset="susceptibility")


def _place(block: pd.DataFrame) -> float:
    """Noise at the top of a parabola through the largest χ and its neighbours."""
    block = block.sort_values("noise")
    noise, value = block.noise.to_numpy(float), block.susceptibility.to_numpy(float)
    top = int(value.argmax())
    if not 0 < top < len(noise) - 1:
        return float(noise[top])
    around = slice(top - 1, top + 2)
    curvature, tilt, _ = np.polyfit(noise[around] - noise[top], value[around], 2)
    return float(noise[top] - tilt / (2 * curvature))


def _no_peak(depth: int) -> str:
    return f"nothing changed in trees of depth {depth}"
