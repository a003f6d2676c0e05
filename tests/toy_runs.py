"""Folders of runs of the chapter ``toy``, as a run leaves them, without running anything."""

from pathlib import Path

from quire.record import Cell, RunFolder

ORIGIN = {
    "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "scipy": "1.16.0", "numba": "0.62.0", "scikit-learn": "1.7.0"},
    "device": "cpu",
    "threads": 1,
    "machine": "Linux x86_64, 2 cores",
}  # fmt: skip
ROWS = {x: [{"y": x / 3, "n": x, "s": "a", "part": p} for p in range(2)] for x in range(4)}
SLOPE = {"value": -1.0, "stderr": 0.01, "dof": 5.0}
RECORD = {"chapter": "toy", "profile": "book", "failed": False, "parameters": {"seeds": 3, "device": "cpu"}}


def cell(x: int, rows: list[dict], *, salt: int = 0, **origin) -> Cell:
    """A cell of ``toy.f``; a salt changes its key, as an edit of the code does."""
    return Cell(f"{salt:012x}{x:012x}", {"x": x}, rows, 1.5, "computed", {**ORIGIN, **origin})


def write_run(
    path: Path, rows: dict[int, list[dict]] = ROWS, *, reports: dict | None = None, salt: int = 0, **record
) -> Path:
    """A run's folder with one function and one report."""
    run = RunFolder(path)
    if rows:
        run.add_cells("toy.f", [cell(x, block, salt=salt) for x, block in rows.items()])
    for id, report in ({"toy.slope": SLOPE} if reports is None else reports).items():
        run.report(id, report)
    run.write_provenance({**RECORD, **record})
    return path


def changed(x: int, part: int, **values) -> dict[int, list[dict]]:
    """The rows with one of them changed."""
    rows = {key: [dict(row) for row in block] for key, block in ROWS.items()}
    rows[x][part].update(values)
    return rows
