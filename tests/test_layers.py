"""The layers of the library, read off its source: imports go down, and the science stays pure. Also: doctests."""

import ast
import doctest
import importlib
import pkgutil
import re
from functools import lru_cache
from pathlib import Path

import pytest

import quire

ROOT = Path(__file__).parents[1]
LIB = ROOT / "lib" / "quire"
LAYERS = {
    **dict.fromkeys(["types", "device", "rng", "cite"], "L0"),
    **dict.fromkeys(["stats", "provenance", "data"], "L2"),
    **dict.fromkeys(["store", "sweep"], "L3"),
    **dict.fromkeys(["claims", "figures"], "L4"),
    **dict.fromkeys(["tools", "__main__"], "L5"),
    "experiments": "L1b",
    "__init__": "top",
}
BELOW = {
    "top": set(), "L0": set(), "L1": {"L0"}, "L1b": {"L0", "L1"}, "L2": {"L0", "L2"}, "L3": {"L0", "L2", "L3"}, "L4": {"L2", "L4"},
    "L5": {"L0", "L1", "L2", "L3", "L4", "L5"},
}  # fmt: skip
FORBIDDEN = {
    "L0": {"pandas", "matplotlib", "seaborn", "sklearn", "joblib", "yaml"},
    "L1": {"pandas", "matplotlib", "seaborn", "joblib", "yaml", "tqdm", "IPython", "requests", "pooch", "os", "logging", "random", "sys"},
    "L2": {"matplotlib.pyplot", "seaborn", "papermill", "jupytext"}, "L3": {"matplotlib", "seaborn", "papermill"},
    "L4": {"torch", "papermill"}, "L5": set(), "top": {"torch"},
}  # fmt: skip
FORBIDDEN["L1b"] = FORBIDDEN["L1"]
FILES = sorted(LIB.rglob("*.py"))


def layer(path: Path) -> str:
    """The layer of a module: of its top-level name; sub-packages that are not machinery are science."""
    return LAYERS.get(path.relative_to(LIB).with_suffix("").parts[0], "L1")


@lru_cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


def imports(path: Path, deep: bool = True) -> set[str]:
    """Full names that a module imports, relative ones resolved; only those at the top level unless ``deep``."""
    found = set()
    body = tree(path).body
    for node in ast.walk(tree(path)) if deep else [n for top in body for n in ast.walk(top) if not isinstance(top, ast.FunctionDef | ast.ClassDef)]:  # fmt: skip
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = path.is_relative_to(LIB)
            parts = ("quire", *path.relative_to(LIB).parent.parts) if inside else path.parent.parts
            base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])]) if node.level else node.module  # fmt: skip
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def within(name: str, packages: set[str]) -> bool:
    """Whether an imported name is one of these packages, or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(LIB)))
def test_imports_go_down(path):
    own = layer(path)
    for name in (name.split(".") for name in imports(path) if within(name, {"quire"})):
        if len(name) == 1 or name[1] == "__version__":
            continue
        other = LAYERS.get(name[1], "L1")
        same_package = name[1] == path.relative_to(LIB).with_suffix("").parts[0]
        science = own == other == "L1"  # siblings: the next test says that they are acyclic
        data = own == "L1b" and name[1] == "data"
        assert other in BELOW[own] or same_package or science or data, f"{own} imports {'.'.join(name)} of {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(LIB)))
def test_no_layer_imports_what_it_must_not(path):
    wrong = {name for name in imports(path) if within(name, FORBIDDEN[layer(path)])}
    assert not wrong
    if layer(path) == "L2":
        assert not {name for name in imports(path, deep=False) if within(name, {"torch"})}


def test_the_sub_packages_of_the_science_are_acyclic():
    needs: dict[str, set[str]] = {}
    for path in FILES:
        if layer(path) == "L1":
            own = path.relative_to(LIB).parts[0]
            used = {n.split(".")[1] for n in imports(path) if within(n, {"quire"}) and n.count(".")}
            needs.setdefault(own, set()).update(u for u in used if LAYERS.get(u, "L1") == "L1" and u != own)
    while leaves := {name for name, used in needs.items() if not used & needs.keys()}:
        needs = {name: used for name, used in needs.items() if name not in leaves}
    assert not needs, f"these import each other: {needs}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if layer(p) in ("L0", "L1", "L1b")], ids=lambda p: str(p.relative_to(LIB))
)
def test_the_science_does_not_print_read_or_name_devices(path):
    docs = {id(n.body[0].value) for n in ast.walk(tree(path)) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(n) is not None}  # fmt: skip
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and layer(path) != "L0":
            assert node.func.id not in ("print", "open", "input", "tqdm"), f"line {node.lineno}: {node.func.id}()"
        if isinstance(node, ast.Attribute) and layer(path) != "L0":
            called = ast.unparse(node)
            assert not re.match(r"(torch\.(manual_seed|seed)|np\.random\.(seed|rand\w*|normal))$", called), f"line {node.lineno}: {called}"  # fmt: skip
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
            and path.name != "device.py"
        ):
            assert "cuda" not in node.value, f"line {node.lineno} names a device"


def test_device_names_stand_in_one_module():
    for path in FILES:
        if path.name == "device.py" or layer(path) == "L5":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value != "cuda" and not node.value.startswith("cuda:"), f"{path}: line {node.lineno}"


def test_the_book_is_rendered_without_torch_and_without_the_library():
    found = sorted((ROOT / "book" / "_ext").rglob("*.py"))
    assert found
    for path in found:
        wrong = {name for name in imports(path) if within(name, {"torch", "quire", "pandas", "numpy"})}
        assert not wrong, f"{path}: {wrong}"


def test_chapters_import_no_tools():
    for path in (ROOT / "chapters").glob("*.py"):
        assert not {name for name in imports(path) if within(name, {"quire.tools"})}, path
        assert not [n for n in tree(path).body if isinstance(n, ast.ClassDef)], (
            f"{path} defines a class: that is the library's"
        )


MODULES = [info.name for info in pkgutil.walk_packages(quire.__path__, "quire.") if info.name != "quire.__main__"]


@pytest.mark.parametrize("name", ["quire", *MODULES])
def test_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_nothing_is_left_to_do():
    words = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"]))
    for path in [*FILES, *(ROOT / "chapters").rglob("*.py"), *(ROOT / "book" / "_ext").rglob("*.py")]:
        assert not words.search(path.read_text()), path
