"""Guides for the eye: power laws, levels and places, dashed or dotted behind the data."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Real

import pandas as pd

from quire.figures.labels import legible
from quire.figures.panels import Panelled
from quire.figures.scene import Panel, Scene

__all__ = ["Guide", "Level", "Place", "PowerLaw"]

ABOVE = 1.35  # a power law that belongs to no group stands off the mean of all by this factor


class Guide(ABC):
    """What is drawn into each panel after its data, with its label."""

    label: str

    def check(self, id: str, drawing: Panelled) -> None:
        """Refuse a label that cannot be read.

        Raises:
            ValueError: it has a control character.
        """
        legible(self.label, f"figure {id}: label of a {type(self).__name__}")

    @property
    @abstractmethod
    def said(self) -> str:
        """The guide in words, for who has the table and not the picture."""

    @abstractmethod
    def draw(self, panel: Panel, drawing: Panelled, scene: Scene) -> None:
        """Draw the guide into a panel."""


@dataclass(frozen=True)
class PowerLaw(Guide):
    """A dashed line ``y ∝ x**exponent`` with its label, through the last point of a curve.

    Args:
        exponent: the power; a straight line of this slope on logarithmic axes.
        label: text above the line.
        through: the group whose last point it passes, in that group's colour; None: above the mean of all groups, grey.
        panel: the panel that it is drawn in; None: each. Where the group or the panel is not in the table, there is no line.
    """

    exponent: Real
    label: str
    through: Hashable = None
    panel: Hashable = None

    def check(self, id: str, drawing: Panelled) -> None:
        """Refuse bars and heat maps, and a group or a panel of a drawing that has none.

        Raises:
            ValueError: the law cannot be drawn there.
        """
        super().check(id, drawing)
        if not drawing.powers:
            raise ValueError(f"figure {id}: a PowerLaw goes with curves or scatter, not with {type(drawing).__name__}")
        for given, name, column in ((self.through, "through", "by"), (self.panel, "panel", "panels")):
            if given is not None and getattr(drawing, column) is None:
                raise ValueError(f"figure {id}: PowerLaw({name}={given!r}) needs a drawing with {column}=…")

    @property
    def said(self) -> str:
        """Exponent, curve, label."""
        through = f"through the last point of {self.through}" if self.through is not None else "beside the mean"
        return _labelled(f"power law of exponent {self.exponent:g}, {through}", self.label)

    def draw(self, panel: Panel, drawing: Panelled, scene: Scene) -> None:
        """Draw the line over the abscissae of the curve, and its label above its middle."""
        curve = self._curve(panel, drawing)
        if curve.empty:
            return
        off, colour = (ABOVE, scene.faded) if self.through is None else (1.0, scene.groups[self.through][0])
        line = off * curve.iloc[-1] * (curve.index.to_numpy(float) / curve.index[-1]) ** self.exponent
        panel.ax.plot(curve.index, line, ls=(0, (4, 3)), color=colour, lw=1, alpha=0.8, zorder=0)
        middle = len(line) // 2
        side = dict(xytext=(4, 5)) if self.exponent < 0 else dict(xytext=(-4, 5), ha="right")
        look = dict(color=colour, textcoords="offset points", fontsize="small", **side)
        panel.ax.annotate(self.label, (curve.index[middle], line[middle]), **look)

    def _curve(self, panel: Panel, drawing: Panelled) -> pd.Series:
        rows = panel.rows
        if self.through is not None:
            rows = rows[rows[drawing.by] == self.through]
        if self.panel is not None:
            rows = rows[rows[drawing.panels] == self.panel]
        return rows.groupby(drawing.x)[drawing.y].mean().dropna()


@dataclass(frozen=True)
class Level(Guide):
    """A dotted horizontal line at ``y``, with its label beside the last panel of each line."""

    y: Real
    label: str = ""

    @property
    def said(self) -> str:
        """Height and label."""
        return _labelled(f"horizontal line at {self.y:g}", self.label)

    def draw(self, panel: Panel, drawing: Panelled, scene: Scene) -> None:
        """Draw the line; its label stands away from the data."""
        panel.ax.axhline(self.y, color=scene.faded, ls=":", lw=1)
        if panel.last:
            look = dict(transform=panel.ax.get_yaxis_transform(), va="center", fontsize="small", color=scene.faded)
            panel.ax.text(1.02, self.y, self.label, **look)


@dataclass(frozen=True)
class Place(Guide):
    """A dotted vertical line at ``x``, with its label along it."""

    x: Real
    label: str = ""

    @property
    def said(self) -> str:
        """Place and label."""
        return _labelled(f"vertical line at {self.x:g}", self.label)

    def draw(self, panel: Panel, drawing: Panelled, scene: Scene) -> None:
        """Draw the line, and its label at its upper end."""
        panel.ax.axvline(self.x, color=scene.faded, ls=":", lw=1)
        look = dict(transform=panel.ax.get_xaxis_transform(), va="top", ha="right", rotation=90)
        panel.ax.text(self.x, 0.98, self.label, fontsize="small", color=scene.faded, **look)


def _labelled(line: str, label: str) -> str:
    return f"{line}: {label}" if label else line
