"""Sweeps: keys, rows, resume, backends, errors."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from toy_experiments import counted, curve, environ, fails, returns
from toy_handles import reads_the_environment

from quire import rng
from quire.files import CorruptFile, folder
from quire.record import RunFolder, current
from quire.store import Store
from quire.sweep import StaleCode, describe, faithful, grid, replicates, sweep, sweeping

CELLS = grid(samples=[1, 2, 4], seed=range(2))
PATIENCE = 600  # seconds, for a machine that is twenty times slower


def test_a_grid_is_a_product_and_adds():
    cells = grid(a=[1, 2], b="text", c=[[2, 2]], d=range(2), e={"k": 1})
    assert len(cells) == 4 and cells[1] == {"a": 1, "b": "text", "c": [2, 2], "d": 1, "e": {"k": 1}}
    assert len(grid(a=1) + grid(a=2) + [{"a": 3}]) == 3 and grid() == [{}]
    with pytest.raises(ValueError, match=r"axes \['b'\] of the grid are empty"):
        grid(a=1, b=[])


def test_rows_hold_arguments_then_values_in_the_order_of_the_cells():
    rows = sweep(curve, CELLS)
    assert list(rows.columns) == ["samples", "seed", "exponent", "error", "name", "even", "twice"]
    assert rows["samples"].tolist() == [1, 1, 2, 2, 4, 4] and rows["exponent"].dtype == float
    noise = 1 + 0.01 * torch.randn((), generator=rng.generator("toy_experiments.curve", {"samples": 2, "seed": 1, "exponent": 1.0}), dtype=torch.float64)  # fmt: skip
    assert rows.loc[3, "error"] == noise.item() / 2


def test_a_finished_cell_is_never_computed_again(tmp_path):
    first = sweep(counted, grid(x=[1, 2], folder=str(tmp_path)))
    second = sweep(counted, grid(x=[3, 2, 1], folder=str(tmp_path)))
    assert len(list(tmp_path.iterdir())) == 3 and second["square"].tolist() == [9, 9, 4, 4, 1, 1]
    pd.testing.assert_frame_equal(first, second.iloc[[4, 5, 2, 3]].reset_index(drop=True))


def test_order_does_not_matter():
    cells = list(CELLS)
    random.Random(0).shuffle(cells)
    rows = sweep(curve, cells, store=Store(folder("store") / "shuffled"))
    again = sweep(curve, CELLS, store=Store(folder("store") / "sorted"))
    pd.testing.assert_frame_equal(rows.sort_values(["samples", "seed"], ignore_index=True), again)


def test_loky_gives_the_same_rows(monkeypatch):
    expected = sweep(curve, CELLS, store=Store(folder("store") / "sequential"))
    monkeypatch.setenv("QUIRE_BACKEND", "loky")
    monkeypatch.setenv("QUIRE_JOBS", "2")
    pd.testing.assert_frame_equal(sweep(curve, CELLS, store=Store(folder("store") / "loky")), expected)
    assert current().progress()["done"] == len(CELLS)
    with pytest.raises(
        ArithmeticError, match=r"toy_experiments.fails\(\{'x': 2\}\) failed: ArithmeticError: two is not"
    ):
        sweep(fails, grid(x=[1, 2]))


def test_dask_gives_the_same_rows(tmp_path):
    code = """
import pandas as pd
from quire.store import Store
from quire.files import folder
from quire.sweep import grid, sweep
from toy_experiments import curve
import os
if __name__ == "__main__":
    cells = grid(samples=[1, 2, 4], seed=range(2))
    os.environ["QUIRE_BACKEND"] = "dask"
    dask = sweep(curve, cells)
    os.environ["QUIRE_BACKEND"] = "sequential"
    pd.testing.assert_frame_equal(dask, sweep(curve, cells, store=Store(folder("store") / "other")))
    print("equal", len(list((folder("store") / "toy_experiments.curve").iterdir())))
