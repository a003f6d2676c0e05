"""One file for each cell of a sweep and for each set of tensors, written whole or not at all.

Reads fall through to what is published. Two runs may share a store: the last one to finish a cell replaces equal content.
"""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from quire.cells import Cell
from quire.files import CorruptFile, folder, locked
from quire.schema import StoredCell
from quire.store.content import load_content, save_content
from quire.store.published import published_cells, published_tensors

__all__ = ["Kept", "Store"]

CELL_LIMIT = 256 * 2**20
TENSOR_LIMIT = 16 * 2**30


@dataclass(frozen=True)
class Kept:
    """A file of the store: whose it is, its size in bytes, when it was written (seconds since 1970)."""

    function: str
    key: str
    path: Path
    bytes: int
    modified: float


class Store:
    """Cells and tensors under ``root`` (read and written) and under ``published`` (read only)."""

    def __init__(self, root: Path | None = None, published: Path | None = None):
        self.root = Path(root or folder("store")).absolute()
        self.published = Path(published or folder("published")).absolute()

    def path(self, name: str, key: str, suffix: str = "json") -> Path:
        """The file of a cell ("json") or of tensors ("safetensors")."""
        return self.root / name / f"{key}.{suffix}"

    def load(self, name: str, key: str, arguments: dict) -> Cell | None:
        """A cell that is stored or published for this function, key and arguments, or None."""
        stored = self._stored(name, key)
        found = stored or published_cells(self.published, name).get(key)
        if found is None:
            return None
        if found.arguments != arguments:
            where = self.path(name, key) if stored else self.published
            warnings.warn(f"{where}: cell {key} of {name} is that of other arguments", CorruptFile, stacklevel=3)
            return None
        return stored or replace(found, source="published")

    def _stored(self, name: str, key: str) -> Cell | None:
        path = self.path(name, key)
        content = load_content(path, limit=CELL_LIMIT)
        if content is None:
            return None
        try:
            entry = StoredCell.model_validate(json.loads(content))
            if entry.function != name:
                raise ValueError(f"it is of {entry.function}")
        except (ValidationError, ValueError) as error:
            text = "; ".join(str(error).splitlines()[:4])
            warnings.warn(f"{path} is not a cell of {name} ({text}): it is computed again", CorruptFile, stacklevel=4)
            return None
        made = entry.made
        memory = entry.peak_memory_mb
        return Cell(key, entry.arguments, entry.rows, entry.seconds, "store", entry.origin, memory, made)

    def save(self, name: str, cell: Cell, finished: str) -> None:
        """Write a cell.

        Raises:
            OSError: the disk is full or read-only; what was stored before is untouched.
        """
        entry = {
            "function": name,
            "arguments": cell.arguments,
            "rows": cell.rows,
            "seconds": cell.seconds,
            "peak_memory_mb": cell.peak_memory_mb,
            "finished": finished,
            "origin": cell.origin,
            "made": cell.made,
        }
        save_content(self.path(name, cell.key), json.dumps(entry).encode())

    def load_tensors(self, name: str, key: str) -> bytes | None:
        """The safetensors content that is stored or published for this key, or None."""
        for path in (self.path(name, key, "safetensors"), *published_tensors(self.published, key)):
            content = load_content(path, limit=TENSOR_LIMIT)
            if content is not None:
                return content
        return None

    def save_tensors(self, name: str, key: str, content: bytes) -> None:
        """Write tensors (safetensors content)."""
        save_content(self.path(name, key, "safetensors"), content)

    def alone(self, name: str, key: str):
        """A context in which no other process makes the same tensors."""
        return locked(self.path(name, key, "safetensors"))

    def kept(self) -> Iterator[Kept]:
        """Every file of the store."""
        for path in sorted(self.root.glob("*/*")):
            if path.suffix in (".json", ".safetensors") and not path.name.startswith(".") and path.is_file():
                found = path.stat()
                yield Kept(path.parent.name, path.stem, path, found.st_size, found.st_mtime)

    def remove(self, kept: Kept) -> None:
        """Delete a file of the store."""
        kept.path.unlink(missing_ok=True)
