"""The layers of the library, read off its source: imports go down, and the science stays pure. Also: doctests."""

import ast
import doctest
import importlib
import pkgutil
import re
import sys
import types
from functools import lru_cache
from pathlib import Path

import pytest

import quire

ROOT = Path(__file__).parents[1]
LIB = ROOT / "lib" / "quire"
LAYERS = {
    **dict.fromkeys(["types", "device", "rng", "cite", "settings", "fingerprint", "lifeline", "allocator"], "L0"),
    **dict.fromkeys(
        ["files", "environment", "tables", "schema", "cells", "record", "stats", "data", "provenance"], "L2"
    ),
    **dict.fromkeys(["store", "sweep"], "L3"),
    **dict.fromkeys(["claims", "figures"], "L4"),
    **dict.fromkeys(["tools", "__main__"], "L5"),
    "experiments": "L1b",
    "__init__": "top",
}
# of a wing: cells and what is made are L1b; measures, drawings and plans are known by the last word of their name
WINGS = {"measures": "measures", "drawings": "drawings", "plans": "plans"}
BELOW = {
    "top": {"L0"},
    "L0": {"L0"},
    "L1": {"L0"},
    "L1b": {"L0", "L1"},
    "L2": {"L0", "L2"},
    "L3": {"L0", "L2", "L3"},
    "L4": {"L0", "L2", "L4"},
    "L5": {"L0", "L1", "L2", "L3", "L4", "L5"},
    "measures": {"L0", "L1", "L2"},
    "drawings": {"L0", "L2", "L4"},
    "plans": {"L0", "L3"},
}
RENDERING = {"matplotlib", "seaborn", "papermill"}
SCIENCE = {
    "pandas",
    *RENDERING,
    "joblib",
    "yaml",
    "tqdm",
    "IPython",
    "requests",
    "pooch",
    "os",
    "logging",
    "random",
    "sys",
}
FORBIDDEN = {
    "L0": {"pandas", "matplotlib", "seaborn", "sklearn", "joblib", "yaml"},
    "L1": SCIENCE,
    "L2": {"matplotlib.pyplot", "seaborn", "papermill", "jupytext"},
    "L3": RENDERING,
    "L4": {"torch", "papermill"},
    "L5": set(),
    "top": {"torch"},
    "measures": {"torch", *SCIENCE} - {"pandas"},
    "drawings": {"torch", "papermill"},
    "plans": {"torch", *SCIENCE},
}
FORBIDDEN["L1b"] = FORBIDDEN["L1"]
FILES = sorted(LIB.rglob("*.py"))


def layer(path: Path) -> str:
    """The layer of a module: of its top-level name; sub-packages that are not machinery are science."""
    first = path.relative_to(LIB).with_suffix("").parts[0]
    if first == "experiments":
        return WINGS.get(path.stem.split("_")[-1], "L1b")
    return LAYERS.get(first, "L1")


@lru_cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def import_nodes(path: Path, deep: bool = True) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a file; only those outside of functions and classes unless ``deep``."""
    top = tree(path).body
    if not deep:
        top = [node for node in top if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node for part in top for node in ast.walk(part) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path: Path, deep: bool = True) -> set[str]:
    """Full names that a module imports (a later test says that none is relative)."""
    found = set()
    for node in import_nodes(path, deep):
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        found |= {base + alias.name for alias in node.names}
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
        data = own == "L1b" and name[1] == "data"  # experiments read data sets
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


GLOBAL_RANDOM = re.compile(r"(torch\.(manual_seed|seed)|np\.random\.(seed|rand\w*|normal))$")
FORKED = {("stacked.py", "torch.manual_seed")}  # inside of fork_rng: dropout takes no generator


@pytest.mark.parametrize(
    "path", [p for p in FILES if layer(p) in ("L0", "L1", "L1b")], ids=lambda p: str(p.relative_to(LIB))
)
def test_the_science_does_not_print_read_or_name_devices(path):
    documented = (n for n in ast.walk(tree(path)) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
    docs = {id(n.body[0].value) for n in documented if ast.get_docstring(n) is not None}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and layer(path) != "L0":
            assert node.func.id not in ("print", "open", "input", "tqdm"), f"line {node.lineno}: {node.func.id}()"
        if isinstance(node, ast.Attribute) and layer(path) != "L0":
            called = ast.unparse(node)
            forked = (path.name, called) in FORKED
            assert forked or not GLOBAL_RANDOM.match(called), f"line {node.lineno}: {called}"
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


def hidden(name: str) -> bool:
    """Whether a package gives something else than the module when it is asked for the module's name."""
    module = importlib.import_module(name)
    package, _, own = name.rpartition(".")
    return getattr(sys.modules[package], own) is not module


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_hidden_by_a_name_of_its_package(name):
    assert not hidden(name), f"{name} is not what its package gives by this name: rename the module"


