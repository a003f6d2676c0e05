"""What an expression of constants is worth: numbers, texts and tables of them, arithmetic, and names that stand for such."""

import ast
import operator
import types
from collections.abc import Mapping

from quire.fingerprint.codes import MISSING
from quire.fingerprint.scopes import chain_of

__all__ = ["MISSING", "PLAIN", "evaluated", "named"]

PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, type(None), range)
SEQUENCES = {ast.List: list, ast.Tuple: tuple, ast.Set: set}
UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.invert, ast.Not: operator.not_}
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
}


def evaluated(node: ast.AST, names: Mapping[str, object]) -> object:
    """The value of an expression of constants; MISSING for every other expression, and for one that has no value.

    >>> evaluated(ast.parse("{'a': [2 ** n, -1]}", mode="eval").body, {"n": 3})
    {'a': [8, -1]}
    >>> evaluated(ast.parse("open('file')", mode="eval").body, {}) is MISSING
    True
    """
    try:
        return _value(node, names)
    except Exception:  # not a constant, or a division by zero, or a list as a key: nothing is known of it
        return MISSING


def named(node: ast.AST, names: Mapping[str, object]) -> object:
    """What a name, or an attribute of modules and classes, stands for; no descriptor is called."""
    chain = chain_of(node)
    if not chain or chain[0] not in names:
        return MISSING
    found = names[chain[0]]
    for name in chain[1:]:
        found = vars(found).get(name, MISSING) if isinstance(found, types.ModuleType | type) else MISSING
    return found


def _value(node: ast.AST, names: Mapping[str, object]) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return _plain(named(node, names))
    if isinstance(node, ast.UnaryOp):
        return UNARY[type(node.op)](_value(node.operand, names))
    if isinstance(node, ast.BinOp):
        return BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.Dict):
        return _table(node, names)
    return SEQUENCES[type(node)](_value(part, names) for part in node.elts)


def _plain(found: object) -> object:
    if not isinstance(found, PLAIN):
        raise LookupError("a name of something else than a constant")
    return found


def _table(node: ast.Dict, names: Mapping[str, object]) -> dict:
    table = {}
    for key, entry in zip(node.keys, node.values, strict=True):
        if key is None:  # ** of another table
            table.update(_value(entry, names))
        else:
            table[_value(key, names)] = _value(entry, names)
    return table
