"""What chapters would have to compute, as a table for a person: a line for each function, and one for all."""

import math

from quire.environment import cores
from quire.store import Store
from quire.tools.planning.asked import asked_by
from quire.tools.planning.forecasts import Forecast, Measured, forecast
from quire.tools.profiles import every_scale, resolve

__all__ = ["COLUMNS", "lines"]

COLUMNS = ("function", "missing", "one core", "longest", "memory")


def lines(chapters: list[str], profile: str, overrides: dict) -> tuple[list[tuple[str, ...]], list[str]]:
    """The table, and what is to be said below it.

    Args:
        chapters: names.
        profile: "smoke", "book" or "paper".
        overrides: values that win over the profile's.
    """
    store = Store()
    measured, table, notes, total = Measured(store), [], [], []
    for chapter in chapters:
        for values in every_scale(chapter):  # smaller ones say what the tensors of larger ones take
            measured.learn(asked_by(chapter, values, store=store)[0])
        asked, failed = asked_by(chapter, resolve(chapter, profile, overrides), store=store)
        found = forecast(asked, measured)
        table += [_words(one) for one in found]
        total += found
        notes += [f"{chapter}: known once other cells are there: {text}" for text in failed.values()]
    unknown = [one.name for one in total if one.missing and math.isnan(one.seconds)]
    if unknown:
        notes.append(
            f"never measured, and not in the sum: {', '.join(sorted(set(unknown)))} (a smaller run measures them)"
        )
    seconds = sum((one.seconds for one in total if not math.isnan(one.seconds)), 0.0)
    notes.append(
        f"{sum(one.missing for one in total)} of {sum(one.cells for one in total)} cells are missing: {_time(seconds)} of one core, "
        f"about {_time(seconds / cores())} on the {cores()} of this machine, "
        f"{_size(sum((one.disk for one in total if not math.isnan(one.disk)), 0.0))} of disk (×÷: how far cells were off the law; ≲: a size was never varied, and is taken as linear)"
    )
    return table, notes


def _words(one: Forecast) -> tuple[str, ...]:
    counts = f"{one.missing} of {one.cells}"
    if not one.missing:
        return one.name, counts, "", "", ""
    spread = "" if math.isnan(one.spread) else f" ×÷{one.spread:.1f}"
    most = "≲ " if one.guessed else ""
    return one.name, counts, most + _time(one.seconds) + spread, most + _time(one.longest), _size(one.memory)


def _time(seconds: float) -> str:
    """
    >>> [_time(s) for s in (4.2, 200.0, 9000.0, float("nan"))]
    ['4 s', '3.3 min', '2.5 h', '?']
    """
    if math.isnan(seconds):
        return "?"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _size(megabytes: float) -> str:
    """
    >>> [_size(m) for m in (0.2, 40.0, 3000.0, float("nan"))]
    ['0.2 MB', '40 MB', '2.9 GB', '?']
    """
    if math.isnan(megabytes):
        return "?"
    if megabytes >= 1024:
        return f"{megabytes / 1024:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 1 else f"{megabytes:.1f} MB"
