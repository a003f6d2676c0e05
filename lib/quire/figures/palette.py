"""Colours, markers and ink: what sets groups apart on a light and on a dark page."""

from collections.abc import Hashable

import matplotlib
import numpy as np
import pandas as pd

__all__ = ["COLOURS", "FADED", "INK", "MARKERS", "numeric", "palette"]

COLOURS = [
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#56b4e9",
    "#949494",
    "#ca9161",
]  # for the colour-blind
MARKERS = "osD^vPX*"
INK = {"light": "#222222", "dark": "#e6e6e6"}
FADED = {"light": "#767676", "dark": "#a0a0a0"}
SPAN = {"light": (0.0, 0.82), "dark": (0.28, 1.0)}  # of the sequential palette: what is seen on the page


def numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers."""
    return column.dtype.kind in "if"


def palette(rows: pd.DataFrame, by: str | None, theme: str) -> dict:
    """Colour and marker of each group.

    Args:
        rows: all rows of the figure, so that a group looks the same in each panel.
        by: the column of the groups; more than two numbers get a sequential palette.
        theme: "light" or "dark".

    Returns:
        {group: (colour, marker)}, numbers in their order, words as they come, what is missing left out; {None: …} without groups.
        Up to 64 groups of words look different.
    """
    if by is None:
        return {None: (COLOURS[0], MARKERS[0])}
    values = rows[by].dropna()
    groups: list[Hashable] = sorted(set(values)) if numeric(values) else list(dict.fromkeys(values))
    colours = COLOURS
    if numeric(values) and len(groups) > 2:
        colours = matplotlib.colormaps["viridis"](np.linspace(*SPAN[theme], len(groups)))
    return {
        group: (colours[i % len(colours)], MARKERS[(i + i // len(COLOURS)) % len(MARKERS)])
        for i, group in enumerate(groups)
    }
