"""Compute the cells that chapters ask for until none is missing or the time is over; what was finished is kept.

The sweep whose claims are cheapest comes first, and in it the cheapest cells; what would not end in time is not begun, and what takes
longer than was expected is ended at the hour. Started by :func:`compute` as a process of its own.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable

from quire import device as devices
from quire.environment import cores
from quire.files import folder
from quire.lifeline import end, end_marked, identity, watch
from quire.settings import setting
from quire.store import Store
from quire.sweep import all_handles, plain, sweep
from quire.tools.chapters import path_of
from quire.tools.planning.asked import Asked, asked_by
from quire.tools.planning.dependence import depending, statements
from quire.tools.planning.forecasts import Measured
from quire.tools.profiles import every_scale

__all__ = ["compute"]

TOGETHER = 60.0  # seconds of all workers that are begun at a time: then comes another look at the clock and at what was measured


def compute(chapters: dict[str, dict], *, seconds: float, settings: dict[str, str]) -> bool:
    """Compute what is missing for at most so many seconds, in a process of its own; whether it came to an end by itself.

    Args:
        chapters: values of the parameters, by chapter.
        seconds: of wall time.
        settings: of the process (QUIRE_STORE and others).

    Raises:
        RuntimeError: a cell raised, or the process died; the message is what it said.
    """
    scratch = folder("build") / f".computing-{os.getpid()}"
    order = {"chapters": chapters, "deadline": time.time() + seconds, "parent": list(identity(os.getpid()))}
    own = settings | {"QUIRE_RUN": str(scratch), "QUIRE_HEADLESS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "quire.tools.planning.computing"],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(json.dumps(order).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            end(process.pid)
            process.wait()
        end_marked("QUIRE_RUN", str(scratch))
        shutil.rmtree(scratch, ignore_errors=True)
    if process.returncode:
        raise RuntimeError(said.decode(errors="replace").strip() or f"exit status {process.returncode}")
    return True


def next_cells(
    asked: Iterable[Asked], measured: Measured, *, seconds: float, workers: int
) -> tuple[Asked, list[dict]] | None:
    """Which cells to begin now: of one sweep, as many as are expected to end soon; None where nothing fits any more.

    Args:
        asked: sweeps with missing cells.
        measured: what cells have taken.
        seconds: that are left.
        workers: that compute.
    """
    chosen = None
    for one in asked:
        costs = sorted(_costs(one, measured).items(), key=lambda pair: (not math.isnan(pair[1]), pair[1]))
        fitting = [(key, cost) for key, cost in costs if math.isnan(cost) or cost <= seconds]
        if not fitting:
            continue
        total = sum(cost for _, cost in costs if not math.isnan(cost))
        price = total / max(1, _claims(one))
        if chosen is None or price < chosen[0]:
            chosen = (price, one, fitting)
    if chosen is None:
        return None
    _, one, fitting = chosen
    return one, [one.missing[key] for key in _batch(fitting, min(TOGETHER, seconds) * workers, workers)]


def _batch(fitting: list[tuple[str, float]], seconds: float, workers: int) -> list[str]:
    """The first cells, as many as take so many seconds together; of those that were never measured one for each worker."""
    if math.isnan(fitting[0][1]):
        return [key for key, cost in fitting[:workers] if math.isnan(cost)]
    batch, total = [], 0.0
    for key, cost in fitting:
        if batch and total + cost > seconds:
            break
        batch.append(key)
        total += cost
    return batch


def _costs(one: Asked, measured: Measured) -> dict[str, float]:
    """Seconds that each missing cell is expected to take, with its share of the tensors that are to be made for it."""
    needed = {key: {h.key: h for h in all_handles(cell) if h.key in one.absent} for key, cell in one.missing.items()}
    shared = Counter(handle for handles in needed.values() for handle in handles)
    costs = {}
    for key, cell in one.missing.items():
        parts = [(one.name, cell, 1), *((h.name, h.arguments, shared[k]) for k, h in needed[key].items())]
        costs[key] = sum(_expected(name, arguments, measured) / number for name, arguments, number in parts)
    return costs


def _expected(name: str, arguments: dict, measured: Measured) -> float:
    law = measured.seconds(name)
    return law(plain(arguments)) if law else math.nan


def _claims(one: Asked) -> int:
    """How many claims of the chapter depend on a sweep."""
    listed = statements(path_of(one.chapter))
    return sum(len(listed[number].reports) for number in depending(listed, {one.statement}))


def _compute(chapters: dict[str, dict], deadline: float) -> None:
    store, workers = Store(), int(setting("QUIRE_JOBS")) or cores()
    measured, done = Measured(store), set()
    for name in chapters:
        for values in every_scale(name):
            measured.learn(asked_by(name, values, store=store)[0])
    while True:
        asked = [one for name, values in chapters.items() for one in asked_by(name, values, store=store)[0]]
        asked = [one for one in asked if one.missing and not one.missing.keys() <= done]
        found = next_cells(asked, measured, seconds=deadline - time.time(), workers=workers)
        if found is None:
            return
        one, cells = found
        device = chapters[one.chapter].get("device", "auto")
        sweep(one.function, cells, device=str(devices.resolve(device)), store=store)
        done |= {key for key, cell in one.missing.items() if any(cell is chosen for chosen in cells)}
        measured.learn(asked)
        measured.again()


def _main() -> int:
    order = json.loads(sys.stdin.buffer.readline())
    watch(tuple(order["parent"]))
    _compute(order["chapters"], order["deadline"])
    return 0


if __name__ == "__main__":
    sys.exit(_main())
