"""What the missing cells of a chapter take on this machine: processor time, memory, disk, sweep by sweep.

Measured cells of the same function come from the store and, where it holds too few, from the runs of record, whose machines may be others.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quire.files import folder
from quire.record import RunFolder
from quire.schema import StoredCell
from quire.store import Store, load_content
from quire.sweep import Handle, name_of, plain
from quire.tools.planning.asked import Asked
from quire.tools.planning.durations import Sample, Scaling

__all__ = ["Forecast", "Measured", "forecast"]

OWN = 3  # cells of the store from which on the published ones are not asked
CELL_LIMIT = 256 * 2**20  # bytes
ROW = 100  # bytes of a row in the store, about


@dataclass(frozen=True)
class Forecast:
    """One sweep, or the tensors that several need.

    Attributes:
        name: of the function.
        cells, missing: how many are asked for, and are not kept.
        seconds: of one core, for all that are missing; nan where no cell was ever measured.
        longest: of these.
        spread: typical factor by which the law misses the measured cells.
        guessed: a size was never varied, and counts as linear: the times are rather too long.
        memory: megabytes of a worker, at most; nan likewise.
        disk: megabytes that will be kept.
    """

    name: str
    cells: int
    missing: int
    seconds: float
    longest: float
    spread: float
    memory: float
    disk: float
    guessed: bool = False


class Measured:
    """What cells and tensors have taken, by function."""

    def __init__(self, store: Store):
        self._store, self._laws = store, {}
        published = [RunFolder(path.parent) for path in sorted(folder("published").glob("*/*/sweeps.json"))]
        self._published = [(name, cell) for run in published for name, cells in run.sweeps().items() for cell in cells]
        self._made = {key: seconds for _, cell in self._published for key, seconds in cell.made.items()}
        self._handles: dict[str, Handle] = {}

    def learn(self, asked: list[Asked]) -> None:
        """Take into account what tensors took that these sweeps, at whatever scale, need."""
        self._handles |= {key: handle for one in asked for key, handle in one.handles.items()}
        for one in asked:
            for cell in one.found.values():
                self._made |= cell.made

    def again(self) -> None:
        """Take into account what the store holds now."""
        self._laws.clear()

    def seconds(self, name: str) -> Scaling | None:
        """The law of a function's processor time, if any cell was measured."""
        return self._law(name, "seconds", 1.0)

    def memory(self, name: str) -> Scaling | None:
        """The law of a worker's peak memory in megabytes."""
        return self._law(name, "peak_memory_mb", 0.0)

    def rows(self, name: str) -> Scaling | None:
        """The law of the number of rows."""
        return self._law(name, "rows", 0.0)

    def _law(self, name: str, what: str, preferred: float) -> Scaling | None:
        if (name, what) not in self._laws:
            own = list(self._own(name, what))
            samples = own if len(own) >= OWN else own + list(self._record(name, what))
            samples += self._tensors(name) if what == "seconds" else ()
            self._laws[name, what] = Scaling(samples, preferred=preferred) if samples else None
        return self._laws[name, what]

    def _own(self, name: str, what: str) -> Iterator[Sample]:
        for path in sorted((self._store.root / name).glob("*.json")):
            entry = _entry(path)
            value = len(entry.get("rows", [])) if what == "rows" else entry.get(what)
            if value is not None and entry:
                yield Sample(entry["arguments"], float(value))

    def _record(self, name: str, what: str) -> Iterator[Sample]:
        for other, cell in self._published:
            value = len(cell.rows) if what == "rows" else getattr(cell, what)
            if other == name and value is not None:
                yield Sample(cell.arguments, float(value))

    def _tensors(self, name: str) -> Iterator[Sample]:
        """What tensors took that this function made."""
        for key, handle in self._handles.items():
            if handle.name == name and key in self._made:
                yield Sample(plain(handle.arguments), self._made[key])


def forecast(asked: list[Asked], measured: Measured) -> list[Forecast]:
    """What is missing: the tensors first, by the function that makes them, then sweep by sweep."""
    handles = {key: handle for one in asked for key, handle in one.absent.items()}
    makers: dict[str, list[dict]] = {}
    for handle in handles.values():
        makers.setdefault(name_of(handle.function), []).append(plain(handle.arguments))
    lines = [_line(name, len(cells), cells, measured) for name, cells in makers.items()]
    return lines + [_line(one.name, len(one.cells), list(map(plain, one.missing.values())), measured) for one in asked]


def _line(name: str, cells: int, missing: list[dict], measured: Measured) -> Forecast:
    law, memory, rows = measured.seconds(name), measured.memory(name), measured.rows(name)
    each = [law(one) for one in missing] if law else [math.nan] * len(missing)
    highest = max((memory(one) for one in missing), default=0.0) if memory else math.nan
    disk = sum((rows(one) for one in missing), 0.0) * ROW / 2**20 if rows else math.nan
    spread = law.spread if law else math.nan
    guessed = law is not None and any(law.guesses(one) for one in missing)
    return Forecast(name, cells, len(missing), sum(each, 0.0), max(each, default=0.0), spread, highest, disk, guessed)


def _entry(path: Path) -> dict:
    """A cell of the store; what is damaged counts as absent."""
    content = load_content(path, limit=CELL_LIMIT)
    try:
        return {} if content is None else StoredCell.model_validate(json.loads(content)).model_dump()
    except ValueError:
        return {}
