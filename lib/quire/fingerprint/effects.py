"""What a statement changes when its module is imported, beyond the names that it binds."""

import ast
import builtins
from dataclasses import dataclass, field

from quire.fingerprint.objects import DISPLAYS, PURE, READERS, fresh, is_setter, root_of
from quire.fingerprint.plain import FUNCTIONS, body_of
from quire.fingerprint.scopes import Import, at_import, bound, chain_of

__all__ = ["Call", "Effects", "effects_of"]


@dataclass(frozen=True)
class Call:
    """Something that is called when the module is imported.

    Attributes:
        chain: its name.
        kind: "call", "decorator" or "base" (of a class).
        given: whether it is given something that has a name.
    """

    chain: tuple[str, ...]
    kind: str
    given: bool = False


@dataclass
class Effects:
    """What a statement changes.

    Attributes:
        changes: names of its own module, which are objects that this module made.
        loud: whether it may change something else.
        calls: what it calls; whether these change something else is seen when they are followed.
    """

    changes: set[str] = field(default_factory=set)
    loud: bool = False
    calls: set[Call] = field(default_factory=set)


def effects_of(node: ast.stmt, module, binds: bool) -> Effects:
    """The effects of a statement at the top level of a :class:`quire.fingerprint.definitions.Module`."""
    found = _Finder(module, node)
    for part in at_import(node):
        found.look(part)
    idle = isinstance(node, ast.Pass) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    found.result.loud |= not (binds or idle or found.result.changes)
    return found.result


class _Finder:
    """Looks at the nodes of a statement that run at import."""

    def __init__(self, module, node: ast.stmt):
        self.module, self.result = module, Effects()
        classes = [part for part in at_import(node) if isinstance(part, ast.ClassDef)]
        self.inner = {name for part in classes for name in bound(body_of(part), module.name, module.package)}

    def foreign(self, name: str) -> bool:
        """Whether a name is Python's or imported from an installed package."""
        if name not in self.module.parts:
            return name in dir(builtins)
        return all(isinstance(part, Import) and self.module.foreign(part) for part in self.module.parts[name])

    def look(self, node: ast.AST) -> None:
        """Note what one node changes and calls."""
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            self.change(*root_of(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.statement(node.value)
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self.definition(node)

    def change(self, name: str | None, deep: bool) -> None:
        """Note a change of the object that a name stands for."""
        parts = self.module.parts.get(name, [])
        if not parts:
            self.result.loud |= name not in self.inner
        elif all(not isinstance(part, Import) and self.made(part, name, deep) for part in parts):
            self.result.changes.add(name)
        else:
            self.result.loud = True

    def made(self, piece, name: str, deep: bool) -> bool:
        return fresh(piece.value(name), deep, self.foreign)

    def definition(self, node) -> None:
        """Note the decorators and bases of a function or class."""
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) and not self.module.cited(decorator):
                self.called(chain_of(decorator), "decorator")
        for base in getattr(node, "bases", []):
            chain = chain_of(base.value if isinstance(base, ast.Subscript) else base)
            if chain:
                self.result.calls.add(Call(chain, "base"))
        for keyword in getattr(node, "keywords", []):
            if keyword.arg == "metaclass":
                self.called(chain_of(keyword.value), "call")

    def call(self, node: ast.Call) -> None:
        """Note a call, and the own objects that it is given."""
        chain = chain_of(node.func)
        if self.module.cited(node):
            return
        if chain in (("setattr",), ("delattr",)) and node.args:
            self.change(root_of(node.args[0])[0], isinstance(node.args[0], ast.Attribute | ast.Subscript))
            return
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        self.called(chain, "call", any(isinstance(part, ast.Name) for item in arguments for part in ast.walk(item)))
        last = chain[-1] if chain else getattr(node.func, "attr", "")
        known = chain is None or self.foreign(chain[0])
        if not (known and last in PURE | READERS):
            self.given(arguments)

    def given(self, arguments: list[ast.AST]) -> None:
        """Note the containers of this module that a call receives: it may change them."""
        for name in (part.id for part in arguments if isinstance(part, ast.Name)):
            values = [part.value(name) for part in self.module.defined(name)]
            if any(isinstance(value, (*DISPLAYS, ast.Call)) for value in values):
                self.result.changes.add(name)

    def called(self, chain: tuple[str, ...] | None, kind: str, given: bool = False) -> None:
        """Note what is called."""
        if not chain:
            return
        parts = self.module.parts.get(chain[0])
        if parts is None:
            self.unbound(chain)
        elif self.foreign(chain[0]):
            self.result.loud |= is_setter(chain[-1])
        elif len(chain) == 1 or any(isinstance(part, Import) for part in parts):
            self.result.calls.add(Call(chain, kind, given))
        else:
            self.method(chain, kind, given)

    def method(self, chain: tuple[str, ...], kind: str, given: bool) -> None:
        """Note a method of an own object."""
        values = [part.value(chain[0]) for part in self.module.defined(chain[0])]
        if any(isinstance(value, ast.ClassDef) for value in values):
            self.result.calls.add(Call(chain, kind, given))
        elif chain[-1] not in READERS or not all(fresh(value, False, self.foreign) for value in values):
            self.change(chain[0], len(chain) > 2)

    def unbound(self, chain: tuple[str, ...]) -> None:
        """Note a call of a builtin, or of a method of what a class body or a comprehension binds."""
        if len(chain) == 1:
            self.result.loud |= chain[0] in ("exec", "eval", "globals", "vars", "__import__")
        elif chain[0] not in dir(builtins):
            self.result.loud |= chain[0] not in self.inner and chain[-1] not in READERS

    def statement(self, node: ast.Call) -> None:
        """Note a call whose result nobody takes: it is made for its effect."""
        chain = chain_of(node.func)
        if chain in (("setattr",), ("delattr",)) or chain and len(chain) > 1 and chain[0] in self.inner:
            return
        parts = self.module.parts.get(chain[0], []) if chain else []
        own = bool(parts) and not any(isinstance(part, Import) for part in parts)
        classes = own and any(isinstance(part.value(chain[0]), ast.ClassDef) for part in parts)
        self.result.loud |= not own or classes or len(chain) == 1
