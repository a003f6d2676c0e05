"""The folder of a run: the one module that knows its files.

``sweeps.json`` indexes the cells (key, arguments, who computed them) and ``rows/`` holds their values; ``claims.json`` holds
what was reported, ``figures.json`` which figures were drawn; ``provenance.json`` says how the run was made. Each file is
read, changed and written under a lock, so that two notebooks in one folder lose nothing, and what is read is validated: a
run that somebody else wrote is data, nothing outside its folder is opened.
"""

import functools
import os
import time
from pathlib import Path

from pydantic import ValidationError

from quire.cells import Cell, readable_cells, write_cells
from quire.files import bare, folder, locked, read_json, write_atomic, write_json
from quire.schema import FigureEntry, MadeEntry, ReportEntry, RunEntry
from quire.settings import setting

__all__ = ["RunFolder", "current"]


class RunFolder:
    """What a run left, or leaves, in a folder."""

    def __init__(self, path: Path):
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def notebook(self, chapter: str) -> Path:
        """The executed notebook."""
        return self.path / f"{chapter}.ipynb"

    def file(self, name: str) -> Path:
        """A file of the run by its bare name."""
        return self.path / bare(name)

    # ---- how the run was made

    def provenance(self) -> dict | None:
        """The record of the run, or None where there is no run."""
        found = read_json(self.path / "provenance.json")
        return None if found is None else checked(RunEntry, found, self.path / "provenance.json")

    def write_provenance(self, record: dict) -> None:
        """Write the record of the run."""
        write_json(self.path / "provenance.json", record)

    # ---- progress of a sweep, for who watches

    def progress(self) -> dict | None:
        """What the sweep that runs now has done, or None; unreadable counts as absent, it is no reason to stop."""
        try:
            return read_json(self.path / "progress.json")
        except ValueError:
            return None

    def write_progress(self, progress: dict | None) -> None:
        """Say what the present sweep has done; None: no sweep runs."""
        if progress is None:
            (self.path / "progress.json").unlink(missing_ok=True)
        else:
            write_json(self.path / "progress.json", progress)

    # ---- claims

    def reports(self) -> dict[str, dict]:
        """What was reported, by id of the claim."""
        return self._entries("claims.json", ReportEntry)

    def report(self, id: str, entry: dict) -> None:
        """Record what was measured for a claim."""
        self._change("claims.json", id, checked(ReportEntry, entry, f"report of {id}"))

    # ---- figures

    def figures(self) -> dict[str, dict]:
        """The figures that were drawn, by id: names of files, caption, alternative text, number."""
        return self._entries("figures.json", FigureEntry)

    def add_figure(self, id: str, files: dict[str, bytes], entry: dict) -> None:
        """Write the files of a figure (bare names), then register it; a figure that is drawn again keeps its number."""
        for name, content in files.items():
            write_atomic(self.file(name), content)
        with locked(self.path / "figures.json"):
            known = self.figures()
            number = known[id]["number"] if id in known else len(known) + 1
            new = checked(FigureEntry, {**entry, "number": number}, f"figure {id}")
            write_json(self.path / "figures.json", {**known, id: new})

    # ---- rows

    def sweeps(self) -> dict[str, list[Cell]]:
        """The cells of each function; a table that is not the one that was written is reported and left out."""
        read = {name: readable_cells(self.path, name, entry) for name, entry in self._index().items()}
        return {name: cells for name, cells in read.items() if cells}

    def functions(self) -> list[str]:
        """The names of the functions that have cells."""
        return list(self._index())

    def cells(self, name: str) -> list[Cell]:
        """The cells of one function, as :meth:`sweeps` has them; none if it has none."""
        index = self._index()
        return readable_cells(self.path, name, index[name]) if name in index else []

    def _index(self) -> dict:
        path = self.path / "sweeps.json"
        found = read_json(path, {})
        if not isinstance(found, dict):
            raise ValueError(f"{path} must map functions to their cells, got {found!r:.80}: run the chapter again")
        return found

    def add_cells(self, name: str, cells: list[Cell]) -> None:
        """Add the cells of a sweep; those of an earlier sweep over the same function stay."""
        path = self.path / "sweeps.json"
        with locked(path):
            found = read_json(path, {})
            before = readable_cells(self.path, name, found[name]) if name in found else []
            merged = {cell.key: cell for cell in [*before, *cells]}
            found[name] = write_cells(self.path, name, list(merged.values()))
            write_json(path, found)

    # ---- tensors

    def tensors(self) -> dict[str, dict]:
        """The tensors that the run used, by key: who made them, with which arguments, and their size."""
        return self._entries("tensors.json", MadeEntry)

    def add_tensors(self, key: str, entry: dict) -> None:
        """Record that the run used tensors of the store."""
        self._change("tensors.json", key, checked(MadeEntry, entry, f"tensors {key}"))

    # ---- entries by name

    def _entries(self, name: str, kind) -> dict[str, dict]:
        path = self.path / name
        found = read_json(path, {})
        if not isinstance(found, dict):
            raise ValueError(f"{path} must be a mapping, got {found!r:.80}: run the chapter again")
        return {id: checked(kind, entry, f"{path}, {id}") for id, entry in found.items()}

    def _change(self, name: str, id: str, entry: dict) -> None:
        path = self.path / name
        with locked(path):
            write_json(path, {**read_json(path, {}), id: entry})


def current() -> RunFolder:
    """The folder of the present run: of `quire run`, or for a notebook that is executed by hand one of its own."""
    return RunFolder(Path(setting("QUIRE_RUN")).absolute() if setting("QUIRE_RUN") else _own_folder(os.getpid()))


@functools.lru_cache(maxsize=4)
def _own_folder(process: int) -> Path:
    return folder("build") / "interactive" / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{process}"


def checked(kind, value: object, where: object) -> dict:
    """A value that follows a schema, as JSON.

    Raises:
        ValueError: it does not; the message names the file and the field.
    """
    try:
        return kind.model_validate(value).model_dump(exclude_none=True)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'entry'}: {e['msg']}" for e in error.errors()[:3])
        raise ValueError(f"{where} is not what a run writes ({wrong}): run the chapter again") from None