"""
    (tmp_path / "script.py").write_text(code)
    settings = {"QUIRE_JOBS": "1", "QUIRE_STORE": str(tmp_path / "store"), "QUIRE_RUN": str(tmp_path / "run")}
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env={**environ(root), **settings}, capture_output=True, text=True, timeout=PATIENCE)  # fmt: skip
    assert done.stdout == "equal 6\n", done.stderr


def test_a_device_is_not_part_of_the_key_and_the_code_is(monkeypatch):
    sweep(curve, CELLS[:1], device="cpu")
    sweep(curve, CELLS[:1], device="auto")
    cells = folder("store") / "toy_experiments.curve"
    assert len(list(cells.iterdir())) == 1
    before = sweep(curve, CELLS[:1])
    for module in (sweeping, faithful):
        monkeypatch.setattr(module, "fingerprint", lambda function: "edited")
    after = sweep(curve, CELLS[:1])
    assert len(list(cells.iterdir())) == 2
    pd.testing.assert_frame_equal(before, after)  # an edit changes the key, not the draws


def test_what_is_not_in_the_files_is_computed_and_neither_stored_nor_served(monkeypatch):
    import toy_experiments

    before = sweep(curve, CELLS)
    monkeypatch.setattr(toy_experiments, "curve_noise", 0.5)
    with pytest.warns(UserWarning, match=r"curve is computed and not stored: .*curve_noise"):
        what_if = sweep(curve, CELLS)
    assert not what_if.equals(before)
    assert len(list((folder("store") / "toy_experiments.curve").iterdir())) == len(CELLS)
    monkeypatch.undo()


def test_what_no_key_can_say_is_computed_and_not_stored():
    with pytest.warns(
        UserWarning, match=r"reads_the_environment is computed and not stored: no key says what it depends on"
    ):
        rows = sweep(reads_the_environment, grid(name="HOME"))
    assert rows["length"][0] == len(os.environ["HOME"])
    assert not (folder("store") / "toy_handles.reads_the_environment").exists() and not current().sweeps()


def test_a_worker_with_other_code_refuses(monkeypatch):
    monkeypatch.setattr(faithful, "fingerprint", lambda function: "another")
    with pytest.raises(
        StaleCode, match=r"toy_experiments\.curve .*nothing is stored; restart the kernel, or the workers"
    ):
        sweep(curve, CELLS)
    assert not (folder("store") / "toy_experiments.curve").exists()


KILLED = """
import sys
from quire.sweep import grid, sweep
from toy_experiments import counted
if __name__ == "__main__":
    sweep(counted, grid(x=list(range(12)), folder=sys.argv[1], seconds=0.1))
