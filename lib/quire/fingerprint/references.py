"""What a piece of code refers to: names of its module, imports, texts that may name files."""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quire.fingerprint.plain import body_of, keeps_annotations
from quire.fingerprint.scopes import Import, bound, chain_of, imported

__all__ = ["Reference", "Uses", "uses_of"]

PEEKS = ("__globals__", "f_globals", "__subclasses__")  # attributes that show what no name shows


@dataclass(frozen=True)
class Reference:
    """A dotted name: from the scope of the module, or, with an origin, from what a function imported.

    ``literal`` is the text that stands as the first argument or as the index, if there is one.
    """

    chain: tuple[str, ...]
    origin: Import | None = None
    literal: str | None = None


@dataclass
class Uses:
    """All that a piece of code refers to."""

    references: set[Reference] = field(default_factory=set)
    entered: set[Import] = field(default_factory=set)  # imports that it executes
    texts: set[str] = field(default_factory=set)  # texts; of a formatted one a pattern with * for what is filled in
    hints: set[str] = field(
        default_factory=set
    )  # names that count if the module binds them: in quoted annotations, in class bodies


def uses_of(node: ast.AST, module: str, package: bool, cited: Callable[[ast.AST], bool]) -> Uses:
    """What a statement refers to. Arguments as in :func:`imported` and in :func:`quire.fingerprint.plain.digest`."""
    collector = _Collector(module, package, cited)
    collector.visit(node)
    return collector.uses


class _Collector(ast.NodeVisitor):
    """Walks a statement; ``scopes`` has the names of each enclosing one, with what they are imported from."""

    def __init__(self, module: str, package: bool, cited: Callable[[ast.AST], bool]):
        self.module, self.package, self.cited, self.uses = module, package, cited, Uses()
        self.scopes: list[tuple[str, dict[str, list[Import]]]] = []

    @property
    def kind(self) -> str:
        """What the statement at hand stands in: "module", "class" or "function"."""
        return next((kind for kind, _ in reversed(self.scopes) if kind != "comprehension"), "module")

    def refer(self, chain: tuple[str, ...], literal: str | None = None) -> None:
        """Note a dotted name, unless it is local to a function."""
        inner = True  # whether a class body that comes next is what the name stands in
        for kind, scope in reversed(self.scopes):
            if kind == "class" and inner and chain[0] in scope:
                self.uses.hints.add(chain[0])  # of the class, or of the module before the class binds it
                return
            if kind != "class" and chain[0] in scope:
                self.uses.references |= {Reference(chain[1:], origin, literal) for origin in scope[chain[0]]}
                return
            inner = inner and kind == "comprehension"
        self.uses.references.add(Reference(chain, None, literal))

    def visit_Name(self, node: ast.Name) -> None:
        self.refer((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if node.attr in PEEKS:
            self.uses.references.add(Reference((node.attr,)))
        if chain:
            self.refer(chain)
        else:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self.with_literal(node.func, node.args[0] if node.args else None)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.with_literal(node.value, node.slice)
        self.visit(node.slice)

    def visit_Compare(self, node: ast.Compare) -> None:
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            self.with_literal(node.comparators[0], node.left)
            for part in (node.left, *node.comparators[1:]):
                self.visit(part)
        else:
            self.generic_visit(node)

    def with_literal(self, node: ast.AST, argument: ast.AST | None) -> None:
        """Note what is called or indexed, and the literal text that it is given."""
        chain, value = chain_of(node), getattr(argument, "value", None)
        if chain and chain[-1] not in PEEKS:
            self.refer(chain, value if isinstance(value, str) else None)
        else:
            self.visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.uses.texts.add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [part.value if isinstance(part, ast.Constant) else "*" for part in node.values]
        self.uses.texts.add("".join(map(str, parts)))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        found = list(imported(node, self.module, self.package))
        self.uses.entered |= {whole for _, _, whole in found}
        if self.kind == "class":  # its names are attributes of the class: anything may be asked of them
            self.uses.references |= {Reference((), target) for _, target, _ in found}

    visit_ImportFrom = visit_Import

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self.kind != "function":
            self.annotation(node.annotation)
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def annotation(self, node: ast.AST | None) -> None:
        """Visit an annotation, and note the names in what stands in quotes there."""
        if node is None:
            return
        self.visit(node)
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                self.uses.hints |= set(re.findall(r"[^\W\d]\w*", part.value))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        for part in (*getattr(node, "decorator_list", []), *arguments.defaults, *filter(None, arguments.kw_defaults)):
            if not self.cited(part):
                self.visit(part)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [item for item in (arguments.vararg, arguments.kwarg) if item]
        if not isinstance(node, ast.Lambda) and keeps_annotations(node):
            for annotation in (*(item.annotation for item in every), node.returns):
                self.annotation(annotation)
        body = [node.body] if isinstance(node, ast.Lambda) else body_of(node)
        scope = {item.arg: [] for item in every} | bound(body, self.module, self.package)
        self.inside("function", body, scope)

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            if not self.cited(part):
                self.visit(part)
        self.inside("class", body_of(node), bound(body_of(node), self.module, self.package))

    def inside(self, kind: str, body: Iterable[ast.AST], scope: dict[str, list[Import]]) -> None:
        """Visit statements in a scope of their own."""
        self.scopes.append((kind, scope))
        for statement in body:
            self.visit(statement)
        self.scopes.pop()

    def comprehension(self, node: ast.AST) -> None:
        """Visit a comprehension: its first iterable is read outside of it."""
        self.visit(node.generators[0].iter)
        inner = [part.target for part in node.generators] + [part.iter for part in node.generators[1:]]
        inner += [test for part in node.generators for test in part.ifs]
        inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        targets = [name for part in node.generators for name in ast.walk(part.target) if isinstance(name, ast.Name)]
        local = {name.id: [] for name in targets if isinstance(name.ctx, ast.Store)}
        self.inside("comprehension", inner, local)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension
