"""How far the theory is off, for the kernel's own features and for Gaussian ones with the same spectrum."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["OWN", "GAUSSIAN", "last_ratio", "over_theory"]

OWN, GAUSSIAN = "harmonics of the kernel", "Gaussian features"


def over_theory(own: pd.DataFrame, gaussian: pd.DataFrame, theory: pd.DataFrame, *, level: int) -> pd.DataFrame:
    """Measured over predicted error on the target of one level; "features" says of which features.

    Args:
        own: learning curves of the kernel.
        gaussian: those with Gaussian features, of the same target.
        theory: predicted errors by level and P.
        level: of the target.
    """
    predicted = theory[theory.teacher_level == level].set_index("samples").predicted_error
    kinds = {OWN: own[own.teacher_level == level], GAUSSIAN: gaussian}
    rows = pd.concat([rows[["samples", "seed", "error"]].assign(features=name) for name, rows in kinds.items()])
    return rows.assign(ratio=rows.error / rows.samples.map(predicted)).dropna(subset="ratio")


def last_ratio(rows: pd.DataFrame, *, features: str, samples: int) -> Estimate:
    """⟨measured over predicted error⟩ at one P, mean over seeds, of a table of :func:`over_theory`."""
    part = rows[(rows.features == features) & (rows.samples == samples)]
    return stats.mean(part.ratio, if_empty=f"no training set of {samples} points")