"""


@pytest.mark.parametrize("backend", ["sequential", "loky"])
def test_kill_9_loses_only_the_cells_in_flight(tmp_path, backend):
    calls, store = tmp_path / "calls", tmp_path / "store" / "toy_experiments.counted"
    calls.mkdir()
    settings = {"QUIRE_STORE": str(tmp_path / "store"), "QUIRE_RUN": str(tmp_path / "run"), "QUIRE_BACKEND": backend, "QUIRE_JOBS": "2"}  # fmt: skip
    env = {**environ(Path(__file__).parents[1]), **settings, "QUIRE_PUBLISHED": os.devnull}
    command = [sys.executable, "-c", KILLED, str(calls)]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + PATIENCE
    while len(list(store.glob("*.json"))) < 4:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.3)
    finished, called = len(list(store.glob("*.json"))), len(list(calls.iterdir()))
    assert 4 <= finished <= 12 and called - finished <= 2
    subprocess.run(command, env=env, check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL)
    assert len(list(calls.iterdir())) == 12 + called - finished
    assert sum(len(cell.rows) for cell in RunFolder(tmp_path / "run").sweeps()["toy_experiments.counted"]) == 24


def test_two_runs_at_once_share_a_store(tmp_path):
    settings = {"QUIRE_STORE": str(tmp_path / "store"), "QUIRE_PUBLISHED": os.devnull}
    (tmp_path / "calls").mkdir()
    command = [sys.executable, "-W", "error", "-c", KILLED, str(tmp_path / "calls")]
    runs = [
        subprocess.Popen(
            command, env={**environ(Path(__file__).parents[1]), **settings, "QUIRE_RUN": str(tmp_path / f"run{i}")}
        )
        for i in range(2)
    ]
    assert [run.wait(PATIENCE) for run in runs] == [0, 0]
    first, second = (RunFolder(tmp_path / f"run{i}").sweeps()["toy_experiments.counted"] for i in range(2))
    assert [c.rows for c in first] == [c.rows for c in second] and len(first) == 12
    assert 12 <= len(list((tmp_path / "calls").iterdir())) <= 24
    assert not list((tmp_path / "store").rglob("*.part"))


def test_a_cell_that_fails_is_named_and_the_finished_ones_are_kept():
    with pytest.raises(
        ArithmeticError, match=r"fails\(\{'x': 2\}\) failed: ArithmeticError: two is not allowed"
    ) as caught:
        sweep(fails, grid(x=[1, 2, 3]))
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert len(list((folder("store") / "toy_experiments.fails").iterdir())) == 1


@pytest.mark.parametrize("what", ["none", "empty", "list"])
def test_what_is_no_row_is_refused(what):
    with pytest.raises(ValueError, match="must return a mapping or a list"):
        sweep(returns, grid(what=what))


@pytest.mark.parametrize("what, wrong", [("array", "Tensor"), ("numpy", "float32"), ("argument", "what")])
def test_a_row_of_something_else_is_refused(what, wrong):
    with pytest.raises(ValueError, match=f"must return rows of int, float, str and bool.*{wrong}"):
        sweep(returns, grid(what=what))
    assert not (folder("store") / "toy_experiments.returns").exists()


def test_nan_is_a_value_that_comes_back():
    assert sweep(returns, grid(what="nan"))["y"].isna().all() and sweep(returns, grid(what="nan"))["y"].isna().all()


@pytest.mark.parametrize(
    "cells, message",
    [
        (grid(samples=1, sed=0), r"takes no \['sed'\].*\['samples', 'seed', 'exponent'\]"),
        (grid(samples=1), r"misses \['seed'\]"),
        (grid(samples=1, seed=0, device="cpu"), r"takes no \['device'\]"),
        ([{"samples": torch.ones(1), "seed": 0}], "must be JSON values"),
        ([{"samples": float("nan"), "seed": 0}], "must be JSON values"),
    ],
)
def test_wrong_arguments_are_named(cells, message):
    with pytest.raises(TypeError, match=message):
        sweep(curve, cells)


def test_a_repeated_cell_and_a_local_function_are_refused():
    with pytest.raises(ValueError, match="same arguments"):
        sweep(curve, grid(samples=[1, 1], seed=0))
    with pytest.raises(ValueError, match="same arguments"):  # 1 and 1.0 are one value of a float
        sweep(curve, grid(samples=1, seed=0, exponent=[1, 1.0]))
    with pytest.raises(TypeError, match="top-level function"):
        sweep(lambda x: {"y": x}, grid(x=1))


@pytest.mark.parametrize("name, value", [("QUIRE_BACKEND", "threads"), ("QUIRE_JOBS", "many"), ("QUIRE_JOBS", "-1")])
def test_a_backend_that_does_not_exist_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f'"sequential", "loky" or "dask".*{value}'):
        sweep(curve, CELLS)


def test_the_run_folder_records_rows_and_where_they_came_from():
    sweep(curve, CELLS[:2])
    sweep(curve, CELLS)
    [cells] = current().sweeps().values()
    assert [cell.arguments for cell in cells[:2]] == [{"samples": 1, "seed": s, "exponent": 1.0} for s in range(2)]
    assert [cell.source for cell in cells] == ["store"] * 2 + ["computed"] * 4
    assert all(cell.origin["versions"]["torch"] == torch.__version__ for cell in cells)
    (current().path / "sweeps.json").write_text("{")
    with pytest.raises(ValueError, match="sweeps.json is not readable as JSON.*delete it"):
        sweep(curve, CELLS)


def test_a_damaged_cell_is_computed_again():
    expected = sweep(curve, CELLS)
    path = next((folder("store") / "toy_experiments.curve").iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.warns(CorruptFile):
        again = sweep(curve, CELLS)
    pd.testing.assert_frame_equal(again, expected)


def test_a_description_has_no_measured_number(capsys):
    rows = pd.DataFrame({"p": [1, 2], "e": [0.123, 0.5], "name": ["b", "a"], "ok": [True, False], "long": range(2)})
    describe(pd.concat([rows] * 5).assign(long=range(10)), units={"p": "points"})
    out = capsys.readouterr().out
    assert "10 rows" in out and "0.123" not in out and "float" in out
    assert "points" in out and "{1, 2}" in out and "{a, b}" in out and "10 values" in out


def test_a_person_sees_a_bar(monkeypatch, capsys):
    monkeypatch.delenv("QUIRE_HEADLESS")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    sweep(curve, CELLS)
    assert "curve" in capsys.readouterr().err and current().progress() is None


def test_replicates_begin_at_a_setting(monkeypatch):
    monkeypatch.delenv("QUIRE_SEEDS", raising=False)
    assert list(replicates(2)) == [0, 1]
    monkeypatch.setenv("QUIRE_SEEDS", "1000")
    assert list(replicates(2)) == [1000, 1001]
    for wrong in ("-1", "many", "1.5"):
        monkeypatch.setenv("QUIRE_SEEDS", wrong)
        with pytest.raises(ValueError, match="QUIRE_SEEDS must be the first seed"):
            replicates(2)
