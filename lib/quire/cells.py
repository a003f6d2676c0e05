"""The finished cells of one function in a run's folder: an index entry for each, and one table with all of their rows."""

import hashlib
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from quire.files import CorruptFile, bare, read_bytes
from quire.schema import SweepEntry
from quire.tables import read_table, write_table

__all__ = ["Cell", "readable_cells", "write_cells"]


@dataclass(frozen=True)
class Cell:
    """A finished cell: its key, its arguments, the rows of its values, where they came from in this run, who made them."""

    key: str
    arguments: dict
    rows: list[dict]
    seconds: float
    source: str  # "computed", "store" or "published"
    origin: dict  # of quire.environment.origin: versions, device, threads, machine
    peak_memory_mb: float | None = None  # of the process that computed it
    made: dict[str, float] = field(default_factory=dict)  # the tensors that it received: seconds that each took, by key


def write_cells(run: Path, name: str, cells: list[Cell]) -> dict:
    """Write the table of a function's rows; return the entry of the index."""
    path, kinds = write_table(run / "rows" / bare(name), [row for cell in cells for row in cell.rows])
    origins: list[dict] = []
    for cell in cells:
        if cell.origin not in origins:
            origins.append(cell.origin)
    entries = [
        {
            "key": cell.key,
            "arguments": cell.arguments,
            "rows": len(cell.rows),
            "seconds": cell.seconds,
            "source": cell.source,
            "origin": origins.index(cell.origin),
            "peak_memory_mb": cell.peak_memory_mb,
            "made": cell.made,
        }
        for cell in cells
    ]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": path.name, "sha256": digest, "columns": kinds, "origins": origins, "cells": entries}


def readable_cells(run: Path, name: str, entry: object) -> list[Cell]:
    """The cells of a function; none, and a warning, where index or table are not what was written."""
    try:
        return _read_cells(run, name, SweepEntry.model_validate(entry))
    except (ValueError, OSError) as error:
        text = "; ".join(str(error).splitlines()[:4])
        warnings.warn(f"{run / 'sweeps.json'}: {name} is left out: {text}", CorruptFile, stacklevel=4)
        return []


def _read_cells(run: Path, name: str, entry: SweepEntry) -> list[Cell]:
    path = run / "rows" / bare(entry.file)
    if hashlib.sha256(read_bytes(path)).hexdigest() != entry.sha256:
        raise ValueError(f"{path} is truncated or garbled")
    rows = read_table(path, entry.columns)
    if len(rows) != sum(cell.rows for cell in entry.cells):
        raise ValueError(f"{path} has {len(rows)} rows, its index has {sum(cell.rows for cell in entry.cells)}")
    if len({cell.key for cell in entry.cells}) < len(entry.cells):
        raise ValueError(f"the index of {name} has a key twice")
    cells, start = [], 0
    for one in entry.cells:
        part = rows[start : start + one.rows]
        start += one.rows
        shadowed = set(one.arguments) & set().union(*part)
        if shadowed:
            raise ValueError(f"columns {sorted(shadowed)} of {path} are arguments of {name}")
        if one.origin >= len(entry.origins):
            raise ValueError(f"cell {one.key} names origin {one.origin} of {len(entry.origins)}")
        origin = entry.origins[one.origin]
        cells.append(Cell(one.key, one.arguments, part, one.seconds, one.source, origin, one.peak_memory_mb, one.made))
    return cells
