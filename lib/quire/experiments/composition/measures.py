"""What is measured on the learning of a grammar: rows of cells to estimates and tables of figures."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "accuracy_table",
    "clustering_collapse",
    "clustering_places",
    "clustering_table",
    "covariance_ratio",
    "final_validity",
    "half_way_order",
    "loss_excess",
    "loss_table",
    "places_in_units",
    "scaled_places",
    "step_ratio",
    "time_collapse",
]

NAMES = ("first", "second", "third")
ENOUGH = 0.1  # of the blocks, whose children are grammatical


def covariance_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Exact squared covariance over its law, at a level: mean over grammars."""
    there = rows[rows.level == level]
    return stats.ratio(there.exact, there.law)


def clustering_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: accuracy against P in units of P_l, a curve for each m and level."""
    return rows.assign(setting="$m$ = " + rows.num_rules.astype(str) + ", level " + rows.level.astype(str))


def clustering_places(rows: pd.DataFrame) -> dict[str, Estimate]:
    """P/P_l where the accuracy is half-way between chance and one, for each m and level: geometric mean over grammars."""
    shown = clustering_table(rows)
    middle = (1 + shown.groupby(["setting", "seed"]).chance.mean()) / 2
    found = {}
    for setting, curves in shown.groupby("setting"):
        level = middle[setting].to_dict()
        places = stats.crossings(curves, x="scaled", y="accuracy", level=level, by="seed")
        found[setting] = stats.geometric_mean(places, if_empty=f"{setting}: no curve passes its middle")
    return found


def clustering_collapse(rows: pd.DataFrame) -> Estimate:
    """The largest of these over the smallest."""
    return stats.spread(clustering_places(rows))


def places_in_units(places: dict) -> pd.DataFrame:
    """A table that is read: a row for each place, what it is a place of, and where it is with its error."""
    said = [name.replace("$", "") if isinstance(name, str) else "m = {}, level {}".format(*name) for name in places]
    return pd.DataFrame({"setting": said, "place": [str(one) for one in places.values()]})


def accuracy_table(rows: pd.DataFrame, *, x: str, measure: str, levels: int) -> pd.DataFrame:
    """The table of a figure: a curve for each level; ``accuracy`` is ``measure``_l ("valid" or "given")."""
    parts = [rows.assign(accuracy=rows[f"{measure}_{level}"], level=level) for level in range(1, levels + 1)]
    return pd.concat(parts)[[x, "accuracy", "level", "seed", "num_rules"]]


def chance(rows: pd.DataFrame, *, level: int, nested: bool) -> float:
    """Fraction of random blocks that are grammatical: f, or f^((s^l-1)/(s-1)) of whole sub-trees; f counts the v m strings."""
    first = rows.iloc[0]
    fill = first.num_rules / first.vocab ** (first.branching - 1)
    blocks = (first.branching**level - 1) // (first.branching - 1)
    return float(fill**blocks) if nested else float(fill)


def half_way(rows: pd.DataFrame, *, x: str, measure: str, level: int) -> pd.Series:
    """Where the accuracy of a level is half-way between chance and one, for each seed.

    A conditional accuracy is looked at where a tenth of the blocks or more have grammatical children: of a few it is noise.
    """
    if measure == "given":
        asked = rows[f"valid_{level}"] / rows[f"given_{level}"].where(rows[f"given_{level}"] > 0)
        rows = rows[~(asked < ENOUGH)]
    middle = (1 + chance(rows, level=level, nested=measure == "valid")) / 2
    return stats.crossings(rows, x=x, y=f"{measure}_{level}", level=middle, by="seed")


def half_way_order(rows: pd.DataFrame, *, x: str, measure: str, levels: list) -> dict[str, Estimate]:
    """Logarithm of the place where each level is half-way, by name: mean over seeds."""
    return {
        NAMES[level - 1]: stats.mean(
            np.log(half_way(rows, x=x, measure=measure, level=level)), if_empty=f"level {level} is never half-way"
        )
        for level in levels
    }


def step_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Strings seen when a level is half-way, over those of the level below: mean over seeds."""
    above, below = (half_way(rows, x="seen", measure="valid", level=one) for one in (level, level - 1))
    return stats.mean(
        (above / below).dropna(), if_empty=f"no seed on which levels {level - 1} and {level} get half-way"
    )


def final_validity(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Fraction of grammatical sub-trees at the end of training: mean over seeds."""
    return stats.mean_over_seeds(_last(rows), value=f"valid_{level}", seed="seed", if_empty="nothing was trained")


def loss_excess(rows: pd.DataFrame) -> Estimate:
    """Cross-entropy less the exact one of the same hidden tokens, at the end of training: mean over seeds."""
    last = _last(rows)
    return stats.difference(last.test, last.bayes)


def loss_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: test loss and its exact bound against the strings seen."""
    return rows[["seen", "test", "bayes", "seed"]].rename(columns={"test": "loss"})


def time_collapse(rows: pd.DataFrame, *, measure: str, levels: list, above: int) -> Estimate:
    """Largest over smallest number of strings at half-way, in units of P_l, over levels l and all m of the rows.

    Args:
        rows: of online learning, for several m.
        measure: "valid" or "given".
        levels: l.
        above: the accuracy that is compared with P_l is that of level l + above.
    """
    return stats.spread(list(scaled_places(rows, x="seen", measure=measure, levels=levels, above=above).values()))


def scaled_places(rows: pd.DataFrame, *, x: str, measure: str, levels: list, above: int) -> dict[tuple, Estimate]:
    """The place where level l + above is half-way, in units of P_l, by (m, l): geometric mean over seeds."""
    found = {}
    for rules, some in rows.groupby("num_rules"):
        for level in levels:
            places = half_way(some, x=x, measure=measure, level=level + above)
            unit = some.groupby("seed")[f"threshold_{level}"].first().reindex(places.index)
            reason = f"m = {rules}: level {level + above} is never half-way"
            found[rules, level] = stats.geometric_mean(places / unit, if_empty=reason)
    return found


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.step == rows.step.max()]
