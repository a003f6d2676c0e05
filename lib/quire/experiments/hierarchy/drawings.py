"""Drawings of the hierarchy chapter that no kind of figure can say."""

import numpy as np
import pandas as pd

__all__ = ["tree"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tree(axes: np.ndarray, rows: pd.DataFrame) -> None:
    """A derivation: each node a letter in a disc, joined to its parent; tokens at the bottom, the class at the top.

    Args:
        axes: one panel.
        rows: level, place, parent_place and symbol of each node.
    """
    ax, top = axes[0, 0], rows.level.max()
    for node in rows.itertuples():
        ax.plot([node.place, node.parent_place], [node.level, min(node.level + 1, top)], color="0.55", lw=1, zorder=0)
        disc = {"boxstyle": "circle,pad=0.35", "fc": f"C{node.level}", "ec": "none"}
        ax.text(node.place, node.level, LETTERS[node.symbol], ha="center", va="center", color="white", bbox=disc)
    names = ["tokens", *(f"level {level}" for level in range(1, top)), "class"]
    ax.set(yticks=range(top + 1), yticklabels=names, xticks=[], ylim=(-0.4, top + 0.4))
