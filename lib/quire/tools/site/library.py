"""The library as pages: what each public routine takes and gives, read off the sources without importing them.

A package shows the names of its ``__all__``, in the order in which its ``__init__`` imports them. Which chapters reach a
routine is what the fingerprint of the chapter finds.
"""

import ast
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from quire.files import project_root
from quire.fingerprint import reach_of_file
from quire.tools.chapters import path_of

__all__ = ["PACKAGES", "library", "literature"]

PACKAGES = (
    "kernels",
    "deep_kernels",
    "regression",
    "hierarchy",
    "diffusion",
    "diffeo",
    "tangent",
    "multiscale",
    "scattering",
    "rainbow",
    "mechanics",
    "nets",
    "training",
    "data",
    "stats",
    "sweep",
    "claims",
    "figures",
)
WIDEST = 96  # characters of a signature on one line


@dataclass(frozen=True)
class Routine:
    """A public function or class."""

    name: str
    package: str
    module: str
    line: int
    signature: str
    docstring: str
    methods: list[list[str]]
    papers: list[list[str]]
    source: str
    chapters: list[str]


def library(shown: list[str]) -> dict[str, list[dict]]:
    """The routines of each package, as JSON.

    Args:
        shown: the chapters of the site, which are named where they use a routine.
    """
    users = _users(shown)
    return {package: [asdict(one) for one in _routines(package, users)] for package in PACKAGES}


def literature(chapter: str) -> list[str]:
    """The bibliography keys that the routines of a chapter cite, by ``@cites``."""
    root, found = project_root() / "lib", {}
    for module, name in reach_of_file(path_of(chapter), chapter).found:
        path = root / f"{module.replace('.', '/')}.py"
        if module.startswith("quire.") and path.exists():
            node = _definitions(path).get(name)
            found |= dict.fromkeys(key for key, _ in _papers(node)) if node is not None else {}
    return sorted(found)


def _users(shown: list[str]) -> dict[tuple[str, str], list[str]]:
    users = defaultdict(list)
    for chapter in shown:
        for module, name in reach_of_file(path_of(chapter), chapter).found:
            users[module, name].append(chapter)
    return users


def _routines(package: str, users: dict) -> list[Routine]:
    """The public routines of a package."""
    home = project_root() / "lib" / "quire" / package
    tree = ast.parse((home / "__init__.py").read_text(encoding="utf-8"))
    places = {name: f"quire.{package}" for name in _definitions(home / "__init__.py")}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"quire.{package}"):
            places |= {alias.asname or alias.name: node.module for alias in node.names}
    public = _public(tree)
    found = [_routine(package, module, name, users) for name, module in places.items() if name in public]
    return [one for one in found if one is not None]


def _public(tree: ast.Module) -> set[str]:
    """The names of ``__all__``, which may be written in several pieces."""
    names = set()
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            names |= set(ast.literal_eval(node.value))
    return names


def _routine(package: str, module: str, name: str, users: dict) -> Routine | None:
    """A function or class; None for a constant or a module."""
    home = project_root() / "lib" / module.replace(".", "/")
    path = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
    node = _definitions(path).get(name)
    if node is None:
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return Routine(
        name=name,
        package=package,
        module=module,
        line=node.lineno,
        signature=_signature(node),
        docstring=ast.get_docstring(node) or "",
        methods=_methods(node),
        papers=_papers(node),
        source="\n".join(lines[_first(node) - 1 : node.end_lineno]),
        chapters=list(dict.fromkeys(users.get((module, name), []))),
    )


def _definitions(path: Path) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _first(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _papers(node: ast.FunctionDef | ast.ClassDef) -> list[list[str]]:
    """What ``@cites`` says: bibliography key, place in the paper."""
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call) and ast.unparse(one.func) == "cites"]
    return [[ast.literal_eval(call.args[0]), *map(ast.literal_eval, call.args[1:2])] for call in calls]


def _methods(node: ast.FunctionDef | ast.ClassDef) -> list[list[str]]:
    """Public methods and properties of a class: signature, first line."""
    if not isinstance(node, ast.ClassDef):
        return []
    public = [one for one in node.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
    return [[_signature(one), (ast.get_docstring(one) or "").partition("\n")[0]] for one in public]


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What is written to call it, with types; of a data class its fields."""
    if isinstance(node, ast.FunctionDef):
        return _call(node.name, node.args, f" -> {ast.unparse(node.returns)}" if node.returns else "")
    start = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    if start is not None:
        return _call(node.name, start.args, "")
    fields = [
        ast.unparse(one) for one in node.body if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one)
    ]
    return _folded(node.name, fields, "")


def _call(name: str, given: ast.arguments, returns: str) -> str:
    own = [arg.arg for arg in [*given.posonlyargs, *given.args][:1]] == ["self"]
    alone = ast.unparse(given).removeprefix("self").removeprefix(", ") if own else ast.unparse(given)
    if len(name) + len(alone) + len(returns) <= WIDEST:
        return f"{name}({alone}){returns}"
    positional = [*given.posonlyargs, *given.args]
    gap = len(positional) - len(given.defaults)
    parts = [_argument(arg, given.defaults[i - gap] if i >= gap else None) for i, arg in enumerate(positional)][own:]
    parts += [f"*{_argument(given.vararg, None)}"] if given.vararg else ["*"] if given.kwonlyargs else []
    parts += [_argument(arg, default) for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    parts += [f"**{_argument(given.kwarg, None)}"] if given.kwarg else []
    return _folded(name, parts, returns)


def _argument(arg: ast.arg, default: ast.expr | None) -> str:
    typed = ast.unparse(arg)
    return typed if default is None else f"{typed} = {ast.unparse(default)}"


def _folded(name: str, parts: list[str], returns: str) -> str:
    line = f"{name}({', '.join(parts)}){returns}"
    return line if len(line) <= WIDEST else f"{name}(\n    " + ",\n    ".join(parts) + f",\n){returns}"
