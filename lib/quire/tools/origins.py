"""Who computed the cells of a run: how long it took, on which devices and machines, with which versions.

A run that only replays published rows took seconds; what its numbers cost is the sum over its cells. A cell that was made
with other versions than those that run now is served all the same, and said.
"""

from collections import Counter

from quire.environment import versions
from quire.record import Cell

__all__ = ["computation", "other_versions"]


def computation(sweeps: dict[str, list[Cell]]) -> dict:
    """What the computation of all cells, and of the tensors that they received, took, whoever did it and when.

    Returns:
        ``{"cells", "seconds", "peak_memory_mb", "devices", "machines", "threads", "versions"}``: the last four list what
        occurs, so that more than one entry means a run that mixes.
    """
    cells = [cell for block in sweeps.values() for cell in block]
    # each once, however many cells use it
    made = {key: seconds for cell in cells for key, seconds in cell.made.items()}
    peaks = [cell.peak_memory_mb for cell in cells if cell.peak_memory_mb is not None]
    return {
        "cells": len(cells),
        "seconds": round(sum(cell.seconds for cell in cells) + sum(made.values()), 3),
        "peak_memory_mb": max(peaks, default=None),
        "devices": sorted({cell.origin["device"] for cell in cells}),
        "machines": sorted({cell.origin["machine"] for cell in cells}),
        "threads": sorted({cell.origin["threads"] for cell in cells}),
        "versions": _distinct([cell.origin["versions"] for cell in cells]),
    }


def other_versions(sweeps: dict[str, list[Cell]], now: dict[str, str] | None = None) -> list[str]:
    """Sentences about the cells that were made with other versions than those that run now.

    Args:
        sweeps: the cells of a run, by function.
        now: versions by package (default: the installed ones).
    """
    now = versions() if now is None else now
    counts: Counter[tuple[str, str]] = Counter()
    for block in sweeps.values():
        for cell in block:
            made = cell.origin["versions"]
            counts.update((name, made.get(name, "unknown")) for name in now if made.get(name) != now[name])
    return [
        f"{count} {'cell was' if count == 1 else 'cells were'} made with {name} {made} (here: {now[name]})"
        for (name, made), count in sorted(counts.items())
    ]


def _distinct(found: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each mapping once, in a fixed order."""
    return [dict(pairs) for pairs in sorted({tuple(sorted(one.items())) for one in found})]
