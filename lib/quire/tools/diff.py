"""Compare two runs row by row: a reader's against the published one, today's against yesterday's.

Rows are matched by function, arguments and place within the cell, not by their key (which changes with the code); numbers
may differ by the tolerance of their column in ``data/tolerances.yml``.
"""

import functools
import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quire.claims import judge_run
from quire.provenance import from_yaml, project_root, write_atomic
from quire.store import read_run

__all__ = ["Difference", "diff", "tolerance", "write_page"]


@dataclass(frozen=True)
class Difference:
    """One thing that differs: a value, a row that one run lacks, or a verdict."""

    where: str
    column: str
    first: object
    second: object
    allowed: str


def tolerance(function: str, column: str) -> dict[str, float]:
    """Relative and absolute tolerance of a column: in ``data/tolerances.yml`` the entry of the column, of its function ("*"), or the default."""
    path = project_root() / "data" / "tolerances.yml"
    table = (from_yaml(path.read_text(), path) or {}) if path.exists() else {}
    own = table.get(function, {})
    return {"rel": 1e-6, "abs": 1e-12} | table.get("default", {}) | own.get("*", {}) | own.get(column, {})


def diff(first: Path, second: Path) -> list[Difference]:
    """All differences between two run folders (of one chapter each).

    Raises:
        FileNotFoundError: a folder holds no run.
    """
    for run in (first, second):
        if not (run / "provenance.json").exists():
            raise FileNotFoundError(f"no run in {run}: give a folder that `quire run` or `quire publish` wrote")
    left, right, limits = _rows(first), _rows(second), functools.cache(tolerance)
    found = []
    for key in sorted(left.keys() | right.keys()):
        where = f"{key[0]}({key[1]})[{key[2]}]"
        if key not in left or key not in right:
            sides = ("present" if key in side else "missing" for side in (left, right))
            found.append(Difference(where, "row", *sides, ""))
            continue
        for column in sorted(left[key].keys() | right[key].keys()):
            a, b, allowed = left[key].get(column), right[key].get(column), limits(key[0], column)
            if not _close(a, b, allowed):
                found.append(Difference(where, column, a, b, str(allowed)))
    return found + list(_verdicts(first, second))


def write_page(path: Path, title: str, differences: list[Difference]) -> None:
    """One HTML page with every difference, largest runs included: a browser scrolls."""
    table = pd.DataFrame([vars(difference) for difference in differences]).to_html(index=False, border=0)
    verdict = f"{len(differences)} differences{table}" if differences else "no difference beyond the tolerances"
    look = "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:thin solid}"
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{look}</style>"
    write_atomic(path, f"{head}<h1>{html.escape(title)}</h1><p>{verdict}</html>".encode())


def _rows(run: Path) -> dict[tuple[str, str, int], dict]:
    """The values of every row, by function, arguments and place within the cell."""
    found = {}
    for name, (arguments, cells, _) in read_run(run).items():
        for rows in cells.values():
            for i, row in enumerate(rows):
                cell = ", ".join(f"{a}={row[a]!r}" for a in arguments if a in row)
                found[name, cell, i] = {column: value for column, value in row.items() if column not in arguments}
    return found


def _close(a, b, allowed: dict[str, float]) -> bool:
    if type(a) is type(b) and type(a) in (int, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=allowed["rel"], abs_tol=allowed["abs"])
    return type(a) is type(b) and a == b


def _verdicts(first: Path, second: Path) -> Iterator[Difference]:
    """Claims whose verdict changed, each run judged at its own profile."""
    before, after = ({claim["id"]: claim["verdict"] for claim in judge_run(run)} for run in (first, second))
    for claim in sorted(before.keys() | after.keys()):
        if before.get(claim) != after.get(claim):
            yield Difference(claim, "verdict", before.get(claim), after.get(claim), "")
