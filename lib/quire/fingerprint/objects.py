"""Which expressions make a new object, and which calls leave an object as it is: by their names, and cautiously."""

import ast
from collections.abc import Callable

from quire.fingerprint.plain import FUNCTIONS
from quire.fingerprint.scopes import COMPREHENSIONS, chain_of

__all__ = ["DISPLAYS", "PURE", "READERS", "fresh", "is_setter", "root_of"]

READERS = {  # methods that leave their object as it is
    *dir(str),
    *dir(tuple),
    *dir(frozenset),
    "items",
    "keys",
    "values",
    "get",
    "read",
    "read_text",
    "read_bytes",
    "resolve",
    "expanduser",
    "with_suffix",
    "tolist",
    "item",
    "astype",
    "reshape",
    "match",
    "search",
    "fullmatch",
    "findall",
    "sub",
} - {"__init_subclass__", "__setattr__", "__delattr__"}
PURE = {
    "all",
    "any",
    "bool",
    "dict",
    "enumerate",
    "float",
    "frozenset",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
}
PURE |= {
    "getattr",
    "hasattr",
    "min",
    "range",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "partial",
    "sqrt",
}
SETTERS = ("set_", "seterr", "seed", "manual_seed", "enable", "disable", "register", "filterwarnings", "simplefilter")
SETTERS += ("use_", "install", "patch", "overload", "impl", "insert", "putenv", "reload")
DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.Constant, ast.JoinedStr, ast.BinOp, ast.UnaryOp, ast.Compare)
DISPLAYS += COMPREHENSIONS


def root_of(node: ast.AST) -> tuple[str | None, bool]:
    """The name that ``a.b[c].d`` begins with, and whether the change is deeper than one level."""
    depth = 0
    while isinstance(node, ast.Attribute | ast.Subscript):
        node, depth = node.value, depth + 1
    return (node.id if isinstance(node, ast.Name) else None), depth > 1


def is_setter(name: str) -> bool:
    """Whether a function of an installed package changes a state, by its name."""
    return name.startswith(SETTERS)


def fresh(value: ast.AST | None, deep: bool, foreign: Callable[[str], bool]) -> bool:
    """Whether an expression makes a new object, so that a change of it changes nothing else.

    Args:
        value: the expression, or the definition of a function or class; None if it is not known.
        deep: whether what the object holds must be new, too.
        foreign: says of a called name whether its function comes from an installed package or from Python.
    """
    if isinstance(value, (*FUNCTIONS, ast.ClassDef)):
        return not deep
    if isinstance(value, DISPLAYS):
        return not deep or not any(isinstance(part, ast.Name) for part in ast.walk(value))
    if not isinstance(value, ast.Call) or deep or any(isinstance(part, ast.Name) for part in value.args):
        return False
    chain = chain_of(value.func)
    return chain is not None and foreign(chain[0])
