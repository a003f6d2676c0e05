"""What is measured on stripe networks: rows of :func:`quire.experiments.diffeo.stripe_cells.stripes` to estimates and
tables of figures. Networks whose loss did not reach its target are left out everywhere."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["END", "EARLY", "compression_table", "exponent", "identity_ratio", "identity_table"]

EARLY, END = 0.3, 0.01  # training losses at which networks stop
SMALL, LARGE = 0.01, 0.1  # norms of the noises, in units of √d
LEAST_ERROR = 1e-4  # what counts as a test error where no point, or one or two, are wrong
UNTRAINED = "no network has reached this training loss"


def identity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: measured and predicted R_f at the end of training, for the small noise."""
    return rows[rows.converged & (rows.target_loss == END) & (rows.noise_norm == SMALL)]


def identity_ratio(rows: pd.DataFrame) -> Estimate:
    """Measured over predicted R_f at the end of training, for the small noise; mean over all networks and all P."""
    exact = identity_table(rows)
    return stats.mean(exact.relative / exact.predicted, if_empty=UNTRAINED)


def compression_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: compression of the weights and of the gradient, a panel for each training loss."""
    shown = rows[rows.converged & (rows.noise_norm == SMALL)]
    shown = shown.assign(stop=shown.target_loss.map({loss: f"training loss {loss:g}" for loss in (EARLY, END)}))
    weights = shown.assign(measure=r"$\Lambda$ of the weights", value=shown.compression)
    gradient = shown.assign(measure=r"$\Lambda_f$ of the gradient", value=shown.gradient_anisotropy)
    return pd.concat([weights, gradient])


def exponent(rows: pd.DataFrame, *, quantity: str, target_loss: float) -> Estimate:
    """Log-log slope against P of a quantity at a training loss; mean over seeds.

    The point of a seed at each P is the geometric mean of its networks, measured with the large noise. Test errors below 10⁻⁴
    count as 10⁻⁴.

    Args:
        rows: all networks.
        quantity: "compression", "relative" or "test_error".
        target_loss: where training has stopped.
    """
    part = rows[rows.converged & (rows.noise_norm == LARGE) & (rows.target_loss == target_loss)]
    part = part.assign(test_error=part.test_error.clip(lower=LEAST_ERROR))
    logs = np.log(part.set_index(["seed", "num_train"])[quantity]).groupby(level=["seed", "num_train"]).mean()
    curve = np.exp(logs).reset_index()
    few = f"no seed has networks at two P that have reached the training loss {target_loss:g}"
    return stats.slope_over_seeds(curve, x="num_train", y=quantity, seed="seed", if_empty=few)
