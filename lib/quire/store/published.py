"""The runs of record, read only: their cells serve where the key is exactly the present one."""

import functools
from pathlib import Path

from quire.cells import Cell
from quire.record import RunFolder

__all__ = ["published_cells", "published_tensors"]


def published_cells(published: Path, name: str) -> dict[str, Cell]:
    """All published cells of a function by key; damaged tables are reported and left out. No other table is read."""
    files = sorted(published.glob("*/*/sweeps.json"))
    return _cells(tuple((path, path.stat().st_mtime_ns) for path in files), name)


def published_tensors(published: Path, key: str) -> list[Path]:
    """The files of published tensors with this key."""
    return sorted(published.glob(f"*/*/tensors/{key}.safetensors"))


@functools.lru_cache(maxsize=256)
def _cells(stamp: tuple[tuple[Path, int], ...], name: str) -> dict[str, Cell]:
    return {cell.key: cell for run in _runs(stamp).get(name, []) for cell in run.cells(name)}


@functools.lru_cache(maxsize=4)
def _runs(stamp: tuple[tuple[Path, int], ...]) -> dict[str, list[RunFolder]]:
    """The runs that have cells of each function."""
    found: dict[str, list[RunFolder]] = {}
    for path, _ in stamp:
        run = RunFolder(path.parent)
        for name in run.functions():
            found.setdefault(name, []).append(run)
    return found
