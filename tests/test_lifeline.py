"""Processes end with their parent, or with whom they are told to watch."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from quire import lifeline

PATIENCE = 180  # seconds, for a machine that is twenty times slower
SLEEP = "import time; time.sleep(6000)"
CHILD = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(6000)'], start_new_session=True)"


def wait_for(condition) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def python(code: str, **options) -> subprocess.Popen:
    """A process that runs a line of python, with the library in sight."""
    path = os.path.dirname(os.path.dirname(lifeline.__file__))
    env = os.environ | {"PYTHONPATH": path} | options.pop("env", {})
    return subprocess.Popen([sys.executable, "-c", code], env=env, start_new_session=True, **options)


def started(process: subprocess.Popen, count: int) -> list[psutil.Process]:
    """The process and what it started, as soon as there are so many."""
    root = psutil.Process(process.pid)
    wait_for(lambda: len(root.children(recursive=True)) >= count)
    return [root, *root.children(recursive=True)]


def test_a_process_lives_until_it_has_ended():
    process = python(SLEEP)
    found = psutil.Process(process.pid)
    assert lifeline.lives(found) and lifeline.identity(process.pid)[0] == process.pid
    process.kill()
    wait_for(lambda: found.status() == psutil.STATUS_ZOMBIE)
    assert not lifeline.lives(found)  # nobody has asked for its status yet
    process.wait()
    assert not lifeline.lives(found) and not lifeline.lives(None)
    with pytest.raises(psutil.NoSuchProcess):
        lifeline.identity(process.pid)


def test_end_kills_whatever_was_started_in_whichever_session():
    process = python(f"{CHILD}; time.sleep(6000)")
    family = started(process, 1)
    lifeline.end(process.pid)
    process.wait()
    wait_for(lambda: not any(map(lifeline.lives, family)))
    lifeline.end(process.pid)  # that it is gone is no error


def test_a_marked_process_is_found_without_its_parent():
    processes = [python(SLEEP, env={"QUIRE_TEST_MARK": mark}) for mark in ("mine", "mine too")]
    lifeline.end_marked("QUIRE_TEST_MARK", "mine")
    assert processes[0].wait(PATIENCE) != 0 and processes[1].poll() is None
    processes[1].kill()
    processes[1].wait()


def test_a_child_ends_with_its_parent_and_takes_its_own_along():
    inner = f"from quire.lifeline import watch; watch(); {CHILD}; time.sleep(6000)"
    process = python(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], start_new_session=True)"
    )
    family = started(process, 2)
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(lifeline.lives, family)))


def test_a_process_ends_with_another_that_it_was_told_to_watch():
    other = python(SLEEP)
    pid, birth = lifeline.identity(other.pid)
    line = "from quire.lifeline import watch; watch(); watch(({}, {})); import time; time.sleep(6000)"
    watcher = python(line.format(pid, birth))
    late = python(line.format(pid, birth - 10 * lifeline.SLACK))  # another process had that number before
    assert late.wait(PATIENCE) < 0 and watcher.poll() is None
    other.kill()
    other.wait()
    assert watcher.wait(PATIENCE) < 0
    assert python(line.format(pid, birth)).wait(PATIENCE) < 0  # it is gone already
