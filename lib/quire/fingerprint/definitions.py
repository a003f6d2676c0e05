"""The table of one module: for each name, the pieces of code that define it.

A piece is a statement at the top level of the module. It belongs to the names that it binds, and to those that it
changes when the module is imported (``TABLE["x"] = f``, ``TABLE.update(…)``, a loop that fills a registry). A piece with an
effect that cannot be attributed to a name of the module is *loud*: it counts for everything that imports the module.
"""

import ast
from functools import cached_property

from quire.fingerprint.effects import Effects, effects_of
from quire.fingerprint.files import named
from quire.fingerprint.plain import body_of, digest
from quire.fingerprint.references import Uses, uses_of
from quire.fingerprint.scopes import Import, at_import, bindings, chain_of, imported, of_scope
from quire.fingerprint.source import Source, follows

__all__ = ["Module", "Piece", "table"]

_tables: dict[tuple[str, bool], "Module"] = {}


class Piece:
    """One statement at the top level of a module."""

    def __init__(self, module: "Module", node: ast.stmt, place: int):
        self.module, self.node, self.place, self.binds = module, node, place, False

    @cached_property
    def uses(self) -> Uses:
        """What the statement refers to."""
        return uses_of(self.node, self.module.name, self.module.package, self.module.cited)

    @cached_property
    def digest(self) -> str:
        """Hash of the statement's normal form."""
        return digest(self.node, self.module.cited)

    @cached_property
    def named(self) -> tuple[list[str], bool]:
        """The files that it may name, see :func:`quire.fingerprint.files.named`."""
        return named(self.node, self.uses.texts)

    @cached_property
    def effects(self) -> Effects:
        """What the statement changes when the module is imported."""
        return effects_of(self.node, self.module, self.binds)

    def binds_name(self, name: str) -> bool:
        """Whether the statement binds a name (and does not only change what it stands for)."""
        nodes = (found for part, binds in of_scope([self.node]) for found in bindings(part, binds, "", False))
        return any(own == name for own, _ in nodes)

    def value(self, name: str) -> ast.AST | None:
        """What the statement binds the name to, as far as a glance tells: an expression, or the definition itself."""
        node = self.node
        if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
            return node.value
        if isinstance(node, ast.AnnAssign | ast.AugAssign):
            return node.value
        return node if getattr(node, "name", None) == name else None


class Module:
    """The pieces and names of a module.

    Attributes:
        parts: for each name the pieces that bind or change it and what it is imported from, in the order of the source.
        executed: what is imported when the module is.
        stars: modules of which all names are imported.
        opaque: whether it has no source that can be read (an extension module): it counts as a whole.
    """

    def __init__(self, source: Source, script: bool = False, beside: str = ""):
        self.source, self.name, self.package, self.beside = source, source.name, source.package, beside
        self.parts: dict[str, list[Piece | Import]] = {}
        self.executed: list[Import] = []
        self.stars: list[str] = []
        self.pieces: list[Piece] = []
        self.written: set[str] | None = None  # see quire.fingerprint.mutation.written
        self.opaque = not source.path.endswith(".py")
        if self.opaque:
            return
        try:
            tree = ast.parse(source.content, source.path)
        except (SyntaxError, ValueError):
            self.opaque = True
            return
        for place, node in enumerate(body_of(tree)):
            if script or not _only_as_program(node):
                self._add(node, place)
        self._attribute()

    @classmethod
    def empty(cls, source: Source) -> "Module":
        """The table of a module whose file is gone."""
        return cls(Source(source.name, source.path, source.package, b"", ""))

    def _add(self, node: ast.stmt, place: int) -> None:
        """Enter a statement under the names that it binds."""
        piece = None
        if not isinstance(node, ast.Import | ast.ImportFrom):
            piece = Piece(self, node, place)
            self.pieces.append(piece)
        for part, binds in of_scope([node]):
            for name, targets in bindings(part, binds, self.name, self.package):
                found = self.parts.setdefault(name, [])
                found += [target for target in targets if target not in found[-1:]]
                if piece and piece not in found:
                    found.append(piece)
                    piece.binds = True
        for part in at_import(node):
            self.executed += [whole for _, _, whole in imported(part, self.name, self.package)]
        self.stars += [target.module for target in self.parts.pop("*", []) if isinstance(target, Import)]

    def _attribute(self) -> None:
        """Enter pieces under the names that they change, too, in the order of the source."""
        changes = [
            (piece, name) for piece in self.pieces for name in piece.effects.changes
        ]  # all, before any is entered
        for piece, name in changes:
            found = self.parts[name]
            if piece not in found:
                later = [i for i, part in enumerate(found) if isinstance(part, Piece) and part.place > piece.place]
                found.insert(later[0] if later else len(found), piece)

    def defined(self, name: str) -> list[Piece]:
        """The pieces that define a name."""
        return [part for part in self.parts.get(name, ()) if isinstance(part, Piece)]

    def sources(self, name: str) -> list[Import]:
        """What a name is imported from."""
        return [part for part in self.parts.get(name, ()) if isinstance(part, Import)]

    def digest_of(self, name: str) -> list[str]:
        """Hashes of all that defines a name, in order."""
        if self.opaque:
            return [self.source.digest]
        return [
            part.digest if isinstance(part, Piece) else f"{part.module}:{part.name}"
            for part in self.parts.get(name, ())
        ]

    def cited(self, decorator: ast.AST) -> bool:
        """Whether a decorator is :func:`quire.cite.cites`, under whatever name."""
        chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        found = self.parts.get(chain[0], ()) if chain else ()
        wholes = {
            ".".join(filter(None, (part.module, part.name, *chain[1:]))) if isinstance(part, Import) else ""
            for part in found
        }
        return wholes == {"quire.cite.cites"}

    def foreign(self, target: Import) -> bool:
        """Whether an import is of a module that is not followed."""
        return not follows(target.module, self.beside)


def table(source: Source, script: bool = False, beside: str = "") -> Module:
    """The table of a module; of a script, the part under ``if __name__ == "__main__"`` counts too."""
    key = (source.name, script)
    found = _tables.get(key)
    if found is None or found.source.digest != source.digest or found.source.path != source.path:
        found = _tables[key] = Module(source, script, beside)
    return found


def _only_as_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).replace("'", '"') == '__name__ == "__main__"'
