"""Files on disk: exact round trips, damage, and writes that fail half-way."""

import errno
import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quire import provenance
from quire.store import CorruptFile, Store, key_of, read_rows, read_run, write_rows

FLOATS = st.floats() | st.sampled_from([math.nan, -0.0, 1e-300, 5e-324, 1.0, 2.0**53])
TEXTS = st.text(max_size=8) | st.sampled_from(["", "null", "nan", "None", "True", "1", '"', '"a"', "a,b", "a\nb", "a\r", "\0", " a ", "é☃"])  # fmt: skip
LISTS = st.lists(st.integers() | FLOATS | TEXTS | st.booleans(), max_size=3)
SCALARS = st.one_of(st.integers(-(2**70), 2**70), FLOATS, TEXTS, st.booleans(), st.none(), LISTS)
COLUMN = st.one_of(*(st.lists(kind | st.none(), min_size=4, max_size=4) for kind in (st.integers(), FLOATS, TEXTS, st.booleans(), SCALARS)))  # fmt: skip


def same(a, b) -> bool:
    """Equal in value, type and sign; nan equals nan."""
    return repr(ordered(a)) == repr(ordered(b))


def ordered(value):
    """Mappings without their order."""
    if isinstance(value, dict):
        return sorted((key, ordered(inner)) for key, inner in value.items())
    return [ordered(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=150)
@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=4).filter(lambda c: c != "key"), COLUMN, max_size=3), st.sets(st.integers(0, 3)), st.booleans())  # fmt: skip
def test_rows_come_back_with_the_same_values_and_types(tmp_path_factory, columns, holes, parquet):
    base = tmp_path_factory.mktemp("rows") / "toy.curve"
    rows = [{c: v[i] for c, v in columns.items() if not (i in holes and c == min(columns))} for i in range(4)]
    cells = {"0123": rows[:2], "1e5": rows[2:]}
    path, kinds = write_rows(base, cells, limit=0 if parquet else 10**6)
    assert path.suffix == (".parquet" if parquet else ".csv")
    assert same(read_rows(path, json.loads(json.dumps(kinds))), cells)


def test_a_table_that_grows_changes_its_file(tmp_path):
    first, _ = write_rows(tmp_path / "f", {"k": [{"a": 1}]})
    second, _ = write_rows(tmp_path / "f", {"k": [{"a": 1}] * 9}, limit=20)
    assert [p.name for p in tmp_path.iterdir()] == [second.name] and first != second


def test_a_cell_comes_back_from_the_store_and_not_under_another_key(tmp_path):
    store, cell = Store(tmp_path, tmp_path / "none"), {"rows": [{"y": math.nan, "n": 1, "f": 1.0}], "seconds": 0.5, "device": "cpu"}  # fmt: skip
    key = key_of("f", {"x": 1}, "code")
    store.save("f", key, cell)
    assert same(store.load("f", key), {**cell, "source": "store"})
    others = [key_of("f", {"x": 2}, "code"), key_of("g", {"x": 1}, "code"), key_of("f", {"x": 1}, "edited"), key_of("f", {"x": 1.0}, "code")]  # fmt: skip
    assert len({key, *others}) == 5 and all(store.load("f", other) is None for other in others)
    assert key_of("f", {"a": 1, "b": 2}, "") == key_of("f", {"b": 2, "a": 1}, "")
    with pytest.raises(TypeError, match="JSON values"):
        key_of("f", {"x": math.inf}, "code")


@pytest.mark.parametrize("damage", ["truncate", "garble", "empty", "replace"])
def test_a_damaged_file_is_reported_and_counts_as_absent(tmp_path, damage):
    store = Store(tmp_path, tmp_path / "none")
    store.save("f", "k", {"rows": [{"y": 1}]})
    path = store.path("f", "k")
    content = path.read_bytes()
    changed = {
        "truncate": content[:-3],
        "empty": b"",
        "replace": b'{"rows": []}',
        "garble": content.replace(b": 1", b": 2"),
    }
    path.write_bytes(changed[damage])
    with pytest.warns(CorruptFile, match="truncated or garbled: it is computed again"):
        assert store.load("f", "k") is None
    store.save("f", "k", {"rows": [{"y": 1}]})
    assert store.load("f", "k")["rows"] == [{"y": 1}]


