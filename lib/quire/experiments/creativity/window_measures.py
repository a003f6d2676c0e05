"""From rows to numbers and tables: through which windows networks look; the independent unit is a network, told by its seed."""

import pandas as pd

from quire.experiments.creativity.measures import named_kinds, over_seeds
from quire.stats import Estimate

__all__ = ["coarsest_window", "cosine_table", "finest_window", "smallest_cosine", "trend", "window_table"]

FINE, COARSE = 0.25, 0.6  # shares of the steps, counted from the image
NATURAL = {"resnet-circular": "circular", "unet-circular": "circular"}  # of the others: "border"


def window_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the best window of each network's own machine at each step."""
    return named_kinds(_best(rows))[["architecture", "seed", "step", "signal", "best"]]


def cosine_table(rows: pd.DataFrame, *, architecture: str) -> pd.DataFrame:
    """The table of a figure: cosine of the scores at each step, for each window of the network's own machine."""
    return _own(rows)[lambda own: own.architecture == architecture][["seed", "step", "window", "cosine"]]


def trend(rows: pd.DataFrame, *, architecture: str) -> Estimate:
    """Spearman's correlation of the best window and the step; none where all windows are equal."""
    return over_seeds(_best(rows), architecture, _spearman)


def finest_window(rows: pd.DataFrame, *, architecture: str) -> Estimate:
    """The largest best window in the quarter of the steps that is next to the image."""
    return over_seeds(_best(rows), architecture, lambda part: part.best[part.share <= FINE].max())


def coarsest_window(rows: pd.DataFrame, *, architecture: str) -> Estimate:
    """The smallest best window in the two fifths of the steps that are next to the noise."""
    return over_seeds(_best(rows), architecture, lambda part: part.best[part.share >= COARSE].min())


def smallest_cosine(rows: pd.DataFrame, *, architecture: str) -> Estimate:
    """The smallest cosine of the scores with the best window, but for the last fifth of the steps."""
    return over_seeds(_best(rows), architecture, lambda part: part.cosine[part.share >= FINE].min())


def _own(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which a network is compared with its own machine."""
    own = rows.architecture.map(NATURAL).fillna("border")
    return rows[rows.compared == own]


def _best(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per network and step: the best window, and the share of the steps."""
    own = _own(rows)
    found = own[own.window == own.best]
    last = found.groupby(["architecture", "seed"]).step.transform("max")
    return found.assign(share=found.step / last)


def _spearman(part: pd.DataFrame) -> float:
    return float(part.best.corr(part.step, method="spearman")) if part.best.nunique() > 1 else 0.0
