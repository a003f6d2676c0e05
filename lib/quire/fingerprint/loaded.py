"""What is loaded in this process and is not what the source says: edited since, or replaced by hand."""

import ast
import sys

from quire.fingerprint.codes import codes_of, is_loaded, is_opaque
from quire.fingerprint.definitions import Module, Piece
from quire.fingerprint.held import class_differences
from quire.fingerprint.keys import reach_of, reach_of_name
from quire.fingerprint.mutation import written
from quire.fingerprint.plain import FUNCTIONS
from quire.fingerprint.reach import EFFECTS, Reach
from quire.fingerprint.scopes import Import, of_scope
from quire.fingerprint.source import present
from quire.fingerprint.values import MISSING, differs

__all__ = ["loaded_differences", "loaded_differences_of"]


def loaded_differences(function) -> list[str]:
    """Names of the definitions that a function reaches and that are not loaded as their source has them; [] is well.

    That is: the file was edited after it was imported, and the definition in it; or a function, method, default, class
    attribute, constant, table or import was replaced in this process. Values that a module computes by calls are taken on
    trust, and so is what another process or an installed package does.

    Raises:
        TypeError: as for :func:`quire.fingerprint.fingerprint`.
    """
    return _differences(reach_of(function))


def loaded_differences_of(module: str, name: str) -> list[str]:
    """The same for a definition by the name of its module and its own.

    Raises:
        LookupError: there is no such module, or no such name in it.
    """
    return _differences(reach_of_name(module, name))


def _differences(reach: Reach) -> list[str]:
    found: set[str] = set()
    files_now = {name: _edited(module) for name, module in reach.modules.items()}
    edited = {name: now for name, now in files_now.items() if now is not None}
    for name, now in edited.items():
        if _loud(reach.modules[name]) != _loud(now):
            found.add(f"{name}.{EFFECTS}")
    files = {module.source.path for module in reach.modules.values()}
    changing = set().union(*(written(module) | _set_elsewhere(module) for module in reach.modules.values()))
    for name, own in reach.found:
        module, loaded = reach.modules.get(name), sys.modules.get(name)
        if name in edited and own != EFFECTS and edited[name].digest_of(own) != module.digest_of(own):
            found.add(f"{name}.{own}")
        if loaded is not None and module is not None and not module.opaque and own in module.parts:
            wrong = _Check(module, vars(loaded), files, changing).differences(own)
            found |= {f"{name}.{part}" for part in wrong}
    return sorted(found)


def _edited(module: Module) -> Module | None:
    """The table of a module as its file is now, if that is not as it was imported."""
    now = present(module.source)
    if now is not None and now.digest == module.source.digest:
        return None
    return Module(now) if now is not None else Module.empty(module.source)


def _loud(module: Module) -> list[str]:
    return [piece.digest for piece in module.pieces if piece.effects.loud]


def _set_elsewhere(module: Module) -> set[str]:
    """Attributes that the loud statements of a module set: theirs is the source's own doing."""
    nodes = (node for piece in module.pieces if piece.effects.loud for node in ast.walk(piece.node))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}


class _Check:
    """Compares what one module holds with its source."""

    def __init__(self, module: Module, names: dict, files: set[str], changing: set[str]):
        self.module, self.names, self.files, self.changing = module, names, files, changing
        self.codes = codes_of(module.source)

    def differences(self, name: str) -> list[str]:
        """The name, or parts of it, if what is held under it differs."""
        imports, pieces = self.module.sources(name), self.module.defined(name)
        value = self.names.get(name, MISSING)
        if name in self.changing:
            return []
        if imports:
            return [] if pieces or _is_imported(value, imports) else [name]
        binding = [piece for piece in pieces if piece.binds_name(name)]
        if len(binding) == 1 and isinstance(binding[0].node, ast.ClassDef):
            return class_differences(self, name, value, binding[0].node, pieces[1:])
        functions = self.functions(name, pieces)
        if functions:
            return [] if any(self.function(name, value, node) for node in functions) else [name]
        return [name] if self.constant(value, binding, name, len(pieces) > len(binding)) else []

    def functions(self, name: str, pieces: list[Piece]) -> list[ast.FunctionDef]:
        """The functions of a name, if nothing else has it."""
        found = [part for piece in pieces for part, _ in of_scope([piece.node]) if getattr(part, "name", None) == name]
        alone = all(isinstance(piece.node, (*FUNCTIONS, ast.If, ast.Try)) for piece in pieces if piece.binds_name(name))
        return found if alone and all(isinstance(part, FUNCTIONS) for part in found) else []

    def constant(self, value, binding: list[Piece], name: str, more: bool) -> bool:
        """Whether a value is surely not what the statements that bind its name, and add to it, make of it."""
        expected = binding[0].value(name) if binding else None
        for piece in binding[1:]:
            if expected is None or not isinstance(piece.node, ast.AugAssign):
                return False
            sum_ = ast.BinOp(expected, piece.node.op, piece.node.value)
            expected = ast.fix_missing_locations(ast.copy_location(sum_, piece.node))
        if expected is None:
            return False
        return value is MISSING or differs(expected, value, self.names, self.codes, more)

    def function(self, name: str, value, node: ast.FunctionDef) -> bool:
        """Whether a function (or method, by its qualified name) is that of the source, with its defaults."""
        decorators = [part for part in node.decorator_list if not self.module.cited(part)]
        codes = self.codes.get(name, [])
        found = is_loaded(value, codes, bool(decorators), self.files)
        if found is None:
            return bool(decorators) and is_opaque(value)
        positional, keywords = found.__defaults__ or (), found.__kwdefaults__ or {}
        names = [item.arg for item in node.args.kwonlyargs]
        named = [(default, name) for name, default in zip(names, node.args.kw_defaults, strict=True) if default]
        if len(positional) != len(node.args.defaults) or len(keywords) != len(named):
            return False
        pairs = [*zip(node.args.defaults, positional, strict=True)]
        pairs += [(default, keywords.get(name, MISSING)) for default, name in named]
        return not any(differs(default, held, self.names, self.codes) for default, held in pairs)


def _is_imported(value, imports: list[Import]) -> bool:
    """Whether a value is what one of these imports gives."""
    expected = []
    for target in imports:
        module = sys.modules.get(target.module)
        if target.name is None:
            expected.append(module)
        elif module is not None:
            below = sys.modules.get(f"{target.module}.{target.name}")
            expected += [item for item in (vars(module).get(target.name), below) if item is not None]
    parents = [sys.modules.get(target.module.rpartition(".")[0]) for target in imports if target.name is None]
    expected += [item for parent in parents if parent is not None for item in vars(parent).values() if item is value]
    known = [item for item in expected if item is not None]
    return not known or any(item is value for item in known)
