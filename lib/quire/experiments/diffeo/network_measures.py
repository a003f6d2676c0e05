"""What is measured on trained networks: rows of :func:`quire.experiments.diffeo.network_cells.network_stability` to
estimates and tables of figures.

Stabilities differ by factors, so that their means are geometric. A network that has diverged, or whose output is constant,
has none: estimates that it enters are missing, and figures leave it out.

What is compared is measured under one condition: every state with the statistics of the same images in its normalisations,
kept fixed.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "NAMES",
    "NONE",
    "UNDEFINED",
    "at_output",
    "before_and_after",
    "channel_pooling",
    "growth",
    "growth_table",
    "has_logarithms",
    "largest_change",
    "largest_stability",
    "layer_table",
    "mean_of",
    "mean_stability",
    "scan_table",
    "smallest_change",
    "smallest_stability",
]

NAMES = {"relative": "relative, $R_f$", "diffeo": "to diffeomorphisms, $D_f$", "noise": "to noise, $G_f$"}
SYMBOLS = {"relative": "$R_k$", "diffeo": "$D_k$", "noise": "$G_k$"}
NONE = pd.DataFrame(  # of a zoo whose images are not at hand
    columns=["architecture", "seed", "dataset", "num_train", "num_test", "state", "normalization", "layer", "depth"]
    + [*NAMES, "test_error", "train_error", "train_loss"],
    dtype=float,
)
FIXED = "reference"  # the normalisation under which states are compared
ABSENT = "none of these networks is in the zoo"
UNDEFINED = "a network has no stability: it diverged, or its output is constant"


def at_output(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the output, before and after training, as one fixed function."""
    return rows[(rows.layer == "output") & rows.state.isin(["initial", "trained"]) & (rows.normalization == FIXED)]


def before_and_after(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the output's stabilities that have a logarithm."""
    output = at_output(rows)
    return output[output.relative > 0]


def mean_stability(rows: pd.DataFrame, *, state: str, networks: list[str]) -> Estimate:
    """R_f in a state, the mean over all networks of some architectures and all their seeds."""
    output = at_output(rows)
    return mean_of(output[(output.state == state) & output.architecture.isin(networks)].relative)


def smallest_stability(rows: pd.DataFrame, *, state: str, networks: list[str]) -> Estimate:
    """R_f in a state, for the architecture at which it is smallest; mean over its seeds."""
    return stats.smallest(_stabilities(rows, state, networks), if_empty=ABSENT)


def largest_stability(rows: pd.DataFrame, *, state: str, networks: list[str]) -> Estimate:
    """R_f in a state, for the architecture at which it is largest; mean over its seeds."""
    return stats.largest(_stabilities(rows, state, networks), if_empty=ABSENT)


def smallest_change(rows: pd.DataFrame, *, networks: list[str]) -> Estimate:
    """R_f after training over that before, for the architecture at which it is smallest; mean over seeds of the ratios."""
    return stats.smallest(_changes(rows, networks), if_empty=ABSENT)


def largest_change(rows: pd.DataFrame, *, networks: list[str]) -> Estimate:
    """The same for the architecture at which it is largest."""
    return stats.largest(_changes(rows, networks), if_empty=ABSENT)


def scan_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the output's stabilities, a panel for each network and state."""
    shown = before_and_after(rows)
    return shown.assign(panel=shown.architecture + ", " + shown.state)


def growth_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the output's stabilities after training."""
    shown = before_and_after(rows)
    return shown[shown.state == "trained"]


def growth(rows: pd.DataFrame, *, dataset: str, network: str) -> Estimate:
    """R_f after training at the largest number of points over that at the smallest; mean over seeds of the ratios."""
    output = at_output(rows)
    part = output[(output.state == "trained") & (output.dataset == dataset) & (output.architecture == network)]
    pairs = part.pivot(index="seed", columns="num_train", values="relative")
    if len(pairs.columns) < 2:
        return Estimate.missing("one number of training points shows no growth")
    return mean_of(pairs[pairs.columns.max()] / pairs[pairs.columns.min()])


def layer_table(rows: pd.DataFrame, *, network: str) -> pd.DataFrame:
    """The table of a figure: three quantities of every layer of an architecture, below one another."""
    part = rows[(rows.architecture == network) & (rows.normalization == FIXED)]
    keys = ["state", "layer", "depth", "seed"]
    table = part.melt(keys, list(SYMBOLS), var_name="quantity", value_name="stability")
    return table[table.stability > 0].assign(quantity=lambda shown: shown.quantity.map(SYMBOLS))


def channel_pooling(rows: pd.DataFrame, *, network: str) -> Estimate:
    """D of the last hidden layer of an architecture with shuffled channels over that without.

    The ratio of each network, then the mean over seeds.
    """
    hidden = rows[(rows.architecture == network) & (rows.layer != "output") & (rows.normalization == FIXED)]
    last = hidden[hidden.depth == hidden.depth.max()].pivot(index="seed", columns="state", values="diffeo")
    return mean_of(last.shuffled / last.trained) if len(last) else Estimate.missing(ABSENT)


def _stabilities(rows: pd.DataFrame, state: str, networks: list[str]) -> list[Estimate]:
    output = at_output(rows)
    part = output[(output.state == state) & output.architecture.isin(networks)]
    return [mean_of(values) for _, values in part.groupby("architecture").relative]


def _changes(rows: pd.DataFrame, networks: list[str]) -> list[Estimate]:
    output = at_output(rows)
    part = output[output.architecture.isin(networks)]
    pairs = part.pivot(index=["architecture", "seed"], columns="state", values="relative").dropna(how="all")
    if pairs.empty:
        return []
    return [mean_of(values) for _, values in (pairs.trained / pairs.initial).groupby("architecture")]


def mean_of(values: pd.Series) -> Estimate:
    """Geometric mean over seeds; missing without seeds, or where one has no logarithm."""
    return stats.geometric_mean(values, if_empty=ABSENT) if has_logarithms(values) else Estimate.missing(UNDEFINED)


def has_logarithms(values: pd.Series) -> bool:
    """Whether all values are positive and finite."""
    return bool((np.isfinite(values) & (values > 0)).all())
