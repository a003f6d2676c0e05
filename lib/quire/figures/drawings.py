"""Drawings by kind, each said by the columns that mean something to it.

All of them take ``labels``, ``limits``, ``share``, ``wrap`` and ``size``, as in :class:`quire.figures.base.Frame`.
Rows that share a point are averaged, and shown with their standard error.
"""

from typing import Any

import pandas as pd

from quire.figures.base import framed
from quire.figures.kinds import Bars, Curves, Heatmap, Scatter

__all__ = ["bars", "curves", "heatmap", "scatter"]


def curves(
    rows: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | None = None,
    panels: str | None = None,
    theory: str | None = None,
    error: str | None = None,
    log: str = "",
    **frame: Any,
) -> Curves:
    """Curves of means with their errors; with a theory, markers and a dashed line in the same colour.

    Args:
        rows: tidy rows, in any order.
        x, y: columns of the axes.
        by: column that colours and marks the groups; more than two numbers get a sequential palette.
        panels: column whose values each get a panel.
        theory: column that is drawn dashed.
        error: column with the standard error of ``y``; without it rows that share a point give one.
        log: the logarithmic axes, "", "x", "y" or "xy".
        frame: labels, limits, share, wrap, size.

    Returns:
        The drawing, for ``figure``.
    """
    columns = dict(x=x, y=y, by=by, panels=panels, theory=theory, error=error)
    return Curves(rows=rows, log=log, frame=framed(frame), **columns)


def scatter(
    rows: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | None = None,
    panels: str | None = None,
    theory: str | None = None,
    error: str | None = None,
    x_error: str | None = None,
    log: str = "",
    **frame: Any,
) -> Scatter:
    """A marker for each row.

    Args:
        rows: tidy rows.
        x, y, by, panels, theory, log, frame: as for ``curves``.
        error, x_error: columns of the standard errors of y and x.

    Returns:
        The drawing, for ``figure``.
    """
    columns = dict(x=x, y=y, by=by, panels=panels, theory=theory, error=error, x_error=x_error)
    return Scatter(rows=rows, log=log, frame=framed(frame), **columns)


def bars(
    rows: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | None = None,
    panels: str | None = None,
    theory: str | None = None,
    error: str | None = None,
    log: bool = False,
    **frame: Any,
) -> Bars:
    """A bar for each name, those of several groups side by side.

    Args:
        rows: tidy rows; names stand in the order in which they come.
        x: column of the names.
        y: column of the heights.
        by, panels, error, frame: as for ``curves``.
        theory: column of the expected heights, each a dash.
        log: heights are logarithmic.

    Returns:
        The drawing, for ``figure``.
    """
    columns = dict(x=x, y=y, by=by, panels=panels, theory=theory, error=error)
    return Bars(rows=rows, log="y" if log else "", frame=framed(frame), **columns)


def heatmap(
    rows: pd.DataFrame,
    *,
    x: str,
    y: str,
    value: str,
    panels: str | None = None,
    log: bool = False,
    **frame: Any,
) -> Heatmap:
    """A field for each pair of values of two columns, coloured by a third.

    Args:
        rows: tidy rows; those that share a field are averaged.
        x, y: columns of the axes; every value gets the same room, in order.
        value: column of the colours.
        panels: column whose values each get a panel.
        log: colours are logarithmic.
        frame: as for ``curves``.

    Returns:
        The drawing, for ``figure``.
    """
    columns = dict(x=x, y=y, value=value, panels=panels)
    return Heatmap(rows=rows, log="c" if log else "", frame=framed(frame), **columns)
