"""Tensors as arguments of cells: made once, kept, found again, on every backend and after every kind of damage."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_experiments import curve, environ
from toy_handles import breaks, norm, not_tensors, total, tuned, weights

from quire import rng
from quire.files import CorruptFile, folder
from quire.record import current
from quire.store import Store
from quire.sweep import grid, handles, made, sweep
from quire.tools.origins import computation

ROOT = Path(__file__).parents[1]


def files(function: str) -> list[Path]:
    """The tensors of a function in the store."""
    return list((folder("store") / f"toy_handles.{function}").glob("*.safetensors"))


def test_tensors_come_back_exactly_and_are_made_once(tmp_path):
    handle = made(weights, size=3, folder=str(tmp_path))
    first, second = handle.tensors(), handle.tensors()
    assert len(list(tmp_path.iterdir())) == 1 and first.keys() == second.keys() == {"view", "whole", "count", "empty"}
    assert all(torch.equal(first[k], second[k]) and first[k].dtype == second[k].dtype for k in first)
    stream = rng.generator("toy_handles.weights", {"size": 3, "folder": str(tmp_path), "seconds": 0.0})
    assert torch.equal(first["whole"], torch.randn(3, 2, generator=stream))
    [entry] = current().tensors().values()
    assert entry["function"] == "toy_handles.weights" and entry["arguments"]["size"] == 3 and entry["bytes"] > 24


def test_a_cell_receives_the_tensors_and_its_rows_carry_their_arguments(tmp_path):
    networks = [made(weights, size=size, folder=str(tmp_path)) for size in (2, 3)]
    rows = sweep(norm, grid(network=networks, power=[1.0, 2.0]))
    assert list(rows.columns) == ["size", "folder", "seconds", "power", "notes", "norm"]
    assert rows["size"].tolist() == [2, 2, 3, 3] and len(list(tmp_path.glob("weights*"))) == 2
    whole = networks[1].tensors()["whole"]
    assert rows["norm"][3] == float(whole.norm() ** 2.0)
    [cells] = current().sweeps().values()
    assert cells[0].arguments["network"] == {
        "made": "toy_handles.weights",
        "arguments": {"size": 2, "folder": str(tmp_path), "seconds": 0.0},
    }
    assert list(cells[0].made) == [networks[0].key]


@pytest.mark.parametrize("shuffled", [reversed, sorted])
def test_tensors_come_in_the_order_of_their_names(tmp_path, monkeypatch, shuffled):
    """A file of tensors is read in another order by each process; rows that are made in a loop over them must not be."""
    in_the_file = handles.load
    monkeypatch.setattr(
        handles, "load", lambda content: {k: in_the_file(content)[k] for k in shuffled(in_the_file(content))}
    )
    network = made(weights, size=3, folder=str(tmp_path))
    assert list(network.tensors()) == ["count", "empty", "view", "whole"]
    given = handles.resolved({"network": network, "power": 1.0}, "cpu", Store())
    assert list(given["network"]) == ["count", "empty", "view", "whole"]


def test_a_cell_says_what_each_of_its_tensors_took_to_make(tmp_path):
    start = made(weights, size=2, folder=str(tmp_path), seconds=0.2)
    sweep(norm, grid(network=[made(tuned, start=start, rate=2.0, folder=str(tmp_path))], power=[1.0, 2.0]))
    [cells] = current().sweeps().values()
    assert cells[0].made == cells[1].made and len(cells[0].made) == 2
    assert 0.2 <= cells[0].made[start.key] < 20 and min(cells[0].made.values()) < 0.2
    assert computation({"toy": cells})["seconds"] == pytest.approx(
        sum(cell.seconds for cell in cells) + sum(cells[0].made.values()), abs=2e-3
    )


def test_what_is_finished_needs_no_tensors(tmp_path):
    cells = grid(network=[made(weights, size=2, folder=str(tmp_path))], power=1.0)
    before = sweep(norm, cells)
    for path in files("weights"):
        path.unlink()
    assert sweep(norm, cells).equals(before) and len(list(tmp_path.iterdir())) == 1 and not files("weights")


def test_handles_depend_on_handles_and_each_is_made_once(tmp_path):
    start = made(weights, size=2, folder=str(tmp_path))
    chain = [made(tuned, start=start, rate=rate, folder=str(tmp_path)) for rate in (2.0, 3.0)]
    rows = sweep(norm, grid(network=chain, power=1.0))
    assert rows["rate"].tolist() == [2.0, 3.0] and rows["norm"][1] == pytest.approx(1.5 * rows["norm"][0])
    assert len(list(tmp_path.glob("weights*"))) == 1 and len(list(tmp_path.glob("tuned*"))) == 2
    both = sweep(total, grid(networks=[chain]))
    assert both["total"][0] == pytest.approx(5 * float(start.tensors()["whole"].sum()))


def test_a_key_holds_the_arguments_and_the_code_of_all_that_it_depends_on(monkeypatch):
    def keys(size: int, rate: float) -> list[str]:
        start = made(weights, size=size)
        return [start.key, made(tuned, start=start, rate=rate).key]

    base, other, faster = keys(2, 1.0), keys(3, 1.0), keys(2, 2.0)
    assert len({*base, *other}) == 4 and base[0] == faster[0] and base[1] != faster[1]
    from quire.sweep import handles

    real = handles.fingerprint
    monkeypatch.setattr(handles, "fingerprint", lambda function: "edited" if function is weights else real(function))
    assert not set(keys(2, 1.0)) & set(base)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_two_workers_that_ask_for_the_same_tensors_make_them_once(tmp_path, backend):
    code = f"""
