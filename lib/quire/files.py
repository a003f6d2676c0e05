"""Files that are whole: written to a temporary name and renamed, read only where they are what they should be."""

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import yaml

from quire.settings import setting

__all__ = ["CorruptFile", "bare", "demand_file", "folder", "from_yaml", "locked", "project_root"]
__all__ += ["read_bytes", "read_json", "user_cache", "write_atomic", "write_json"]

LARGEST = 256 * 2**20  # bytes of a file that is read whole
DEEPEST = 4000  # levels that libyaml's loader is given
READABLE_DEPTH = 3  # levels of a JSON file that get lines of their own


class CorruptFile(UserWarning):
    """A file does not hold what was written; it is left out, and computed anew where that is possible."""


def project_root() -> Path:
    """The checkout that holds ``chapters/`` and ``data/``: QUIRE_ROOT, else the one that this package lies in.

    Raises:
        FileNotFoundError: neither is a checkout of quire.
    """
    root, found = _checkout()
    if not found:
        raise FileNotFoundError(
            f"no quire checkout at {root}: chapters, claims, profiles and downloads need one; "
            "set QUIRE_ROOT to the folder with chapters/ and data/"
        )
    return root


def _checkout() -> tuple[Path, bool]:
    """Where a checkout should be, and whether one is there."""
    named = setting("QUIRE_ROOT")
    root = Path(named or Path(__file__).parents[2]).resolve()
    marks = (root / "_config.yml").exists(), (root / "data").is_dir()
    return root, any(marks) if named else all(marks)


def folder(kind: str) -> Path:
    """The folder for "build", "store" or "published"; a relative path of a setting means the caller's folder.

    Where the library is installed without a checkout, they lie in the user's cache, and nothing is published.

    Raises:
        FileNotFoundError: QUIRE_ROOT is not a checkout.
    """
    if named := setting(f"QUIRE_{kind.upper()}"):
        return Path(named).expanduser().absolute()
    if kind == "store":
        return folder("build") / "store"
    alone = not setting("QUIRE_ROOT") and not _checkout()[1]
    root = user_cache() if alone else project_root()
    return root / "build" if kind == "build" else root / "data" / kind


def user_cache() -> Path:
    """Where downloads are kept: QUIRE_CACHE, else the user's cache folder."""
    from pooch import os_cache  # slow to import

    return Path(setting("QUIRE_CACHE") or os_cache("quire")).expanduser().absolute()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed over it.

    Raises:
        OSError: the disk is full or read-only, or something else has that name; what stood there is untouched.
    """
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


def read_bytes(path: Path, *, limit: int = LARGEST) -> bytes:
    """The content of a regular file.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: it is a directory, a pipe, a device or a loop of links, or it is larger than ``limit`` bytes.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): remove what is there") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} must be a regular file, got {stat.filemode(found.st_mode)}: remove what is there")
    if found.st_size > limit:
        raise ValueError(f"{path} has {found.st_size:,} bytes, at most {limit:,} are read: is it the right file?")
    return Path(path).read_bytes()


def write_json(path: Path, value) -> None:
    """Write a JSON file atomically, readable by a person and by ``diff``."""
    write_atomic(path, (_readable(value, READABLE_DEPTH, "") + "\n").encode())


def _readable(value, depth: int, margin: str) -> str:
    """JSON with an entry per line down to a depth, and what lies deeper on one line."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    inner = margin + " "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {_readable(value[k], depth - 1, inner)}" for k in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    return "[\n" + ",\n".join(inner + _readable(item, depth - 1, inner) for item in value) + f"\n{margin}]"


def read_json(path: Path, default=None):
    """Read a JSON file; ``default`` if it does not exist.

    Raises:
        ValueError: the file is there and is not JSON.
    """
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return default
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON ({error}): delete it and run again") from None


def from_yaml(text: str, where: object):
    """Parse YAML.

    Raises:
        ValueError: the text is not YAML; ``where`` says which one.
    """
    try:
        return yaml.load(text, Loader=_loader(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{where} is not YAML: {error}") from None


def _loader(text: str) -> type:
    """libyaml's is eight times as fast, and overruns its stack in deep nests: a level takes a bracket, or a column."""
    deepest = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader) if deepest < DEEPEST else yaml.SafeLoader


def bare(name: str) -> str:
    """A name that stays in its folder.

    Raises:
        ValueError: it is a path, or a hidden file.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise ValueError(f"{name!r} must be the bare name of a file")
    return name


def demand_file(path: Path) -> None:
    """Nothing but a file may have this name. The name is asked for once: another run may rename the file meanwhile.

    Raises:
        IsADirectoryError: a folder, a device or a pipe has it.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise IsADirectoryError(f"{path} must be a file: remove what is there")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a path while it is read, changed and written; others wait.

    Raises:
        OSError: the lock cannot be made, because the folder is read-only or something else has its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.parent / f".{path.name}.lock"
    demand_file(lock)
    with filelock.FileLock(lock):
        yield
