"""What a definition can reach: the definitions that it names, what they name, and so on.

What cannot be read off the source falls back to whole modules: a module that is passed as a value, a name that its
module does not bind, ``globals()``, a star import. What has no such fallback is noted, see ``notes``.
"""

import builtins
from collections import deque

from quire.fingerprint.definitions import Module, Piece, table
from quire.fingerprint.files import modules_below
from quire.fingerprint.notes import note_of, reads_unnamed
from quire.fingerprint.references import Reference
from quire.fingerprint.scopes import Import
from quire.fingerprint.source import Source, source

__all__ = ["Following"]

OWN = {"__name__", "__file__", "__doc__", "__package__", "__spec__", "__path__", "__builtins__", "__class__"}


class Following:
    """All that has been reached by following names.

    Attributes:
        found: for each (module, name) its digests.
        names: the (module, name) pairs of imports that were used.
        chains: by which dotted name, from its module's scope, each was found first.
        modules: the tables of the modules that it looks into.
        notes: what could not be followed.
    """

    def __init__(self, beside: str = ""):
        self.beside = beside
        self.found: dict[tuple[str, str], list[str]] = {}
        self.names: set[tuple[str, str]] = set()
        self.chains: dict[tuple[str, str], tuple[str, ...]] = {}
        self.modules: dict[str, Module] = {}
        self.pieces: dict[int, Piece] = {}
        self.notes: set[str] = set()
        self.sources: dict[str, Source | None] = {}
        self._entered: set[str] = set()
        self._wholes: set[str] = set()
        self._seen: set[tuple] = set()
        self._queue: deque = deque()

    def module(self, name: str) -> Module | None:
        """The table of a module that is followed."""
        if name not in self.sources:
            text = self.sources[name] = source(name, self.beside)
            if text is not None:
                self.modules[name] = table(text, beside=self.beside)
        return self.modules.get(name)

    def know(self, module: Module) -> None:
        """Take a table as that of its module."""
        self.sources[module.name], self.modules[module.name] = module.source, module

    def defines(self, module: str, name: str) -> bool:
        """Whether something that was found is more than a name for what is defined elsewhere."""
        return (module, name) not in self.names or bool(self.modules[module].defined(name))

    def run(self) -> "Following":
        """Follow all that waits to be followed."""
        while self._queue:
            action, *arguments = self._queue.popleft()
            action(*arguments)
        return self

    def later(self, action, *arguments) -> None:
        """Let something be followed after what is followed now: no chain of references is too long."""
        self._queue.append((action, *arguments))

    def enter(self, name: str) -> None:
        """Import a module: nothing to follow here."""

    def execute(self, target: Import) -> None:
        """Run an import statement: nothing to follow here."""

    def visit(self, piece: Piece) -> None:
        """Follow all that a statement refers to."""
        if id(piece) in self.pieces:
            return
        self.pieces[id(piece)] = piece
        module, uses = piece.module, piece.uses
        for target in uses.entered:
            self.execute(target)
        for reference in uses.references:
            self.later(self.follow, module, reference)
        if reads_unnamed(piece):
            self.notes.add(f"{module.name} reads a file that it does not name")
        for name in uses.hints & module.parts.keys():
            self.later(self.refer, module, (name,), None)

    def follow(self, module: Module, reference: Reference) -> None:
        """Follow a reference of a piece of this module."""
        if reference.origin is None:
            self.refer(module, reference.chain, reference.literal)
        else:
            self.target(module, reference.origin, reference.chain, reference.literal)

    def refer(self, module: Module, chain: tuple[str, ...], literal: str | None) -> None:
        """Follow a dotted name from the scope of a module."""
        name = chain[0]
        if (module.name, chain, literal) in self._seen:
            return
        self._seen.add((module.name, chain, literal))
        for star in module.stars:
            self.whole(star)
        if name in module.parts:
            self.chains.setdefault((module.name, name), chain)
            self.reach(module, name)
            for target in module.sources(name):
                self.names.add((module.name, name))
                self.target(module, target, chain[1:], literal)
        elif hasattr(builtins, name):
            if name in ("globals", "vars", "locals", "exec", "eval"):
                self.whole(module.name)
            self.note(module, chain, literal)
        elif name not in OWN:
            self.note(module, chain, literal)
            self.whole(module.name)

    def reach(self, module: Module, name: str) -> None:
        """Reach the definition of a name of a module."""
        self.later(self.enter, module.name)
        if (module.name, name) in self.found:
            return
        self.found[module.name, name] = module.digest_of(name)
        for piece in module.defined(name):
            self.later(self.visit, piece)

    def target(self, module: Module, target: Import, rest: tuple[str, ...], literal: str | None) -> None:
        """Follow a dotted name that begins at what is imported."""
        self.execute(target)
        if target.name is None:
            self.below(module, target.module, rest, literal)
        else:
            self.below(module, target.module, (target.name, *rest), literal)

    def below(self, module: Module, name: str, chain: tuple[str, ...], literal: str | None) -> None:
        """Follow a dotted name from a module; without names, the module is used as a value."""
        found = self.module(name)
        if found is None and not self._package(name, chain):
            self.note(module, (*name.split("."), *chain), literal)
        elif not chain or chain[0] == "*":
            self.whole(name)
        else:
            self.attribute(module, name, chain, literal)

    def _package(self, name: str, chain: tuple[str, ...]) -> bool:
        """Whether a name is a package without ``__init__`` that holds the module asked for."""
        return bool(chain) and self.module(f"{name}.{chain[0]}") is not None

    def attribute(self, module: Module, name: str, chain: tuple[str, ...], literal: str | None) -> None:
        """Follow an attribute of a module: what it binds, a module below it, or (neither is found) all of it."""
        found, below = self.module(name), f"{name}.{chain[0]}"
        bound = found is not None and chain[0] in found.parts
        own = {Import(below, chain[0])}
        if bound:
            self.refer(found, chain, literal)
        if (not bound or not own & set(found.sources(chain[0]))) and self.module(below) is not None:
            self.later(self.enter, below)
            self.below(module, below, chain[1:], literal)
        elif not bound:
            self.whole(name)

    def whole(self, name: str) -> None:
        """Reach all of a module, and of the modules below it."""
        module = self.module(name)
        if name in self._wholes:
            return
        self._wholes.add(name)
        if module is None:
            return
        self.later(self.enter, name)
        if module.opaque:
            self.found[name, "<file>"] = module.digest_of("")
        for part in module.parts:
            self.later(self.refer, module, (part,), None)
        for below in modules_below(module.source):
            self.later(self.whole, below)

    def note(self, module: Module, chain: tuple[str, ...], literal: str | None) -> None:
        """Note what cannot be followed; a module that is named in quotes can."""
        said, named = note_of(chain, literal, module.name)
        if named and self.module(named) is not None:
            self.whole(named)
        elif said:
            self.notes.add(f"{module.name} {said}")
