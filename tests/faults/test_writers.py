"""Two at once, and more: in one run folder, at one chapter and label, for the same tensors; nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from toy_experiments import checkout, environ

from quire.record import RunFolder
from quire.store import Store, load_content

pytestmark = pytest.mark.faults

PATIENCE = 900  # seconds, for a machine that is twenty times slower
WRITERS, STEPS, FIGURES = 5, 8, 2
WRITER = """
import json, os, pathlib, sys, time
from quire.claims import report
from quire.figures import curves, figure
from quire.record import current
from quire.stats import Estimate
from quire.sweep import grid, made, sweep
from toy_experiments import curve
from toy_handles import norm, weights

if __name__ == "__main__":
    writer, steps, figures, place = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
    (place / f"ready-{writer}").touch()
    while not (place / "go").exists():
        time.sleep(0.001)
    for step in range(steps):
        report(f"toy.w{writer}-{step}", Estimate(writer + step / 100, 0.1, 3.0))
        rows = sweep(curve, grid(samples=[1, 2, 4], seed=100 * writer + step))
        names = {kind: f"toy-raw-{writer}-{step}.{kind}" for kind in ("svg", "dark.svg", "png", "csv")}
        entry = dict(zip(("light", "dark", "png", "table"), names.values()), alt="a picture", caption="a picture")
        current().add_figure(f"toy-raw-{writer}-{step}", {name: name.encode() for name in names.values()}, entry)
        made(weights, size=1 + (writer + step) % 3).tensors()
        if step < figures:
            text = f"The figure of writer {writer}, step {step}, of many at once."
            figure(f"toy-drawn-{writer}-{step}", curves(rows, x="samples", y="error"), alt=text, caption=text)
"""
CLAIM = {
    "says": "A number.",
    "source": {"paper": "derived", "where": "nowhere"},
    "predict": {"kind": "slope", "value": 1.0},
    "tolerance": {"abs": 0.1},
    "why": "many at once",
    "decidable": ["book"],
}


def wait_for(condition, processes: list[subprocess.Popen]) -> None:
    """Wait until something holds, while all processes run."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline and not any(process.poll() for process in processes)
        time.sleep(0.01)


def test_many_notebooks_in_one_run_folder_lose_nothing(tmp_path):
    root, run = checkout(tmp_path / "toy"), RunFolder(tmp_path / "run")
    ids = [f"toy.w{writer}-{step}" for writer in range(WRITERS) for step in range(STEPS)]
    (root / "data" / "claims" / "toy.yml").write_text(yaml.safe_dump([{"id": id, **CLAIM} for id in ids]))
    env = environ(root) | {"QUIRE_RUN": str(run.path), "QUIRE_HEADLESS": "1", "MPLBACKEND": "agg"}
    numbers = [str(STEPS), str(FIGURES), str(tmp_path)]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(i), *numbers], env=env) for i in range(WRITERS)]
    wait_for(lambda: len(list(tmp_path.glob("ready-*"))) == WRITERS, writers)
    (tmp_path / "go").touch()
    assert [writer.wait(PATIENCE) for writer in writers] == [0] * WRITERS
    reports = run.reports()
    assert set(reports) == set(ids)
    for id in ids:
        writer, step = map(int, id.removeprefix("toy.w").split("-"))
        assert reports[id]["value"] == writer + step / 100
    figures = run.figures()
    assert sorted(entry["number"] for entry in figures.values()) == list(range(1, WRITERS * (STEPS + FIGURES) + 1))
    for id, entry in figures.items():
        files = [run.file(entry[kind]) for kind in ("light", "dark", "png", "table")]
        assert all(file.stat().st_size for file in files)
        assert not id.startswith("toy-raw") or all(file.read_text() == file.name for file in files)
    cells = run.sweeps()["toy_experiments.curve"]
    asked = {(samples, 100 * w + s) for samples in (1, 2, 4) for w in range(WRITERS) for s in range(STEPS)}
    assert {(cell.arguments["samples"], cell.arguments["seed"]) for cell in cells} == asked
    assert len(cells) == len(asked) and all(len(cell.rows) == 1 for cell in cells)
    assert sorted(entry["arguments"]["size"] for entry in run.tensors().values()) == [1, 2, 3]
    assert not list(tmp_path.rglob("*.part"))


SLOW = """import pathlib, time
from toy_experiments import counted
from quire.sweep import grid, sweep
rows = sweep(counted, grid(x=list(range(6)), folder={folder!r}))
while pathlib.Path({folder!r}).with_name("hold").exists():
    time.sleep(0.05)
print(len(rows))"""


@pytest.fixture
def toy(tmp_path) -> tuple[Path, Path]:
    """A checkout with the chapter ``slow``, and the folder of the notes of its cells."""
    calls = tmp_path / "calls"
    calls.mkdir()
    return checkout(tmp_path / "toy", slow=SLOW.format(folder=str(calls))), calls


