"""What is measured on trained networks: rows of :mod:`quire.experiments.hierarchy.network_cells` to estimates and tables of figures.

P* is where a learning curve crosses its level (a tenth of chance, or 0.7 of it for shallow networks). Curves that do not come down to
it count as bounds in every estimate (:func:`quire.experiments.hierarchy.grammar_measures.data_needed`), and are not drawn.
"""

import pandas as pd

from quire import stats
from quire.experiments.hierarchy.grammar_measures import SETTING, data_needed, one_per_grammar, with_setting
from quire.stats import Estimate

__all__ = [
    "curve_table",
    "error_at_most_data",
    "first_layer",
    "half_insensitive",
    "latin_error",
    "latin_table",
    "needed_table",
    "prefactor",
    "regimes",
    "sample_complexity",
    "sensitivity_table",
    "shallow_exponent",
    "vocabulary_exponent",
]

NO_NETWORK = "no network reaches its level"


def curve_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of figures: learning curves with their setting, P in units of n_c m^L and as a share of all data."""
    return with_setting(rows).assign(
        scaled_samples=(rows.samples / rows.threshold).round(2), share=(rows.samples / rows.num_data).round(2)
    )


def needed_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: P* of every grammar."""
    return one_per_grammar(with_setting(rows), "needed")


def shallow_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of P* against the number of all data, of all grammars; error from the scatter about the line."""
    needed = data_needed(rows)
    return stats.loglog_slope(needed.num_data, needed.needed)


def sample_complexity(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of P* against n_c m^L: through the mean of each setting, error from their scatter about the line."""
    points = stats.table(data_needed(rows), by=[*SETTING, "threshold"], value="needed")
    return stats.loglog_slope(points.threshold, points["mean"])


def prefactor(rows: pd.DataFrame) -> Estimate:
    """P* / (n_c m^L) at depth two: mean over all grammars, whatever their setting."""
    needed = data_needed(rows[rows.depth == 2])
    return stats.mean(needed.needed / needed.threshold, if_empty=f"{NO_NETWORK} at depth two")


def vocabulary_exponent(rows: pd.DataFrame) -> Estimate:
    """Log-log slope of P* against the vocabulary, of all grammars; error from the scatter about the line."""
    needed = data_needed(rows)
    return stats.loglog_slope(needed.vocab, needed.needed)


def regimes(trained: pd.DataFrame, lazy: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: learning curves of trained networks and of lazy ones, called "deep, trained" and so on."""
    both = pd.concat([trained.assign(regime="trained"), lazy.assign(regime="lazy")])
    kind = both.network.map({"cnn": "deep, ", "shallow": "shallow, "}) + both.regime
    return both.assign(kind=kind, scaled_samples=both.samples / both.threshold)


def error_at_most_data(rows: pd.DataFrame, kinds: dict[str, str]) -> dict[str, Estimate]:
    """Test error over chance at the largest P of all, mean over grammars.

    Args:
        rows: learning curves as :func:`regimes` puts them.
        kinds: the kind of network by the name that a ranking gives it.
    """
    last = rows[rows.scaled_samples == rows.scaled_samples.max()]
    none = "no curve of this kind reaches the largest training set"
    return {name: stats.mean(last[last.kind == kind].relative_error, if_empty=none) for name, kind in kinds.items()}


def sensitivity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: layers and synonyms in words; the layer above the tree is the output."""
    top = rows.layer.max()
    return rows.assign(
        layer_name=["output" if layer == top else f"layer {layer}" for layer in rows.layer],
        synonyms="synonyms of level " + rows.level.astype(str),
        scaled_samples=rows.scaled_samples.round(2),
    )


def half_insensitive(rows: pd.DataFrame) -> Estimate:
    """log₂ of P / (n_c m^L) where the second layer's sensitivity to synonyms of level one crosses one half: mean over seeds."""
    second = _lowest(rows, layer=2)
    return stats.crossing_over_seeds(second, x="scaled_samples", y="sensitivity", level=0.5, seed="seed", log=2)


def first_layer(rows: pd.DataFrame) -> Estimate:
    """Sensitivity of the first layer to synonyms of level one at the largest P: mean over seeds."""
    first = _lowest(rows, layer=1)
    last = first[first.samples == first.samples.max()]
    return stats.mean(last.sensitivity, if_empty="the first layer does not tell data apart")


def latin_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: curves with a panel for each tree, the deepest and largest first, and the share of all data."""
    tree = "v = " + rows.vocab.astype(str) + ", L = " + rows.depth.astype(str)
    shown = rows.assign(tree=tree, share=rows.samples / rows.num_data)
    return shown.sort_values(["depth", "vocab"], ascending=False, kind="stable")


def latin_error(rows: pd.DataFrame, *, vocab: int, depth: int) -> Estimate:
    """Test error over chance on the uncorrelated grammar of this size at its largest P: mean over grammars."""
    curve = rows[(rows.rules == "latin") & (rows.vocab == vocab) & (rows.depth == depth)]
    last = curve[curve.samples == curve.samples.max()]
    return stats.mean(last.relative_error, if_empty="no uncorrelated grammar of this size")


def _lowest(rows: pd.DataFrame, *, layer: int) -> pd.DataFrame:
    """Sensitivities of a layer to synonyms of level one; where a network is constant they do not exist, and are left out."""
    return rows[(rows.layer == layer) & (rows.level == 1)].dropna(subset="sensitivity")
