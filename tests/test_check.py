"""Published cells that are computed again."""

import importlib
import json
import pkgutil
import random
from dataclasses import replace

import pytest
from toy_experiments import checkout, curve, needs_data, tensors

import quire.experiments.locality
from quire.files import folder
from quire.record import RunFolder
from quire.store import Store
from quire.sweep import grid, made, sweep
from quire.tools import check
from quire.tools.check import check_cells, function_named


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A published run of toy: six cells of a curve; what a child process needs to see it."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("PYTHONPATH", check.__file__.partition("/quire/")[0] + ":" + __file__.rpartition("/")[0])
    run = RunFolder(folder("published") / "book" / "toy")
    monkeypatch.setenv("QUIRE_RUN", str(run.path))
    sweep(curve, grid(samples=[1, 2, 4], seed=range(2)))
    return run


def edited(run: RunFolder, change) -> None:
    """Write the published rows again with a change to the first cell, as somebody with an editor and patience would."""
    name, cells = next(iter(run.sweeps().items()))
    change(cells[0].rows[0])
    (run.path / "sweeps.json").unlink()
    run.add_cells(name, cells)


def test_what_was_published_by_this_code_agrees(published):
    assert check_cells("toy", 3) == [] == check_cells("toy", 0) == check_cells("other", 3)
    assert len(list(Store().kept())) == 6 and len(published.sweeps()["toy_experiments.curve"]) == 6


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda row: row.update(error=row["error"] * (1 + 1e-4)), "error is published as"),
        (lambda row: row.update(name="t0"), "name is published as 't0', its code computes 's0'"),
        (lambda row: row.update(twice=3), "twice is published as 3, its code computes 2"),
        (lambda row: row.pop("even"), "even is published as None, its code computes True"),
        (lambda row: row.update(more=1.0), "more is published as 1.0, its code computes None"),
        (lambda row: row.update(error=float("nan")), "error is published as nan"),
    ],
)
def test_an_edited_number_does_not_survive(published, change, says):
    edited(published, change)
    first = published.sweeps()["toy_experiments.curve"][0]
    (fault,) = check_cells("toy", 6)
    assert says in fault and json.dumps(first.arguments) in fault
    assert check_cells("toy", 6, used=set()) == []
    assert len(check_cells("toy", 6, used={first.key})) == 1


def test_a_cell_whose_data_are_not_at_hand_is_said_and_no_fault(tmp_path, monkeypatch):
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("PYTHONPATH", check.__file__.partition("/quire/")[0] + ":" + __file__.rpartition("/")[0])
    monkeypatch.setenv("QUIRE_RUN", str(folder("published") / "book" / "toy"))
    data = tmp_path / "data"
    data.mkdir()
    sweep(needs_data, grid(folder=str(data)))
    assert check_cells("toy", 1) == []
    data.rmdir()
    with pytest.warns(UserWarning, match="needs_data was not computed again: .*put the toy data"):
        assert check_cells("toy", 1) == []


def test_a_rounding_within_the_tolerance_is_no_fault(published):
    edited(published, lambda row: row.update(error=row["error"] * (1 + 1e-8)))
    assert check_cells("toy", 6) == []


def test_each_draw_is_another_one(published, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        check, "_recomputed", lambda sample, device: drawn.append(sample) or [one.cell.rows for one in sample]
    )
    for seed in range(20):
        assert check_cells("toy", 1, draw=random.Random(seed)) == []
    assert len({one.cell.key for (one,) in drawn}) > 3


@pytest.mark.parametrize("slow", [3, 6])
def test_cells_whose_tensors_took_long_are_not_drawn_while_others_can_be(published, monkeypatch, slow):
    """What counts is the cell with its tensors; where all are slow, those that took least."""
    name, cells = next(iter(published.sweeps().items()))
    kept = [replace(cell, made={"0" * 24: 100.0 + n} if n < slow else {}) for n, cell in enumerate(cells)]
    (published.path / "sweeps.json").unlink()
    published.add_cells(name, kept)
    drawn = set()
    monkeypatch.setattr(check, "CHEAPEST", 2)
    monkeypatch.setattr(
        check,
        "_recomputed",
        lambda sample, device: drawn.update(one.cell.key for one in sample) or [one.cell.rows for one in sample],
    )
    for seed in range(30):
        assert check_cells("toy", 1, draw=random.Random(seed)) == []
    assert drawn == {cell.key for cell in (kept[3:] if slow == 3 else kept[:2])}


def test_rows_that_are_missing_are_a_fault(published, monkeypatch):
    monkeypatch.setattr(check, "_recomputed", lambda sample, device: [[] for _ in sample])
    (fault,) = check_cells("toy", 1)
    assert "is published with 1 rows, its code computes 0" in fault


def test_cells_whose_code_is_gone_stop_the_check_by_name(published):
    edited(published, lambda row: None)
    index = published.path / "sweeps.json"
    index.write_text(index.read_text().replace('"toy_experiments.curve"', '"toy_experiments.gone"'))
    with pytest.raises(RuntimeError, match="no function toy_experiments.gone"):
        check_cells("toy", 1)


def test_an_experiment_is_found_by_the_name_of_its_cells():
    assert function_named("toy_experiments.curve") is curve
    for found in pkgutil.iter_modules(quire.experiments.locality.__path__):
        if found.name.endswith("cells"):
            cells = importlib.import_module(f"quire.experiments.locality.{found.name}")
            for name in cells.__all__:
                assert function_named(f"locality.{name}") is getattr(cells, name)
    for name in ("toy_experiments.nothing", "toy_experiments.os"):
        with pytest.raises(ValueError, match=f"no function {name}"):
            function_named(name)


def test_what_names_tensors_becomes_a_handle_again():
    handle = check._argument({"made": "toy_experiments.tensors", "arguments": {"size": 3}})
    assert handle.key == made(tensors, size=3).key
    assert check._argument([1, {"a": 2}]) == [1, {"a": 2}]
