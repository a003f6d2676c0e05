"""Compare two runs row by row and claim by claim: a reader's against the published one, today's against yesterday's.

Rows are matched by function, arguments and place within the cell, not by their key (which changes with the code); numbers
may differ by the tolerance of their column. Measured values and standard errors of claims are compared by the tolerance of
the claim, also where the verdict is the same. What cannot be compared is a difference: a run that failed, another profile,
other parameters, a damaged table, a chapter or all rows that are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quire.record import RunFolder
from quire.tools.compared import Difference, compare_claims, compare_rows
from quire.tools.terminal import printable

__all__ = ["Comparison", "Difference", "compare", "compare_runs"]

HOW = ("profile", "chapter")  # of the record of a run: what must agree for a comparison to mean something


@dataclass(frozen=True)
class Comparison:
    """What differs, and how much was compared."""

    differences: list[Difference]
    num_rows: int
    num_claims: int
    chapters: list[str]

    @property
    def summary(self) -> str:
        """One line: how many differences, in how many rows and claims of which chapters."""
        count = len(self.differences)
        found = f"{count} difference" + ("" if count == 1 else "s")
        rows, claims = f"{self.num_rows:,} rows", f"{self.num_claims} claims"
        return printable(f"{found}; compared {rows} and {claims} of {', '.join(self.chapters) or 'no chapter'}")


def compare(first: RunFolder | Path, second: RunFolder | Path) -> Comparison:
    """Compare two runs of one chapter.

    Raises:
        FileNotFoundError: a folder holds no run.
        ValueError: a file of a run other than its tables is not what a run writes; the message names file and field.
    """
    runs = [side if isinstance(side, RunFolder) else RunFolder(side) for side in (first, second)]
    records = []
    for run in runs:
        record = run.provenance()
        if record is None:
            raise FileNotFoundError(f"no run in {run.path}: give a folder that `quire run` or `quire publish` wrote")
        records.append(record)
    chapter = records[0]["chapter"]
    rows, num_rows = compare_rows(*runs, chapter)
    claims, num_claims = compare_claims(*runs, chapter)
    return Comparison([*_made(*records), *rows, *claims], num_rows, num_claims, [chapter])


def compare_runs(left: Path, right: Path, chapters: list[str] | None = None) -> Comparison:
    """Compare two folders of runs, chapter by chapter (all that either has, unless some are named).

    Raises:
        ValueError: neither has a chapter.
        FileNotFoundError: a chapter that was asked for is in neither.
    """
    held = [{path.parent.name for path in side.glob("*/provenance.json")} for side in (left, right)]
    wanted = sorted(held[0] | held[1]) if chapters is None else chapters
    if not wanted:
        raise ValueError(f"no chapter in {left} nor in {right}: run or publish one first")
    found = Comparison([], 0, 0, [])
    for chapter in wanted:
        present = [chapter in side for side in held]
        if not any(present):
            raise FileNotFoundError(f"no run of {chapter} in {left} nor in {right}: run or publish it first")
        if all(present):
            found = _joined(found, compare(left / chapter, right / chapter))
        else:
            found.differences.append(Difference(chapter, "run", *("present" if p else "missing" for p in present)))
    return found


def _joined(one: Comparison, other: Comparison) -> Comparison:
    return Comparison(
        one.differences + other.differences,
        one.num_rows + other.num_rows,
        one.num_claims + other.num_claims,
        one.chapters + other.chapters,
    )


def _made(first: dict, second: dict) -> Iterator[Difference]:
    """Failures, and differences of profile and parameters; where it ran (the device) is no difference of the science."""
    where = first["chapter"]
    if first.get("failed") or second.get("failed"):
        outcomes = ("failed" if record.get("failed") else "complete" for record in (first, second))
        yield Difference(where, "run", *outcomes)
    for name in HOW:
        if first[name] != second[name]:
            yield Difference(where, name, first[name], second[name])
    given, other = first.get("parameters", {}), second.get("parameters", {})
    for name in sorted((given.keys() | other.keys()) - {"device"}):
        if given.get(name) != other.get(name):
            yield Difference(where, f"parameter {name}", given.get(name), other.get(name))
