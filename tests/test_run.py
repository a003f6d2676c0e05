"""Executing chapters: what a run leaves, and what happens when it goes wrong. The toy checkout is run once for all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from toy_experiments import checkout, environ

from quire.provenance import read_json
from quire.tools import run as runner

BROKEN = 'value = {"a": 1}\nvalue["b"]'
DIES = "import os\nos._exit(9)"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(root, what was printed) of ``quire run`` on a good chapter, one that raises, and one whose kernel dies."""
    root = checkout(tmp_path_factory.mktemp("ran") / "toy", broken=BROKEN, dies=DIES)
    command = [sys.executable, "-m", "quire", "run", "--profile", "book", "--jobs", "2"]
    done = subprocess.run(command, env=environ(root), capture_output=True, text=True, timeout=200)
    assert done.returncode == 1, done.stdout + done.stderr
    return root, done.stdout


@pytest.fixture
def toy(ran, monkeypatch):
    """The checkout of that run, in this process."""
    monkeypatch.setenv("QUIRE_ROOT", str(ran[0]))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(ran[0] / "data" / "published"))
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    return ran[0]


def test_a_run_leaves_notebook_rows_figures_reports_and_provenance(ran):
    out = ran[0] / "build" / "book" / "toy"
    assert {p.name for p in out.iterdir()} == {
        "toy.ipynb", "rows", "toy-curve.svg", "toy-curve.dark.svg", "toy-curve.png", "toy-curve.csv", "figures.json",
        "claims.json", "sweeps.json", "provenance.json", "log.txt",
    }  # fmt: skip
    record = read_json(out / "provenance.json")
    assert record["parameters"] == {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cpu"}
    assert record["cells"] == {"computed": 12, "store": 0, "published": 0} and not record["failed"]
    assert record["chapter"] == "toy" and record["profile"] == "book" and record["peak_memory_mb"] > 0
    outputs = [o for c in nbformat.read(out / "toy.ipynb", 4).cells if c.cell_type == "code" for o in c.outputs]
    shown = [o for o in outputs if o.output_type == "display_data"]
    assert [
        set(o.data) & {"application/vnd.quire.figure+json", "application/vnd.quire.scoreboard+json"} for o in shown
    ] == [{"application/vnd.quire.figure+json"}, {"application/vnd.quire.scoreboard+json"}]
    judged = read_json(ran[0] / "build" / "book" / "claims.json")
    assert [(c["id"], c["verdict"]) for c in judged] == [("toy.slope", "holds"), ("toy.never", "untested")]


def test_a_cell_that_raises_is_shown_and_the_notebook_up_to_it_stays(ran):
    root, printed = ran
    assert BROKEN in printed and "KeyError: 'b'" in printed and "the notebook so far" in printed
    cells = nbformat.read(root / "build" / "book" / "broken" / "broken.ipynb", 4).cells
    texts = [o.text for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream"]
    assert texts == ["before\n"]
    assert read_json(root / "build" / "book" / "broken" / "provenance.json")["failed"] is True


def test_a_kernel_that_dies_is_reported_with_its_cell(ran):
    root, printed = ran
    assert "dies: this cell failed" in printed and "os._exit(9)" in printed and "DeadKernelError" in printed
    assert read_json(root / "build" / "book" / "dies" / "provenance.json")["failed"] is True
    assert not (root / "build" / "book" / "dies" / "dies.source.ipynb").exists()


def test_each_chapter_has_a_line(ran):
    lines = [line.split() for line in ran[1].splitlines() if " after " in line or " done in " in line]
    assert sorted(line[0] for line in lines) == ["broken", "dies", "toy"]


def test_a_run_goes_stale_with_the_code_of_its_chapter(toy):
    record = read_json(toy / "build" / "book" / "toy" / "provenance.json")
    assert runner.is_fresh("toy", record)
    path = toy / "chapters" / "toy.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("# # Toy", "# # Another title"))
        assert runner.is_fresh("toy", record)
        path.write_text(text.replace("fit.stderr)", "2 * fit.stderr)"))
        assert not runner.is_fresh("toy", record)
    finally:
        path.write_text(text)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(names=[]), "expected a chapter"),
        (dict(names=["toy"], jobs=0), "one job or more"),
        (dict(names=["toy"], label="../up"), "label"),
        (dict(names=["toy"], label="store"), "label"),
        (dict(names=["tony"]), "no chapter 'tony'"),
        (dict(names=["toy"], profile="bok"), "no profile"),
        (dict(names=["toy", "broken"], overrides={"exponent": 2.0}), "chapter broken: no parameter 'exponent'"),
        (dict(names=["toy"], overrides={"device": "gpu"}), "device must be"),
    ],
)
def test_nothing_runs_before_everything_is_checked(toy, monkeypatch, arguments, message):
    monkeypatch.setattr(runner, "_start", None)
    with pytest.raises(ValueError, match=message):
        runner.run(**arguments)


