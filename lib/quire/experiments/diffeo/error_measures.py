"""What predicts the test error of trained networks: rows of
:func:`quire.experiments.diffeo.network_cells.network_stability` to estimates and the table of a figure.

Networks that have not fitted their training set are no part of a comparison between architectures.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.experiments.diffeo.network_measures import NAMES, UNDEFINED, at_output, has_logarithms, mean_of
from quire.stats import Estimate

__all__ = ["advantage", "correlation", "error_table"]

RIVALS = NAMES | {"train_loss": "training loss"}
ERROR_COLUMNS = ["architecture", "quantity", "stability", "stability_error", "test_error", "error"]
FITTED = 0.01  # largest training error of a network that has fitted its training set


def error_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: test error of each architecture and what may predict it, after training, averaged over seeds.

    Stabilities and losses have geometric means. Errors are standard errors over seeds, each of which has test images of its own.
    """
    networks = _final(rows).groupby("architecture", sort=False)
    table = [row for name, seeds in networks for row in _against_error(name, seeds)]
    return pd.DataFrame(table, columns=ERROR_COLUMNS)


def correlation(rows: pd.DataFrame, *, quantity: str, ranks: bool) -> Estimate:
    """Correlation over architectures of a stability after training with the test error; bootstrap over seeds.

    Errors below half an image count as half an image.

    Args:
        rows: all networks of a zoo at one number of training points.
        quantity: "relative", "diffeo" or "noise"; or a rival, "train_error" or "train_loss".
        ranks: Spearman's; otherwise Pearson's, of the logarithms.
    """
    tables = _by_seed(rows, [quantity, "test_error"])
    if tables is None:
        return Estimate.missing(UNDEFINED)
    return stats.correlation_over_seeds(*tables, ranks=ranks)


def advantage(rows: pd.DataFrame, *, over: str) -> Estimate:
    """By how much the rank correlation of R_f with the test error is larger, in absolute value, than that of a rival.

    Both are computed for the same seeds of each draw of the bootstrap: what they share drops out of the error.
    """
    tables = _by_seed(rows, ["relative", over, "test_error"])
    if tables is None:
        return Estimate.missing(UNDEFINED)
    relative, rival, error = tables
    if relative.shape[1] < 3:
        return Estimate.missing("a correlation needs three architectures")

    def difference(drawn: np.ndarray) -> float:
        own, other = (
            stats.error_correlation(stability[drawn], error[drawn], ranks=True) for stability in (relative, rival)
        )
        return abs(own) - abs(other)

    return stats.bootstrap(np.arange(len(error)), difference)


def _by_seed(rows: pd.DataFrame, columns: list[str]) -> list[np.ndarray] | None:
    """Columns of the networks after training as [seed, architecture]; None where one of them has no logarithm."""
    final = _final(rows)
    if not all(has_logarithms(final[name]) for name in columns):
        return None
    return [final.pivot(index="seed", columns="architecture", values=name).to_numpy() for name in columns]


def _against_error(architecture: str, seeds: pd.DataFrame) -> list[dict]:
    """A row for each predictor of the test error that has a logarithm for all seeds."""
    error = stats.mean(seeds.test_error)
    means = {name: mean_of(seeds[column]) for column, name in RIVALS.items()}
    shown = {"architecture": architecture, "test_error": error.value, "error": error.stderr}
    return [
        shown | {"quantity": name, "stability": mean.value, "stability_error": mean.stderr}
        for name, mean in means.items()
        if mean.value > 0
    ]


def _final(rows: pd.DataFrame) -> pd.DataFrame:
    """The output after training, of architectures that have fitted their training set, with errors that have a logarithm."""
    output = at_output(rows)
    final = output[output.state == "trained"]
    left = final.groupby("architecture").train_error.transform("mean") <= FITTED
    floors = {"test_error": 0.5 / final.num_test, "train_error": 0.5 / final.num_train}
    return final.assign(**{name: final[name].clip(lower=floor) for name, floor in floors.items()})[left]
