"""What is measured on stripe networks: rows of :func:`quire.experiments.diffeo.stripe_cells.stripes` to estimates and
tables of figures. Networks that did not reach their target are left out everywhere."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["ALIGNED", "END", "LARGE", "SMALL", "compression_table", "exponent", "identity_ratio", "identity_table"]

ALIGNED = {"target_loss": 0.0, "target_fitted": 0.1}  # a tenth of the points have their margin
END = {"target_loss": 0.01, "target_fitted": 1.0}  # the loss is a hundredth of the initial one
STOPS = {"a tenth of the points fitted": ALIGNED, "training loss 0.01": END}
SMALL, LARGE = 0.01, 0.1  # norms of the noises, in units of √d
LEAST_ERROR = 1e-4  # what counts as a test error where no point, or one or two, are wrong
UNTRAINED = "no network has reached this target"


def identity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: measured and predicted R_f at the end of training, for the small noise."""
    return _at(rows, END, noise=SMALL)


def identity_ratio(rows: pd.DataFrame) -> Estimate:
    """Measured over predicted R_f at the end of training, for the small noise; mean over all networks and all P."""
    exact = identity_table(rows)
    return stats.mean(exact.relative / exact.predicted, if_empty=UNTRAINED)


def compression_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: compression of the weights and of the gradient, a panel for each target."""
    shown = pd.concat([_at(rows, target, noise=SMALL).assign(stop=name) for name, target in STOPS.items()])
    weights = shown.assign(measure=r"$\Lambda$ of the weights", value=shown.compression)
    gradient = shown.assign(measure=r"$\Lambda_f$ of the gradient", value=shown.gradient_anisotropy)
    return pd.concat([weights, gradient])


def exponent(rows: pd.DataFrame, *, quantity: str, target: dict, noise: float) -> Estimate:
    """Log-log slope against P of a quantity where training has stopped; mean over seeds.

    The point of a seed at each P is the geometric mean of its networks. Test errors below 10⁻⁴ count as 10⁻⁴.

    Args:
        rows: all networks.
        quantity: "compression", "relative" or "test_error".
        target: ALIGNED or END.
        noise: SMALL or LARGE, the norm with which R_f is measured.
    """
    part = _at(rows, target, noise=noise)
    part = part.assign(test_error=part.test_error.clip(lower=LEAST_ERROR))
    logs = np.log(part.set_index(["seed", "num_train"])[quantity]).groupby(level=["seed", "num_train"]).mean()
    curve = np.exp(logs).reset_index()
    few = "no seed has networks at two P that have reached this target"
    return stats.slope_over_seeds(curve, x="num_train", y=quantity, seed="seed", if_empty=few)


def _at(rows: pd.DataFrame, target: dict, *, noise: float) -> pd.DataFrame:
    """The networks that have reached a target, measured with one noise."""
    chosen = rows.converged & (rows.noise_norm == noise)
    for name, value in target.items():
        chosen &= rows[name] == value
    return rows[chosen]
