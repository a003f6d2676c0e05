"""Whether a class that is loaded is the one of the source: its methods, its attributes, its bases."""

import abc
import ast
import types

from quire.fingerprint.plain import FUNCTIONS, body_of
from quire.fingerprint.scopes import bound, chain_of
from quire.fingerprint.source import is_installed
from quire.fingerprint.values import MISSING, PLAIN, differs

__all__ = ["class_differences"]


def class_differences(check, name: str, value, node: ast.ClassDef, changing: list) -> list[str]:
    """The attributes of a class that are not those of its source, as ``Class.attribute``; or the class itself.

    Args:
        check: compares functions, see ``loaded``.
        name: qualified name of the class.
        value: what is held under it.
        node: its definition.
        changing: pieces of the module that change the class after its definition: what they name is not compared.
    """
    if not isinstance(value, type):
        return [] if node.decorator_list and value is not MISSING else [name]
    touched = {text for piece in changing for text in _names(piece.node)} | _changed(node)
    wrong = [base for base in node.bases if not _has_base(base, value, check.names)]
    found = [name] if wrong else []
    counted = _counted(node)
    for part in body_of(node):
        own, held = _attribute(part, value)
        if own and own not in touched and counted.get(own) == 1:
            found += _part_differences(check, f"{name}.{own}", held, part)
    known = {_mangled(value, own) for own in bound(body_of(node), "", False)}
    extra = [own for own in vars(value) if own not in known | touched and _is_foreign(own, vars(value)[own], value)]
    return found + [f"{name}.{own}" for own in extra]


def _changed(node: ast.ClassDef) -> set[str]:
    """Names that the body of a class itself may change after it has bound them."""
    loose = [
        part for part in body_of(node) if not isinstance(part, (*FUNCTIONS, ast.ClassDef, ast.Assign, ast.AnnAssign))
    ]
    loose += [
        part for part in body_of(node) if isinstance(part, ast.Assign) and not isinstance(part.targets[0], ast.Name)
    ]
    return {name.id for part in loose for name in ast.walk(part) if isinstance(name, ast.Name)}


def _counted(node: ast.ClassDef) -> dict[str, int]:
    """How often each name is bound in the body of a class, at its top level."""
    counted: dict[str, int] = {}
    for part in body_of(node):
        own, _ = _attribute(part, type)
        if own:
            counted[own] = counted.get(own, 0) + 1
    return counted


def _attribute(part: ast.stmt, value: type) -> tuple[str, object]:
    """The name that a statement of the body of a class binds, and what the class holds under it."""
    if isinstance(part, (*FUNCTIONS, ast.ClassDef)):
        own = part.name
    elif isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
        own = part.targets[0].id
    elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.value is not None:
        own = part.target.id
    else:
        return "", MISSING
    return own, vars(value).get(_mangled(value, own), MISSING)


def _mangled(value: type, own: str) -> str:
    private = own.startswith("__") and not own.endswith("__")
    return f"_{value.__name__.lstrip('_')}{own}" if private else own


def _part_differences(check, name: str, held, part: ast.stmt) -> list[str]:
    if isinstance(part, FUNCTIONS):
        inner = part.name in ("__new__", "__init_subclass__", "__class_getitem__") and isinstance(
            held, staticmethod | classmethod
        )
        return [] if check.function(name, held.__func__ if inner else held, part) else [name]
    if isinstance(part, ast.ClassDef):
        return class_differences(check, name, held, part, [])
    if held is MISSING or not (isinstance(held, PLAIN) or isinstance(held, types.FunctionType)):
        return []  # a field of a dataclass, a member of an enumeration, a slot
    return [name] if differs(part.value, held, check.names, check.codes) else []


def _has_base(base: ast.AST, value: type, names: dict) -> bool:
    """Whether a class has the base that its definition names, if that can be told."""
    chain = chain_of(base)
    found = names.get(chain[0]) if chain else None
    for name in chain[1:] if chain else ():
        found = getattr(found, name, None)
    return not isinstance(found, type) or found in value.__mro__


def _is_foreign(own: str, held, value: type) -> bool:
    """Whether an attribute that the source of a class does not have was put there by hand."""
    held = getattr(held, "__func__", getattr(held, "fget", held))
    special = own.startswith("__") and own.endswith("__")
    if isinstance(held, types.FunctionType):
        file = held.__code__.co_filename
        made = file.startswith("<") and (special or file != "<string>" and not file.startswith(("<stdin", "<ipython")))
        return not made and not is_installed(file)
    ordinary = type(value) in (type, abc.ABCMeta) and not issubclass(value, tuple)
    return ordinary and not own.startswith("_") and isinstance(held, PLAIN)


def _names(node: ast.AST) -> set[str]:
    """All attributes and texts in a statement."""
    parts = list(ast.walk(node))
    texts = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return texts | {part.attr for part in parts if isinstance(part, ast.Attribute)}
