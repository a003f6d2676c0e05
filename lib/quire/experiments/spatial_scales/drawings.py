"""Figures of the chapter that are drawn by hand, and guides that follow from predictions."""

import matplotlib.pyplot as plt
import pandas as pd

from quire.experiments.spatial_scales.measures import depth_name
from quire.figures import Level, PowerLaw

__all__ = ["asymptotic_powers", "draw_tree", "quoted_levels"]


def draw_tree(axes, table: pd.DataFrame) -> None:
    """The tree of patches: a box for each node, over the inputs below it, with its effective dimension."""
    ax, ink = axes[0, 0], plt.rcParams["text.color"]
    levels = sorted(set(table.level))
    for node in table.itertuples():
        middle, width = (node.start + node.stop) / 2, node.stop - node.start - 0.15
        colour = f"C{node.level - 1}"
        ax.barh(node.level, width, left=node.start + 0.075, height=0.36, color=colour, alpha=0.75)
        text = rf"$d_\mathrm{{eff}}={node.effective_dimension}$"
        ax.text(middle, node.level, text, ha="center", va="center", color=ink, size="small")
        for over in table[(table.level == node.level + 1) & (table.node == node.parent)].itertuples():
            ends = [middle, (over.start + over.stop) / 2]
            ax.plot(ends, [node.level + 0.18, over.level - 0.18], color=ink, lw=0.8)
    inputs = [i + 0.5 for i in range(table.stop.max())]
    ax.scatter(inputs, [0.55] * len(inputs), marker="s", s=22, color=ink)
    ax.set(yticks=levels, yticklabels=[f"level {level}" for level in levels], xticks=[], ylim=(0.3, max(levels) + 0.4))
    ax.spines[["left", "bottom"]].set_visible(False)


def quoted_levels(predicted: pd.DataFrame) -> list[Level]:
    """A line at the quoted exponent of each target but the deepest, for which the two formulas agree."""
    shallow = predicted[predicted.teacher_level < predicted.teacher_level.max()]
    return [Level(case.quoted, f"quoted for {depth_name(case.teacher_level)}") for case in shallow.itertuples()]


def asymptotic_powers(predicted: pd.DataFrame) -> list[PowerLaw]:
    """The derived power law of each target, through the last point of its curve."""
    return [
        PowerLaw(-case.derived, f"$P^{{-{case.derived:.3f}}}$", through=depth_name(case.teacher_level))
        for case in predicted.itertuples()
    ]
