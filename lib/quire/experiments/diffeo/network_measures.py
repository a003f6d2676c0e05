"""What is measured on trained networks: rows of :func:`quire.experiments.diffeo.network_cells.network_stability` to
estimates and tables of figures.

Stabilities differ by factors, so that their means are geometric. A network that has diverged, or whose output is constant,
has none: estimates that it enters are missing, and figures leave it out.

What is compared is measured under one condition: every state with the statistics of the same images in its normalisations,
kept fixed. Networks that have not fitted their training set are no part of a comparison between architectures.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "advantage",
    "at_output",
    "before_and_after",
    "channel_pooling",
    "correlation",
    "error_table",
    "growth",
    "growth_table",
    "largest_change",
    "largest_stability",
    "layer_table",
    "mean_stability",
    "scan_table",
    "smallest_change",
    "smallest_stability",
]

NAMES = {"relative": "relative, $R_f$", "diffeo": "to diffeomorphisms, $D_f$", "noise": "to noise, $G_f$"}
SYMBOLS = {"relative": "$R_k$", "diffeo": "$D_k$", "noise": "$G_k$"}
FIXED = "reference"  # the normalisation under which states are compared
FITTED = 0.01  # largest training error of a network that has fitted its training set
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
    return _mean(output[(output.state == state) & output.architecture.isin(networks)].relative)


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


def error_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: test error and stability of each architecture after training, averaged over seeds as they are."""
    final = _final(rows)
    means = final.groupby("architecture", sort=False)[[*NAMES, "test_error"]].mean().reset_index()
    table = means.melt(["architecture", "test_error"], list(NAMES), var_name="quantity", value_name="stability")
    return table[table.stability > 0].assign(quantity=lambda shown: shown.quantity.map(NAMES))


def correlation(rows: pd.DataFrame, *, quantity: str, ranks: bool) -> Estimate:
    """Correlation over architectures of a stability after training with the test error; bootstrap over seeds.

    Errors below half an image count as half an image.

    Args:
        rows: all networks of a zoo at one number of training points.
        quantity: "relative", "diffeo" or "noise"; or the rival "train_error".
        ranks: Spearman's; otherwise Pearson's, of the logarithms.
    """
    final = _final(rows)
    if not _defined(final[quantity]):
        return Estimate.missing(UNDEFINED)
    stability, error = (
        final.pivot(index="seed", columns="architecture", values=name).to_numpy() for name in (quantity, "test_error")
    )
    return stats.correlation_over_seeds(stability, error, ranks=ranks)


def advantage(rows: pd.DataFrame, *, over: str) -> Estimate:
    """By how much the rank correlation of R_f with the test error is larger, in absolute value, than that of a rival."""
    first, second = (abs(correlation(rows, quantity=name, ranks=True)) for name in ("relative", over))
    return first - second


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
    return _mean(pairs[pairs.columns.max()] / pairs[pairs.columns.min()])


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
    return _mean(last.shuffled / last.trained) if len(last) else Estimate.missing(ABSENT)


def _final(rows: pd.DataFrame) -> pd.DataFrame:
    """The output after training, of architectures that have fitted their training set, with errors that have a logarithm."""
    output = at_output(rows)
    final = output[output.state == "trained"]
    left = final.groupby("architecture").train_error.transform("mean") <= FITTED
    floors = {"test_error": 0.5 / final.num_test, "train_error": 0.5 / final.num_train}
    return final.assign(**{name: final[name].clip(lower=floor) for name, floor in floors.items()})[left]


def _stabilities(rows: pd.DataFrame, state: str, networks: list[str]) -> list[Estimate]:
    output = at_output(rows)
    part = output[(output.state == state) & output.architecture.isin(networks)]
    return [_mean(values) for _, values in part.groupby("architecture").relative]


def _changes(rows: pd.DataFrame, networks: list[str]) -> list[Estimate]:
    output = at_output(rows)
    part = output[output.architecture.isin(networks)]
    pairs = part.pivot(index=["architecture", "seed"], columns="state", values="relative").dropna(how="all")
    if pairs.empty:
        return []
    return [_mean(values) for _, values in (pairs.trained / pairs.initial).groupby("architecture")]


def _mean(values: pd.Series) -> Estimate:
    return stats.geometric_mean(values, if_empty=ABSENT) if _defined(values) else Estimate.missing(UNDEFINED)


def _defined(values: pd.Series) -> bool:
    return bool((np.isfinite(values) & (values > 0)).all())
