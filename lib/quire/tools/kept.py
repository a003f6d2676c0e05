"""What the store keeps, how much of it any run still refers to, and how to be rid of the rest."""

import time
from collections.abc import Iterator
from pathlib import Path

from quire.files import folder
from quire.record import RunFolder
from quire.store import Kept, Store

__all__ = ["drop_unused", "overview", "referred"]


def overview() -> list[tuple[str, int, str, int, str, str]]:
    """Function, files, MB, files and MB that no run refers to, days since the last was written; the largest first."""
    used, groups = referred(), {}
    for one in Store().kept():
        groups.setdefault(one.function, []).append(one)
    lines = []
    for function, files in sorted(groups.items(), key=lambda item: -_size(item[1])):
        unused = [one for one in files if one.key not in used]
        days = (time.time() - max(one.modified for one in files)) / 86400
        sizes = (f"{_size(part) / 2**20:.1f}" for part in (files, unused))
        lines.append((function, len(files), next(sizes), len(unused), next(sizes), f"{days:.0f} days ago"))
    return lines


def referred() -> set[str]:
    """Keys of the cells and tensors that some run below ``build/``, or a published one, refers to."""
    return {key for run in _runs() for key in _keys(run)}


def drop_unused() -> str:
    """Delete what no run refers to; say how much it was."""
    store, used = Store(), referred()
    unused = [one for one in store.kept() if one.key not in used]
    for one in unused:
        store.remove(one)
    return f"deleted {len(unused)} files, {_size(unused) / 2**20:.1f} MB, from {store.root}"


def _runs() -> Iterator[RunFolder]:
    """Every run: kept, failed, in progress, of a notebook, published."""
    for base in (folder("build"), folder("published")):
        for path in base.rglob("sweeps.json"):
            yield RunFolder(Path(path).parent)


def _keys(run: RunFolder) -> Iterator[str]:
    for cells in run.sweeps().values():
        for cell in cells:
            yield cell.key
            yield from cell.made
    yield from run.tensors()


def _size(files: list[Kept]) -> int:
    return sum(one.bytes for one in files)
