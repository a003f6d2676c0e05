"""Names and scopes: dotted names, what an import binds, what a function binds.

Scopes are Python's: a name that a function binds anywhere is its own everywhere, a comprehension binds only for itself,
and names of a class body are not seen by its methods (in the body itself the module's name counts all the same: it may
be read before the class binds it).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from quire.fingerprint.plain import FUNCTIONS

__all__ = ["COMPREHENSIONS", "SCOPES", "Import", "at_import", "bindings", "bound", "chain_of", "imported", "of_scope"]

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True)
class Import:
    """``from module import name``, or ``import module`` where the name is None."""

    module: str
    name: str | None = None


def chain_of(node: ast.AST) -> tuple[str, ...] | None:
    """``a.b.c`` as its names; None for what does not begin with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def imported(node: ast.AST, module: str, package: bool) -> Iterator[tuple[str, Import, Import]]:
    """Of an import statement: the name that each part binds ("*": all), what it is bound to, and what is imported."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            whole, top = Import(alias.name), Import(alias.name.partition(".")[0])
            yield (alias.asname, whole, whole) if alias.asname else (top.module, top, whole)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = module.split(".") if package else module.split(".")[:-1]
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        for alias in node.names:
            target = Import(base, alias.name)
            yield alias.asname or alias.name, target, target


def bound(body: list[ast.AST], module: str, package: bool) -> dict[str, list[Import]]:
    """The names that a function's statements bind, each with what it is imported from (nothing: another binding)."""
    names: dict[str, list[Import]] = {}
    elsewhere: set[str] = set()
    for node, owner in of_scope(body):
        for name, target in bindings(node, owner, module, package):
            names.setdefault(name, []).extend(target)
        if isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere |= set(node.names)
    return {name: targets for name, targets in names.items() if name not in elsewhere}


def of_scope(body: list[ast.AST]) -> Iterator[tuple[ast.AST, bool]]:
    """Nodes that belong to a scope, and whether they bind in it (a comprehension's targets do not)."""
    waiting = [(node, True) for node in body]
    while waiting:
        node, binds = waiting.pop()
        yield node, binds
        if isinstance(node, SCOPES):  # its decorators, defaults and bases may hold a walrus; its body is another scope
            outer = [*getattr(node, "decorator_list", []), *getattr(node, "bases", [])]
            arguments = getattr(node, "args", None)
            outer += [*arguments.defaults, *filter(None, arguments.kw_defaults)] if arguments else []
            waiting += [(part, binds) for part in outer]
        else:
            inner = binds and not isinstance(node, COMPREHENSIONS)
            waiting += [(part, inner) for part in ast.iter_child_nodes(node)]


def bindings(node: ast.AST, binds: bool, module: str, package: bool) -> list[tuple[str, list[Import]]]:
    """What one node binds in its scope."""
    if isinstance(node, ast.NamedExpr):
        return [(node.target.id, [])]
    if not binds:
        return []
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        return [(node.id, [])]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(name, [target]) for name, target, _ in imported(node, module, package)]
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return [(node.name, [])] if node.name else []
    return [(node.rest, [])] if isinstance(node, ast.MatchMapping) and node.rest else []


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: all but the bodies of functions."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, (*FUNCTIONS, ast.Lambda)):
            waiting += getattr(part, "decorator_list", [])
            waiting += [*part.args.defaults, *filter(None, part.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(part)
