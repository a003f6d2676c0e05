"""What every drawing can do: check itself, say its table, and be drawn for a theme."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real

import pandas as pd
from matplotlib.figure import Figure

from quire.figures.labels import legible

__all__ = ["LEGEND", "NARROW", "NO_DATA", "REPLICATES", "WIDE", "Drawing", "Frame", "blank", "framed"]

NO_DATA = "no data at these parameters"


class Drawing(ABC):
    """What is drawn, apart from its name and its texts. Made by ``curves``, ``scatter``, ``bars``, …"""

    @property
    @abstractmethod
    def table(self) -> pd.DataFrame:
        """The rows that a reader may download."""

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether there is nothing to draw: few points, at the parameters of this run."""

    @abstractmethod
    def check(self, id: str, guides: Sequence) -> None:
        """Refuse what cannot be drawn, before a file is written; messages name the figure."""

    @abstractmethod
    def canvas(self, theme: str, labels: Mapping[str, str], guides: Sequence) -> Figure:
        """The figure for a theme; called within its style."""

    def narrow(self) -> "Drawing | None":
        """The same with its panels one below the other, for a small screen; None where it is narrow already."""
        return None

    def pixels(self) -> bytes | None:
        """The content of a file of pixels beside the table, for drawings that have one."""
        return None


NARROW = 3.7  # inches: the width of a small screen at the size in which text is read
WIDE = 7.6  # inches: the width of a column of text, beyond which a page would shrink a drawing
LEGEND = 1.3  # inches that a legend beside the panels takes
REPLICATES = ("seed", "block", "number", "draw", "grammar")  # columns that tell one repetition from another


@dataclass(frozen=True)
class Frame:
    """What all drawings on axes may be told about their panels.

    Args:
        labels: text for columns that this figure names its own way.
        limits: (low, high) by "x" and "y".
        share: panels share their axes.
        wrap: panels in a row, or as many as a column of text holds.
        size: width and height of a panel in inches.
        legend_below: the legend stands below the panels, not beside them.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[Real, Real]] = field(default_factory=dict)
    share: bool = True
    wrap: int = 3
    size: tuple[Real, Real] = (3.6, 3.0)
    legend_below: bool = False

    def check(self, id: str) -> None:
        """Refuse a frame that cannot be drawn.

        Raises:
            ValueError: limits of no axis, a label with a control character, or no room for a panel.
        """
        unknown = set(self.limits) - {"x", "y"}
        if unknown:
            raise ValueError(f'figure {id}: limits are given by "x" and "y", got {sorted(unknown)}')
        if self.wrap < 1 or min(self.size) <= 0:
            raise ValueError(f"figure {id}: wrap must be ≥ 1 and size > 0, got {self.wrap} and {self.size}")
        for column, text in self.labels.items():
            legible(text, f"figure {id}: label of {column}")


def framed(options: Mapping) -> Frame:
    """A frame from keyword arguments.

    Raises:
        TypeError: one of them is unknown.
    """
    known = [entry.name for entry in fields(Frame)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TypeError(f"unknown arguments {unknown}: apart from its columns a drawing takes {', '.join(known)}")
    return Frame(**options)


def blank(size: tuple, colour: str, **texts: str | None) -> Figure:
    """An empty frame that says why it is empty."""
    figure = Figure(figsize=size)
    ax = figure.subplots()
    ax.set(xticks=[], yticks=[], **texts)
    ax.text(0.5, 0.5, NO_DATA, transform=ax.transAxes, ha="center", va="center", color=colour)
    return figure
