"""Where a number comes from: the folders of a run, the code it depends on, the machine it ran on.

The *fingerprint* of a function is a hash of the syntax trees of every quire module that it can reach through imports,
without docstrings, comments and positions. Names are followed through ``__init__`` to the module that defines them, so
an edit changes the fingerprint of exactly what depends on it.
"""

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

__all__ = ["environment", "fingerprint", "fingerprint_file", "folder", "from_yaml"]
__all__ += ["project_root", "read_json", "write_atomic", "write_json"]

_VERSIONS = ("quire", "torch", "numpy", "scipy", "pandas", "matplotlib", "seaborn")


def project_root() -> Path:
    """The checkout that holds ``chapters/`` and ``data/``: QUIRE_ROOT, else the one that this package lies in.

    Raises:
        FileNotFoundError: neither is a checkout of quire.
    """
    root = Path(os.environ.get("QUIRE_ROOT") or Path(__file__).parents[2]).resolve()
    if not (root / "_config.yml").exists() and not (root / "data").is_dir():
        raise FileNotFoundError(f"no quire checkout at {root}: set QUIRE_ROOT to the folder with chapters/ and data/")
    return root


def folder(kind: str) -> Path:
    """A folder of the current run: "store" (QUIRE_STORE), "published" (QUIRE_PUBLISHED) or "run" (QUIRE_RUN)."""
    default = {"store": "build/store", "published": "data/published", "run": "build/interactive"}[kind]
    return Path(os.environ.get(f"QUIRE_{kind.upper()}") or project_root() / default)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value) -> None:
    """Write a JSON file atomically, readable by a person and by ``diff``."""
    write_atomic(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path, default=None):
    """Read a JSON file; ``default`` if it does not exist.

    Raises:
        ValueError: the file is there and is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON ({error}): delete it and run again") from None


def from_yaml(text: str, where: object):
    """Parse YAML.

    Raises:
        ValueError: the text is not YAML; ``where`` says which one.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{where} is not YAML: {error}") from None


def environment(device: str = "cpu") -> dict:
    """The machine, the versions and the commit: what a row needs to be judged by somebody else."""
    git = functools.partial(subprocess.run, cwd=project_root(), capture_output=True, text=True)
    try:
        commit = git(["git", "rev-parse", "HEAD"]).stdout.strip()
        dirty = bool(git(["git", "status", "-s", "lib", "chapters"]).stdout)
    except OSError:  # git is not installed: a downloaded archive
        commit, dirty = "", False
    versions = {"python": platform.python_version()}
    for package in _VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count())
    return {
        "commit": commit or "unknown", "dirty": dirty, "versions": versions, "device": device,
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {threads} threads",
    }  # fmt: skip


def fingerprint(function) -> str:
    """Hash the code that a top-level function can reach inside quire (its own module included).

    Raises:
        TypeError: the function is not at the top level of an importable module.
    """
    module = getattr(function, "__module__", None)
    if module in (None, "__main__") or "." in getattr(function, "__qualname__", "."):
        name, wants = getattr(function, "__qualname__", function), "a top-level function of an importable module"
        raise TypeError(f"a sweep needs {wants}, got {name!r} of {module!r}: move it to quire.experiments")
    return fingerprint_file(Path(sys.modules[module].__file__), module)


def fingerprint_file(path: Path, name: str = "") -> str:
    """Hash the code of a file and of every quire module that it can reach."""
    seen: dict[str, str] = {}
    seen[name], needs = _tree_hash(path, path.stat().st_mtime_ns)
    queue = list(needs)
    while queue:
        module = _resolve(*queue.pop())
        if module not in seen and (source := _source(module)):
            seen[module], needs = _tree_hash(source, source.stat().st_mtime_ns)
            queue += needs
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=4096)
def _tree_hash(path: Path, _mtime: int) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """Hash of a file's code and the (module, name) pairs that it imports from quire."""
    tree = ast.parse(path.read_bytes(), str(path))
    needs = tuple(_imports(tree, _module_name(path), path.name == "__init__.py"))
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest(), needs


def _plain(node):
    """A syntax tree as nested lists, without docstrings, citations, positions and empty fields (Pythons differ there)."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and body:
        documented = isinstance(body[0], ast.Expr) and isinstance(getattr(body[0].value, "value", None), str)
        fields["body"] = body[1:] if documented else body
        if "decorator_list" in fields:  # a citation changes no number
            fields["decorator_list"] = [d for d in fields["decorator_list"] if not ast.unparse(d).startswith("cites(")]
    return [type(node).__name__, *([key, _plain(value)] for key, value in fields.items() if value not in (None, []))]


def _imports(tree: ast.AST, module: str, is_package: bool):
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] == "quire")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            if base.split(".")[0] == "quire":
                yield from ((base, alias.name) for alias in node.names)


def _resolve(module: str, name: str | None) -> str:
    """The module behind ``from module import name``: a submodule, the module a package re-exports it from, or itself."""
    path = _source(module)
    if name is None or path is None or path.name != "__init__.py":
        return module
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ImportFrom):
            bases = [base for base, _ in _imports(node, module, True)]
            for original in (alias.name for alias in node.names if (alias.asname or alias.name) == name and bases):
                if (bases[0], original) != (module, name):
                    return _resolve(bases[0], original)
    return f"{module}.{name}" if _source(f"{module}.{name}") else module


def _module_name(path: Path) -> str:
    package = Path(__file__).parent
    if not path.is_relative_to(package):
        return path.stem
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _source(module: str) -> Path | None:
    path = Path(__file__).parent.parent.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
