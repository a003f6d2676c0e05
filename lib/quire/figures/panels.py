"""Drawings from the columns of a table: one panel for each value of a column, painted alike."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from quire.figures.axes import open_single_values, panel_title, readable_ticks
from quire.figures.base import LEGEND, NARROW, REPLICATES, WIDE, Drawing, Frame, blank
from quire.figures.palette import palette
from quire.figures.scene import Panel, Scene

__all__ = ["Panelled"]

LINE = 0.22  # inches: a line of a legend
SHRUNK = 0.8  # of its width: no panel is made narrower, to fit beside others


@dataclass(frozen=True, kw_only=True)
class Panelled(Drawing):
    """A table, its columns, and what its panels have in common."""

    rows: pd.DataFrame
    x: str
    y: str
    by: str | None = None
    panels: str | None = None
    theory: str | None = None
    error: str | None = None
    value: str | None = None
    log: str = ""
    frame: Frame = field(default_factory=Frame)

    axes: ClassVar[str] = "xy"  # those that may be logarithmic
    powers: ClassVar[bool] = False  # whether a power law can be drawn into it
    ordinal: ClassVar[bool] = False  # whether abscissae are names

    @abstractmethod
    def paint(self, panel: Panel, scene: Scene) -> None:
        """Draw the rows of a panel."""

    @property
    def columns(self) -> list[str]:
        """The columns that are drawn, in the order of the table that is written."""
        named = (self.panels, self.by, self.x, self.y, self.theory, self.error, self.value)
        return list(dict.fromkeys(column for column in named if column is not None))

    @property
    def table(self) -> pd.DataFrame:
        """The columns that are drawn, of all rows, and what tells one repetition from another."""
        named = self.columns
        return self.rows[[*named, *(name for name in REPLICATES if name in self.rows and name not in named)]]

    @property
    def shown(self) -> pd.DataFrame:
        """The table without infinities, which have no place on an axis."""
        return self.rows[self.columns].replace([np.inf, -np.inf], np.nan)

    @property
    def empty(self) -> bool:
        """No row has a number to show."""
        numbers = [self.y if self.value is None else self.value, *([self.theory] if self.theory else [])]
        return self.shown.dropna(subset=[self.x]).dropna(subset=numbers, how="all").empty

    def check(self, id: str, guides: Sequence) -> None:
        """Refuse what cannot be drawn.

        Raises:
            LookupError: a column is not in the table.
            ValueError: a logarithm is not defined, or the frame or a guide does not fit.
        """
        missing = [column for column in self.columns if column not in self.rows.columns]
        if missing:
            raise LookupError(
                f"figure {id}: columns {missing} are not in the table, which has {list(self.rows.columns)}"
            )
        if set(self.log) - set(self.axes):
            raise ValueError(f"figure {id}: log names axes among {self.axes!r}, got {self.log!r}")
        for axis, column in (("x", self.x), ("y", self.y), ("y", self.theory), ("c", self.value)):
            if axis in self.log and column is not None and not (self.rows[column].dropna() > 0).all():
                raise ValueError(
                    f"figure {id}: {column} has values ≤ 0, which a logarithmic {axis} axis cannot show: "
                    "clip or drop them, or draw this axis linear"
                )
        self.frame.check(id)
        for guide in guides:
            guide.check(id, self)

    def canvas(self, theme: str, labels: Mapping[str, str], guides: Sequence) -> Figure:
        """All panels, and the legend beside them."""
        table = self.shown
        scene = Scene(theme, {**labels, **self.frame.labels}, palette(table, self.by, theme))
        if self.empty:
            return blank(self.frame.size, scene.faded, xlabel=scene.label(self.x), ylabel=scene.label(self.y))
        parts = list(table.groupby(self.panels, sort=False)) if self.panels else [(None, table)]
        frame = self._fitted(len(parts))
        across = frame.wrap
        handles = self.legend(scene)
        below = LINE * (2 + -(-len(handles) // 2)) if frame.legend_below and handles else 0.0
        figure, axes = self._grid(frame, -(-len(parts) // across), below)
        for i, (value, rows) in enumerate(parts):
            last = i % across == across - 1 or i == len(parts) - 1
            panel = Panel(axes[i], rows, value, last, lowest=i + across >= len(parts))
            self.paint(panel, scene)
            open_single_values(panel.ax)
            for guide in guides:
                guide.draw(panel, self, scene)
            self._name(panel, scene)
        for ax in axes[len(parts) :]:
            ax.set_axis_off()
        readable_ticks(axes, table[self.x])
        if handles:
            place = dict(loc="outside lower left", ncols=2) if below else dict(loc="outside right center")
            figure.legend(handles=handles, title=scene.label(self.by), **place)
        return figure

    def _fitted(self, parts: int) -> Frame:
        """The frame as a column of text holds it: a row that is too wide has its legend below, and goes on in the next line."""
        (width, height), across = self.frame.size, min(self.frame.wrap, parts)
        if width * across <= WIDE:
            return replace(self.frame, wrap=across)
        across = max(1, min(across, int(WIDE / (SHRUNK * width))))
        return replace(self.frame, wrap=across, size=(min(width, WIDE / across), height), legend_below=True)

    def narrow(self) -> "Panelled | None":
        """One panel in a row, as wide as a small screen, its legend below."""
        width, height = self.frame.size
        parts = self.rows[self.panels].nunique() if self.panels else 1
        beside = LEGEND if self.by is not None else 0.0
        if self.frame.legend_below or width * min(self.frame.wrap, parts) + beside <= NARROW:
            return None
        size = (min(width, NARROW), height * min(1.0, max(NARROW / width, 0.8)))
        return replace(self, frame=replace(self.frame, wrap=1, size=size, legend_below=True))

    def _grid(self, frame: Frame, down: int, below: float) -> tuple[Figure, list]:
        (width, height), share = frame.size, frame.share
        figure = Figure(figsize=(width * frame.wrap, height * down + below))
        axes = figure.subplots(down, frame.wrap, squeeze=False, sharex=share and not self.ordinal, sharey=share)
        return figure, list(axes.flat)

    def _name(self, panel: Panel, scene: Scene) -> None:
        if panel.value is not None:
            panel.ax.set_title(panel_title(panel, self.panels, scene))
        panel.ax.set(**{f"{axis}lim": limit for axis, limit in self.frame.limits.items()})
        panel.ax.set(xlabel=scene.label(self.x), ylabel=scene.label(self.y))
        if self.frame.share:
            panel.ax.label_outer()
        if self.frame.share and panel.lowest:  # also where the line below is not full
            panel.ax.tick_params(labelbottom=True)
            panel.ax.set_xlabel(scene.label(self.x))

    def legend(self, scene: Scene) -> list[Line2D]:
        """An entry for each group."""
        looks = [(group, colour, marker) for group, (colour, marker) in scene.groups.items() if group is not None]
        return [self.entry(f"{g:g}" if isinstance(g, float) else str(g), c, m) for g, c, m in looks]

    def entry(self, name: str, colour, marker: str) -> Line2D:
        """The entry of a group."""
        return Line2D([], [], color=colour, marker=marker, ls="none", label=name)
