"""Files that code reads: those beside a module that it names, and the checksums of the data sets that quire loads."""

import ast
import glob
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from quire.fingerprint.source import ENDINGS, Source, content_of
from quire.settings import setting

__all__ = ["hashes", "modules_below", "named", "registry", "registry_path"]

OURS = ("quire.files",)  # says where things are: what lies there is asked for, and hashed, by others
LONGEST = 200  # characters of a text that may name a file
UNCOUNTED = ("#", "title:", "licence:", "source:", "urls:", "- http")  # lines of the registry that change no array


def named(node: ast.AST, texts: set[str]) -> tuple[list[str], bool]:
    """The texts of a statement that may name files, and whether it asks where its module's own file is."""
    nodes = list(ast.walk(node))
    asks = any(isinstance(part, ast.Name) and part.id == "__file__" for part in nodes)
    divisions = [part for part in nodes if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div)]
    return sorted(text for text in texts | set(map(_joined, divisions)) if _may_name(text)), asks


def hashes(pieces: Iterable) -> dict[str, str]:
    """Hashes of the files that statements name and that exist: beside their module, or (with ``__file__``) above it.

    A formatted name stands for every file that fits it, a folder for all files in it.
    """
    found = {}
    for piece in pieces:
        texts, asks = piece.named
        folder = os.path.dirname(piece.module.source.path)
        places = [folder]
        if asks and piece.module.name not in OURS:
            places += [os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))]
        for up, place in enumerate(places):
            for path in (path for text in texts for path in _matching(place, text, deep=asks and up == 0)):
                label = f"{piece.module.name}/{'../' * up}{os.path.relpath(path, place)}"
                found[label] = hashlib.sha256(content_of(path)).hexdigest()
    return found


def _may_name(text: str) -> bool:
    """Whether a text may be the relative name of a file."""
    plain = text.replace("*", "").strip("./ ")
    return bool(plain) and len(text) < LONGEST and text.isprintable() and not text.startswith(("/", "~"))


def _joined(node: ast.AST) -> str:
    """What is put together with ``/``: ``folder / "tables" / "a.csv"`` names ``tables/a.csv``."""
    names: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        names.insert(0, _pattern(node.right))
        node = node.left
    return "/".join(name for name in [_pattern(node), *names] if name not in ("", "*"))


def _pattern(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _matching(place: str, text: str, deep: bool) -> list[str]:
    """The files in a folder that a text may mean; code is not a file in this sense, unless it is named exactly."""
    if "*" in text:
        found = glob.glob(os.path.join(glob.escape(place), text.replace("[", "[[]").replace("?", "[?]")))
        return sorted(path for path in found if os.path.isfile(path) and not path.endswith(ENDINGS))
    path = os.path.join(place, text)
    if os.path.isfile(path):
        return [path]
    if not deep or not os.path.isdir(path):
        return []
    inside = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sorted(file for file in inside if not file.endswith((*ENDINGS, ".pyc")) and "__pycache__" not in file)


def modules_below(source: Source) -> list[str]:
    """The modules in the folder of a package."""
    if not source.package:
        return []
    found = set()
    for entry in os.scandir(os.path.dirname(source.path)):
        inner = entry.is_dir() and os.path.isfile(os.path.join(entry.path, "__init__.py"))
        if inner or entry.name.endswith(ENDINGS) and not entry.name.startswith("__"):
            found.add(f"{source.name}.{entry.name.partition('.')[0]}")
    return sorted(found)


def registry_path() -> Path:
    """Where the registry of data sets is, if this is a checkout."""
    return Path(setting("QUIRE_ROOT") or Path(__file__).parents[3]) / "data" / "registry.yml"


def registry() -> str:
    """Hash of what the registry says of the data sets' contents (not of where they come from); "" if there is none."""
    try:
        text = content_of(str(registry_path())).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(UNCOUNTED)]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()