def begin(root: Path, *arguments: str) -> subprocess.Popen:
    """A `quire run` of the slow chapter."""
    command = [sys.executable, "-m", "quire", "run", "slow", *arguments]
    return subprocess.Popen(
        command, env=environ(root), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Status, and what was printed."""
    text = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, text


def check_run(root: Path, label: str) -> None:
    """The run is complete, and nothing of another is in its place."""
    run = RunFolder(root / "build" / label / "slow")
    assert run.provenance()["failed"] is False and len(run.sweeps()["toy_experiments.counted"]) == 6
    assert "12" in run.notebook("slow").read_text()
    left = [path.name for path in (root / "build" / ".running" / label).iterdir()]
    assert left == ["slow.lock"] and not (root / "build" / "failed").exists()


def test_two_runs_of_one_chapter_and_label_never_mix(toy):
    root, calls = toy
    both = [ended(process) for process in [begin(root), begin(root)]]
    refused = [text for status, text in both if status]
    assert sorted(status for status, _ in both) in (
        [0, 0],
        [0, 1],
    )  # the second began while the first was at work, or not
    assert all("another `quire run` is at work on slow of 'smoke': wait for it, or give" in text for text in refused)
    check_run(root, "smoke")
    assert len(list(calls.iterdir())) == 6


def test_a_second_run_is_refused_and_leaves_the_first_and_its_result_alone(toy):
    root, calls = toy
    hold = calls.with_name("hold")
    hold.touch()
    first = begin(root)
    wait_for(lambda: len(list(calls.iterdir())) > 0, [first])
    status, text = ended(begin(root))
    assert status == 1 and "another `quire run` is at work on slow" in text
    hold.unlink()
    assert ended(first)[0] == 0
    check_run(root, "smoke")
    before = {path: path.read_bytes() for path in (root / "build" / "smoke" / "slow").rglob("*") if path.is_file()}
    assert ended(begin(root, "-p", "seeds=99"))[0] == 1
    assert {p: p.read_bytes() for p in (root / "build" / "smoke" / "slow").rglob("*") if p.is_file()} == before


def test_two_labels_at_once_share_the_store(toy):
    root, calls = toy
    names = ("one", "other")
    assert [ended(process)[0] for process in [begin(root, "--label", name) for name in names]] == [0, 0]
    for name in names:
        check_run(root, name)
    rows = [RunFolder(root / "build" / name / "slow").sweeps()["toy_experiments.counted"] for name in names]
    assert [cell.rows for cell in rows[0]] == [cell.rows for cell in rows[1]]
    assert 6 <= len(list(calls.iterdir())) <= 12


HANDLE = """
import pathlib, sys, time
from quire.sweep import made
from toy_kills import held

if __name__ == "__main__":
    place, number = pathlib.Path(sys.argv[1]), sys.argv[2]
    (place / f"ready-{number}").touch()
    while not (place / f"go-{number}").exists():
        time.sleep(0.001)
    print(made(held, folder=str(place / "notes")).tensors()["whole"].tolist())
"""


class Askers:
    """Processes that ask for the same tensors, each when it is told to."""

    def __init__(self, place: Path, number: int):
        self.place, self.notes = place, place / "notes"
        self.notes.mkdir()
        settings = {"QUIRE_STORE": place / "store", "QUIRE_RUN": place / "run", "QUIRE_PUBLISHED": os.devnull}
        env = environ(place) | {name: str(value) for name, value in settings.items()}
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", HANDLE, str(place), str(i)], env=env, stdout=subprocess.PIPE, text=True
            )
            for i in range(number)
        ]
        wait_for(lambda: len(list(place.glob("ready-*"))) == number, self.processes)

    def go(self, *numbers: int) -> None:
        """Let these ask."""
        for number in numbers:
            (self.place / f"go-{number}").touch()

    def making(self) -> int:
        """How often the tensors were begun."""
        return len(list(self.notes.glob("held-*")))


def test_several_processes_that_ask_for_the_same_tensors_make_them_once(tmp_path):
    askers = Askers(tmp_path, 4)
    askers.go(*range(4))
    found = [ended(process) for process in askers.processes]
    assert [status for status, _ in found] == [0] * 4 and len({text for _, text in found}) == 1
    assert len(json.loads(found[0][1])) == 3 and askers.making() == 1
    assert len(RunFolder(tmp_path / "run").tensors()) == 1


def test_tensors_whose_maker_is_killed_are_made_by_one_who_waits(tmp_path):
    askers = Askers(tmp_path, 3)
    (askers.notes / "hold").touch()
    askers.go(0)
    wait_for(lambda: askers.making() == 1, askers.processes)
    askers.go(1, 2)
    time.sleep(1)
    assert askers.making() == 1  # the others wait
    askers.processes[0].kill()
    wait_for(lambda: askers.making() == 2, askers.processes[1:])
    (askers.notes / "hold").unlink()
    found = [ended(process) for process in askers.processes]
    assert [status for status, _ in found] == [-signal.SIGKILL, 0, 0]
    assert found[1][1] == found[2][1] and len(json.loads(found[1][1])) == 3 and askers.making() == 2
    (kept,) = Store(tmp_path / "store", tmp_path / "none").kept()
    assert load_content(kept.path, limit=2**20) is not None
