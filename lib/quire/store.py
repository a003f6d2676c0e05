"""Finished work on disk: one file for each cell of a sweep, written whole or not at all.

A cell is found by its key, the hash of (function, arguments, fingerprint of the code). Each file carries a checksum of
its content; a file that does not agree with it is reported and counts as absent. Reads fall through to the published
rows, which serve only where their key is exactly the current one. Two runs may share a store: the last one to finish a
cell replaces equal content.
"""

import functools
import hashlib
import json
import math
import warnings
from io import BytesIO
from pathlib import Path

import pandas as pd

from quire.provenance import folder, read_json, write_atomic

__all__ = ["CorruptFile", "Store", "key_of", "read_rows", "write_rows"]

SCALARS = {"bool": bool, "int": int, "float": float, "str": str}


class CorruptFile(UserWarning):
    """A stored file does not agree with its checksum; it is computed anew."""


def key_of(name: str, arguments: dict, code: str) -> str:
    """The key of a cell: a hash of the function's name, its arguments and its code.

    Raises:
        TypeError: an argument is not JSON (numbers, strings, booleans, lists, mappings).
    """
    try:
        text = json.dumps([name, arguments, code], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of {name} must be JSON values, got {arguments!r}: {error}") from None
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
        path = self.path(name, key)
        if content := self._verified(path):
            return {**json.loads(content), "source": "store"}
        cell = _published(self.published, name, _stamp(self.published, name)).get(key)
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
        return self._verified(path)

    def _verified(self, path: Path) -> bytes | None:
        try:
            digest, _, content = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).hexdigest().encode() == digest:
            return content
        warnings.warn(f"{path} is truncated or garbled: it is computed again", CorruptFile, stacklevel=4)
        return None


def _stamp(published: Path, name: str) -> tuple:
    return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(published.glob(f"*/*/rows/{name}.*")))


@functools.lru_cache(maxsize=64)
def _published(published: Path, name: str, stamp: tuple) -> dict[str, dict]:
    """All published cells of a function, by key, with the seconds and the device of the run of record."""
    cells: dict[str, dict] = {}
    for path in (Path(path) for path, _ in stamp):
        run = read_json(path.parents[1] / "sweeps.json", {"columns": {}, "cells": {}})
        for key, rows in read_rows(path, run["columns"][name]).items():
            cells[key] = {"rows": rows, "seconds": 0.0, "device": "unknown", **run["cells"][name].get(key, {})}
    return cells


def write_rows(base: Path, cells: dict[str, list[dict]], limit: int = 1_000_000) -> dict[str, str]:
    """Write cells as a CSV table (parquet above ``limit`` bytes), one line per row, with the cell's key.

    Returns:
        The kind of each column, which reading back needs: a CSV does not tell 1 from 1.0 from "1".
    """
    rows = [{"key": key, **row} for key, block in cells.items() for row in block]
    kinds: dict[str, str] = {}
    for row in rows:
        for column, value in row.items():
            kind = type(value).__name__ if type(value) in SCALARS.values() else "json"
            if value is not None and kinds.setdefault(column, kind) != kind:
                kinds[column] = "json"
    table = pd.DataFrame(
        [{c: _encode(row.get(c, _ABSENT), kinds[c]) for c in kinds} for row in rows], columns=list(kinds)
    )
    text = table.to_csv(index=False).encode()
    for old in base.parent.glob(f"{base.name}.*"):
        if old.suffix in (".csv", ".parquet"):
            old.unlink()
    if len(text) <= limit:
        write_atomic(base.with_name(base.name + ".csv"), text)
    else:
        buffer = BytesIO()
        table.astype(str).to_parquet(buffer, index=False, compression="zstd")
        write_atomic(base.with_name(base.name + ".parquet"), buffer.getvalue())
    return kinds


def read_rows(path: Path, kinds: dict[str, str]) -> dict[str, list[dict]]:
    """The inverse of :func:`write_rows`: exactly the same values and types."""
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    else:
        table = pd.read_parquet(path)
    cells: dict[str, list[dict]] = {}
    for record in table.to_dict("records"):
        row = {c: _decode(text, kinds[c]) for c, text in record.items() if text != ""}
        cells.setdefault(row.pop("key"), []).append(row)
    return cells


_ABSENT = object()


def _encode(value, kind: str) -> str:
    if value is _ABSENT:
        return ""
    if kind == "json" or value is None or (kind == "str" and (value in ("", "null") or value[0] == '"')):
        return json.dumps(value)
    return repr(value) if kind == "float" else str(value)


def _decode(text: str, kind: str):
    if kind == "json":
        return json.loads(text)
    if text == "null":
        return None
    if kind == "str":
        return json.loads(text) if text[0] == '"' else text
    if kind == "bool":
        return text == "True"
    return int(text) if kind == "int" else math.nan if text == "nan" else float(text)
