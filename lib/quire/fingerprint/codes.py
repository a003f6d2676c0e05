"""Whether a function that is loaded is the one of the source: code objects are compared with those of a fresh compile."""

import functools
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from quire.fingerprint.source import Source, is_installed

__all__ = ["MISSING", "Codes", "codes_of", "is_loaded", "is_opaque", "layers", "same_code"]

FIELDS = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars")
FIELDS += ("co_flags", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
INNER = ("__func__", "py_func", "__wrapped__", "func", "fget", "pyfunc", "_defn")  # where an object keeps its function
CHECKERS = ("jaxtyping", "beartype")  # may stand around every function, see tests/conftest.py
GENERATED = ("<@beartype(", "<decorator-gen")
MISSING = object()  # stands for what is not there
DEPTH = 3  # how far a function is looked for in the closures of what was put around it

Codes = dict[str, list[types.CodeType]]
_compiled: dict[tuple[str, str, str], Codes] = {}


def codes_of(source: Source) -> Codes:
    """The code objects of a module's source by qualified name, compiled as the module's loader does it."""
    loader = getattr(getattr(sys.modules.get(source.name), "__spec__", None), "loader", None)
    compiler = getattr(loader, "source_to_code", None)
    key = (source.path, source.digest, type(loader).__name__)
    if key not in _compiled:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if compiler is not None:
                whole = compiler(source.content, source.path)
            else:
                whole = compile(source.content, source.path, "exec", dont_inherit=True)
        found: Codes = {}
        for code in _inner(whole):
            found.setdefault(code.co_qualname, []).append(code)
        _compiled[key] = found
    return _compiled[key]


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inner(constant)


def same_code(first: types.CodeType, second: types.CodeType) -> bool:
    """Whether two code objects do the same; positions and docstrings do not count."""
    if any(getattr(first, name) != getattr(second, name) for name in FIELDS):
        return False
    one, two = first.co_consts, second.co_consts
    if one and two and isinstance(one[0], str) and isinstance(two[0], str):
        one, two = one[1:], two[1:]
    return len(one) == len(two) and all(map(_same_constant, one, two))


def _same_constant(one, two) -> bool:
    if type(one) is not type(two):
        return False
    if isinstance(one, types.CodeType):
        return same_code(one, two)
    return one == two if isinstance(one, frozenset) else repr(one) == repr(two)


def layers(found) -> list[types.FunctionType]:
    """The functions that stand around a function, outermost first, and at the end itself."""
    result: list[types.FunctionType] = []
    while found is not None and len(result) < 50:
        if isinstance(found, types.FunctionType):
            result.append(found)
            found = vars(found).get("__wrapped__")
        elif isinstance(found, functools.partial):
            return []  # arguments have been filled in
        else:
            inner = [getattr(found, name, None) for name in INNER]
            found = next((part for part in inner if part is not None), None)
    return result


def is_loaded(found, codes: list[types.CodeType], decorated: bool, files: set[str]) -> types.FunctionType | None:
    """The function behind an object, if it is that of the source, and around it stands only what the source says.

    Args:
        found: what a module or class holds.
        codes: what the source compiles to.
        decorated: whether the source puts something around the function.
        files: where the code of that may come from, besides installed packages.
    """
    if not decorated and not isinstance(found, types.FunctionType):
        return None
    around = layers(found)
    function = next((layer for layer in _deep(around[-1:], DEPTH) if _is_one_of(layer, codes)), None)
    outer = [layer for layer in around if layer is not function]
    return function if all(_may_stand(layer, decorated, files) for layer in outer) else None


def is_opaque(found) -> bool:
    """Whether an object shows no function, and may be what a decorator has made of one: it is taken on trust."""
    plain = (int, float, complex, str, bytes, tuple, list, dict, set, type, functools.partial, types.FunctionType)
    return found is not None and found is not MISSING and not isinstance(found, plain) and not layers(found)


def _is_one_of(function: types.FunctionType, codes: list[types.CodeType]) -> bool:
    return any(same_code(function.__code__, code) for code in codes)


def _deep(functions: list[types.FunctionType], depth: int) -> Iterator[types.FunctionType]:
    """Functions, and those that they hold in their closures."""
    yield from functions
    for function in functions if depth else ():
        held = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
        yield from _deep([item for item in held if isinstance(item, types.FunctionType)], depth - 1)


def _may_stand(layer: types.FunctionType, decorated: bool, files: set[str]) -> bool:
    """Whether a function may stand around one of the source."""
    file = layer.__code__.co_filename
    if file.startswith(GENERATED) or is_installed(file) and set(CHECKERS) & set(Path(file).parts):
        return True
    return decorated and (file in files or is_installed(file))
