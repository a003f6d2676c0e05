"""Whether what a module holds under a name is what its source says, as far as the source tells without running it."""

import ast
import functools
import types
from collections.abc import Mapping

from quire.fingerprint.codes import Codes, same_code
from quire.fingerprint.constants import MISSING, PLAIN, evaluated, named

__all__ = ["MISSING", "PLAIN", "differs"]


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
        found = named(node, names)
        return found is not MISSING and found is not value and not _same(found, value)
    expected = evaluated(node, names)
    return isinstance(expected, PLAIN) and not _same(expected, value)


def _same(one: object, two: object) -> bool:
    if type(one) is not type(two) or not isinstance(one, PLAIN):
        return False
    return one == two if isinstance(one, set | frozenset) else repr(one) == repr(two)


def _table_differs(node: ast.Dict, value: object, names: Mapping[str, object], codes: Codes, more: bool) -> bool:
    if not isinstance(value, Mapping):
        return True
    expected = [
        (evaluated(key, names) if key else MISSING, entry) for key, entry in zip(node.keys, node.values, strict=True)
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
        expected = [evaluated(part, names) for part in node.elts]
        return MISSING not in expected and not more and set(expected) != value
    if len(value) < len(node.elts) or not more and len(value) != len(node.elts):
        return True
    return any(differs(part, item, names, codes) for part, item in zip(node.elts, value, strict=False))


def _is_lambda(value: types.FunctionType, codes: Codes) -> bool:
    found = [code for name, group in codes.items() if name.endswith("<lambda>") for code in group]
    return any(same_code(value.__code__, code) for code in found)


def _partial_differs(node: ast.Call, value: object, names: Mapping[str, object], codes: Codes) -> bool:
    """Whether an object is not the ``partial`` that the source makes; of other calls nothing is known."""
    if named(node.func, names) is not functools.partial:
        return False
    if not isinstance(value, functools.partial) or len(value.args) != len(node.args) - 1:
        return True
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    parts = [*zip(node.args, (value.func, *value.args), strict=True)]
    parts += [(expected, value.keywords.get(name, MISSING)) for name, expected in keywords.items()]
    starred = any(isinstance(part, ast.Starred) for part in node.args)
    return not starred and any(differs(part, item, names, codes) for part, item in parts)
