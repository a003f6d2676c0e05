"""The store: what is finished is found under its key, damage is reported and counts as absent."""

import errno
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_record import ORIGIN, cell
from test_tables import same

from quire import files
from quire.cells import Cell
from quire.files import CorruptFile
from quire.record import RunFolder
from quire.store import Store, key_of, load_content, save_content

ONE = Cell("1" * 24, {"x": 1}, [{"y": math.nan, "n": 1, "f": 1.0, "b": True, "s": "é"}], 0.5, "store", ORIGIN, 80.0)


@pytest.fixture
def store(tmp_path):
    """An empty store, and nothing published."""
    return Store(tmp_path / "store", tmp_path / "published")


def test_a_cell_comes_back_and_not_under_another_key_or_for_other_arguments(store):
    store.save("toy.f", ONE, "now")
    assert same(vars(store.load("toy.f", ONE.key, {"x": 1})), vars(ONE))
    assert store.load("toy.g", ONE.key, {"x": 1}) is None and store.load("toy.f", "2" * 24, {"x": 1}) is None
    with pytest.warns(CorruptFile, match="that of other arguments"):
        assert store.load("toy.f", ONE.key, {"x": 2}) is None


def test_a_key_is_of_function_arguments_and_code():
    keys = [("f", {"x": 1}, "code"), ("f", {"x": 2}, "code"), ("g", {"x": 1}, "code"), ("f", {"x": 1}, "edited")]
    assert len({key_of(*key) for key in [*keys, ("f", {"x": 1.0}, "code")]}) == 5
    assert key_of("f", {"a": 1, "b": [2]}, "") == key_of("f", {"b": (2,), "a": 1}, "")
    with pytest.raises(TypeError, match="JSON values"):
        key_of("f", {"x": math.inf}, "code")


def test_every_truncation_and_every_flipped_byte_is_noticed(tmp_path):
    save_content(tmp_path / "f", b"content")
    whole = (tmp_path / "f").read_bytes()
    for i in range(len(whole)):
        for broken in (whole[:i], whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :]):
            (tmp_path / "f").write_bytes(broken)
            with pytest.warns(CorruptFile, match="truncated or garbled: it is computed again"):
                assert load_content(tmp_path / "f", limit=1000) is None
    assert load_content(tmp_path / "absent", limit=1000) is None


WRONG = {
    "a list": [1, 2],
    "null": None,
    "no rows": {"rows": []},
    "a row that is a list": {"rows": [[1]]},
    "a value that is a list": {"rows": [{"y": [1]}]},
    "a row that shadows an argument": {"rows": [{"x": 5}]},
    "arguments as text": {"arguments": "x=1"},
    "seconds as text": {"seconds": "fast"},
    "another function": {"function": "toy.other"},
    "an unknown field": {"pickle": "gASV"},
    "no origin": {"origin": {}},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_right_checksum_on_a_wrong_shape_is_reported_and_counts_as_absent(store, name):
    store.save("toy.f", ONE, "now")
    path = store.path("toy.f", ONE.key)
    entry = json.loads(load_content(path, limit=10**6))
    value = {**entry, **WRONG[name]} if isinstance(WRONG[name], dict) else WRONG[name]
    save_content(path, json.dumps(value).encode())
    with pytest.warns(CorruptFile, match=r"is not a cell of toy\.f .*computed again"):
        assert store.load("toy.f", ONE.key, {"x": 1}) is None


@pytest.mark.parametrize("kind", ["directory", "pipe", "loop"])
def test_what_is_no_file_is_reported_and_does_not_hang(store, kind):
    path = store.path("toy.f", ONE.key)
    path.parent.mkdir(parents=True)
    {"directory": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}[kind]()
    with pytest.warns(CorruptFile, match="counts as absent"):
        assert store.load("toy.f", ONE.key, {"x": 1}) is None


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen", "chmod"])
def test_a_write_that_fails_leaves_the_store_as_it_was(store, monkeypatch, call):
    store.save("toy.f", ONE, "now")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, call, full)
        with pytest.raises(OSError, match="No space left"):
            store.save("toy.f", replace(ONE, rows=[{"y": 2}]), "now")
        with pytest.raises(OSError, match="No space left"):
            store.save_tensors("toy.t", ONE.key, b"tensors")
    assert same(store.load("toy.f", ONE.key, {"x": 1}).rows, ONE.rows)
    assert [p.name for p in store.root.rglob("*") if p.is_file()] == [f"{ONE.key}.json"]


