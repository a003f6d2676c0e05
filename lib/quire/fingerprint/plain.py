"""The normal form of code: what can change a number, and nothing else.

Without positions, comments, docstrings, citations and the annotations of functions. Annotations of a class or module
stay (they are the fields of dataclasses and of pydantic), and so do those of a function whose decorator may read them.
"""

import ast
import hashlib
from collections.abc import Callable

__all__ = ["body_of", "digest", "keeps_annotations"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLIND = {
    "abstractmethod",
    "asynccontextmanager",
    "cache",
    "cached_property",
    "cites",
    "classmethod",
    "compiled",
    "contextmanager",
    "inference_mode",
    "lru_cache",
    "no_grad",
    "property",
    "setter",
    "staticmethod",
    "wraps",
}  # decorators that do not look at annotations
IGNORED = {"type_comment", "type_ignores", "kind", "ctx"}


def digest(node: ast.AST, cited: Callable[[ast.AST], bool]) -> str:
    """Hash of a syntax tree's normal form.

    Args:
        node: a statement or an expression.
        cited: whether a decorator is a citation, which changes no number.
    """
    parts: list[str] = []
    _write(node, parts.append, cited, "")
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def body_of(node: ast.AST) -> list[ast.stmt]:
    """The statements of a module, class or function, without the docstring."""
    first = node.body[0] if node.body else None
    documented = isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)
    return node.body[1:] if documented else node.body


def keeps_annotations(node: ast.AST) -> bool:
    """Whether a decorator of the function may read its annotations (a dispatch on types, a validation)."""
    return any(_last_name(decorator) not in BLIND for decorator in node.decorator_list)


def _last_name(decorator: ast.AST) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "attr", getattr(called, "id", ""))


def _write(node, put: Callable[[str], None], cited: Callable, within: str) -> None:
    """Append the normal form of a node; ``within`` says what encloses it: "" (module or class) or "function"."""
    if isinstance(node, list):
        put("[")
        for item in node:
            _write(item, put, cited, within)
        put("]")
    elif isinstance(node, ast.Constant):
        put(f"<{type(node.value).__name__} {node.value!r}>")
    elif isinstance(node, ast.AST):
        put(f"({type(node).__name__}")
        for name, value in _fields(node, cited, within):
            put(f" {name}=")
            _write(value, put, cited, _inner(node, name, within))
        put(")")
    else:
        put(f"<{node!r}>")


def _inner(node: ast.AST, name: str, within: str) -> str:
    if name != "body":
        return within
    if isinstance(node, ast.ClassDef):
        return ""
    return "function" if isinstance(node, (*FUNCTIONS, ast.Lambda)) else within


def _fields(node: ast.AST, cited: Callable, within: str):
    """The fields of a node that count (Pythons differ in the empty ones)."""
    fields = {name: value for name, value in ast.iter_fields(node) if name not in IGNORED}
    if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
        fields["body"] = body_of(node)
    if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
        fields["decorator_list"] = [item for item in node.decorator_list if not cited(item)]
    if isinstance(node, FUNCTIONS) and not keeps_annotations(node):
        fields["returns"] = None
        fields["args"] = _bare(node.args)
    if isinstance(node, ast.AnnAssign) and within == "function":
        fields["annotation"] = None
    return [(name, value) for name, value in fields.items() if value not in (None, [])]


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Parameters without their annotations."""
    fields = dict(ast.iter_fields(arguments))
    for name in ("posonlyargs", "args", "kwonlyargs"):
        fields[name] = [ast.arg(item.arg, None) for item in fields[name]]
    for name in ("vararg", "kwarg"):
        fields[name] = fields[name] and ast.arg(fields[name].arg, None)
    return ast.arguments(**fields)
