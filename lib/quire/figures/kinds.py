"""How each kind paints a panel: measurements are markers or bars, theory is dashed in the same colour."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from quire.figures.axes import name_places
from quire.figures.palette import numeric
from quire.figures.panels import Panelled
from quire.figures.scene import Panel, Scene

__all__ = ["Bars", "Curves", "Heatmap", "Scatter", "points"]


def points(rows: pd.DataFrame, *, x: str, y: str, error: str | None = None, theory: str | None = None) -> pd.DataFrame:
    """Mean, error and theory at each abscissa.

    Args:
        rows: rows; those that share an abscissa are averaged.
        x, y: the columns of the axes.
        error: column with the standard error; without it, the standard error of the rows that are averaged, 0 of one.
        theory: column of the theory.

    Returns:
        Columns ``mean``, ``error`` and ``theory``, numbers in their order, names as they come.
    """
    grouped = rows.groupby(x, sort=numeric(rows[x]))
    spread = grouped[error].mean() if error else grouped[y].sem().fillna(0.0)
    expected = grouped[theory].mean() if theory else np.nan
    return pd.DataFrame({"mean": grouped[y].mean(), "error": spread, "theory": expected})


@dataclass(frozen=True, kw_only=True)
class Curves(Panelled):
    """Means with error bars, joined by a line where no theory is drawn."""

    powers: ClassVar[bool] = True

    def paint(self, panel: Panel, scene: Scene) -> None:
        """Draw each group, then its theory."""
        panel.ax.set(**{f"{axis}scale": "log" for axis in self.log})
        for group, (colour, marker) in scene.groups.items():
            rows = panel.rows if group is None else panel.rows[panel.rows[self.by] == group]
            if rows.empty:
                continue
            shown = points(rows, x=self.x, y=self.y, error=self.error, theory=self.theory)
            self.mark(panel, rows, shown, colour, marker)
            if self.theory:
                panel.ax.plot(shown["theory"].dropna(), "--", color=colour, zorder=1)

    def mark(self, panel: Panel, rows: pd.DataFrame, shown: pd.DataFrame, colour, marker: str) -> None:
        """Draw the measurements of a group."""
        look = dict(fmt=marker, ls=self.line, color=colour, capsize=2)
        panel.ax.errorbar(shown.index, shown["mean"], shown["error"], **look)

    @property
    def line(self) -> str:
        """The line between measurements."""
        return "none" if self.theory else "-"

    def legend(self, scene: Scene) -> list[Line2D]:
        """An entry for each group, and one for the theory."""
        handles = super().legend(scene)
        if self.theory:
            label = scene.labels.get(self.theory, "theory")
            handles.append(Line2D([], [], color=scene.faded, ls="--", label=label))
        return handles

    def entry(self, name: str, colour, marker: str) -> Line2D:
        """The entry of a group, with its line."""
        return Line2D([], [], color=colour, marker=marker, ls=self.line, label=name)


@dataclass(frozen=True, kw_only=True)
class Scatter(Curves):
    """One marker for each row, with the errors of both coordinates where there are columns of them."""

    x_error: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are drawn, in the order of the table that is written."""
        return [*super().columns, *([] if self.x_error is None else [self.x_error])]

    @property
    def line(self) -> str:
        """None."""
        return "none"

    def mark(self, panel: Panel, rows: pd.DataFrame, shown: pd.DataFrame, colour, marker: str) -> None:
        """Draw the rows of a group."""
        errors = {"xerr": self.x_error, "yerr": self.error}
        known = {axis: rows[column] for axis, column in errors.items() if column is not None}
        panel.ax.errorbar(rows[self.x], rows[self.y], fmt=marker, color=colour, elinewidth=1, alpha=0.85, **known)


@dataclass(frozen=True, kw_only=True)
class Bars(Panelled):
    """A bar for each name and group, with its error; a dash where theory expects its end."""

    axes: ClassVar[str] = "y"
    ordinal: ClassVar[bool] = True

    def paint(self, panel: Panel, scene: Scene) -> None:
        """Draw the groups side by side."""
        ax, groups = panel.ax, scene.groups
        names, width = list(dict.fromkeys(panel.rows[self.x].dropna())), 0.8 / len(groups)
        for i, (group, (colour, _)) in enumerate(groups.items()):
            rows = panel.rows if group is None else panel.rows[panel.rows[self.by] == group]
            shown = points(rows, x=self.x, y=self.y, error=self.error, theory=self.theory).reindex(names)
            place = np.arange(len(names)) + (i - (len(groups) - 1) / 2) * width
            look = dict(color=colour, ecolor=scene.ink, error_kw={"lw": 1})
            ax.bar(place, shown["mean"], width * 0.92, yerr=shown["error"], **look)
            ax.plot(place, shown["theory"], ls="none", marker="_", ms=14, mew=2, color=scene.ink)
        longest = max((len(str(name)) for name in names), default=0)
        ax.set_xticks(range(len(names)), map(str, names), rotation=30 if longest > 6 else 0)
        ax.set_yscale("log" if "y" in self.log else "linear")

    def entry(self, name: str, colour, marker: str) -> Line2D:
        """A square in the colour of the bars."""
        return Line2D([], [], color=colour, marker="s", ls="none", label=name)


@dataclass(frozen=True, kw_only=True)
class Heatmap(Panelled):
    """A field for each pair of values, coloured by a third; rows that share a field are averaged."""

    axes: ClassVar[str] = "c"

    def paint(self, panel: Panel, scene: Scene) -> None:
        """Draw the fields and their scale of colours."""
        ax = panel.ax
        grid = panel.rows.pivot_table(index=self.y, columns=self.x, values=self.value)
        edges = (np.arange(grid.shape[1] + 1), np.arange(grid.shape[0] + 1))
        look = dict(norm="log" if "c" in self.log else None, cmap="viridis", rasterized=False)
        mesh = ax.pcolormesh(*edges, grid.to_numpy(), **look)
        name_places(ax.set_xticks, grid.columns)
        name_places(ax.set_yticks, grid.index)
        ax.figure.colorbar(mesh, ax=ax, label=scene.label(self.value))
