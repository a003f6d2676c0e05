"""The runs of record, read only: their cells serve where the key is exactly the present one."""

import functools
from pathlib import Path

from quire.cells import Cell
from quire.record import RunFolder

__all__ = ["published_cells", "published_tensors"]


def published_cells(published: Path) -> dict[tuple[str, str], Cell]:
    """All published cells by function and key; damaged tables are reported and left out."""
    files = sorted(published.glob("*/*/sweeps.json"))
    return _cells(tuple((path, path.stat().st_mtime_ns) for path in files))


def published_tensors(published: Path, key: str) -> list[Path]:
    """The files of published tensors with this key."""
    return sorted(published.glob(f"*/*/tensors/{key}.safetensors"))


@functools.lru_cache(maxsize=4)
def _cells(stamp: tuple[tuple[Path, int], ...]) -> dict[tuple[str, str], Cell]:
    runs = [RunFolder(path.parent) for path, _ in stamp]
    return {(name, cell.key): cell for run in runs for name, cells in run.sweeps().items() for cell in cells}
