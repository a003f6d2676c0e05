"""Rows against rows, claims against claims: what `quire diff` reports of two runs of one chapter."""

import functools
import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from quire.claims import judge_run, ledger, measured
from quire.files import CorruptFile
from quire.record import RunFolder
from quire.tools.terminal import printable
from quire.tools.tolerances import Tolerance, claim_tolerance, tolerance

__all__ = ["Difference", "compare_claims", "compare_rows"]

EXACT = 2**53  # larger counts are compared as they are
Row = tuple[str, str, int]  # function, arguments as text, place within the cell


@dataclass(frozen=True)
class Difference:
    """One thing that differs: a value, a row that one run lacks, a measurement, a verdict, or how the runs were made."""

    where: str
    column: str
    first: object
    second: object
    allowed: str = ""

    def __str__(self) -> str:
        return printable(f"{self.where} {self.column}: {self.first} → {self.second}")


# ---- rows


def compare_rows(first: RunFolder, second: RunFolder, chapter: str) -> tuple[list[Difference], int]:
    """What differs in the rows, and how many rows both runs have.

    A table that is damaged is a difference, also where both are; so is a run without any rows.
    """
    found: list[Difference] = []
    sides = [_rows(run, side, found) for run, side in ((first, "first run"), (second, "second run"))]
    if not any(sides):
        found.append(Difference(chapter, "rows", "none", "none"))
    limits = functools.cache(tolerance)
    for row in sorted(sides[0].keys() | sides[1].keys()):
        where = f"{row[0]}({row[1]})[{row[2]}]"
        if row in sides[0] and row in sides[1]:
            found += _columns(where, *(side[row] for side in sides), functools.partial(limits, row[0]))
        else:
            found.append(Difference(where, "row", *("present" if row in side else "missing" for side in sides)))
    return found, len(sides[0].keys() & sides[1].keys())


def _rows(run: RunFolder, side: str, found: list[Difference]) -> dict[Row, dict]:
    """The rows of a run by what made them; what is wrong with its tables goes to ``found``."""
    rows: dict[Row, dict] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sweeps = run.sweeps()
    for warning in caught:
        if issubclass(warning.category, CorruptFile):
            found.append(Difference(side, "damaged table", str(warning.message), ""))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    for name, cells in sweeps.items():
        for cell in cells:
            text = ", ".join(f"{key}={_text(value)}" for key, value in sorted(cell.arguments.items()))
            for place, values in enumerate(cell.rows):
                if (name, text, place) in rows:
                    found.append(Difference(f"{name}({text})[{place}]", f"row twice in the {side}", cell.key, ""))
                rows[name, text, place] = values
    return rows


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _columns(where: str, first: dict, second: dict, limit) -> Iterator[Difference]:
    for column in sorted(first.keys() | second.keys()):
        a, b, allowed = first.get(column), second.get(column), limit(column)
        if not _close(a, b, allowed):
            yield Difference(where, column, a, b, str(allowed))


def _close(a: object, b: object, allowed: Tolerance, error: float = 0.0) -> bool:
    """Whether two values agree: numbers within the tolerance (nan with nan), anything else exactly, types included."""
    if type(a) is not type(b) or type(a) not in (int, float):
        return type(a) is type(b) and a == b
    if not all(map(_comparable, (a, b))):
        return a == b or (a != a and b != b)
    return allowed.allows(a, b, error)


def _comparable(number: float | int) -> bool:
    """Whether a tolerance has a meaning: no nan, no infinity, no count beyond what a float can hold."""
    return abs(number) <= EXACT if isinstance(number, int) else math.isfinite(number)


# ---- claims


def compare_claims(first: RunFolder, second: RunFolder, chapter: str) -> tuple[list[Difference], int]:
    """What differs in measured values, standard errors and verdicts, and how many claims both runs report."""
    found: list[Difference] = []
    before, after = first.reports(), second.reports()
    verdicts = [{claim["id"]: claim["verdict"] for claim in judge_run(run.path)} for run in (first, second)]
    if not before and not after and any(verdicts):
        found.append(Difference(chapter, "claims reported", "none", "none"))
    for id in sorted(before.keys() | after.keys()):
        if id in before and id in after:
            found += _reports(id, before[id], after[id])
            found += _unusable(id, before[id], after[id])
        else:
            found.append(
                Difference(id, "report", *("present" if id in side else "missing" for side in (before, after)))
            )
    for id in sorted(verdicts[0].keys() | verdicts[1].keys()):
        if verdicts[0].get(id) != verdicts[1].get(id):
            found.append(Difference(id, "verdict", verdicts[0].get(id), verdicts[1].get(id)))
    return found, len(before.keys() & after.keys())


def _reports(id: str, first: dict, second: dict) -> Iterator[Difference]:
    """Measured numbers of one claim; a ranking has one for each of its names."""
    allowed = claim_tolerance(id)
    before, after = _numbers(first), _numbers(second)
    for name in sorted(before.keys() | after.keys()):
        (a, e, n), (b, f, m) = before.get(name, (None,) * 3), after.get(name, (None,) * 3)
        if not _close(a, b, allowed, math.hypot(_known(e), _known(f))):
            yield Difference(id, f"measured {name}".strip(), a, b, str(allowed))
        if not _close(e, f, allowed, _spread_of_error(math.sqrt(_known(e) * _known(f)), n, m)):
            yield Difference(id, f"standard error {name}".strip(), e, f, str(allowed))


def _unusable(id: str, *reports: dict) -> Iterator[Difference]:
    """A report that says nothing, or another kind of thing than the ledger asks for, agrees with none, itself included."""
    claim = ledger().get(id)
    of_kind = [claim is None or measured(claim, report) is not None for report in reports]
    says = [report.get("value") is not None or report.get("reason") for report in reports]
    states = ["usable" if kind and word else "unusable" for kind, word in zip(of_kind, says, strict=True)]
    if "unusable" in states:
        yield Difference(id, "report", *states)


def _numbers(report: dict) -> dict[str, tuple]:
    """Value, standard error and degrees of freedom, by name of a ranking ("" for a single number)."""
    value = report.get("value")
    if isinstance(value, dict):
        return {name: (*map(_number, numbers), *(None,) * 3)[:3] for name, numbers in value.items()}
    return {"": (_number(value), _number(report.get("stderr")), _number(report.get("dof")))}


def _number(value: object) -> object:
    """A number as a float ("inf" degrees of freedom included); anything else as it is."""
    if value == "inf":
        return math.inf
    return float(value) if type(value) in (int, float) else value


def _known(error: object) -> float:
    """A standard error, or 0 where there is none."""
    return error if isinstance(error, float) and math.isfinite(error) else 0.0


def _spread_of_error(error: float, *dofs: object) -> float:
    """How far two standard errors of one ensemble lie apart, with n degrees of freedom: s/√(2n) each, s/√n together."""
    known = [dof for dof in dofs if isinstance(dof, float) and dof > 0]
    return error / math.sqrt(min(known)) if known else 0.0
