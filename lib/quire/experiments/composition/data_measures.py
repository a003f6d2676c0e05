"""What is measured on finite training sets: early stopping, sample complexity, copies, memorisation."""

import numpy as np
import pandas as pd

from quire import stats
from quire.experiments.composition.measures import half_way_order, scaled_places
from quire.stats import Estimate

__all__ = [
    "collapse",
    "copies_over_base",
    "early_stopped",
    "early_stopping",
    "exponents_table",
    "gap_table",
    "largest_fall",
    "memorisation_exponent",
    "memorisation_table",
    "places_table",
    "sample_order",
]

GAP = 0.1  # of the training loss, at which a model is said to memorise


def early_stopped(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each run, the look with the lowest validation loss."""
    runs = rows.groupby(["num_rules", "width", "seed", "samples"]).validation
    return rows.loc[runs.idxmin()].reset_index(drop=True)


def sample_order(rows: pd.DataFrame, *, levels: list) -> dict[str, Estimate]:
    """ln P where the conditional accuracy of each level is half-way, early-stopped, for the largest m: mean over seeds."""
    stopped = early_stopped(rows[rows.num_rules == rows.num_rules.max()])
    return half_way_order(stopped, x="samples", measure="given", levels=levels)


def largest_fall(rows: pd.DataFrame, *, levels: int) -> Estimate:
    """The largest fall of an accuracy A_l from one P to the next, of its mean over seeds."""
    falls = []
    for _, stopped in early_stopped(rows).groupby("num_rules"):
        for level in range(1, levels + 1):
            table = stopped.pivot(index="seed", columns="samples", values=f"valid_{level}")
            fewer, more = table.iloc[:, :-1], table.iloc[:, 1:]
            falls += [stats.difference(fewer.iloc[:, k], more.iloc[:, k]) for k in range(fewer.shape[1])]
    return stats.largest(falls, if_empty="a single size")


def collapse(rows: pd.DataFrame, *, levels: list, above: int) -> Estimate:
    """Largest over smallest P at which level l + above is half-way, early-stopped, in units of P_l."""
    places = scaled_places(early_stopped(rows), x="samples", measure="given", levels=levels, above=above)
    return stats.spread(list(places.values()))


def places_table(rows: pd.DataFrame, *, levels: list, above: int) -> pd.DataFrame:
    """The table of a figure: conditional accuracy of level l + above against P/P_l, early-stopped."""
    stopped = early_stopped(rows)
    parts = [
        stopped.assign(
            scaled=stopped.samples / stopped[f"threshold_{level}"],
            accuracy=stopped[f"given_{level + above}"],
            setting="$m$ = " + stopped.num_rules.astype(str) + f", level {level + above}",
        )
        for level in levels
    ]
    return pd.concat(parts)


def copies_over_base(rows: pd.DataFrame) -> Estimate:
    """Copies of early-stopped models over their base rate, at the largest P and the smallest m: mean over seeds."""
    some = early_stopped(rows[rows.num_rules == rows.num_rules.min()])
    largest = some[some.samples == some.samples.max()]
    return stats.ratio(largest.copies, largest.base_rate)


def memorisation_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps after which test loss exceeds training loss by a tenth of it, for each run that gets there."""
    gaps = rows.assign(gap=rows.test / rows.train - 1)
    found = stats.crossings(gaps, x="step", y="gap", level=GAP, by=["num_rules", "width", "seed", "samples"])
    return found.reset_index()


def memorisation_table(*rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: steps to memorisation against P, for networks of several widths."""
    found = pd.concat([memorisation_times(some) for some in rows])
    return found.assign(setting="width " + found.width.astype(str))


def memorisation_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of the steps to memorisation against P: mean over seeds; runs that do not get there are left out."""
    found = memorisation_times(rows)
    if found.empty:
        return Estimate.missing("no model memorises within its training")
    return stats.slope_over_seeds(found, x="samples", y="step", seed="seed")


def exponents_table(*rows: pd.DataFrame) -> pd.DataFrame:
    """The exponent for each width, with the sizes that memorise in all seeds."""
    found = []
    for some in rows:
        exponent, times = memorisation_exponent(some), memorisation_times(some)
        largest = int(times.samples.max()) if len(times) else 0
        found.append({"width": int(some.width.iloc[0]), "largest": largest, "exponent": str(exponent)})
    return pd.DataFrame(found)


def early_stopping(rows: pd.DataFrame) -> dict[str, Estimate]:
    """Mean over P of ln(steps) to the best validation loss and to memorisation, of runs that memorise: mean over seeds."""
    memorising = memorisation_times(rows)
    keys = ["num_rules", "width", "seed", "samples"]
    both = memorising.merge(early_stopped(rows)[[*keys, "step"]], on=keys, suffixes=("_memorising", "_best"))
    logs = both.assign(memorising=np.log(both.step_memorising), best=np.log(both.step_best))
    means = logs.groupby("seed")[["memorising", "best"]].mean()
    none = "no model memorises within its training"
    return {name: stats.mean(means[name], if_empty=none) for name in ("memorising", "best")}


def gap_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: training and test loss against steps, for each P of the first seed."""
    some = rows[rows.seed == rows.seed.min()]
    parts = [some.assign(loss=some[name], set=name) for name in ("train", "test")]
    shown = pd.concat(parts)
    return shown.assign(size="$P$ = " + shown.samples.map("{:,}".format))
