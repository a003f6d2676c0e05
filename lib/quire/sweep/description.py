"""What must not change between two runs of a chapter."""

import pandas as pd

__all__ = ["describe"]

KINDS = {"i": "int", "f": "float", "b": "bool"}
MOST_SHOWN = 8


def describe(rows: pd.DataFrame, units: dict[str, str] | None = None) -> None:
    """Print columns, types, units and counts; no measured number."""
    print(f"{len(rows)} rows")
    for column in rows.columns:
        kind = KINDS.get(rows[column].dtype.kind, "text")
        parts = [f"{column:<20}", f"{kind:<5}", (units or {}).get(column, ""), _values(rows[column], kind)]
        print("  ".join(part for part in parts if part).rstrip())


def _values(column: pd.Series, kind: str) -> str:
    if kind == "float":
        return ""
    found = sorted({str(value) for value in column})
    return f"{{{', '.join(found)}}}" if len(found) <= MOST_SHOWN else f"{len(found)} values"
