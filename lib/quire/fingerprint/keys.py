"""The fingerprint of a function, of a definition by name, and of a chapter's file."""

import ast
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

from quire.fingerprint import files
from quire.fingerprint.codes import same_code
from quire.fingerprint.definitions import table
from quire.fingerprint.reach import Reach
from quire.fingerprint.scopes import Import
from quire.fingerprint.source import Source, content_of, source

__all__ = [
    "fingerprint",
    "fingerprint_file",
    "fingerprint_of",
    "reach_of",
    "reach_of_file",
    "reach_of_name",
    "reached",
    "unfollowable",
    "unfollowable_of",
]

DATA = "quire.data"  # what reaches it depends on the registry of data sets
SEEDING = Import("quire.rng", "generator")  # what a sweep passes for a parameter of that name
LENGTH = 16


@dataclass(frozen=True)
class _Kept:
    """A result, and what it was made from."""

    reach: Reach
    files: dict[str, str]
    registry: str
    key: str


_kept: dict[tuple[str, str], _Kept] = {}


def fingerprint(function) -> str:
    """Hash the definitions that a top-level function can reach, as they are loaded in this process.

    Returns:
        16 hexadecimal digits, the same on every machine and in every checkout.

    Raises:
        TypeError: the function is not what a module that can be imported holds under the function's name.
    """
    return fingerprint_of(*_name_of(function))


def fingerprint_of(module: str, name: str) -> str:
    """The fingerprint of a definition by the name of its module and its own; the module need not be imported.

    Raises:
        LookupError: there is no such module, or no such name in it.
    """
    return _result(module, name).key


def fingerprint_file(path: Path | str, name: str) -> str:
    """Hash all statements of a python file, such as a chapter's, and what they reach; modules beside it are found.

    Args:
        path: the file, read as it is now.
        name: what the file is called in the hash.
    """
    return _keep(reach_of_file(path, name), "<script>").key


def reach_of_file(path: Path | str, name: str) -> Reach:
    """All that the statements of a python file reach; the arguments are those of :func:`fingerprint_file`."""
    text = content_of(str(path))
    script = Source(name, str(path), False, text, hashlib.sha256(text).hexdigest())
    reach = Reach(beside=os.path.dirname(os.path.abspath(path)))
    reach.script(table(script, script=True, beside=reach.beside))
    return reach.run()


def reached(function) -> list[str]:
    """The names of all definitions, effects and files that count in the fingerprint of a function: why it is stale."""
    kept = _result(*_name_of(function))
    reach = kept.reach
    names = [f"{module}.{name}" for module, name in reach.found if reach.defines(module, name)]
    return sorted({*names, *kept.files, *(["data/registry.yml"] if kept.registry else [])})


def unfollowable(function) -> list[str]:
    """What the fingerprint of a function cannot see: that its code reads the environment, imports what it computes, …

    Settings of quire (``QUIRE_…``) are not meant: they say where and with how many workers, and never what.
    """
    return unfollowable_of(*_name_of(function))


def unfollowable_of(module: str, name: str) -> list[str]:
    """The same for a definition by the name of its module and its own.

    Raises:
        LookupError: there is no such module, or no such name in it.
    """
    return sorted(_result(module, name).reach.notes)


def reach_of(function) -> Reach:
    """All that a function reaches."""
    return _result(*_name_of(function)).reach


def reach_of_name(module: str, name: str) -> Reach:
    """All that a definition reaches, by the name of its module and its own."""
    return _result(module, name).reach


def _name_of(function) -> tuple[str, str]:
    """Module and name of a function that its module holds under that name."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    wants = "a top-level function of an importable module"
    if not isinstance(name, str) or module in (None, "__main__") or "." in name or module not in sys.modules:
        shown = name if isinstance(name, str) else repr(function)
        raise TypeError(f"a sweep needs {wants}, got {shown!r} of {module!r}: move it to quire.experiments")
    if not _is_the_same(function, getattr(sys.modules[module], name, None)):
        raise TypeError(
            f"a sweep needs {wants}, got another object than the one that {module} holds as {name!r} "
            f"(wrapped, replaced, or imported before a reload): give it a name in a module, or import it again"
        )
    return module, name


def _is_the_same(function, held) -> bool:
    """Whether a function is what its module holds, or was before a reload that left it as it is."""
    if function is held:
        return True
    if not isinstance(function, FunctionType) or not isinstance(held, FunctionType):
        return False
    names = ("__defaults__", "__kwdefaults__", "__closure__", "__dict__")
    same = all(getattr(function, name) == getattr(held, name) for name in names)
    return same and function.__globals__ is held.__globals__ and same_code(function.__code__, held.__code__)


def _result(module: str, name: str) -> _Kept:
    kept = _kept.get((module, name))
    if kept is not None and _holds(kept):
        return kept
    text = source(module)
    if text is None or name not in table(text).parts:
        raise LookupError(f"no definition {name!r} in {module!r}: expected a name of a module with a source file")
    reach = Reach()
    reach.refer(table(text), (name,), None)
    reach.module(module)
    if any("generator" in _parameters(piece.node) for piece in table(text).defined(name)):
        reach.target(table(text), SEEDING, (), None)
    reach.run()
    _kept[module, name] = _keep(reach, f"{module}.{name}")
    return _kept[module, name]


def _parameters(node: ast.AST) -> set[str]:
    return {item.arg for item in ast.walk(node.args) if isinstance(item, ast.arg)} if hasattr(node, "args") else set()


def _holds(kept: _Kept) -> bool:
    """Whether what a result was made from is still so."""
    reach = kept.reach
    same = all(source(name, reach.beside) is text for name, text in reach.sources.items() if text is not None)
    return same and kept.files == files.hashes(reach.pieces.values()) and kept.registry == _registry(reach)


def _registry(reach: Reach) -> str:
    loads = any(module == DATA or module.startswith(f"{DATA}.") for module, _ in reach.found)
    return files.registry() if loads else ""


def _keep(reach: Reach, root: str) -> _Kept:
    hashes, registry = files.hashes(reach.pieces.values()), _registry(reach)
    found = sorted([module, name, *digests] for (module, name), digests in reach.found.items())
    whole = json.dumps([root, found, sorted(hashes.items()), registry])
    return _Kept(reach, hashes, registry, hashlib.sha256(whole.encode()).hexdigest()[:LENGTH])
