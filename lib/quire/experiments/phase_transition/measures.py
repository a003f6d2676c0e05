"""What is measured at the transition: rows of the cells to estimates and tables of figures.

Independent units are grammars with their strings ("seed"), or blocks of them ("block"). Where theory says a number that
depends on the grammar, a measure is its ratio to that number.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "belief_table",
    "channel_table",
    "closed_form_error",
    "crossing_of_levels",
    "deviation_from_mean_field",
    "diagram_error",
    "diagram_table",
    "kept_at",
    "kept_table",
    "sharpening_ratio",
    "slope_error",
    "tower_difference",
    "transition_ratio",
]

NEAR = 0.03  # in ε: what counts as at the transition
NO_CROSSING = "the curves of two levels do not cross"


# --- theory


def slope_error(rows: pd.DataFrame) -> Estimate:
    """Largest relative difference of F' in closed form and from finite differences."""
    return Estimate.exact(float((rows.slope / rows.difference - 1).abs().max()))


def closed_form_error(rows: pd.DataFrame) -> Estimate:
    """Largest difference of p* in closed form and by bisection."""
    return Estimate.exact(float((rows.closed - rows.bisected).abs().max()))


def diagram_error(rows: pd.DataFrame) -> Estimate:
    """Number of grammars where "both slopes below one" and "2 v/(v+1) < m < (v+1)/2" disagree; binary trees."""
    low, high = 2 * rows.vocab / (rows.vocab + 1), (rows.vocab + 1) / 2
    expected = (rows.num_rules > low) & (rows.num_rules < high)
    return Estimate.exact(int((rows.exists != expected).sum()))


def diagram_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: ε* for up to half as many rules as there are symbols, and a few beyond, in steps that all v share."""
    steps = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
    return rows[rows.num_rules.isin(steps)].sort_values(["num_rules", "vocab"])


# --- the ε-process, level by level


def kept_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: every other level, the leaves and the class by name."""
    top = rows.level.max()
    shown = rows[(rows.level % 2 == top % 2) | (rows.level == 0)]
    return shown.assign(name=[_level_name(int(level), int(top)) for level in shown.level]).sort_values(
        ["level", "noise"]
    )


def belief_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the belief in the class of trees of depth 2, 4, …, which are the subtrees of one tree."""
    shown = rows[(rows.level % 2 == 0) & (rows.level > 0)]
    return shown.assign(depth_name="$L$ = " + shown.level.astype(str)).sort_values(["level", "noise"])


def deviation_from_mean_field(rows: pd.DataFrame, points: pd.DataFrame, *, near: bool) -> Estimate:
    """Largest distance of what is kept from the mean field, over levels and ε within 0.03 of ε* ("near"), or farther away."""
    away = (rows.noise - _critical(points, "critical_noise")).abs()
    chosen = rows[away <= NEAR] if near else rows[away > NEAR]
    distances = [
        abs(stats.difference(cell.kept, cell.mean_field_kept)) for _, cell in chosen.groupby(["noise", "level"])
    ]
    return stats.largest(distances, if_empty=f"no ε lies {'within' if near else 'beyond'} {NEAR} of ε*")


def transition_ratio(rows: pd.DataFrame, points: pd.DataFrame) -> Estimate:
    """ε at which the belief in the class of the deepest trees passes p*, over ε*."""
    deepest = rows[rows.level == rows.level.max()]
    critical = _critical(points, "closed")
    place = stats.crossing_over_seeds(deepest, x="noise", y="belief", level=critical, seed="seed")
    return place / _critical(points, "critical_noise")


def crossing_of_levels(rows: pd.DataFrame) -> Estimate:
    """The noise above which the belief in the class falls with the depth: where the curves of depths L - 2 and L cross.

    Linear interpolation for each grammar.
    """
    top = rows.level.max()
    places = []
    for _, tree in rows.groupby("seed"):
        table = tree.pivot_table(index="noise", columns="level", values="belief").sort_index()
        if top < 3:
            break
        gain = table[top] - table[top - 2]
        place = _falls_through_zero(gain.index.to_numpy(float), gain.to_numpy(float))
        if place is not None:
            places.append(place)
    return stats.mean(places, if_empty=NO_CROSSING)


def sharpening_ratio(rows: pd.DataFrame, points: pd.DataFrame) -> Estimate:
    """How much steeper the belief is at ε* with every level: the factor from level two to the class, over F'(p*).

    The slope of a level is that of a line through the beliefs within 0.03 of ε*; two levels give a factor for each grammar.
    """
    critical, top = _critical(points, "critical_noise"), rows.level.max()
    near = rows[(rows.noise - critical).abs() <= NEAR]
    if top < 3 or near.noise.nunique() < 2:
        return Estimate.missing("a slope needs two ε within 0.03 of ε*, and three levels")
    factors = []
    for _, tree in near.groupby("seed"):
        low, high = (_slope(tree[tree.level == level]) for level in (2, top))
        if low < 0 and high < 0:
            factors.append((high / low) ** (1 / (top - 2)))
    return stats.mean(factors, if_empty="no belief falls at ε*") / _critical(points, "sharpening")


# --- real channels


def kept_at(rows: pd.DataFrame, *, channel: str, noise: float, level: str) -> Estimate:
    """What is kept of the "class" or of the "tokens" by a channel at the noise that is nearest to this one."""
    of_channel = rows[rows.channel == channel]
    place = of_channel.noise.iloc[(of_channel.noise - noise).abs().argmin()]
    if abs(place - noise) > NEAR:
        return Estimate.missing(f"no noise lies within {NEAR} of {noise}")
    wanted = rows.level.max() if level == "class" else 0
    cell = of_channel[(of_channel.noise == place) & (of_channel.level == wanted)]
    return stats.mean_over_seeds(cell, value="kept", seed="seed")


def channel_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: every other level under each channel."""
    names = {"mask": "masking, $t$", "uniform": "replacement, $1 - ᾱ$", "gaussian": "Gaussian, $1 - ᾱ$"}
    shown = kept_table(rows)
    return shown.assign(channel_name=shown.channel.map(names))


def tower_difference(rows: pd.DataFrame) -> Estimate:
    """How often nodes are restored minus how often that is believed: mean over channels, noises and levels of each grammar."""
    return stats.mean_over_seeds(rows.assign(difference=rows.restored - rows.kept), value="difference", seed="seed")


# --- helpers


def _critical(points: pd.DataFrame, column: str) -> float:
    """A number of the theory of the chapter's one grammar."""
    return float(points[column].iloc[0])


def _level_name(level: int, top: int) -> str:
    return {0: "tokens", top: "class"}.get(level, f"level {level}")


def _falls_through_zero(x: np.ndarray, y: np.ndarray) -> float | None:
    """Where a line through neighbouring points first falls through zero, or None."""
    for i in range(len(x) - 1):
        if y[i] > 0 >= y[i + 1]:
            return float(x[i] + (x[i + 1] - x[i]) * y[i] / (y[i] - y[i + 1]))
    return None


def _slope(rows: pd.DataFrame) -> float:
    return float(np.polyfit(rows.noise, rows.belief, 1)[0])
