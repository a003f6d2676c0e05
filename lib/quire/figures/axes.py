"""Axes that read well: names, limits, and ticks on logarithmic axes that are shorter than two decades."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Locator, LogLocator, MaxNLocator, NullFormatter

from quire.figures.palette import numeric
from quire.figures.scene import Panel, Scene

__all__ = ["name_places", "open_single_values", "panel_title", "readable_ticks"]

MOST_NAMES = 9  # along an axis of named places
MOST_PLACES = 6  # abscissae that each get a tick
LONGEST_NAME = 5  # characters of an abscissa that is a tick
FEW, MANY = (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)  # ticks of a decade
ONE_VALUE = 1e-4  # values that differ by less, relatively, are drawn as one


def panel_title(panel: Panel, column: str, scene: Scene) -> str:
    """A word by itself, a number with the name of its column."""
    label = scene.label(column)
    return f"{label}: {panel.value}" if label and numeric(panel.rows[column]) else str(panel.value)


def name_places(setter: Callable, values: Iterable) -> None:
    """Name the middle of each unit of an axis, or of every second one, … so that names have room."""
    values = list(values)
    step = -(-len(values) // MOST_NAMES)
    names = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values[::step]]
    setter([place + 0.5 for place in range(0, len(values), step)], names)


def open_single_values(ax: Axes) -> None:
    """Give logarithmic axes whose data are one value room to both sides; matplotlib would draw them without a scale.

    The data so far: of this panel, and of those that share its axes and are painted. What comes later may widen them.
    """
    for axis in _logarithmic([ax]):
        low, high = _interval(axis)
        if 0 < low <= high < low * (1 + ONE_VALUE):
            across = axis.axis_name == "x"
            ends = [(end, 1) if across else (1, end) for end in (low / 2, 2 * high)]
            ax.update_datalim(ends, updatex=across, updatey=not across)


def _interval(axis: Axis) -> tuple[float, float]:
    """The data of an axis and of those that share it, as far as they are painted."""
    ax, name = axis.axes, axis.axis_name
    shared = ax.get_shared_x_axes() if name == "x" else ax.get_shared_y_axes()
    ends = np.array([getattr(other, f"{name}axis").get_data_interval() for other in shared.get_siblings(ax)])
    painted = ends[np.isfinite(ends).all(axis=1)]
    return float(painted.min(initial=np.inf)), float(painted.max(initial=-np.inf))


def _logarithmic(axes: Iterable[Axes]) -> list[Axis]:
    return [axis for ax in axes for axis in (ax.xaxis, ax.yaxis) if axis.get_scale() == "log"]


def readable_ticks(axes: Iterable[Axes], places: pd.Series) -> None:
    """Ticks of logarithmic axes.

    Args:
        axes: all panels.
        places: the abscissae of the data; where they are few, they are the ticks.
    """
    for axis in _logarithmic(axes):
        _set_ticks(axis, places)


def _set_ticks(axis: Axis, places: pd.Series) -> None:
    low, high = axis.get_view_interval()
    if high < 50 * low:  # too short for powers of ten
        axis.set_major_locator(_locator(axis, places, low, high))
        axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _locator(axis: Axis, places: pd.Series, low: float, high: float) -> Locator:
    along = axis.axis_name == "x"
    if along and _short(places):
        return FixedLocator(sorted(set(places.dropna())))
    wide_names = along and not 0.5 < low < high < 20
    wanted = FEW if high > (2.5 if wide_names else 10) * low else MANY
    for ticks in (wanted, MANY):
        if _number(ticks, low, high) > 1:  # of a single one matplotlib would make as many as it likes
            return LogLocator(subs=ticks)
    return MaxNLocator(3 if along else 5)


def _number(ticks: tuple, low: float, high: float) -> int:
    """How many ticks an interval has."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    places = np.outer(decades, ticks)
    return int(((low <= places) & (places <= high)).sum())


def _short(places: pd.Series) -> bool:
    """Whether places are few, and have short names."""
    return places.nunique() <= MOST_PLACES and all(len(f"{place:g}") <= LONGEST_NAME for place in places.dropna())
