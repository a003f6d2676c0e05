"""What is measured on learners of a grammar, counts and networks: rows to estimates and tables of figures.

Half-way marks lie in the middle between the exact entropies after s^l - 1 and s^(l+1) - 1 tokens, for each grammar its own.
Grammars whose curve does not pass its mark are left out.
"""

import math

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "by_counted",
    "by_network",
    "context_table",
    "counting_exponent",
    "excess_of_context",
    "final_excess",
    "gram_table",
    "hierarchical_gain",
    "mean_entropies",
    "step_places",
    "step_ratio",
    "synonym_need",
    "unshared_gap",
]

HALF_A_NAT = 0.5  # excess over the exact entropy
HALF_WRONG = 0.5  # of the symbols of a level
STEPS = ["first", "second", "third"]


def gram_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: counting n-grams by name."""
    return rows.assign(grams=(2**rows.level).map("{}-gram".format))


def counting_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of the P at half a nat of excess against the number of strings, of all grammars; error from the scatter."""
    grammar = ["num_rules", "seed"]
    needed = stats.crossings(rows, x="samples", y="divergence", level=HALF_A_NAT, by=grammar)
    strings = rows.groupby(grammar).contexts.first().reindex(needed.index)
    return stats.loglog_slope(strings, needed)


def by_counted(plain: pd.DataFrame, inferred: pd.DataFrame, *, level: int) -> pd.DataFrame:
    """The table of a figure: counting after all tokens of s^l - 1, and after the inferred symbols beside the path."""
    after_all = plain[plain.level == level].assign(counted="all tokens")
    return pd.concat([after_all, inferred.assign(counted="inferred symbols")])


def mean_entropies(rows: pd.DataFrame) -> dict[int, float]:
    """Exact entropies of the last token after 0, 1, 3, … tokens, averaged over grammars: for the levels of a figure."""
    return {2**level - 1: float(values.mean()) for level, values in rows.groupby("level").entropy}


def hierarchical_gain(plain: pd.DataFrame, inferred: pd.DataFrame, entropies: pd.DataFrame) -> Estimate:
    """log_m of the data that counting all of seven tokens needs over those that counting inferred symbols needs.

    To come half way from the entropy after three tokens to that after seven; mean over grammars.
    """
    marks = _middles(entropies, 2)
    place = dict(x="samples", y="loss", level=marks, by="seed")
    slow, fast = stats.crossings(plain[plain.level == 3], **place), stats.crossings(inferred, **place)
    gains = np.log(slow / fast).dropna() / np.log(inferred.num_rules.iloc[0])
    return stats.mean(gains, if_empty="no grammar on which both counts come half way")


def synonym_need(rows: pd.DataFrame, *, level: int) -> Estimate:
    """The P at which half of the symbols of a level are wrong, over v m³/(1-f): mean over grammars."""
    needed = stats.crossings(rows, x="samples", y=f"symbol_error_{level}", level=HALF_WRONG, by="seed")
    unit = rows.groupby("seed").synonym_threshold.first().reindex(needed.index)
    return stats.mean(needed / unit, if_empty="no grammar on which the wrong symbols pass one half")


def final_excess(rows: pd.DataFrame, *, network: str) -> Estimate:
    """Divergence of the exact law from a network's, averaged over contexts, at the largest P: mean over grammars."""
    curve = rows[rows.network == network]
    return stats.mean(curve[curve.samples == curve.samples.max()].divergence, if_empty="no such network")


def step_places(rows: pd.DataFrame, entropies: pd.DataFrame, *, network: str) -> dict[str, Estimate]:
    """ln P where a network's loss passes each of the half-way marks, by name: mean over grammars."""
    curve = rows[rows.network == network]
    place = dict(x="samples", y="loss", seed="seed", log="e")
    return {
        name: stats.crossing_over_seeds(curve, level=_middles(entropies, step), **place)
        for step, name in enumerate(STEPS)
    }


def step_ratio(rows: pd.DataFrame, entropies: pd.DataFrame, *, network: str) -> Estimate:
    """Logarithm to the base m of the factor in P from one half-way mark to the next, mean of two; over grammars."""
    places = step_places(rows, entropies, network=network)
    between = len(STEPS) - 1
    return (places[STEPS[-1]] - places[STEPS[0]]) / (between * math.log(rows.num_rules.iloc[0]))


def by_network(rows: pd.DataFrame, *, samples: int) -> dict[str, Estimate]:
    """Divergence of the exact law from that of each network at one P, by name: mean over grammars."""
    there = rows[rows.samples == samples]
    none = f"no training set of {samples:,} data"
    return {name: stats.mean(there[there.network == name].divergence, if_empty=none) for name in ("cnn", "transformer")}


def unshared_gap(rows: pd.DataFrame, *, samples: int) -> Estimate:
    """Divergence of the locally connected network minus that of the convolutional one at one P: mean over grammars."""
    there = rows[rows.samples == samples].pivot(index="seed", columns="network", values="divergence")
    if not {"cnn", "lcn"} <= set(there):
        return Estimate.missing(f"no pair of networks at {samples:,} data")
    return stats.mean((there.lcn - there.cnn).dropna(), if_empty=f"no pair of networks at {samples:,} data")


def context_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the number of tokens that a network sees, in words."""
    return rows.assign(seen=[f"{n} token" if n == 1 else f"{n} tokens" for n in rows.context])


def excess_of_context(rows: pd.DataFrame, *, context: int) -> Estimate:
    """Loss minus the exact entropy of its context, for networks that see so many tokens, at the largest P: mean over grammars."""
    last = rows[(rows.context == context) & (rows.samples == rows.samples.max())]
    return stats.mean(last.divergence, if_empty=f"no network that sees {context} tokens")


def _middles(entropies: pd.DataFrame, step: int) -> dict:
    """Between the entropies of levels l and l + 1, for each grammar."""
    own = entropies.pivot(index="seed", columns="level", values="entropy")
    return ((own[step] + own[step + 1]) / 2).to_dict()
