"""Comparing runs."""

import json
import math
from pathlib import Path

import pytest
import yaml
from test_store import provenance
from toy_experiments import checkout

from quire.store import CorruptFile, write_rows
from quire.tools.diff import Difference, diff, tolerance, write_page

ROOT = Path(__file__).parents[1]
CELLS = {f"key{x}": [{"x": x, "y": x / 3, "n": x, "s": "a", "part": p} for p in range(2)] for x in range(4)}


def run(folder: Path, cells: dict, slope: float = -1.0) -> Path:
    """A run's folder with one function and one report."""
    path, kinds = write_rows(folder / "rows" / "toy.f", cells)
    digest = provenance.hashlib.sha256(path.read_bytes()).hexdigest()
    sweep = {"file": path.name, "sha256": digest, "columns": kinds, "cells": {}, "arguments": ["x"]}
    provenance.write_json(folder / "sweeps.json", {"toy.f": sweep})
    provenance.write_json(folder / "claims.json", {"toy.slope": {"value": slope, "stderr": 0.01}})
    provenance.write_json(folder / "provenance.json", {"chapter": "toy", "profile": "book"})
    return folder


def changed(key: str, part: int, **values) -> dict:
    """The cells with one row changed."""
    cells = {k: [dict(row) for row in rows] for k, rows in CELLS.items()}
    cells[key][part].update(values)
    return cells


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout, and in it the first run."""
    monkeypatch.setenv("QUIRE_ROOT", str(checkout(tmp_path / "toy")))
    return run(tmp_path / "first", CELLS)


def test_equal_runs_are_silent_whatever_their_keys_and_order(toy, tmp_path):
    moved = {f"other{k}": rows for k, rows in reversed(CELLS.items())}
    assert diff(toy, run(tmp_path / "second", moved)) == [] == diff(toy, toy)
    nan = changed("key1", 0, y=math.nan)
    assert diff(run(tmp_path / "a", nan), run(tmp_path / "b", nan)) == []


@pytest.mark.parametrize(
    "values, column",
    [({"y": 1 / 3 + 1e-5}, "y"), ({"y": math.nan}, "y"), ({"n": 2}, "n"), ({"s": "b"}, "s"), ({"y": 0.3333333}, None), ({"extra": 1}, "extra")],
)  # fmt: skip
def test_a_moved_value_is_found_and_rounding_is_not(toy, tmp_path, values, column):
    found = diff(toy, run(tmp_path / "second", changed("key1", 1, **values)))
    assert [(d.where, d.column) for d in found] == ([("toy.f(x=1)[1]", column)] if column else [])


def test_an_integer_is_not_a_float(toy, tmp_path):
    ones = {"k": [{"x": 1, "y": 1}]}, {"k": [{"x": 1, "y": 1.0}]}
    assert len(diff(run(tmp_path / "a", ones[0]), run(tmp_path / "b", ones[1]))) == 1


def test_a_row_that_one_run_lacks_is_found(toy, tmp_path):
    cells = {k: rows for k, rows in CELLS.items() if k != "key3"} | {"key2": CELLS["key2"][:1]}
    second = run(tmp_path / "second", cells)
    found = diff(toy, second)
    assert {(d.where, d.first, d.second) for d in found} == {(f"toy.f({w}", "present", "missing") for w in ("x=2)[1]", "x=3)[0]", "x=3)[1]")}  # fmt: skip
    assert {(d.first, d.second) for d in diff(second, toy)} == {("missing", "present")}


def test_a_verdict_that_changed_is_found(toy, tmp_path):
    assert diff(toy, run(tmp_path / "second", CELLS, slope=-2.0)) == [Difference("toy.slope", "verdict", "holds", "fails", "")]  # fmt: skip
    assert diff(toy, run(tmp_path / "third", CELLS, slope=-1.02)) == []


def test_tolerances_go_from_the_column_to_the_function_to_the_default(toy, tmp_path):
    assert tolerance("toy.f", "y") == {"rel": 1e-6, "abs": 1e-12}
    table = {"default": {"abs": 1e-9}, "toy.f": {"*": {"rel": 1e-3}, "y": {"rel": 0.5, "abs": 0.0}}}
    (tmp_path / "toy" / "data" / "tolerances.yml").write_text(yaml.safe_dump(table))
    assert tolerance("toy.f", "y") == {"rel": 0.5, "abs": 0.0} and tolerance("toy.f", "z") == {"rel": 1e-3, "abs": 1e-9}
    assert tolerance("toy.g", "y") == {"rel": 1e-6, "abs": 1e-9}
    assert diff(toy, run(tmp_path / "second", changed("key1", 1, y=0.5))) == []


def test_the_tolerances_of_the_book_are_well_formed():
    table = yaml.safe_load((ROOT / "data" / "tolerances.yml").read_text())
    assert set(table["default"]) == {"rel", "abs"}
    for name, columns in table.items():
        for entry in [columns] if name == "default" else columns.values():
            assert set(entry) <= {"rel", "abs"} and all(0 <= value < 10 for value in entry.values()), name


def test_a_tolerance_belongs_to_a_function_that_a_run_of_record_holds():
    """An experiment that moves to another module takes its entry along."""
    held = {name for path in ROOT.glob("data/published/*/*/sweeps.json") for name in json.loads(path.read_text())}
    table = yaml.safe_load((ROOT / "data" / "tolerances.yml").read_text())
    assert held and not set(table) - {"default"} - held


def test_a_folder_without_a_run_and_a_damaged_table_are_said(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match="no run in .*nothing"):
        diff(toy, tmp_path / "nothing")
    second = run(tmp_path / "second", CELLS)
    table = second / "rows" / "toy.f.csv"
    table.write_text(table.read_text()[:-5])
    with pytest.warns(CorruptFile, match="left out"):
        assert len(diff(toy, second)) == 8


def test_the_page_holds_every_difference(tmp_path):
    many = [Difference(f"f(x={i})[0]", "y", i, "<b>", "") for i in range(200)]
    write_page(tmp_path / "diff.html", "a & b", many)
    page = (tmp_path / "diff.html").read_text()
    assert "f(x=199)[0]" in page and "&lt;b&gt;" in page and "200 differences" in page and "<title>a &amp; b" in page
    write_page(tmp_path / "diff.html", "a & b", [])
    assert "no difference" in (tmp_path / "diff.html").read_text()
