"""Whether what a module holds under a name is what its source says, as far as the source tells without running it."""

import ast
import functools
import types
from collections.abc import Mapping

from quire.fingerprint.codes import MISSING, Codes, same_code
from quire.fingerprint.scopes import chain_of

__all__ = ["MISSING", "PLAIN", "differs"]

PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, type(None), range)
CLOSED = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Name, ast.Attribute, ast.Load)
CLOSED += (ast.List, ast.Tuple, ast.Dict, ast.Set)


def differs(node: ast.AST, value: object, names: Mapping[str, object], codes: Codes, more: bool = False) -> bool:
    """Whether a value is surely not that of an expression.

    Args:
        node: the expression.
        value: what is held.
        names: what the names in the expression stand for.
        codes: code objects of the module's source, see :func:`quire.fingerprint.codes.codes_of`.
        more: whether a table may have further entries.
    """
    if isinstance(node, ast.Dict):
        return _table_differs(node, value, names, codes, more)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _sequence_differs(node, value, names, codes, more)
    if isinstance(node, ast.Lambda):
        return not isinstance(value, types.FunctionType) or not _is_lambda(value, codes)
    if isinstance(node, ast.Call):
        return _partial_differs(node, value, names, codes)
    if isinstance(node, ast.Name | ast.Attribute):
        found = _named(node, names)
        return found is not MISSING and found is not value and not _same(found, value)
    if not all(isinstance(part, CLOSED) for part in ast.walk(node)):
        return False
    expected = _evaluated(node, names)
    return isinstance(expected, PLAIN) and not _same(expected, value)


def _same(one: object, two: object) -> bool:
    if type(one) is not type(two) or not isinstance(one, PLAIN):
        return False
    return one == two if isinstance(one, set | frozenset) else repr(one) == repr(two)


def _named(node: ast.AST, names: Mapping[str, object]) -> object:
    chain = chain_of(node)
    if not chain or chain[0] not in names:
        return MISSING
    found = names[chain[0]]
    for name in chain[1:]:
        found = vars(found).get(name, MISSING) if isinstance(found, types.ModuleType | type) else MISSING
    return found


def _evaluated(node: ast.AST, names: Mapping[str, object]) -> object:
    """The value of arithmetic on constants, and on numbers that names stand for."""
    used = [part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)]
    if any(not isinstance(_named(part, names), (*PLAIN, types.ModuleType)) for part in used):
        return MISSING
    try:
        code = compile(ast.Expression(node), "<constant>", "eval")
        return eval(code, {"__builtins__": {}, **{name: names[name] for name in code.co_names if name in names}})
    except Exception:  # it is not a constant, whatever it is
        return MISSING


def _table_differs(node: ast.Dict, value: object, names: Mapping[str, object], codes: Codes, more: bool) -> bool:
    if not isinstance(value, Mapping):
        return True
    expected = [
        (_evaluated(key, names) if key else MISSING, entry) for key, entry in zip(node.keys, node.values, strict=True)
    ]
    if any(key is MISSING for key, _ in expected):
        return False
    last = dict(expected)
    if not more and len(last) != len(value):
        return True
    return any(key not in value or differs(entry, value[key], names, codes) for key, entry in last.items())


def _sequence_differs(node, value: object, names: Mapping[str, object], codes: Codes, more: bool) -> bool:
    kinds = {ast.List: list, ast.Tuple: tuple, ast.Set: set}
    if type(value) is not kinds[type(node)]:
        return True
    if any(isinstance(part, ast.Starred) for part in node.elts):
        return False
    if isinstance(node, ast.Set):
        expected = [_evaluated(part, names) for part in node.elts]
        return MISSING not in expected and not more and set(expected) != value
    if len(value) < len(node.elts) or not more and len(value) != len(node.elts):
        return True
    return any(differs(part, item, names, codes) for part, item in zip(node.elts, value, strict=False))


def _is_lambda(value: types.FunctionType, codes: Codes) -> bool:
    found = [code for name, group in codes.items() if name.endswith("<lambda>") for code in group]
    return any(same_code(value.__code__, code) for code in found)


def _partial_differs(node: ast.Call, value: object, names: Mapping[str, object], codes: Codes) -> bool:
    """Whether an object is not the ``partial`` that the source makes; of other calls nothing is known."""
    if _named(node.func, names) is not functools.partial:
        return False
    if not isinstance(value, functools.partial) or len(value.args) != len(node.args) - 1:
        return True
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    parts = [*zip(node.args, (value.func, *value.args), strict=True)]
    parts += [(expected, value.keywords.get(name, MISSING)) for name, expected in keywords.items()]
    starred = any(isinstance(part, ast.Starred) for part in node.args)
    return not starred and any(differs(part, item, names, codes) for part, item in parts)
