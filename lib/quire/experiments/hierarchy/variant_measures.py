"""What is measured on other data: rows of :mod:`quire.experiments.hierarchy.variant_cells` to estimates and tables of figures."""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = ["annealed", "learners", "sparse_exponent", "sparse_table", "zipf_exponent"]

NETWORKS = {"cnn": "convolutional", "lcn": "locally connected"}


def annealed(rows: pd.DataFrame, *, quantity: str) -> Estimate:
    """A number of the networks with an annealed rate, at the largest P: mean over grammars.

    Args:
        rows: of :func:`quire.experiments.hierarchy.variant_cells.annealed_curve`.
        quantity: "relative_error" or "train_loss".
    """
    return stats.mean(rows[rows.samples == rows.samples.max()][quantity])


def learners(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: errors of the network and of the learner of rules, in a panel each.

    Errors of zero have no logarithm and are left out.
    """
    named = rows.rename(columns={"error": "network", "ideal": "learner of rules"})
    which = dict(var_name="learner", value_name="test_error")
    long = named.melt(["exponent", "seed", "scaled_samples"], ["network", "learner of rules"], **which)
    return long[long.test_error > 0]


def zipf_exponent(rows: pd.DataFrame, *, exponent: float) -> Estimate:
    """Log-log slope of the network's test error against P for one Zipf exponent: one for each grammar, then their mean."""
    curve = rows[rows.exponent == exponent]
    few = "fewer than two training sets"
    return stats.slope_over_seeds(curve, x="samples", y="error", seed="seed", if_empty=few)


def sparse_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure and of its exponents: P* of every grammar and network, and s_0 + 1 as the stretch.

    P* is where the error crosses a tenth of chance; where it does not there is none, and no row.
    """
    needed = rows.drop_duplicates(["depth", "network", "num_empty", "seed"]).dropna(subset="needed")
    tree = "depth " + needed.depth.astype(str)
    return needed.assign(stretch=needed.num_empty + 1, tree=tree, kind=needed.network.map(NETWORKS))


def sparse_exponent(rows: pd.DataFrame, *, network: str, depth: int) -> Estimate:
    """Log-log slope of P* against s_0 + 1 with one prefactor for each grammar; error from the scatter about these lines."""
    needed = sparse_table(rows)
    needed = needed[(needed.network == network) & (needed.depth == depth)]
    return stats.slope_within(needed, x="stretch", y="needed", group="seed")
