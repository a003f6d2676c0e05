"""Drawings of a chapter's own: a function that draws a table on axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import pandas as pd
from matplotlib.figure import Figure

from quire.figures.base import NARROW, WIDE, Drawing, blank
from quire.figures.palette import FADED

__all__ = ["Freehand", "custom"]


def custom(
    draw: Callable,
    rows: pd.DataFrame,
    *,
    layout: tuple[int, int] = (1, 1),
    size: tuple[Real, Real] = (3.6, 3.0),
) -> "Freehand":
    """What no other kind can say.

    Args:
        draw: a function of (array of axes, rows); it is called once for each theme, and leaves colours of text and
            axes as they are.
        rows: the table behind the picture.
        layout: rows and columns of panels; a row that is wider than a column of text goes on in the next line.
        size: width and height of a panel in inches.

    Returns:
        The drawing, for ``figure``.
    """
    return Freehand(draw, rows, layout, size)


@dataclass(frozen=True)
class Freehand(Drawing):
    """A table and the function that draws it."""

    draw: Callable
    rows: pd.DataFrame
    layout: tuple[int, int]
    size: tuple[Real, Real]
    stacked: bool = False

    @property
    def table(self) -> pd.DataFrame:
        """All rows and columns: which of them are drawn is the function's business."""
        return self.rows

    @property
    def empty(self) -> bool:
        """The table has no rows."""
        return self.rows.empty

    def check(self, id: str, guides: Sequence) -> None:
        """Refuse a table without columns, guides, and a layout without panels.

        Raises:
            ValueError: one of these.
        """
        if len(self.rows.columns) == 0:
            raise ValueError(f"figure {id}: the table has no columns")
        if guides:
            raise ValueError(f"figure {id}: a custom drawing draws its own guides, got {guides[0]!r}")
        if min(self.layout) < 1 or min(self.size) <= 0:
            raise ValueError(f"figure {id}: layout must be ≥ 1 and size > 0, got {self.layout} and {self.size}")

    def canvas(self, theme: str, labels: Mapping[str, str], guides: Sequence) -> Figure:
        """The axes, drawn by the function."""
        if self.empty:
            return blank(self.size, FADED[theme])
        (down, across), (width, height) = self.layout, self.size
        columns = 1 if self.stacked else max(1, min(across, int(WIDE / width)))
        lines = -(-down * across // columns)
        figure = Figure(figsize=(width * columns, height * lines))
        axes = figure.subplots(lines, columns, squeeze=False).reshape(-1)
        for ax in axes[down * across :]:
            ax.set_axis_off()
        self.draw(axes[: down * across].reshape(down, across), self.rows)
        return figure

    def narrow(self) -> "Freehand | None":
        """The panels one below the other; the function sees them in the layout that it knows."""
        (width, height), across = self.size, self.layout[1]
        if width * across <= NARROW or self.stacked:
            return None
        return replace(self, stacked=True, size=(min(width, NARROW), height * min(1.0, max(NARROW / width, 0.8))))
