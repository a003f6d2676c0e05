"""The run of record."""

import json
import math
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store import FLOATS, LISTS, TEXTS, same
from toy_experiments import checkout, counted

from quire.provenance import folder, read_json, write_json
from quire.store import CorruptFile, Store, read_run, write_rows
from quire.sweep import _record, grid, sweep
from quire.tools import publish as module
from quire.tools.publish import publish
from quire.tools.run import source_key

ROW = st.fixed_dictionaries({"i": st.integers(-(2**70), 2**70), "f": FLOATS, "s": TEXTS, "b": st.booleans()})


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A complete run of the chapter toy at book scale, made by hand."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    (tmp_path / "calls").mkdir()
    sweep(counted, grid(x=[1, 2], folder=str(tmp_path / "calls")))
    run = folder("run")
    values = {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cuda"}
    record = {
        "chapter": "toy",
        "profile": "book",
        "failed": False,
        "source_key": source_key("toy"),
        "parameters": values,
    }
    write_json(run / "provenance.json", record)
    write_json(run / "claims.json", {"toy.slope": {"value": -1.0, "stderr": 0.01}})
    (run / "toy-curve.csv").write_text("p,e\n1,2\n")
    (run / "toy-curve.svg").write_text("<svg/>")
    return run


def files(path: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_a_published_run_is_small_textual_and_serves(toy, tmp_path, monkeypatch):
    target = publish(toy)
    assert target == folder("published") / "book" / "toy"
    assert list(files(target)) == ["claims.json", "figures/toy-curve.csv", "provenance.json", "rows/toy_experiments.counted.csv", "sweeps.json"]  # fmt: skip
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / "empty"))
    monkeypatch.setenv("QUIRE_RUN", str(tmp_path / "again"))
    rows = sweep(counted, grid(x=[2, 1], folder=str(tmp_path / "calls")))
    assert rows["square"].tolist() == [4, 4, 1, 1] and len(list((tmp_path / "calls").iterdir())) == 2
    sources = read_run(tmp_path / "again")["toy_experiments.counted"][2]
    assert {source["source"] for source in sources.values()} == {"published"}


def test_a_published_row_serves_only_the_exact_key(toy, tmp_path, monkeypatch):
    publish(toy)
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / "empty"))
    sweep(counted, grid(x=[1, 3], folder=str(tmp_path / "calls")))
    assert len(list((tmp_path / "calls").iterdir())) == 3
    monkeypatch.setattr("quire.sweep.fingerprint", lambda function: "edited")
    sweep(counted, grid(x=[1], folder=str(tmp_path / "calls")))
    assert len(list((tmp_path / "calls").iterdir())) == 4


@settings(max_examples=30)
@given(
    st.lists(ROW, min_size=1, max_size=4),
    st.lists(LISTS | st.none(), min_size=2, max_size=2, unique_by=repr),
    st.booleans(),
)
def test_every_scalar_and_list_comes_back_from_the_record(tmp_path_factory, rows, arguments, parquet):
    base = tmp_path_factory.mktemp("published")
    run, store = base / "book" / "toy", Store(base / "store", base)
    cells = {f"k{i}": ({"a": a, "t": {"n": [i]}}, {"rows": rows, "source": "computed", "seconds": 1.0, "device": "cpu"}) for i, a in enumerate(arguments)}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUIRE_RUN", str(run))
        patch.setattr(
            "quire.sweep.write_rows", lambda path, merged: write_rows(path, merged, limit=0 if parquet else 10**6)
        )
        _record("toy.f", cells)
    for key, (given_arguments, _) in cells.items():
        assert same(store.load("toy.f", key)["rows"], [{**given_arguments, **row} for row in rows])


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"failed": True}, "failed"), ({"profile": "smoke"}, "smoke"), ({"source_key": "old"}, "stale"),
        ({"failed": True, "source_key": "old"}, "failed and stale"),
        ({"parameters": {"samples": [1], "seeds": 3, "exponent": 1.0, "device": "cpu"}}, "custom"),
    ],
)  # fmt: skip
def test_only_a_complete_run_of_the_present_code_is_published(toy, changes, reason):
    write_json(toy / "provenance.json", {**read_json(toy / "provenance.json"), **changes})
    with pytest.raises(ValueError, match=f"is a .*{reason}.* run: only a complete run"):
        publish(toy)
    assert not folder("published").exists()


def test_what_a_killed_publication_left_does_not_enter_the_next(toy):
    left = folder("published") / ".book-toy.new" / "rows"
    left.mkdir(parents=True)
    (left / "other.csv").write_text("key\n")
    assert "rows/other.csv" not in files(publish(toy)) and not left.exists()


def test_no_run_too_large_and_damaged_are_refused(toy, tmp_path):
    with pytest.raises(ValueError, match="`quire run` first"):
        publish(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"would take [\d,]+ bytes of 100"):
        publish(toy, limit=100)
    table = toy / "rows" / "toy_experiments.counted.csv"
    table.write_text(table.read_text()[:-3])
    with pytest.warns(CorruptFile), pytest.raises(ValueError, match="do not read back"):
        publish(toy)
    assert files(folder("published")) == {}


@pytest.mark.parametrize("fault", ["copy2", "rename"])
def test_a_publication_that_fails_half_way_leaves_the_old_one(toy, monkeypatch, fault):
    target = publish(toy)
    before = files(folder("published"))
    write_json(toy / "claims.json", {})
    rename, calls = Path.rename, []

    def full(*arguments, **options):
        calls.append(arguments)
        if fault == "copy2" and len(calls) < 3:
            return copy(*arguments)
        if fault == "rename" and len(calls) != 2:
            return rename(*arguments)
        raise OSError(28, "No space left on device")

    copy = shutil.copy2
    with monkeypatch.context() as patch:
        patch.setattr(*((module.shutil, "copy2") if fault == "copy2" else (Path, "rename")), full)
        with pytest.raises(OSError, match="No space left"):
            publish(toy)
    assert files(folder("published")) == before
    assert publish(toy) == target and json.loads(files(target)["claims.json"]) == {}
    assert math.isclose(len(files(folder("published"))), len(before))
