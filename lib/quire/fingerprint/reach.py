"""What importing a module does: the statements that run, and those whose effect reaches beyond their module."""

import ast

from quire.fingerprint.definitions import Module, Piece
from quire.fingerprint.effects import Call
from quire.fingerprint.following import Following
from quire.fingerprint.mutation import PARAMETER, SHARED, STATE, mutations
from quire.fingerprint.objects import READERS
from quire.fingerprint.plain import FUNCTIONS
from quire.fingerprint.scopes import Import

__all__ = ["EFFECTS", "Reach"]

EFFECTS = "<effects>"  # the name under which the loud statements of a module count
QUIET = {("quire.cores", "compiled"), ("quire.cores", "compiled_pass")}  # decorators that change nothing else
HOOKS = {"__init_subclass__", "__set_name__", "__new__", "__prepare__"}  # what runs when a class is derived


class Reach(Following):
    """Everything that a definition reaches, with the effects of all that is imported on the way."""

    def script(self, module: Module) -> None:
        """Reach all the statements of a module, and what they refer to."""
        self.know(module)
        self.found[module.name, "<script>"] = [piece.digest for piece in module.pieces]
        self.found[module.name, "<imports>"] = [f"{part.module}:{part.name}" for part in module.executed]
        self.enter(module.name)
        for piece in module.pieces:
            self.visit(piece)

    def enter(self, name: str) -> None:
        """Import a module: run its statements, and those of the packages above it and of what it imports."""
        if name in self._entered:
            return
        self._entered.add(name)
        parent = name.rpartition(".")[0]
        if parent:
            self.later(self.enter, parent)
        module = self.module(name)
        if module is None:
            return
        for target in module.executed:
            self.execute(target)
        loud = [piece for piece in module.pieces if piece.effects.loud or self.is_loud(piece)]
        if loud:
            self.found[name, EFFECTS] = [piece.digest for piece in loud]
        for piece in loud:
            self.later(self.visit, piece)

    def execute(self, target: Import) -> None:
        """Run an import statement."""
        self.later(self.enter, target.module)
        if target.name and target.name != "*" and self.module(target.module) is not None:
            below = f"{target.module}.{target.name}"
            if target.name not in self.modules[target.module].parts and self.module(below) is not None:
                self.later(self.enter, below)

    def is_loud(self, piece: Piece) -> bool:
        """Whether something that a statement calls changes what belongs to neither."""
        return any(self._disturbs(piece.module, call) for call in piece.effects.calls)

    def _disturbs(self, module: Module, call: Call) -> bool:
        inner = Following(self.beside)
        inner.know(module)
        inner.refer(module, call.chain, None)
        inner.run()
        key = next((key for key in inner.found if inner.modules[key[0]].defined(key[1])), None)
        if key in QUIET and call.kind == "decorator":
            return False
        pieces = list(inner.pieces.values())
        if call.kind == "base":
            names = {getattr(node, "name", "") for piece in pieces for node in ast.walk(piece.node)}
            if not names & HOOKS:
                return False
        named = inner.modules[key[0]].defined(key[1]) if key else []
        held = not any(isinstance(piece.node, (*FUNCTIONS, ast.ClassDef)) for piece in named)
        if named and held and len(inner.chains[key]) > 1 and call.chain[-1] not in READERS:
            return True  # a method of an object that another module holds
        done = {found for piece in pieces for found in mutations(piece.node, piece.module)}
        return STATE in done or PARAMETER in done and (call.given or SHARED in done)
