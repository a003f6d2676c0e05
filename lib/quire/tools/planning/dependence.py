"""The statements of a chapter, what each defines and uses: which of them ask for cells, and which depend on what these give.

Only names are followed, statement by statement at the top level: what a function of the chapter uses inside counts as used by it.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import jupytext

__all__ = ["Statement", "asking", "depending", "statements"]


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a code cell.

    Attributes:
        cell: number of the cell in the notebook.
        node: its syntax.
        defines, uses: names.
        adds: it changes what it defines, and does not replace it.
        reports: ids of the claims that it reports.
    """

    cell: int
    node: ast.stmt
    defines: frozenset[str]
    uses: frozenset[str]
    adds: bool
    reports: tuple[str, ...]

    @property
    def sweeps(self) -> bool:
        """Whether it asks for cells."""
        return "sweep" in self.uses

    @property
    def code(self) -> str:
        """As text."""
        return ast.unparse(self.node)


def statements(chapter: Path) -> list[Statement]:
    """All of them, in order, without those of the cell of parameters.

    Raises:
        SyntaxError: a cell is no Python.
    """
    notebook = jupytext.reads(chapter.read_text(encoding="utf-8"), "py:percent")
    return [
        _statement(number, node)
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
        for node in ast.parse(cell.source).body
    ]


def asking(found: list[Statement]) -> list[Statement]:
    """Those that ask for cells, and those that these need, in order.

    >>> text = ["from quire.sweep import sweep", "a = 1", "b = 2", "rows = sweep(f, a)", "print(rows)"]
    >>> [one.code for one in asking([_statement(0, ast.parse(line).body[0]) for line in text])]
    ['from quire.sweep import sweep', 'a = 1', 'rows = sweep(f, a)']
    """
    needed: set[str] = set()
    kept = []
    for one in reversed(found):
        if (one.sweeps and not _imports(one)) or one.defines & needed:
            kept.append(one)
            needed = (needed if one.adds else needed - one.defines) | one.uses
    return kept[::-1]


def depending(found: list[Statement], first: set[int]) -> set[int]:
    """Numbers of the statements that use what these statements give, directly or through others; these included.

    Args:
        found: statements in order.
        first: numbers of some of them.

    >>> text = ["a = sweep(f)", "b = a + 1", "a = 2", "print(a)", "print(b)"]
    >>> depending([_statement(0, ast.parse(line).body[0]) for line in text], {0})
    {0, 1, 4}
    """
    tainted: set[str] = set()
    reached = set(first)
    for number, one in enumerate(found):
        if number in reached or one.uses & tainted:
            reached.add(number)
            tainted |= one.defines
        elif not one.adds:
            tainted -= one.defines
    return reached


def _statement(cell: int, node: ast.stmt) -> Statement:
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    defines = {name.id for name in names if isinstance(name.ctx, ast.Store)} | _named(node)
    uses = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    changed = {name for inner in ast.walk(node) if isinstance(inner, ast.stmt) for name in _changed(inner)}
    adds = bool(changed) or isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try)
    reports = tuple(
        call.args[0].value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "claims.report"
        and isinstance(call.args[0], ast.Constant)
    )
    return Statement(cell, node, frozenset(defines | changed), frozenset(uses | changed), adds, reports)


def _named(node: ast.stmt) -> set[str]:
    """Names that imports and definitions give."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()


def _changed(node: ast.stmt) -> set[str]:
    """Names whose values a statement changes in place: a += …, a[i] = …, a.append(…)."""
    if isinstance(node, ast.AugAssign):
        return {_root(node.target)} - {""}
    if isinstance(node, ast.Assign):
        return {_root(target) for target in node.targets if not isinstance(target, ast.Name)} - {""}
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        called = node.value.func
        return {_root(called.value)} - {""} if called.attr in ("append", "extend", "update", "add") else set()
    return set()


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _imports(one: Statement) -> bool:
    return isinstance(one.node, ast.Import | ast.ImportFrom)
