"""The cells that a chapter would ask for, found by running the statements that say so, with a sweep that computes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from quire.cells import Cell
from quire.fingerprint import fingerprint
from quire.store import Store, key_of
from quire.sweep import Handle, all_handles, arguments_of, columns, keyed, name_of, plain
from quire.tools.chapters import path_of
from quire.tools.planning.dependence import Statement, asking, statements
from quire.tools.profiles import complete

__all__ = ["Asked", "asked_by"]


@dataclass(frozen=True, eq=False)
class Asked:
    """The cells of one sweep.

    Attributes:
        chapter: whose.
        statement: number of the statement that asks, among all of the chapter.
        function: of the cells.
        cells: arguments of all, by key.
        found: those that are kept or published, by key.
        absent: tensors that the others need and that are not kept, by key.
        handles: all tensors that cells need, by key.
    """

    chapter: str
    statement: int
    function: object
    cells: dict[str, dict]
    found: dict[str, Cell]
    absent: dict[str, Handle] = field(default_factory=dict)
    handles: dict[str, Handle] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the function, as in the store."""
        return name_of(self.function)

    @property
    def missing(self) -> dict[str, dict]:
        """Arguments of the cells that are to be computed, by key."""
        return {key: cell for key, cell in self.cells.items() if key not in self.found}


def asked_by(chapter: str, values: dict, *, store: Store | None = None) -> tuple[list[Asked], dict[int, str]]:
    """What a chapter asks for with these parameters.

    Where one sweep depends on the rows of another that are not there yet, it is found once these are.

    Args:
        chapter: its name.
        values: of its parameters, where they are not the default.
        store: where cells are kept.

    Returns:
        (sweeps in the order of the chapter, the errors of statements that could not be run, by their numbers).
    """
    planner = _Planner(chapter, store or Store())
    listed = statements(path_of(chapter))
    numbers = {id(one): number for number, one in enumerate(listed)}
    names: dict = {"__name__": f"plan of {chapter}", **complete(chapter, values)}
    failed = {}
    for one in asking(listed):
        planner.statement = numbers[id(one)]
        try:
            _run(one, names)
        except Exception as error:  # rows that it needs are not there yet
            failed[planner.statement] = f"{one.code.splitlines()[0][:100]}: {type(error).__name__}: {error}"
        if "sweep" in one.defines:
            names["sweep"] = planner
    return planner.sweeps, failed


class _Planner:
    """In the place of :func:`quire.sweep.sweep`: notes the cells, and returns the rows that are kept."""

    def __init__(self, chapter: str, store: Store):
        self.chapter, self.store, self.sweeps, self.statement = chapter, store, [], 0

    def __call__(self, function, cells: Iterable[dict], *, device: str = "auto", store: Store | None = None):
        name, code, kept = name_of(function), fingerprint(function), store or self.store
        arguments = [arguments_of(function, cell) for cell in cells]
        asked = {key_of(name, keyed(cell), code): cell for cell in arguments}
        loaded = {key: kept.load(name, key, plain(cell)) for key, cell in asked.items()}
        found = {key: cell for key, cell in loaded.items() if cell is not None}
        handles = {h.key: h for cell in asked.values() for h in all_handles(cell)}
        needed = {h.key for key, cell in asked.items() if key not in found for h in all_handles(cell)}
        absent = {key: handles[key] for key in needed if kept.load_tensors(handles[key].name, key) is None}
        self.sweeps.append(Asked(self.chapter, self.statement, function, asked, found, absent, handles))
        rows = [{**columns(cell.arguments), **row} for cell in found.values() for row in cell.rows]
        return pd.DataFrame(rows or [columns(plain(cell)) for cell in asked.values()][:0])


def _run(one: Statement, names: dict) -> None:
    exec(compile(one.code, f"<{names['__name__']}>", "exec"), names)
