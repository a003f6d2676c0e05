"""What is measured on a network that was trained on natural images; tables are empty where its weights are not at hand."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["ABSENT", "NONE", "diffeo_over_random", "depth_ratio", "depth_table", "over_random", "stability_of"]

OUTPUT = 16  # the block that stands for the output
ABSENT = "ImageNet's weights are not at hand, and no rows of them"
NONE = pd.DataFrame(columns=["pretrained", "normalization", "block", "seed", *("relative", "diffeo", "noise")])
STATES = {  # by weights and normalisation
    (True, "running"): "trained, own statistics",
    (False, "reference"): "random, fixed statistics",
    (False, "batch"): "random, batch statistics",
}
QUANTITIES = {"relative": "$R_f$", "diffeo": "$D_f$", "noise": "$G_f$"}


def stability_of(rows: pd.DataFrame, *, pretrained: bool, normalization: str) -> Estimate:
    """R_f at the output, geometric mean over seeds: crops, fields and noises are drawn anew for each."""
    return stats.geometric_mean(_outputs(rows, pretrained, normalization), if_empty=ABSENT)


def depth_ratio(rows: pd.DataFrame, *, normalization: str) -> Estimate:
    """R_f at the output over R_f after the first block of the trained network, geometric mean over seeds."""
    block = int(rows.block.min()) if len(rows) else 0
    first = _by_seed(rows, True, normalization, block=block, quantity="relative")
    return stats.geometric_mean((_outputs(rows, True, normalization) / first).dropna(), if_empty=ABSENT)


def over_random(rows: pd.DataFrame, *, trained: str, random: str) -> Estimate:
    """R_f of the trained network over that of random weights, at the output; geometric mean over seeds.

    Args:
        rows: of the cells.
        trained, random: normalisation of each.
    """
    ratio = _outputs(rows, True, trained) / _outputs(rows, False, random)
    return stats.geometric_mean(ratio.dropna(), if_empty=ABSENT)


def diffeo_over_random(rows: pd.DataFrame) -> Estimate:
    """D_f of the trained network over that of random weights at the output, under the convention where it is larger."""
    own = _outputs(rows, True, "running", quantity="diffeo")
    ratios = (own / _outputs(rows, False, name, quantity="diffeo") for name in ("reference", "batch"))
    return stats.largest([stats.geometric_mean(ratio.dropna(), if_empty=ABSENT) for ratio in ratios])


def depth_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the three stabilities by block, of the trained network and of random weights under two conventions."""
    kinds = [STATES.get(pair) for pair in zip(rows.pretrained, rows.normalization, strict=True)]
    part = rows.assign(weights=kinds).dropna(subset="weights")
    long = part.melt(["weights", "block", "seed"], list(QUANTITIES), "quantity", "stability")
    return long.assign(quantity=long.quantity.map(QUANTITIES))


def _outputs(rows: pd.DataFrame, pretrained: bool, normalization: str, quantity: str = "relative") -> pd.Series:
    return _by_seed(rows, pretrained, normalization, block=OUTPUT, quantity=quantity)


def _by_seed(rows: pd.DataFrame, pretrained: bool, normalization: str, *, block: int, quantity: str) -> pd.Series:
    """A stability after a block, by seed."""
    chosen = (rows.pretrained == pretrained) & (rows.normalization == normalization) & (rows.block == block)
    return rows[chosen].set_index("seed")[quantity].astype(float)
