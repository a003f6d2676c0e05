"""Killed at random moments and begun again: nothing that was finished is lost, computed twice, or damaged.

A process that has imported the library forks one child for each attempt, so that a kill costs a fraction of a second. The
attempts form a chain: each resumes what the one before it left, until the sweep is complete; then all begins anew.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load
from toy_experiments import environ
from toy_kills import NUM_CELLS, SIZES

from quire.lifeline import lives
from quire.record import RunFolder
from quire.store import Store, load_content

pytestmark = pytest.mark.faults

PATIENCE = 600  # seconds, for a machine that is twenty times slower
KILLS = {"sequential": 60, "loky": 12}
MOMENTS = ("start", "tensors", "cells", "cells", "cells", "written", "end")
WORKERS = 2
TOTAL = len(SIZES) * NUM_CELLS
ATTEMPTS = """
import json, os, sys, traceback, warnings
from quire.files import CorruptFile
from quire.sweep import sweep
from toy_kills import cells, measured

if __name__ == "__main__":
    warnings.simplefilter("error", CorruptFile)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.environ.update(json.loads(line))
            try:
                sweep(measured, cells(sys.argv[1]))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
"""


class Attempts:
    """Starts attempts at the sweep, each a process with a group of its own; their cells leave notes in a folder."""

    def __init__(self, notes: Path, backend: str):
        settings = {"QUIRE_BACKEND": backend, "QUIRE_JOBS": str(WORKERS), "QUIRE_HEADLESS": "1"}
        env = {**environ(Path(__file__).parents[2]), **settings, "QUIRE_PUBLISHED": os.devnull}
        command = [sys.executable, "-c", ATTEMPTS, str(notes)]
        self.log = notes.with_name(
            "log.txt"
        )  # what went wrong, and what the tracker of loky says of those that were killed
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def start(self, place: Path) -> int:
        """Begin one with store and run in a folder; its process."""
        settings = {"QUIRE_STORE": str(place / "store"), "QUIRE_RUN": str(place / "run")}
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def ended(self) -> int:
        """Wait for the end of the one that was begun; its status as ``os.waitpid`` gives it."""
        return int(self.process.stdout.readline())

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@dataclass
class Seen:
    """What the store held at one moment, and how often each piece had been computed."""

    files: dict[Path, bytes]
    computed: dict[str, int]


def notes_of(folder: Path) -> dict[str, int]:
    """How often each piece of work was begun."""
    found: dict[str, int] = {}
    for path in folder.iterdir():
        piece = path.name.rpartition("-")[0]
        found[piece] = found.get(piece, 0) + 1
    return found


def pieces(store: Store) -> dict[Path, str]:
    """The finished files of the store, and the piece of work that each holds."""
    found = {}
    for kept in store.kept():
        if kept.path.suffix == ".json":
            cell = json.loads(load_content(kept.path, limit=2**20))["arguments"]
            found[kept.path] = f"cell-{cell['network']['arguments']['size']}-{cell['x']}"
        else:
            whole = load(load_content(kept.path, limit=2**20))["whole"]
            found[kept.path] = f"weights-{len(whole)}"
    return found


def look(place: Path, notes: Path) -> Seen:
    """What is finished; each file must be whole."""
    files = {}
    for kept in Store(place / "store", place / "none").kept():
        files[kept.path] = kept.path.read_bytes()
        assert load_content(kept.path, limit=2**20) is not None, kept.path
    return Seen(files, notes_of(notes))


def check_kept(before: Seen, now: Seen, store: Store) -> None:
    """Nothing that was finished before is lost, changed, or was computed since."""
    known = pieces(store)
    for path, content in before.files.items():
        assert now.files.get(path) == content, f"{path} was finished, and is lost or changed"
        assert now.computed[known[path]] == before.computed[known[path]], f"{known[path]} was computed again"


def group(leader: int) -> list[psutil.Process]:
    """The live processes of a group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and lives(process):
                found.append(process)
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def wait_until(condition) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def kill_at(moment: str, leader: int, place: Path, notes: Path, draw: random.Random) -> None:
    """Kill the group at a moment of this kind, or let it end if that comes first."""
    store = place / "store" / "toy_kills.measured"
    begun, finished = len(list(notes.iterdir())), len(list(store.glob("[!.]*.json")))
    wanted = draw.randint(1, 6)
    child = psutil.Process(leader)
    reached = {
        "start": lambda: True,
        "tensors": lambda: len(list(notes.iterdir())) > begun,
        "cells": lambda: len(list(store.glob("[!.]*.json"))) >= finished + wanted,
        "written": lambda: any(store.glob(".*.part")),
        "end": lambda: len(list(store.glob("[!.]*.json"))) == TOTAL,
    }[moment]
    wait_until(lambda: not lives(child) or reached())
    time.sleep(0 if moment == "written" else draw.uniform(0, 0.5 if moment == "start" else 0.05))
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended
    wait_until(lambda: not group(leader))


