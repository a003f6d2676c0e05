"""A cluster that is not there, or no longer: a clear error within the stated time, never waiting for ever."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_experiments import environ

PATIENCE = 600  # seconds, for a machine that is twenty times slower
TIMEOUT = 2
SWEEP = """
import sys
from quire.sweep import grid, sweep
from toy_experiments import counted

if __name__ == "__main__":
    sweep(counted, grid(x=[1, 2], folder=sys.argv[1], seconds=float(sys.argv[2])))
"""


def client(tmp_path: Path, address: str, seconds: float) -> subprocess.Popen:
    """A sweep on the scheduler at an address."""
    (tmp_path / "notes").mkdir(exist_ok=True)
    settings = {
        "QUIRE_BACKEND": "dask",
        "QUIRE_SCHEDULER": address,
        "QUIRE_TIMEOUT": str(TIMEOUT),
        "QUIRE_HEADLESS": "1",
    }
    places = {"QUIRE_STORE": str(tmp_path / "store"), "QUIRE_RUN": str(tmp_path / "run"), "QUIRE_PUBLISHED": os.devnull}
    command = [sys.executable, "-c", SWEEP, str(tmp_path / "notes"), str(seconds)]
    return subprocess.Popen(command, env=environ(tmp_path) | settings | places, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen) -> str:
    """The last line of a process that failed by itself."""
    try:
        text = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
    assert process.returncode == 1, text
    return text.strip().splitlines()[-1]


def test_no_scheduler_at_the_address(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"  # bound, and nobody listens
        line = said(client(tmp_path, address, 0))
    assert line.startswith(f"RuntimeError: no dask scheduler answers at {address} within {TIMEOUT} s")


def test_somebody_else_at_the_address(tmp_path):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        line = said(client(tmp_path, address, 0))
    assert line.startswith(f"RuntimeError: no dask scheduler answers at {address} within {TIMEOUT} s")


@pytest.mark.parametrize("address", ["127.0.0.1", "nonsense://x:1", "tcp://127.0.0.1:port"])
def test_what_is_no_address(tmp_path, address):
    assert f"no dask scheduler answers at {address}" in said(client(tmp_path, address, 0))


class Cluster:
    """A scheduler and workers that nobody starts again."""

    def __init__(self, place: Path, workers: int):
        self.file, self.env = place / "scheduler.json", environ(place)
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        self.scheduler = self._start("dask_scheduler", *options)
        wait_for(lambda: self.file.exists() and self.file.read_text().strip().endswith("}"), self.scheduler)
        self.address = json.loads(self.file.read_text())["address"]
        own = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(place)]
        self.workers = [self._start("dask_worker", *own) for _ in range(workers)]

    def _start(self, what: str, *options: str) -> subprocess.Popen:
        code = f"from distributed.cli.{what} import main; main()"
        command = [sys.executable, "-c", code, "--scheduler-file", str(self.file), *options]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        """Kill all of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_for(condition, process: subprocess.Popen) -> None:
    """Wait until something holds, while a process runs."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler with two workers."""
    found = Cluster(tmp_path, 2)
    yield found
    found.end()


def test_workers_that_are_dead_and_what_was_finished_is_kept(tmp_path, cluster):
    quick = client(tmp_path, cluster.address, 0)
    assert quick.communicate(timeout=PATIENCE)[1] is not None and quick.returncode == 0
    notes = tmp_path / "notes"
    sweep = client(tmp_path, cluster.address, 6000)
    wait_for(lambda: len(list(notes.iterdir())) == 4, sweep)  # both workers are inside a cell
    for worker in cluster.workers:
        worker.send_signal(signal.SIGKILL)
    line = said(sweep)
    assert line.startswith(
        f"RuntimeError: the dask scheduler at {cluster.address} has no worker left after {TIMEOUT} s"
    )
    assert line.endswith("start workers and run again; what was finished is kept")
    again = client(tmp_path, cluster.address, 0)  # no worker is needed for what is stored
    assert again.communicate(timeout=PATIENCE)[1] is not None and again.returncode == 0
    assert len(list(notes.iterdir())) == 4


def test_a_scheduler_that_dies_under_way(tmp_path, cluster):
    sweep = client(tmp_path, cluster.address, 6000)
    wait_for(lambda: len(list((tmp_path / "notes").iterdir())) == 2, sweep)
    cluster.scheduler.send_signal(signal.SIGKILL)
    line = said(sweep)
    assert (
        f"RuntimeError: the dask scheduler at {cluster.address} is gone" in line and "what was finished is kept" in line
    )


DRAWN = """
import json, sys
from quire.sweep import grid, sweep
from toy_experiments import curve

if __name__ == "__main__":
    rows = sweep(curve, grid(samples=[8, 16, 32], seed=range(40)))
    print(rows.to_json(orient="records", double_precision=15))
"""


def rows_of(tmp_path: Path, name: str, **settings: str) -> subprocess.Popen:
    """A sweep of 120 cells, in a store of its own, whose rows are printed."""
    places = {"QUIRE_STORE": str(tmp_path / name / "store"), "QUIRE_RUN": str(tmp_path / name / "run")}
    env = environ(tmp_path) | places | settings | {"QUIRE_PUBLISHED": os.devnull, "QUIRE_HEADLESS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", DRAWN], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_one_of_two_workers_is_killed_and_the_rows_are_identical(tmp_path, cluster):
    """What it had begun is done by the other; rows are those of this process alone, to the last digit."""
    alone = rows_of(tmp_path, "alone", QUIRE_BACKEND="sequential").communicate(timeout=PATIENCE)[0]
    sweep = rows_of(tmp_path, "cluster", QUIRE_BACKEND="dask", QUIRE_SCHEDULER=cluster.address, QUIRE_TIMEOUT="120")
    kept = tmp_path / "cluster" / "store"
    wait_for(lambda: len(list(kept.rglob("*.json"))) >= 5, sweep)  # under way
    cluster.workers[0].send_signal(signal.SIGKILL)
    shared, said = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, said
    assert json.loads(shared.splitlines()[-1]) == json.loads(alone.splitlines()[-1]) and "nan" not in shared
    assert len(json.loads(alone.splitlines()[-1])) == 120
