"""What a painter is told: the theme with its groups and labels, and the panel that it paints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from quire.figures.palette import FADED, INK

__all__ = ["Panel", "Scene"]


@dataclass(frozen=True)
class Scene:
    """One drawing of a figure: for a light or for a dark page.

    Args:
        theme: "light" or "dark".
        labels: what columns are called.
        groups: colour and marker of each group, as made by ``palette``.
    """

    theme: str
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[Any, tuple] = field(default_factory=dict)

    @property
    def ink(self) -> str:
        """The colour of text and axes."""
        return INK[self.theme]

    @property
    def faded(self) -> str:
        """The colour of what stands behind the data."""
        return FADED[self.theme]

    def label(self, column: str | None) -> str | None:
        """What a column is called; its own name where nothing was said."""
        return self.labels.get(column, column)


@dataclass(frozen=True)
class Panel:
    """One panel: its axes, its rows, the value that it stands for, whether it is the last of its line and the lowest of its column."""

    ax: Axes
    rows: pd.DataFrame
    value: Any = None
    last: bool = True
    lowest: bool = True
