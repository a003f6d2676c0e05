"""Rows as a table on disk, CSV or compressed parquet, that reads back with the same values and types.

A CSV does not tell 1 from 1.0 from "1": the kinds of the columns are kept beside it (in ``sweeps.json``), and a value that
a CSV could mistake is written as JSON. Parquet holds the same texts.
"""

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet

from quire.files import read_bytes, write_atomic

__all__ = ["SCALARS", "read_table", "write_table"]

SCALARS = (bool, int, float, str)
KINDS = {"bool", "int", "float", "str", "json"}
SMALL = 8_000  # bytes; a larger table is compressed
MOST_ROWS = 5_000_000


def write_table(base: Path, rows: list[dict], *, limit: int = SMALL) -> tuple[Path, dict[str, str]]:
    """Write rows to ``<base>.csv``, or to ``<base>.parquet`` above ``limit`` bytes.

    Returns:
        The file, and the kind of each column ("bool", "int", "float", "str" or "json"), which reading back needs.
    """
    kinds = {}
    for column in dict.fromkeys(column for row in rows for column in row):
        found = {type(row[column]) for row in rows if row.get(column) is not None}
        kinds[column] = next(iter(found)).__name__ if len(found) == 1 and found <= set(SCALARS) else "json"
    texts = [{c: _encode(row[c], kind) if c in row else "" for c, kind in kinds.items()} for row in rows]
    table = pd.DataFrame(texts, columns=list(kinds), dtype=str)
    content, path, other = table.to_csv(index=False).encode(), Path(f"{base}.csv"), Path(f"{base}.parquet")
    if len(content) > limit:
        content, path, other = table.to_parquet(None, index=False, compression="zstd"), other, path
    write_atomic(path, content)
    other.unlink(missing_ok=True)
    return path, kinds


def read_table(path: Path, kinds: dict[str, str]) -> list[dict]:
    """The inverse of :func:`write_table`: exactly the same values and types.

    Raises:
        ValueError: the table is not one of these columns, or is larger than any that we write.
    """
    content = read_bytes(path)
    if path.suffix == ".csv":
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    else:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"{path} claims {file.metadata.num_rows:,} rows, at most {MOST_ROWS:,} are read")
        table = file.read().to_pandas()
    if set(table.columns) != set(kinds) or not set(kinds.values()) <= KINDS:
        raise ValueError(f"{path} has the columns {list(table.columns)}, expected {kinds}")
    records = table.to_dict("records")
    return [{c: _decode(text, kinds[c], path) for c, text in record.items() if text != ""} for record in records]


def _encode(value, kind: str) -> str:
    """Text that reads back as the value; a string that a CSV could mistake or mangle is written as JSON."""
    if kind == "json" or value is None:
        return json.dumps(value)
    if kind == "float":
        return repr(value)
    if kind == "str" and (value in ("", "null") or value[0] == '"' or not value.isprintable()):
        return json.dumps(value)
    return str(value)


def _decode(text: str, kind: str, path: Path):
    try:
        if kind == "json" or text == "null" or (kind == "str" and text[0] == '"'):
            return json.loads(text)
        if kind == "bool":
            return {"True": True, "False": False}[text]
        return {"int": int, "float": float, "str": str}[kind](text)
    except (KeyError, ValueError, TypeError):
        raise ValueError(f"{path}: expected a value of kind {kind}, got {text!r:.80}") from None