def test_a_run_in_this_process_keeps_its_record(toy, monkeypatch, capsys, tmp_path):
    """The body of the process that ``run`` starts, on a chapter that fails."""
    monkeypatch.setenv("QUIRE_RUN", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    assert runner._execute("broken", "book", {"seeds": 3}) == 1
    assert BROKEN in capsys.readouterr().out
    record = read_json(tmp_path / "run" / "provenance.json")
    assert record["failed"] and record["parameters"] == {"seeds": 3} and record["cells"]["computed"] == 0


class Script:
    """Stands for the process of a chapter: what it does is a line of python."""

    def __init__(self, code: str):
        self.code = code

    def __call__(self, chapter, profile, values, out, jobs):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / "log.txt").write_text("")
        (out / "progress.json").write_text('{"sweep": "toy.curve", "done": 1, "total": 3, "seconds_left": 4.0}')
        return subprocess.Popen([sys.executable, "-c", self.code], start_new_session=True)


def test_chapters_run_side_by_side_and_a_silent_death_is_named(toy, monkeypatch, capsys):
    monkeypatch.setattr(runner, "_start", Script("import os, time; time.sleep(0.3); os._exit(7)"))
    assert sorted(runner.run(["toy", "broken"], overrides={"seeds": 1}, jobs=2)) == ["broken", "toy"]
    out = capsys.readouterr().out
    assert out.count("exit status 7") == 2 and (toy / "build" / "custom" / "claims.json").exists()
    assert runner._progress(toy / "build" / "custom" / "toy", 2.0) == "1/3 cells of curve, 2 s, about 4 s left"
    assert runner._progress(toy / "build", 2.0) == "runs since 2 s"
    (toy / "build" / "progress.json").write_text("{")
    assert runner._progress(toy / "build", 2.0) == "runs since 2 s"


def test_an_interrupt_ends_what_runs(toy, monkeypatch):
    started = []

    def start(*arguments):
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
        started.append(Script(code)(*arguments))
        time.sleep(1.0)
        started.extend(psutil.Process(started[0].pid).children(recursive=True))
        return started[0]

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_start", start)
    monkeypatch.setattr(runner, "_progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.run(["broken"], label="interrupted")
    assert len(started) == 2 and started[0].returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while started[1].is_running() and started[1].status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_ends_chapter_and_kernel(tmp_path):
    root = checkout(tmp_path / "toy", waits="import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)")  # fmt: skip
    command = [sys.executable, "-m", "quire", "run", "waits"]
    process = subprocess.Popen(command, env=environ(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline, pid = time.monotonic() + 60, root / "chapters" / "pid"
    while not (pid.exists() and pid.read_text()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    kernel = psutil.Process(int(pid.read_text()))
    process.terminate()
    assert process.wait(20) != 0
    gone, _ = psutil.wait_procs([kernel], timeout=10)
    assert gone or kernel.status() == psutil.STATUS_ZOMBIE


def test_judging_uses_each_chapters_own_profile(toy):
    runs = toy / "build" / "mixed"
    shutil.copytree(toy / "build" / "book" / "toy", runs / "toy")
    assert [c["verdict"] for c in runner.judged("mixed")] == ["holds", "untested"]
    record = json.loads((runs / "toy" / "provenance.json").read_text())
    (runs / "toy" / "provenance.json").write_text(json.dumps({**record, "profile": "smoke"}))
    assert [c["verdict"] for c in runner.judged("mixed")] == ["untested", "untested"]
    assert runner.judged("nothing") == []
