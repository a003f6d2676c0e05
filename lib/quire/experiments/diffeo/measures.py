"""What is measured on fields and on pooling: rows of :mod:`quire.experiments.diffeo.cells` to estimates and tables."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "SAFE",
    "block_difference",
    "largest_median",
    "law_ratio",
    "law_table",
    "nominal_ratio",
    "phase_table",
    "pooling_exponent",
    "pooling_table",
    "safe_probability",
    "smallest_median",
]

SAFE = 0.25  # of T_max: where a field is a diffeomorphism all but surely
SAFE_FROM = 3  # cut-off from which that is claimed
DEEP = 6  # layers from which the powers of pooling are fitted
SYMBOLS = {"diffeo": "$D_k$", "noise": "$G_k$", "relative": "$R_k$"}


def law_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: what was measured over the asymptotic law, and the exact sum over it."""
    return rows.assign(over_asymptotic=rows.measured / rows.asymptotic, exact_ratio=rows.exact / rows.asymptotic)


def law_ratio(rows: pd.DataFrame, *, quantity: str) -> Estimate:
    """Monte-Carlo over exact, averaged over cut-offs for each seed; then the mean over seeds."""
    part = rows[rows.quantity == quantity]
    return stats.mean_over_seeds(part.assign(ratio=part.measured / part.exact), value="ratio", seed="seed")


def nominal_ratio(rows: pd.DataFrame, *, cutoff: int) -> Estimate:
    """Root-mean-square displacement at the centre over the nominal one, at a cut-off; mean over seeds."""
    part = rows[(rows.quantity == "squared displacement") & (rows.cutoff == cutoff)]
    return stats.mean((part.measured / part.asymptotic) ** 0.5, if_empty=f"no fields of cut-off {cutoff}")


def phase_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: probabilities at all temperatures but the one that is claimed to be safe, for even steps."""
    return rows[rows.multiple != SAFE]


def smallest_median(rows: pd.DataFrame) -> Estimate:
    """The multiple of T_max at which half of the draws have folded, for the cut-off at which it is smallest; mean over seeds."""
    return stats.smallest(_medians(rows))


def largest_median(rows: pd.DataFrame) -> Estimate:
    """The same for the cut-off at which it is largest."""
    return stats.largest(_medians(rows))


def safe_probability(rows: pd.DataFrame) -> Estimate:
    """Probability of a diffeomorphism at a quarter of T_max, for the cut-off ≥ 3 at which it is smallest; mean over seeds."""
    part = rows[(rows.multiple == SAFE) & (rows.cutoff >= SAFE_FROM)]
    each = stats.mean_by(part, by="cutoff", value="probability")
    return stats.smallest(each, if_empty=f"no cut-off of {SAFE_FROM} or more")


def pooling_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the three quantities of overlapping patches below one another, with their limit."""
    smooth = rows[rows.stride == 1]
    named = smooth.assign(dimension=smooth.dim.map({1: "one", 2: "two"}))
    parts = [
        named.assign(quantity=symbol, value=named[name], limit=named[f"{name}_limit"])
        for name, symbol in SYMBOLS.items()
    ]
    return pd.concat(parts)


def pooling_exponent(rows: pd.DataFrame, *, quantity: str, dim: int) -> Estimate:
    """Log-log slope of D_k ("diffeo") or G_k ("noise") of overlapping patches against k ≥ 6; exact sums, without error."""
    deep = rows[(rows.stride == 1) & (rows.dim == dim) & (rows.layers >= DEEP)]
    slope = stats.loglog_slope(deep.layers, deep[quantity])
    return Estimate.exact(slope.value) if slope.known else slope


def block_difference(rows: pd.DataFrame) -> float:
    """The largest difference between D_k of blocks of two and 2^(-k)."""
    blocks = rows[rows.stride == 2]
    return float((blocks.diffeo - 0.5**blocks.layers).abs().max())


def _medians(rows: pd.DataFrame) -> dict:
    each = rows.drop_duplicates(["cutoff", "seed"])  # it stands beside every temperature
    return stats.mean_by(each, by="cutoff", value="median_multiple")