FULL = """
import resource, signal, sys
from dataclasses import replace
from pathlib import Path
from quire.store import Store
from test_store import ONE
store = Store(Path(sys.argv[1]), Path("none"))
store.save("toy.f", ONE, "now")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for save in (
    lambda: store.save("toy.f", replace(ONE, rows=[{"y": "x" * 100_000}]), "now"),
    lambda: store.save_tensors("toy.t", ONE.key, b"x" * 100_000),
):
    try:
        save()
    except OSError as error:
        print(error.errno)
"""


def test_a_disk_that_is_full_leaves_the_store_readable(store):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(store.root)], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG)] * 2
    assert [p.name for p in store.root.rglob("*") if p.is_file()] == [f"{ONE.key}.json"]
    assert same(store.load("toy.f", ONE.key, {"x": 1}).rows, ONE.rows)


def test_a_store_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Store(tmp_path / "file", tmp_path / "none").save("toy.f", ONE, "now")


def test_published_cells_serve_under_their_key_and_the_store_comes_first(store):
    one = cell(1, 0.5)
    assert store.load("toy.f", one.key, {"x": 1}) is None
    RunFolder(store.published / "book" / "toy").add_cells("toy.f", [one])
    assert store.load("toy.f", one.key, {"x": 1}) == replace(one, source="published")
    served = cell(2, 0.5, source="store")  # the run of record had it from its store
    RunFolder(store.published / "book" / "toy").add_cells("toy.f", [served])
    assert store.load("toy.f", served.key, {"x": 2}).source == "published"
    assert store.load("toy.f", "2" * 24, {"x": 1}) is None and store.load("toy.g", one.key, {"x": 1}) is None
    with pytest.warns(CorruptFile, match="other arguments"):
        assert store.load("toy.f", one.key, {"x": 2}) is None
    store.save("toy.f", replace(one, rows=[{"y": 0.75}]), "now")
    assert store.load("toy.f", one.key, {"x": 1}).source == "store"


def test_tables_of_other_functions_are_not_read(store):
    run, one = RunFolder(store.published / "book" / "toy"), cell(1, 0.5)
    run.add_cells("toy.f", [one])
    run.add_cells("toy.g", [one])
    (run.path / "rows" / "toy.g.csv").write_text("not what was written")
    assert store.load("toy.f", one.key, {"x": 1}).source == "published"
    with pytest.warns(CorruptFile, match="toy.g is left out"):
        assert store.load("toy.g", one.key, {"x": 1}) is None


def test_published_rows_that_were_changed_do_not_serve(store):
    run, one = RunFolder(store.published / "book" / "toy"), cell(1, 0.5, 0.25)
    run.add_cells("toy.f", [one])
    table = run.path / "rows" / "toy.f.csv"
    table.write_text(table.read_text().replace("0.25", "0.35"))
    with pytest.warns(CorruptFile, match=r"toy\.f is left out"):
        assert store.load("toy.f", one.key, {"x": 1}) is None
    assert store.load("toy.f", one.key, {"x": 1}) is None  # said once


def test_tensors_come_from_the_store_or_from_what_is_published(store):
    assert store.load_tensors("toy.t", "1" * 24) is None
    save_content(store.published / "book" / "toy" / "tensors" / f"{'1' * 24}.safetensors", b"published")
    assert store.load_tensors("toy.t", "1" * 24) == b"published"
    store.save_tensors("toy.t", "1" * 24, b"stored")
    assert store.load_tensors("toy.t", "1" * 24) == b"stored"
    store.path("toy.t", "1" * 24, "safetensors").write_bytes(b"broken")
    with pytest.warns(CorruptFile):
        assert store.load_tensors("toy.t", "1" * 24) == b"published"


def test_what_is_kept_can_be_listed_and_removed(store):
    store.save("toy.f", ONE, "now")
    store.save_tensors("toy.t", "2" * 24, b"12345")
    with store.alone("toy.t", "2" * 24):
        kept = list(store.kept())
    assert [(one.function, one.key, one.path.suffix) for one in kept] == [
        ("toy.f", ONE.key, ".json"),
        ("toy.t", "2" * 24, ".safetensors"),
    ]
    assert kept[1].bytes == 65 + 5 and kept[0].modified > 0
    store.remove(kept[0])
    assert [one.function for one in store.kept()] == ["toy.t"]


def test_no_published_rows_are_seen_where_the_folder_is_not_one(tmp_path):
    assert Store(tmp_path, Path(os.devnull)).load("toy.f", ONE.key, {"x": 1}) is None
