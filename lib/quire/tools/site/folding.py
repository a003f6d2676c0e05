"""Which code a page folds, and what the fold says: argument stays open, plumbing is one click away.

What draws, describes or reports is folded; what computes, and is not marked otherwise, stays open. A cell that only describes
its table for the check of the notebook is left out: a reader has the table itself. A tag ``show-input`` keeps a cell open.
"""

import ast
from typing import NamedTuple

__all__ = ["GIVEN", "Folding", "folding"]

GIVEN = {"parameters", "injected-parameters"}
TABLES = {"claims.expected", "claims.scoreboard"}


class Folding(NamedTuple):
    """What becomes of a cell.

    Attributes:
        tags: for the renderer.
        title: of the fold, or "".
        printed: whether what it printed is shown.
    """

    tags: list[str]
    title: str = ""
    printed: bool = True


def folding(source: str, tags: set[str], *, draws: bool) -> Folding:
    """What becomes of a cell of code.

    Args:
        source: its code.
        tags: those that the chapter gave it.
        draws: whether it shows a figure.
    """
    if tags & GIVEN:
        return Folding(["remove-cell"])
    calls = _calls(source)
    printed = "describe" not in calls
    if calls and set(calls) == {"describe"} and _only_calls(source):
        return Folding(["remove-cell"])
    title = _title(calls, tags, draws)
    if not title or "show-input" in tags:
        return Folding([], printed=printed)
    return Folding(["hide-input"], title, printed)


def _title(calls: list[str], tags: set[str], draws: bool) -> str:
    if "setup" in tags:
        return "Code: imports, and what columns are called"
    if draws:
        return "Code of the figure below"
    if reports := calls.count("claims.report"):
        return f"Code: what is reported to the ledger ({reports} claim{'s' if reports > 1 else ''})"
    if "describe" in calls:
        return "Code: what is computed, and the shape of its table"
    return "Code of the table below" if set(calls) & TABLES else ""


def _calls(source: str) -> list[str]:
    """The names of the functions that are called in statements of their own; none in what is not Python."""
    return [ast.unparse(call.func) for call in map(_called, _statements(source)) if call is not None]


def _only_calls(source: str) -> bool:
    return all(_called(statement) is not None for statement in _statements(source))


def _called(statement: ast.stmt) -> ast.Call | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value if isinstance(value, ast.Call) else None


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
