"""Processes end with the one that started them, however that one ends: nothing computes for nobody.

A chapter's process starts a kernel, and that one workers, each in a session of its own, so that no signal reaches all of them,
and a process that is killed (by a person, an editor, the system that runs out of memory) cannot say goodbye. Therefore each
of them has a thread that looks, twice a second, whether those it depends on still live, and if not ends first what it
started and then itself. (The kernel's own way to say it on Linux is bound to the *thread* that starts a process, and workers
are started by threads that come and go.)
"""

import os
import signal
import threading
import time
from contextlib import suppress

import psutil

__all__ = ["end", "end_marked", "identity", "lives", "watch"]

INTERVAL = 0.5  # seconds between two looks
SLACK = 60.0  # seconds that a clock may be set by; no number of a process is used again so soon after its birth

_watched: list[psutil.Process | None] = []


def identity(pid: int) -> tuple[int, float]:
    """What tells a process from a later one with the same number: the number and the time of birth."""
    return pid, psutil.Process(pid).create_time()


def lives(process: psutil.Process | None) -> bool:
    """Whether a process still runs (one that ended, and whose end nobody has asked for, does not).

    >>> lives(psutil.Process())
    True
    """
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def watch(*others: tuple[int, float]) -> None:
    """End this process, and what it started, when its parent or one of the others is gone. Returns at once.

    Args:
        others: further processes, see :func:`identity`.
    """
    first = not _watched
    parent = os.getppid()
    if first:
        _watched.append(_found(parent, None))
    _watched.extend(_found(pid, birth) for pid, birth in others)
    if first:
        threading.Thread(target=_look, name="quire-lifeline", daemon=True).start()


def end(pid: int) -> None:
    """Kill what a process started, and what these started, then the process itself."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        children = _living(process)
        while children:
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            time.sleep(0.02)
            children = _living(process)
        process.kill()


def _living(process: psutil.Process) -> list[psutil.Process]:
    """What a process started and what these started, as far as it still runs."""
    return [child for child in process.children(recursive=True) if lives(child)]


def _found(pid: int, birth: float | None) -> psutil.Process | None:
    """The process with this number, if it is the one that was born then."""
    try:
        process = psutil.Process(pid)
        return process if birth is None or abs(process.create_time() - birth) < SLACK else None
    except psutil.NoSuchProcess:
        return None


def _look() -> None:
    while all(lives(process) for process in list(_watched)):
        time.sleep(INTERVAL)
    try:
        end(os.getpid())
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def end_marked(name: str, value: str) -> None:
    """Kill every process that was started with this value of an environment variable, whoever its parent is by now."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                process.kill()
