"""A file that begins with the SHA-256 of the rest, so that damage is detected at every reading."""

import hashlib
import warnings
from pathlib import Path

from quire.files import CorruptFile, read_bytes, write_atomic

__all__ = ["load_content", "save_content"]


def save_content(path: Path, content: bytes) -> None:
    """Write content behind a line with its checksum.

    Raises:
        OSError: the disk is full or read-only; what was stored before is untouched.
    """
    write_atomic(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def load_content(path: Path, *, limit: int) -> bytes | None:
    """Content that agrees with its checksum, or None; what does not agree, or is no file, is reported by name."""
    try:
        digest, _, content = read_bytes(path, limit=limit).partition(b"\n")
    except FileNotFoundError:
        return None
    except ValueError as error:
        warnings.warn(f"{error}; until then it counts as absent", CorruptFile, stacklevel=5)
        return None
    if hashlib.sha256(content).hexdigest().encode() == digest:
        return content
    warnings.warn(f"{path} is truncated or garbled: it is computed again", CorruptFile, stacklevel=5)
    return None