from quire.store import Store
from quire.sweep import grid, handles, made, sweep
from toy_handles import norm, tuned, weights
if __name__ == "__main__":
    start = made(weights, size=2, folder={str(tmp_path / "calls")!r}, seconds=0.2)
    chain = [made(tuned, start=start, rate=float(rate), folder={str(tmp_path / "calls")!r}) for rate in range(4)]
    rows = sweep(norm, grid(network=chain, power=[1.0, 2.0]))
    print(len(rows))
"""
    (tmp_path / "calls").mkdir()
    (tmp_path / "script.py").write_text(code)
    settings = {
        "QUIRE_BACKEND": backend,
        "QUIRE_JOBS": "2",
        "QUIRE_STORE": str(tmp_path / "store"),
        "QUIRE_RUN": str(tmp_path / "run"),
    }
    env = {**environ(ROOT), **settings, "QUIRE_PUBLISHED": os.devnull}
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "8\n", done.stderr
    assert len(list((tmp_path / "calls").glob("weights*"))) == 1 and len(list((tmp_path / "calls").glob("tuned*"))) == 4


ASKED = """
import sys
from quire.sweep import made
from toy_handles import weights
print(made(weights, size=2, folder=sys.argv[1], seconds=1.0).tensors()["count"].tolist())
"""


def test_two_processes_that_ask_for_the_same_tensors_make_them_once(tmp_path):
    (tmp_path / "calls").mkdir()
    settings = {
        "QUIRE_STORE": str(tmp_path / "store"),
        "QUIRE_RUN": str(tmp_path / "run"),
        "QUIRE_PUBLISHED": os.devnull,
    }
    command = [sys.executable, "-c", ASKED, str(tmp_path / "calls")]
    both = [
        subprocess.Popen(command, env={**environ(ROOT), **settings}, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [one.communicate()[0] for one in both] == ["[0, 1]\n"] * 2
    assert len(list((tmp_path / "calls").iterdir())) == 1


def test_a_kill_while_tensors_are_made_leaves_nothing_behind_that_harms(tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    settings = {
        "QUIRE_STORE": str(tmp_path / "store"),
        "QUIRE_RUN": str(tmp_path / "run"),
        "QUIRE_PUBLISHED": os.devnull,
    }
    command, env = [sys.executable, "-c", ASKED, str(calls)], {**environ(ROOT), **settings}
    killed = subprocess.Popen(command, env=env)
    deadline = time.monotonic() + 600
    while not list(calls.iterdir()):
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not list((tmp_path / "store").rglob("*.safetensors"))
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 1]\n" and len(list(calls.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:100] + b"x" + b[101:], lambda b: b""])
def test_damaged_tensors_are_reported_and_made_again(damage):
    first = made(weights, size=3).tensors()
    [path] = files("weights")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(CorruptFile, match="computed again"):
        assert torch.equal(made(weights, size=3).tensors()["whole"], first["whole"])


def test_what_is_wrong_with_a_handle_is_said():
    with pytest.raises(ValueError, match=r"toy_handles\.not_tensors must return a mapping from names to tensors"):
        made(not_tensors, size=3).tensors()
    with pytest.raises(RuntimeError, match=r"toy_handles\.weights\(.*'size': -1.*\) failed: RuntimeError"):
        made(weights, size=-1).tensors()
    with pytest.raises(TypeError, match=r"weights takes no \['sizes'\]"):
        made(weights, sizes=3)
    with pytest.raises(TypeError, match="must be JSON values"):
        made(weights, size=torch.ones(1))
    with pytest.raises(TypeError, match="must be JSON values"):
        sweep(curve, [{"samples": object(), "seed": 0}])
    with pytest.raises(TypeError, match="top-level function"):
        _ = made(lambda size: {}, size=1).key
    with pytest.raises(TypeError, match=r"arguments \['folder'\] occur twice"):
        sweep(norm, grid(network=made(tuned, start=made(weights, size=2), rate=1.0, folder="elsewhere"), power=1.0))


def test_an_error_that_cannot_be_made_again_keeps_its_type_and_gets_a_note():
    with pytest.raises(UnicodeDecodeError) as caught:
        sweep(breaks, grid(size=1))
    assert "toy_handles.breaks({'size': 1}) failed" in caught.value.__notes__[0]