def test_a_hidden_module_is_found(tmp_path, monkeypatch):
    package = tmp_path / "hidden_and_seen"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from hidden_and_seen.area import area\nfrom hidden_and_seen.length import norm\n"
    )
    (package / "area.py").write_text("def area():\n    pass\n")
    (package / "length.py").write_text("def norm():\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert hidden("hidden_and_seen.area") and not hidden("hidden_and_seen.length")


@pytest.mark.parametrize("name", ["quire", *MODULES])
def test_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=flags).failed == 0


# packages whose names are used from outside; what runs the book (tools) and the wings are nobody's library
SURFACES = {p.parent.name: p for p in LIB.glob("*/__init__.py") if p.parent.name not in ("experiments", "tools")}


def surface(package: str) -> list[str]:
    """The public names of a package, its ``__all__``."""
    return getattr(importlib.import_module(f"quire.{package}"), "__all__", [])


def faults_of_style(path: Path, own: str) -> list[str]:
    """What an import statement of a module in the package ``own`` ("" for none) does against the one style.

    Inside of a package, names come from the module that defines them; from outside, from the package.
    """
    found = []
    for node in import_nodes(path):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            found += [
                f"import {name}: write from {name} import …"
                for name in names
                if within(name, {"quire"}) and name != "quire"
            ]
        elif node.level:
            found.append(f"line {node.lineno} is relative: write from quire.… import …")
        else:
            found += _faults_of_names(node.module, names, own)
    return found


def _faults_of_names(module: str, names: list[str], own: str) -> list[str]:
    parts = module.split(".")
    if module == "quire":
        science = [name for name in names if name in SURFACES and LAYERS.get(name, "L1") == "L1"]
        return [f"from quire import {name}: write from quire.{name} import …" for name in science]
    if parts[0] != "quire" or parts[1] not in SURFACES:
        return []
    if parts[1] == own:
        inside = [name for name in names if len(parts) == 2 and not (SURFACES[own].parent / f"{name}.py").exists()]
        return [
            f"from {module} import {name}: inside of the package, from the module that defines it" for name in inside
        ]
    if len(parts) > 2:
        return [
            f"from {module} import …: from outside, write from quire.{parts[1]} import … and export what is missing"
        ]
    return [f"{name} is not in __all__ of {module}: export it" for name in names if name not in surface(parts[1])]


@pytest.mark.parametrize(
    "path", [*FILES, *sorted((ROOT / "chapters").glob("*.py"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_there_is_one_style_of_imports(path):
    if path in (LIB / "__main__.py", LIB / "__init__.py"):  # the first runs the tools; the second runs the fingerprint
        return
    own = path.relative_to(LIB).with_suffix("").parts[0] if path.is_relative_to(LIB) else ""
    assert not faults_of_style(path, own if own in SURFACES else "")


@pytest.mark.parametrize(
    ("text", "own", "fault"),
    [
        ("from quire.kernels import local", "", None),
        ("from quire.kernels.tiles import gram_bytes", "kernels", None),
        ("from quire.diffeo import laws", "diffeo", None),  # a module of the own package, as a namespace
        ("from quire import device, rng", "", None),
        ("import quire", "", None),
        ("from quire.kernels.tiles import gram_bytes", "", "from outside"),
        ("from quire.kernels import _spans", "", "not in __all__"),
        ("from quire.kernels import local", "kernels", "module that defines it"),
        ("from quire import kernels as k", "", "from quire.kernels import"),
        ("import quire.kernels", "", "from quire.kernels import"),
        ("from .tiles import gram_bytes", "kernels", "relative"),
        ("def f():\n    from quire.nets.by_name import build", "", "from outside"),
    ],
)
def test_the_style_is_checked(tmp_path, text, own, fault):
    path = tmp_path / "module.py"
    path.write_text(text)
    found = faults_of_style(path, own)
    assert not found if fault is None else len(found) == 1 and fault in found[0]


@pytest.mark.parametrize("package", sorted(SURFACES))
def test_the_surface_of_a_package_is_there(package):
    module = importlib.import_module(f"quire.{package}")
    assert surface(package), f"quire.{package} names nothing in __all__"
    for name in surface(package):
        assert not name.startswith("_") and hasattr(module, name), f"quire.{package}.{name}"
        assert not isinstance(getattr(module, name), types.ModuleType), f"quire.{package}.{name} is a module"


def test_nothing_is_left_to_do():
    words = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"]))
    for path in [*FILES, *(ROOT / "chapters").rglob("*.py"), *(ROOT / "book" / "_ext").rglob("*.py")]:
        assert not words.search(path.read_text()), path
