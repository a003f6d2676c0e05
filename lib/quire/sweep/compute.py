"""One cell, in whichever process this runs: check the code, call, check the rows, store."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from quire.allocator import reuse_freed_memory
from quire.cells import Cell
from quire.environment import origin, peak_memory_mb
from quire.store import Store
from quire.sweep.calls import call
from quire.sweep.faithful import check_loaded
from quire.sweep.handles import Handle, all_handles, columns, make, plain, resolved, seconds_of
from quire.tables import SCALARS

__all__ = ["MakeTask", "Task"]


@dataclass(frozen=True)
class Task:
    """A cell to compute. ``code`` is the fingerprint that its key holds; None: compute, and store nothing."""

    function: object
    name: str
    key: str
    arguments: dict
    device: str
    store: Store
    code: str | None

    def run(self) -> Cell:
        """Compute the cell and store it.

        Raises:
            StaleCode: this process loaded other code than the key says.
            ValueError: what the function returned is not a row, or a list of them.
        """
        reuse_freed_memory()
        if self.code is not None:
            check_loaded(self.function, self.code)
        given = plain(self.arguments)
        tensors = resolved(self.arguments, self.device, self.store)
        start = time.perf_counter()
        rows = _rows(call(self.function, self.name, given, tensors, self.device), self.name, given)
        seconds = round(time.perf_counter() - start, 3)
        made = {} if self.code is None else {h.key: seconds_of(h, self.store) for h in all_handles(self.arguments)}
        cell = Cell(self.key, given, rows, seconds, "computed", origin(self.device), peak_memory_mb(), made)
        if self.code is not None:
            check_loaded(self.function, self.code)
            self.store.save(self.name, cell, datetime.now(UTC).isoformat(timespec="seconds"))
        return cell


@dataclass(frozen=True)
class MakeTask:
    """Tensors to make before the cells that need them."""

    handle: Handle
    device: str
    store: Store

    def run(self) -> None:
        """Make and store them, unless they are there."""
        reuse_freed_memory()
        make(self.handle, self.device, self.store)


def _rows(found, name: str, arguments: dict) -> list[dict]:
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and row for row in rows):
        raise ValueError(f"{name}({arguments}) must return a mapping or a list of one or more, got {rows!r:.80}")
    taken = set(columns(arguments)) | set(arguments)
    for row in rows:
        wrong = {k: type(v).__name__ for k, v in row.items() if type(v) not in SCALARS}
        if wrong or taken & set(row):
            raise ValueError(
                f"{name} must return rows of int, float, str and bool, named unlike the arguments; "
                f"got {wrong or sorted(taken & set(row))}"
            )
    return rows
