"""What is measured on one grammar: rows of :mod:`quire.experiments.hierarchy.grammar_cells` to estimates and tables of figures.

A *setting* is (v, m, n_c, L); the grammars of a setting differ by their seed.
"""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "class_exponent",
    "clustering_exponent",
    "clustering_table",
    "crossing_ratio",
    "data_needed",
    "largest_spread",
    "one_per_grammar",
    "signal_ratio",
    "signal_table",
    "uncrossed_table",
    "with_setting",
    "wrong_symbols",
    "zipf_slope",
]

SETTING = ["vocab", "num_rules", "num_classes", "depth"]


def with_setting(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their setting in a column, "v, m, n_c, L"."""
    return rows.assign(setting=[", ".join(str(size) for size in sizes) for sizes in rows[SETTING].to_numpy()])


def one_per_grammar(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row for each grammar, which says in all of its rows the same of this column; without those that have no value.

    Such a value is the P where a curve crosses its level: to leave out grammars without one selects by the outcome.
    """
    return rows.drop_duplicates([*SETTING, "seed"]).dropna(subset=value)


def data_needed(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each grammar with its P*, the P where its curve comes down to its level.

    A curve that does not, says that it needs more than its last P: the largest P* are the ones that are missing, and without them
    all means would be too small. In their place stands what is expected beyond that P, if the logarithms of a setting scatter about
    their mean (:func:`quire.stats.fill_censored`). Settings none of whose curves comes down are left out.
    """
    grammar = [*SETTING, "seed"]
    one = with_setting(rows.drop_duplicates(grammar))
    last = one[grammar].merge(rows.groupby(grammar, as_index=False)["samples"].max(), on=grammar).samples
    return one.assign(needed=stats.fill_censored(one.needed, last, one.setting)).dropna(subset="needed")


def uncrossed_table(kinds: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How many grammars of each setting have no P*, where some have none.

    Args:
        kinds: rows by what was learned.
    """
    rows = [_uncrossed(with_setting(part)).assign(curves=kind) for kind, part in kinds.items()]
    return pd.concat(rows, ignore_index=True)[["curves", "setting", "grammars", "missing"]]


def _uncrossed(rows: pd.DataFrame) -> pd.DataFrame:
    one = rows.drop_duplicates([*SETTING, "seed"]).groupby("setting", sort=False).needed
    counts = one.agg(grammars="size", missing=lambda needed: needed.isna().sum())
    return counts[counts.missing > 0].reset_index()


def wrong_symbols(rows: pd.DataFrame) -> int:
    """How many symbols of the tree were read wrongly."""
    return int(rows.wrong.sum())


def largest_spread(rows: pd.DataFrame) -> float:
    """The largest difference between the covariances of two synonyms with a class, in units of the r.m.s. covariance."""
    return float(rows.spread.max())


def signal_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: P and the measured squared covariance in units of n_c m^L and of the signal, and theory.

    Points whose sample shows no covariance at all (two data of one class, say) have no logarithm and are left out.
    """
    shown = with_setting(rows[rows.measured > 0])
    return shown.assign(
        scaled_samples=(shown.samples / shown.threshold).round(3),
        over_signal=shown.measured / shown.signal_theory,
        prediction=1 + shown.noise_theory / shown.signal_theory,
    )


def signal_ratio(rows: pd.DataFrame) -> Estimate:
    """The exact mean squared covariance over its ensemble average: mean over grammars, then over settings of equal weight."""
    return _mean_of_settings(rows, "signal", "signal_theory")


def crossing_ratio(rows: pd.DataFrame) -> Estimate:
    """The P where signal and noise are equal, over n_c m^L: mean over grammars, then over settings of equal weight.

    Grammars without any signal have no such P and are left out.
    """
    return _mean_of_settings(rows, "crossing", "threshold")


def clustering_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: mean and error of the misplaced strings over chance, for each setting and P / (√n_c m^L).

    Left out is where shuffled labels cluster without a mistake: there is no unit for the error then.
    """
    shown = with_setting(rows.dropna(subset="relative_error"))
    shown["scaled_samples"] = shown.scaled_samples.round(1)
    return stats.table(shown, by=["setting", "scaled_samples"], value="relative_error")


def clustering_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of the P where half of the strings are misplaced against √n_c m^L: one for each seed, then their mean."""
    few = "no seed has two settings whose curves cross one half"
    return stats.slope_over_seeds(data_needed(rows), x="scale", y="needed", seed="seed", if_empty=few)


def class_exponent(rows: pd.DataFrame) -> Estimate:
    """The same slope against n_c alone, for settings that differ in nothing else."""
    few = "no seed has two numbers of classes whose curves cross one half"
    return stats.slope_over_seeds(data_needed(rows), x="num_classes", y="needed", seed="seed", if_empty=few)


def zipf_slope(rows: pd.DataFrame, *, exponent: float) -> Estimate:
    """Log-log slope of the ideal learner's error against P for one Zipf exponent, error from the scatter about the line."""
    curve = rows[rows.exponent == exponent]
    return stats.loglog_slope(curve.samples, curve.error)


def _mean_of_settings(rows: pd.DataFrame, value: str, unit: str) -> Estimate:
    grammars = one_per_grammar(rows, value)
    if grammars.empty:
        return Estimate.missing("no grammar whose class is correlated with its strings")
    return stats.average(
        stats.mean_by(grammars.assign(ratio=grammars[value] / grammars[unit]), by=SETTING, value="ratio")
    )
