"""Where the code of a module is, and its text: as it was when this process imported it, where that is known.

Followed are modules of files that are neither Python's own nor installed packages (quire itself is followed wherever it
lies): the versions of those are recorded elsewhere.
"""

import hashlib
import importlib.machinery
import os
import site
import sys
import sysconfig
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

__all__ = [
    "INERT",
    "RECORDED",
    "Source",
    "content_of",
    "followed",
    "follows",
    "is_installed",
    "locate",
    "present",
    "source",
]

# No number depends on these, so they are not followed. What a download brings is held against its sha256, and that counts.
INERT = ("quire.cite", "quire.data.download", "quire.fingerprint", "quire.settings")
RECORDED: dict[str, tuple[str, bytes]] = {}  # of imported modules: their file and what it held then, see ``recorder``
RACE = 2 * 10**9  # nanoseconds: a file that was written so shortly before it was read may have changed unseen
ENDINGS = (".py", *importlib.machinery.EXTENSION_SUFFIXES)
_read: dict[str, tuple[tuple, int, bytes]] = {}
_sources: dict[str, "Source"] = {}


@dataclass(frozen=True, eq=False)
class Source:
    """The text of one module; equal texts of a module are one object."""

    name: str
    path: str
    package: bool
    content: bytes
    digest: str


def source(name: str, beside: str = "") -> Source | None:
    """The text of a module that is followed, as it was when it was imported; None for any other module.

    Args:
        name: full name of the module; it need not be imported, and never is by this.
        beside: a folder in which modules are also looked for.
    """
    recorded = RECORDED.get(name)
    if recorded and name in sys.modules:
        return _kept(name, *recorded)
    path = locate(name, beside)
    return _kept(name, path, content_of(path)) if path and followed(name, path) and os.path.isfile(path) else None


def follows(name: str, beside: str = "") -> bool:
    """Whether a module of this name is followed."""
    path = locate(name, beside)
    return path is not None and followed(name, path)


def present(known: Source) -> Source | None:
    """The text of the same module as its file has it now; None if the file is gone."""
    try:
        return _make(known.name, known.path, content_of(known.path))
    except OSError:
        return None


def _kept(name: str, path: str, content: bytes) -> Source:
    kept = _sources.get(name)
    if kept is None or kept.content is not content and kept.content != content or kept.path != path:
        kept = _sources[name] = _make(name, path, content)
    return kept


def _make(name: str, path: str, content: bytes) -> Source:
    package = os.path.basename(path).startswith("__init__.")
    return Source(name, path, package, content, hashlib.sha256(content).hexdigest())


def content_of(path: str) -> bytes:
    """What a file holds; read again when its time, size or inode say that it was written, or may have been."""
    found = os.stat(path)
    stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    kept = _read.get(path)
    if kept and kept[0] == stamp and kept[1] - max(stamp[:2]) > RACE:
        return kept[2]
    now = time.time_ns()
    content = Path(path).read_bytes()
    if kept and kept[2] == content:
        content = kept[2]
    _read[path] = (stamp, now, content)
    return content


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Folders of Python itself and of installed packages."""
    paths = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({os.path.join(os.path.realpath(path), "") for path in paths if path})


def followed(name: str, path: str) -> bool:
    """Whether a module with this file is followed."""
    top = name.partition(".")[0]
    if any(name == inert or name.startswith(f"{inert}.") for inert in INERT) or not path.endswith(ENDINGS):
        return False
    if top == "quire":
        return True
    above = getattr(sys.modules.get(top), "__file__", None)
    return not is_installed(path) and not (isinstance(above, str) and is_installed(above))


@cache
def is_installed(path: str) -> bool:
    """Whether a file belongs to Python itself or to an installed package."""
    whole = os.path.realpath(path)
    usual = whole.startswith(_installed()) or bool({"site-packages", "dist-packages"} & set(whole.split(os.sep)))
    return usual or any(_is_recorded(whole, os.path.realpath(entry)) for entry in sys.path if entry)


def _is_recorded(file: str, folder: str) -> bool:
    """Whether an installer put a file there, as ``pip install --target`` does; a user's own beside it is not meant."""
    inside = os.path.join(folder, "")
    return file.startswith(inside) and file[len(inside) :].split(os.sep)[0] in _recorded(folder)


@cache
def _recorded(folder: str) -> frozenset[str]:
    """The packages and modules of a folder that are in an installer's records."""
    lines = (line for record in Path(folder).glob("*.dist-info/RECORD") for line in record.read_text().splitlines())
    return frozenset(line.partition(",")[0].split("/")[0] for line in lines)


def locate(name: str, beside: str = "") -> str | None:
    """The file of a module, found as an import would find it, without importing anything."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return file if isinstance(file, str) else None
    parent, _, last = name.rpartition(".")
    if not parent:
        return _top(name, beside)
    for folder in _folders(parent, beside):
        for candidate in (os.path.join(folder, last, "__init__"), os.path.join(folder, last)):
            for ending in ENDINGS:
                if os.path.isfile(candidate + ending):
                    return candidate + ending
    return None


def _top(name: str, beside: str) -> str | None:
    if name in sys.builtin_module_names or not name:
        return None
    for where in (None, [beside] if beside else []):
        found = importlib.machinery.PathFinder.find_spec(name, where)
        if found is not None and found.origin:
            return found.origin
    return None


def _folders(package: str, beside: str) -> list[str]:
    """The folders in which the modules of a package lie (a package without ``__init__`` may have several)."""
    module = sys.modules.get(package)
    if module is not None:
        return list(getattr(module, "__path__", []))
    file = locate(package, beside)
    if file is not None:
        return [os.path.dirname(file)] if os.path.basename(file).startswith("__init__.") else []
    parent, _, last = package.rpartition(".")
    above = _folders(parent, beside) if parent else [*sys.path, *([beside] if beside else [])]
    return [folder for folder in (os.path.join(entry, last) for entry in above) if os.path.isdir(folder)]
