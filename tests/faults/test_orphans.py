"""Whatever is killed, and however: nothing that `quire run` started computes on."""

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from toy_experiments import checkout, environ

from quire.lifeline import lives

pytestmark = pytest.mark.faults

PATIENCE = 300  # seconds, for a machine that is twenty times slower; on an idle one it takes two
CELL = """from toy_experiments import counted
from quire.sweep import grid, sweep
sweep(counted, grid(x=[1, 2, 3, 4], folder={folder!r}, seconds=6000.0))"""
COMMAND = [sys.executable, "-m", "quire", "run", "sleeps"]


@pytest.fixture
def running(tmp_path):
    """A `quire run` whose two workers compute for hours: (process, all of its processes, what their cells left)."""
    calls = tmp_path / "calls"
    calls.mkdir()
    root = checkout(tmp_path / "toy", sleeps=CELL.format(folder=str(calls)))
    env = environ(root) | {"QUIRE_BACKEND": "loky", "QUIRE_JOBS": "2"}
    process = subprocess.Popen(COMMAND, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process, lambda: family(root), calls
    for one in family(root):
        one.kill()
    process.wait()


def family(root) -> list[psutil.Process]:
    """Every process that works on a checkout, whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("QUIRE_ROOT") == str(root) and lives(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition, process=None) -> None:
    """Wait until something holds, or the process has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and (process is None or process.poll() is None):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def computing(calls) -> bool:
    """Whether a worker is inside a cell."""
    return bool(list(calls.iterdir()))


def of_kind(processes: list[psutil.Process], word: str) -> psutil.Process:
    """The one process whose command line has a word."""
    (found,) = [one for one in processes if word in " ".join(one.cmdline())]
    return found


@pytest.mark.parametrize("moment", ["at work", *range(6)])
def test_killed_at_any_moment_it_leaves_nothing(running, moment):
    process, alive, calls = running
    if moment == "at work":
        wait_for(lambda: computing(calls), process)
        assert len(alive()) >= 5  # the command, the chapter, its kernel, two workers
    else:
        count = 1 + moment % 5  # from the command alone to all of its workers, then some random time
        wait_for(lambda: len(alive()) >= count, process)
        time.sleep(random.Random(moment).uniform(0, 2))
    assert process.poll() is None
    process.kill()
    process.wait()
    wait_for(lambda: not alive())
    time.sleep(2)
    assert alive() == []  # and nothing comes back


@pytest.mark.parametrize("victim", ["quire.tools.execute", "ipykernel_launcher"])
def test_a_dead_chapter_or_kernel_ends_the_run_and_takes_its_workers_along(running, victim):
    process, alive, calls = running
    wait_for(lambda: computing(calls), process)
    of_kind(alive(), victim).kill()
    assert process.wait(PATIENCE) == 1
    wait_for(lambda: not alive())


@pytest.mark.parametrize("victims", [("quire", "quire.tools.execute"), ("quire", "ipykernel_launcher"), ("quire.tools.execute", "ipykernel_launcher")])  # fmt: skip
def test_two_that_die_at_once_leave_nothing(running, victims):
    process, alive, calls = running
    wait_for(lambda: computing(calls), process)
    pids = [process.pid if victim == "quire" else of_kind(alive(), victim).pid for victim in victims]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    process.wait(PATIENCE)
    wait_for(lambda: not alive())


def test_workers_alone_do_not_outlive_kernel_chapter_and_command(running):
    process, alive, calls = running
    wait_for(lambda: computing(calls), process)
    ends = [of_kind(alive(), word).pid for word in ("quire.tools.execute", "ipykernel_launcher")]
    for pid in [process.pid, *ends]:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not alive())
