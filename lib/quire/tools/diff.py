"""Compare two runs row by row: a reader's against the published one, today's against yesterday's.

Rows are matched by function, arguments and place within the cell, not by their key (which changes with the code); numbers
may differ by the tolerance of their column in ``data/tolerances.yml``.
"""

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from quire.claims import judge_all
from quire.provenance import project_root, read_json, write_atomic
from quire.store import read_rows

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
    """Relative and absolute tolerance of a column: the longest entry of ``data/tolerances.yml`` that matches, else the default."""
    path = project_root() / "data" / "tolerances.yml"
    table = yaml.safe_load(path.read_text()) if path.exists() else {}
    default = {"rel": 1e-6, "abs": 1e-12, **table.get("default", {})}
    return {**default, **table.get(function, {}).get("*", {}), **table.get(function, {}).get(column, {})}


def diff(first: Path, second: Path) -> list[Difference]:
    """All differences between two run folders (of one chapter each).

    Raises:
        FileNotFoundError: a folder holds no run.
    """
    for run in (first, second):
        if not (run / "provenance.json").exists():
            raise FileNotFoundError(f"no run in {run}: give a folder that `quire run` or `quire publish` wrote")
    left, right = dict(_rows(first)), dict(_rows(second))
    found = [
        Difference(
            f"{key[0]}({key[1]})[{key[2]}]",
            "row",
            *(("missing", "present") if key in right else ("present", "missing")),
            "",
        )
        for key in sorted(left.keys() ^ right.keys())
    ]
    for key in sorted(left.keys() & right.keys()):
        for column in sorted(left[key].keys() | right[key].keys()):
            a, b = left[key].get(column), right[key].get(column)
            allowed = tolerance(key[0], column)
            if not _close(a, b, allowed):
                found.append(Difference(f"{key[0]}({key[1]})[{key[2]}]", column, a, b, str(allowed)))
    return found + list(_verdicts(first, second))


def write_page(path: Path, title: str, differences: list[Difference]) -> None:
    """One HTML page with every difference, largest runs included: a browser scrolls."""
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(v))}</td>" for v in (d.where, d.column, d.first, d.second, d.allowed))
        + "</tr>"
        for d in differences
    )
    verdict = f"{len(differences)} differences" if differences else "no difference beyond the tolerances"
    style = (
        "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}"
    )
    head = "<tr><th>row</th><th>column</th><th>first</th><th>second</th><th>tolerance</th></tr>"
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{style}</style>"
    write_atomic(
        path, f"{page}<h1>{html.escape(title)}</h1><p>{verdict}</p><table>{head}{lines}</table></html>".encode()
    )


def _rows(run: Path) -> Iterator[tuple[tuple[str, str, int], dict]]:
    sweeps = read_json(run / "sweeps.json", {"columns": {}, "arguments": {}})
    for name, kinds in sweeps["columns"].items():
        path = next(iter(sorted((run / "rows").glob(f"{name}.*"))), None)
        for rows in read_rows(path, kinds).values() if path else []:
            for i, row in enumerate(rows):
                arguments = ", ".join(f"{a}={row[a]}" for a in sweeps["arguments"][name] if a in row)
                yield ((name, arguments, i), {c: v for c, v in row.items() if c not in sweeps["arguments"][name]})


def _close(a, b, allowed: dict[str, float]) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=allowed["rel"], abs_tol=allowed["abs"])
    return type(a) is type(b) and a == b


def _verdicts(first: Path, second: Path) -> Iterator[Difference]:
    """Claims whose verdict changed, each run judged at its own profile."""
    sides = []
    for run in (first, second):
        provenance = read_json(run / "provenance.json")
        reports = read_json(run / "claims.json", {})
        sides.append(
            {c["id"]: c["verdict"] for c in judge_all(reports, provenance["profile"], [provenance["chapter"]])}
        )
    for claim in sorted(sides[0].keys() | sides[1].keys()):
        if sides[0].get(claim) != sides[1].get(claim):
            yield Difference(claim, "verdict", sides[0].get(claim), sides[1].get(claim), "")