def test_every_truncation_and_every_flipped_byte_is_noticed(tmp_path):
    store = Store(tmp_path, tmp_path / "none")
    store.save("f", "k", {"y": 1})
    path = store.path("f", "k")
    content = path.read_bytes()
    for i in range(len(content)):
        for broken in (content[:i], content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :]):
            path.write_bytes(broken)
            with pytest.warns(CorruptFile):
                assert store.load("f", "k") is None


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen", "chmod"])
def test_a_write_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch, call):
    store = Store(tmp_path, tmp_path / "none")
    store.save("f", "k", {"rows": [{"y": 1}]})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(provenance.os, call, full)
        with pytest.raises(OSError, match="No space left"):
            store.save("f", "k", {"rows": [{"y": 2}]})
    assert store.load("f", "k")["rows"] == [{"y": 1}]
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["k.json"]


def test_a_disk_that_is_full_leaves_the_store_readable(tmp_path):
    code = """
import resource, signal, sys
from pathlib import Path
from quire.store import Store
store = Store(Path(sys.argv[1]), Path("none"))
store.save("f", "k", {"rows": [{"y": 1}]})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for name in ("k", "other"):
    try:
        store.save("f", name, {"rows": [{"y": "x" * 100_000}]})
    except OSError as error:
        print(error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(errno.EFBIG)] * 2
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["k.json"]
    assert Store(tmp_path, tmp_path / "none").load("f", "k")["rows"] == [{"y": 1}]


def test_a_store_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Store(tmp_path / "file", tmp_path / "none").save("f", "k", {})


def record(run: Path, name: str, cells: dict) -> None:
    """Write a run's folder by hand."""
    path, kinds = write_rows(run / "rows" / name, cells)
    digest = provenance.hashlib.sha256(path.read_bytes()).hexdigest()
    sources = {key: {"source": "computed", "seconds": 2.0, "device": "cpu"} for key in cells}
    sweep = {"file": path.name, "sha256": digest, "columns": kinds, "cells": sources, "arguments": ["x"]}
    provenance.write_json(run / "sweeps.json", {**provenance.read_json(run / "sweeps.json", {}), name: sweep})


def test_published_rows_serve_under_their_key_and_the_store_comes_first(tmp_path):
    store, run = (Store(tmp_path / "store", tmp_path / "published"), tmp_path / "published" / "book" / "toy")
    assert store.load("toy.f", "k") is None
    record(run, "toy.f", {"k": [{"x": 1, "y": 0.5}]})
    assert store.load("toy.f", "k") == {"rows": [{"x": 1, "y": 0.5}], "seconds": 2.0, "device": "cpu", "source": "published"}  # fmt: skip
    assert store.load("toy.f", "K") is None and store.load("toy.g", "k") is None and store.load("toy", "k") is None
    store.save("toy.f", "k", {"rows": []})
    assert store.load("toy.f", "k")["source"] == "store"


def test_published_rows_that_were_changed_do_not_serve(tmp_path):
    store, run = (Store(tmp_path / "store", tmp_path / "published"), tmp_path / "published" / "book" / "toy")
    record(run, "toy.f", {"k": [{"x": 1, "y": 0.5}, {"x": 1, "y": 0.25}]})
    table = run / "rows" / "toy.f.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")  # a row is lost
    with pytest.warns(CorruptFile, match="left out"):
        assert store.load("toy.f", "k") is None
    assert store.load("toy.f", "k") is None  # said once


def test_one_function_of_a_run_can_be_read_alone(tmp_path):
    record(tmp_path, "a.f", {"k": [{"x": 1}]})
    record(tmp_path, "a.g", {"k": [{"x": 2}]})
    (tmp_path / "rows" / "a.g.csv").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(read_run(tmp_path, "a.f")) == ["a.f"] and read_run(tmp_path, "a.h") == {}
    with pytest.warns(CorruptFile):
        assert list(read_run(tmp_path)) == ["a.f"]


def test_no_published_rows_are_seen_where_the_folder_is_not_one(tmp_path):
    assert Store(tmp_path, Path(os.devnull)).load("f", "k") is None
