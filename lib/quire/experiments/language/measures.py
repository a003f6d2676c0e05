"""What is measured on the statistics of grammars: rows of :mod:`quire.experiments.language.cells` to estimates and tables of figures.

A *setting* is v and m, or v, m and L. Logarithmic axes show no zeros: rows whose correlation vanishes are left out of tables.
"""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "asymptotic_ratio",
    "correlation_ratio",
    "decay_exponent",
    "decay_table",
    "entropy_ratio",
    "entropy_table",
    "noise_constant",
    "plateau_table",
    "string_ratio",
    "tightest_bound",
]

DEEP = 5  # depth of the trees whose last entropies are compared


def plateau_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: measured correlations of the first grammar, a curve for each P, and the exact ones."""
    one = rows[rows.seed == rows.seed.min()]
    measured = one.assign(data="$P$ = " + one.samples.map("{:,}".format))
    exact = one[one.samples == one.samples.max()]
    shown = pd.concat([measured, exact.assign(rms=exact.exact_rms, data="exact")])
    return shown[shown.rms > 0]


def noise_constant(rows: pd.DataFrame) -> Estimate:
    """What P data add to a squared correlation, in units of 1/(v²P), where the floor is above 0.3 of the exact one.

    Mean over the distances of each P and grammar; then over these, which have data of their own.
    """
    seen = rows[rows.floor > 0.3 * rows.exact]
    none = "no correlation is near its noise"
    return stats.mean_over_seeds(seen, value="noise_constant", seed=["samples", "seed"], if_empty=none)


def decay_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: roots of the exact squared correlations ("rms") and of their finite-size formula ("law")."""
    setting = "$v$ = " + rows.vocab.astype(str) + ", $m$ = " + rows.num_rules.astype(str)
    shown = rows.assign(setting=setting, rms=rows.signal**0.5, law=rows.finite_size**0.5)
    return shown[(shown.rms > 0) & (shown.law > 0)]


def correlation_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Exact squared correlation on a plateau over its finite-size formula: mean over grammars of the first setting."""
    plateau = _plateau(rows, level)
    return stats.ratio(plateau.signal, plateau.finite_size)


def asymptotic_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Exact squared correlation on a plateau over (1-f)/(v³ m^(2l-1)): mean over grammars of the first setting."""
    plateau = _plateau(rows, level)
    return stats.ratio(plateau.signal, plateau.asymptotic)


def string_ratio(rows: pd.DataFrame, *, level: int) -> Estimate:
    """Exact squared correlation with a string over (1-f)/(v³ m^(2l)): mean over grammars of the first setting."""
    plateau = _plateau(rows, level)
    return stats.ratio(plateau.string_signal, plateau.string_asymptotic)


def decay_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of the root of the squared correlation against the plateaus' first distances, in the first setting.

    One for each grammar; then their mean.
    """
    main = _first_setting(rows)
    return stats.slope_over_seeds(main.assign(rms=main.signal**0.5), x="distance", y="rms", seed="seed")


def entropy_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: entropies against n + 1, and the bound of the longest context up to n for which there is one.

    H_n only falls with n, so that the bound of a shorter context is one for a longer.
    """
    columns = rows[["vocab", "num_rules", "depth"]].to_numpy()
    setting = [f"$v$ = {v}, $m$ = {m}, $L$ = {depth}" for v, m, depth in columns]
    shown = rows.assign(setting=setting, tokens=rows.context + 1).sort_values("context", kind="stable")
    return shown.assign(bound=shown.groupby(["setting", "seed"]).bound.ffill())


def tightest_bound(rows: pd.DataFrame) -> Estimate:
    """⟨H - ln N̄⟩ where it is largest, of all settings and levels from one on; the average is over grammars."""
    aligned = rows[rows.level >= 1]
    gaps = aligned.assign(gap=aligned.entropy - aligned.bound)
    return stats.largest(stats.mean_by(gaps, by=["vocab", "num_rules", "depth", "level"], value="gap"))


def entropy_ratio(rows: pd.DataFrame) -> Estimate:
    """(H_4 - H_5) / (H_3 - H_4) at depth five, H_l the entropy after s^l - 1 tokens: mean over seeds.

    Where there are several settings of that depth, the entropies of a seed are averaged over them first.
    """
    deep = rows[(rows.depth == DEEP) & (rows.level >= 0)]
    if deep.empty:
        return Estimate.missing(f"no tree of depth {DEEP}")
    entropy = deep.pivot_table(index="seed", columns="level", values="entropy")
    return stats.ratio(entropy[4] - entropy[5], entropy[3] - entropy[4])


def _plateau(rows: pd.DataFrame, level: int) -> pd.DataFrame:
    main = _first_setting(rows)
    return main[main.level == level]


def _first_setting(rows: pd.DataFrame) -> pd.DataFrame:
    first = rows.iloc[0]
    return rows[(rows.vocab == first.vocab) & (rows.num_rules == first.num_rules)]
