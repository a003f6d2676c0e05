"""Finished work on disk: one file for each cell of a sweep, written whole or not at all.

A cell is found by its key, the hash of (function, arguments, fingerprint of the code). The first line of each file is the
SHA-256 of the rest (JSON, or safetensors for an artifact); a file that does not agree with it is reported and counts as
absent. Reads fall through to the published rows, which serve only where their key is exactly the current one. Two runs
may share a store: the last one to finish a cell replaces equal content.
"""

import functools
import hashlib
import json
import warnings
from pathlib import Path

import pandas as pd

from quire.provenance import folder, read_json, write_atomic

__all__ = ["CorruptFile", "Store", "as_json", "key_of", "read_rows", "read_run", "write_rows"]

SCALARS = (bool, int, float, str)


class CorruptFile(UserWarning):
    """A stored file does not agree with its checksum; it is computed anew."""


def as_json(name: str, arguments: dict) -> dict:
    """The arguments of a function as JSON gives them back: tuples are lists.

    Raises:
        TypeError: an argument is not JSON (numbers, strings, booleans, lists, mappings).
    """
    try:
        return json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of {name} must be JSON values, got {arguments!r}: {error}") from None


def key_of(name: str, arguments: dict, code: str) -> str:
    """The key of a cell: a hash of the function's name, its arguments (as JSON) and its code."""
    text = json.dumps([name, as_json(name, arguments), code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Store:
    """Cells under ``root`` (read and written) and under ``published`` (read only)."""

    def __init__(self, root: Path | None = None, published: Path | None = None):
        self.root, self.published = root or folder("store"), published or folder("published")

    def path(self, name: str, key: str, suffix: str = "json") -> Path:
        """The file of a cell or an artifact."""
        return self.root / name / f"{key}.{suffix}"

    def load(self, name: str, key: str) -> dict | None:
        """A cell ``{"rows": …, "seconds": …, "device": …, "source": "store" | "published"}``, or None."""
        if content := self.load_bytes(self.path(name, key)):
            return {**json.loads(content), "source": "store"}
        stamp = tuple((path, path.stat().st_mtime_ns) for path in sorted(self.published.glob("*/*/sweeps.json")))
        cell = _published(stamp).get((name, key))
        return cell and {**cell, "source": "published"}

    def save(self, name: str, key: str, cell: dict) -> None:
        """Write a cell.

        Raises:
            OSError: the disk is full or read-only; what was stored before is untouched.
        """
        self.save_bytes(self.path(name, key), json.dumps(cell).encode())

    def save_bytes(self, path: Path, content: bytes) -> None:
        """Write content behind a line with its checksum."""
        write_atomic(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    def load_bytes(self, path: Path) -> bytes | None:
        """Content that agrees with its checksum, or None."""
        try:
            digest, _, content = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).hexdigest().encode() == digest:
            return content
        warnings.warn(f"{path} is truncated or garbled: it is computed again", CorruptFile, stacklevel=4)
        return None


@functools.lru_cache(maxsize=4)
def _published(stamp: tuple[tuple[Path, int], ...]) -> dict[tuple[str, str], dict]:
    """All published cells by function and key, with the seconds and the device of the run of record."""
    cells = {}
    for path, _ in stamp:
        for name, (_, blocks, sources) in read_run(path.parent).items():
            for key, rows in blocks.items():
                cells[name, key] = {"rows": rows, "seconds": 0.0, "device": "unknown", **sources.get(key, {})}
    return cells


def read_run(run: Path, only: str | None = None) -> dict[str, tuple[list[str], dict[str, list[dict]], dict[str, dict]]]:
    """What a run's folder records, by function (``only`` one): names of the arguments, rows by key, source by key.

    A table that is not the one that was written is reported and left out.
    """
    found = {}
    sweeps = read_json(run / "sweeps.json", {})
    for name, sweep in sweeps.items() if only is None else [(only, sweeps[only])] if only in sweeps else []:
        path = run / "rows" / sweep["file"]
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sweep["sha256"]:
            found[name] = (sweep["arguments"], read_rows(path, sweep["columns"]), sweep["cells"])
        else:
            warnings.warn(f"{path} is missing, truncated or garbled: it is left out", CorruptFile, stacklevel=2)
    return found


def write_rows(base: Path, cells: dict[str, list[dict]], limit: int = 1_000_000) -> tuple[Path, dict[str, str]]:
    """Write cells as a CSV table (parquet above ``limit`` bytes), one line per row, with the cell's key.

    Returns:
        The file, and the kind of each column, which reading back needs: a CSV does not tell 1 from 1.0 from "1".
    """
    rows = [{"key": key, **row} for key, block in cells.items() for row in block]
    kinds = {}
    for column in dict.fromkeys(column for row in rows for column in row):
        found = {type(row[column]) for row in rows if row.get(column) is not None}
        kinds[column] = next(iter(found)).__name__ if len(found) == 1 and found <= set(SCALARS) else "json"
    table = pd.DataFrame([{c: _encode(row[c], kinds[c]) if c in row else "" for c in kinds} for row in rows])
    content, path, other = table.to_csv(index=False).encode(), Path(f"{base}.csv"), Path(f"{base}.parquet")
    if len(content) > limit:
        content, path, other = table.astype(str).to_parquet(None, index=False, compression="zstd"), other, path
    write_atomic(path, content)
    other.unlink(missing_ok=True)
    return path, kinds


def read_rows(path: Path, kinds: dict[str, str]) -> dict[str, list[dict]]:
    """The inverse of :func:`write_rows`: exactly the same values and types."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.suffix == ".csv" else pd.read_parquet(path)
    cells: dict[str, list[dict]] = {}
    for record in table.to_dict("records"):
        row = {c: _decode(text, kinds[c]) for c, text in record.items() if text != ""}
        cells.setdefault(row.pop("key"), []).append(row)
    return cells


def _encode(value, kind: str) -> str:
    """Text that reads back as the value; a string that a CSV could mistake or mangle is written as JSON."""
    plain = kind != "str" or value not in (None, "", "null") and value[0] != '"' and value.isprintable()
    if kind == "json" or value is None or not plain:
        return json.dumps(value)
    return repr(value) if kind == "float" else str(value)


def _decode(text: str, kind: str):
    if kind == "json" or text == "null" or (kind == "str" and text[0] == '"'):
        return json.loads(text)
    return text == "True" if kind == "bool" else {"int": int, "float": float, "str": str}[kind](text)