def rows_of(place: Path) -> dict[str, tuple]:
    """The rows of the run, by key."""
    cells = RunFolder(place / "run").sweeps()["toy_kills.measured"]
    return {cell.key: (cell.arguments, cell.rows, list(cell.made)) for cell in cells}


def tensors_of(place: Path) -> dict[str, dict]:
    """What the store holds of tensors; how long each took to make stands in its file too, and differs."""
    found = {path.name: load(load_content(path, limit=2**20)) for path in (place / "store").glob("*/[!.]*.safetensors")}
    return {name: {key: value.tolist() for key, value in tensors.items()} for name, tensors in found.items()}


def check_complete(place: Path, undisturbed: Path) -> None:
    """A sweep that was killed and resumed gave the same as one that was not."""
    assert rows_of(place) == rows_of(undisturbed) and len(rows_of(place)) == TOTAL
    assert tensors_of(place) == tensors_of(undisturbed) and len(tensors_of(place)) == len(SIZES)


def check_litter(place: Path, kills: int) -> None:
    """What kills left is hidden, a file per process at most, and counts as nothing."""
    litter = [path for path in place.rglob("*") if path.is_file() and path.suffix == ".part"]
    assert len(litter) <= kills * (WORKERS + 1) and all(path.name.startswith(".") for path in litter)
    assert len(list(Store(place / "store", place / "none").kept())) == TOTAL + len(SIZES)


@dataclass
class Chain:
    """Attempts at one sweep, each killed or ended: how many of them were killed."""

    attempts: Attempts
    place: Path
    notes: Path
    kills: int = 0

    def run(self, most: int, draw: random.Random) -> None:
        """Kill at most so many attempts; then let one end."""
        store, status = Store(self.place / "store", self.place / "none"), None
        while status != 0:
            before = look(self.place, self.notes)
            leader = self.attempts.start(self.place)
            if self.kills < most:
                kill_at(draw.choice(MOMENTS), leader, self.place, self.notes, draw)
            status = self.attempts.ended()
            assert status in (0, signal.SIGKILL), self.attempts.log.read_text()[-3000:]
            self.kills += status != 0
            check_kept(before, look(self.place, self.notes), store)


@pytest.mark.parametrize("backend", sorted(KILLS))
def test_kills_at_random_moments_lose_nothing(tmp_path, backend):
    notes, draw = tmp_path / "notes", random.Random(f"kills of {backend}")
    notes.mkdir()
    kills, complete = 0, 0
    with Attempts(notes, backend) as attempts:
        attempts.start(tmp_path / "undisturbed")
        assert attempts.ended() == 0 and sum(notes_of(notes).values()) == TOTAL + len(SIZES)
        while kills < KILLS[backend]:
            for note in notes.iterdir():
                note.unlink()
            chain = Chain(attempts, tmp_path / f"chain{complete}", notes)
            chain.run(KILLS[backend] - kills, draw)
            check_complete(chain.place, tmp_path / "undisturbed")
            check_litter(chain.place, chain.kills)
            twice = sum(notes_of(notes).values()) - TOTAL - len(SIZES)
            assert 0 <= twice <= chain.kills * WORKERS, "more was computed twice than was in flight"
            kills, complete = kills + chain.kills, complete + 1
    print(f"\n{backend}: {kills} kills, {complete} sweeps completed")
