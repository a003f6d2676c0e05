"""Drawings of the phase transition chapter that no kind of figure can say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

__all__ = ["cobweb"]

STEPS = 9  # of a staircase: the levels of a tree


def cobweb(axes: np.ndarray, rows: pd.DataFrame) -> None:
    """The map with its diagonal, and two staircases that start on either side of the fixed point in the middle.

    Args:
        axes: one panel.
        rows: belief, updated and critical, the fixed point.
    """
    ax, ink = axes[0, 0], plt.rcParams["text.color"]
    ends = [rows.belief.min(), 1.0]
    ax.plot(ends, ends, color="0.55", lw=1, ls="--")
    ax.plot(rows.belief, rows.updated, color="C0", lw=2)
    critical = rows.critical.iloc[0]
    for start, colour in ((critical + 0.04, "C2"), (critical - 0.04, "C1")):
        x, y = _staircase(start, rows)
        ax.plot(x, y, color=colour, lw=1)
        ax.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops={"arrowstyle": "->", "color": colour})
    ax.plot([critical], [critical], "o", color=ink)
    ax.annotate("$p_*$", (critical, critical), xytext=(6, -12), textcoords="offset points", color=ink)
    ax.set(xlabel="belief of a level, $p$", ylabel="of the next, $F(p)$")


def _staircase(start: float, rows: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Corners of the way from level to level: up to the map, then across to the diagonal."""
    x, y = [start], [start]
    for _ in range(STEPS):
        after = float(np.interp(x[-1], rows.belief, rows.updated))
        x += [x[-1], after]
        y += [after, after]
    return x, y
