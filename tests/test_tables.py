"""Rows on disk: exact round trips, and tables that are not what was written."""

import json
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quire.tables import read_table, write_table

FLOATS = st.floats() | st.sampled_from([math.nan, -0.0, 1e-300, 5e-324, 1.0, 2.0**53])
ODD_TEXTS = ["", "null", "nan", "None", "True", "1", '"', '"a"', "a,b", "a\nb", "a\r", "\0", " a ", "é☃"]
TEXTS = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
LISTS = st.lists(st.integers() | FLOATS | TEXTS | st.booleans(), max_size=3)
SCALARS = st.one_of(st.integers(-(2**70), 2**70), FLOATS, TEXTS, st.booleans(), st.none(), LISTS)
KINDS = (st.integers(), FLOATS, TEXTS, st.booleans(), SCALARS)
COLUMN = st.one_of(*(st.lists(kind | st.none(), min_size=4, max_size=4) for kind in KINDS))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=4)


def same(a, b) -> bool:
    """Equal in value, type and sign; nan equals nan."""
    return repr(_ordered(a)) == repr(_ordered(b))


def _ordered(value):
    if isinstance(value, dict):
        return sorted((key, _ordered(inner)) for key, inner in value.items())
    return [_ordered(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=150)
@given(st.dictionaries(NAMES, COLUMN, min_size=1, max_size=3), st.sets(st.integers(0, 3)), st.booleans())
def test_rows_come_back_with_the_same_values_and_types(tmp_path_factory, columns, holes, parquet):
    base = tmp_path_factory.mktemp("rows") / "toy.curve"
    first = min(columns)
    rows = [{c: v[i] for c, v in columns.items() if not (i in holes and c == first)} for i in range(4)]
    rows = [row | {"always": True} for row in rows]  # a row has a value
    path, kinds = write_table(base, rows, limit=0 if parquet else 10**6)
    assert path.suffix == (".parquet" if parquet else ".csv")
    assert same(read_table(path, json.loads(json.dumps(kinds))), rows)


def test_a_table_that_grows_changes_its_file(tmp_path):
    first, _ = write_table(tmp_path / "f", [{"a": 1}])
    second, _ = write_table(tmp_path / "f", [{"a": 1}] * 9, limit=10)
    assert [p.name for p in tmp_path.iterdir()] == [second.name] and first != second


@pytest.mark.parametrize(
    "kinds, message",
    [
        ({"a": "int"}, "has the columns"),
        ({"a": "int", "c": "float"}, "has the columns"),
        ({"a": "int", "b": "complex"}, "has the columns"),
        ({"a": "bool", "b": "float"}, "expected a value of kind bool, got '1'"),
        ({"a": "int", "b": "int"}, "expected a value of kind int, got '0.5'"),
        ({"a": "json", "b": "json"}, None),
    ],
)
@pytest.mark.parametrize("limit", [0, 10**6])
def test_a_table_of_other_columns_or_types_is_named(tmp_path, kinds, message, limit):
    path, _ = write_table(tmp_path / "f", [{"a": 1, "b": 0.5}], limit=limit)
    if message is None:
        assert read_table(path, kinds) == [{"a": 1, "b": 0.5}]
        return
    with pytest.raises(ValueError, match=message):
        read_table(path, kinds)


def test_a_small_file_of_very_many_rows_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "f.parquet"
    pd.DataFrame({"a": pd.Series(["1"], dtype=str).repeat(5_000_001)}).to_parquet(path, compression="zstd")
    assert path.stat().st_size < 300_000
    with pytest.raises(ValueError, match="claims 5,000,001 rows"):
        read_table(path, {"a": "int"})
