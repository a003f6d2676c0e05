"""A chapter without what depends on cells that nobody computed: its claims are untested for lack of time, its figures are not drawn."""

import copy
import json

import nbformat

from quire.tools.planning.asked import Asked
from quire.tools.planning.dependence import Statement, depending

__all__ = ["because", "left", "without"]


def left(asked: list[Asked]) -> dict[str, list[int]]:
    """Cells that are missing, and asked for, by function; of functions that have some."""
    found: dict[str, list[int]] = {}
    for one in asked:
        if one.missing:
            before = found.get(one.name, [0, 0])
            found[one.name] = [before[0] + len(one.missing), before[1] + len(one.cells)]
    return found


def because(counts: dict[str, list[int]]) -> str:
    """Why a claim is untested, from what is :func:`left`.

    >>> because({"toy.curve": [2, 12]})
    'for lack of time: 2 of 12 cells of toy.curve are left'
    """
    if not counts:
        return "what it depends on could not be found"
    return f"for lack of time: {'; '.join(f'{gone} of {total} cells of {name}' for name, (gone, total) in counts.items())} are left"


def without(
    notebook: nbformat.NotebookNode, listed: list[Statement], asked: list[Asked], failed: set[int]
) -> nbformat.NotebookNode:
    """A copy of a notebook in which what cannot be computed is left out, and said.

    Args:
        notebook: of a chapter.
        listed: its statements.
        asked: its sweeps.
        failed: numbers of the statements that ask for cells and could not be planned, because others are missing.
    """
    missing = [one for one in asked if one.missing]
    reached = depending(listed, {one.statement for one in missing} | failed)
    reason = because(left(asked))
    made = copy.deepcopy(notebook)
    for number in {listed[k].cell for k in reached}:
        own = [listed[k] for k in sorted(reached) if listed[k].cell == number]
        made.cells[number].source = _shortened(notebook.cells[number].source, own, reason)
    return made


def _shortened(source: str, gone: list[Statement], reason: str) -> str:
    """A cell without some of its statements, whose claims are reported as untested."""
    lines = source.splitlines()
    for one in reversed(gone):
        said = [f"# {lines[one.node.lineno - 1].strip()} … is left out {reason}"]
        said += [f"claims.untested({json.dumps(id)}, {json.dumps(reason, ensure_ascii=False)})" for id in one.reports]
        lines[one.node.lineno - 1 : one.node.end_lineno] = said
    return "\n".join(lines)
