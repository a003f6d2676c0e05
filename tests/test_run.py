"""Executing chapters: what a run leaves, and what happens when it goes wrong. The toy checkout is run once for all."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from toy_experiments import checkout, environ

from quire.files import read_json
from quire.lifeline import lives
from quire.record import RunFolder
from quire.tools import execute, freshness, places, plan, running
from quire.tools import run as runner
from quire.tools.order import Order

BROKEN = 'value = {"a": 1}\nvalue["b"]'
DIES = "import os\nos._exit(9)"
PATIENCE = 180  # seconds; a loaded machine is twenty times slower
MARKS = {"application/vnd.quire.figure+json", "application/vnd.quire.scoreboard+json"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(root, what was printed) of ``quire run`` on a good chapter, one that raises, and one whose kernel dies."""
    root = checkout(tmp_path_factory.mktemp("ran") / "toy", broken=BROKEN, dies=DIES)
    done = quire(root, "run", "--profile", "book", "--jobs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    return root, done.stdout


def quire(root: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """A command in a process of its own."""
    command = [sys.executable, "-m", "quire", *arguments]
    env = environ(root) | settings
    return subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, timeout=20 * PATIENCE)


@pytest.fixture
def toy(ran, tmp_path, monkeypatch):
    """A copy of that checkout, seen by this process."""
    root = tmp_path / "toy"
    shutil.copytree(ran[0], root)
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    return root


def wait_for(condition) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_leaves_notebook_rows_figures_reports_and_provenance(ran):
    run = RunFolder(ran[0] / "build" / "book" / "toy")
    assert {p.name for p in run.path.iterdir()} == {
        "toy.ipynb", "rows", "toy-curve.svg", "toy-curve.dark.svg", "toy-curve.png", "toy-curve.csv", "figures.json",
        "claims.json", "sweeps.json", "provenance.json", "log.txt",
    }  # fmt: skip
    record = run.provenance()
    assert record["parameters"] == {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cpu"}
    assert record["cells"] == {"computed": 12, "store": 0, "published": 0}
    assert (record["failed"], record["edited"], record["changed"]) == (False, False, [])
    assert (record["chapter"], record["profile"], record["commit"], record.get("dirty")) == (
        "toy",
        "book",
        "unknown",
        None,
    )
    assert record["peak_memory_mb"] > 0 and record["wall_seconds"] > 0
    judged = read_json(ran[0] / "build" / "book" / "claims.json")
    assert [(c["id"], c["verdict"]) for c in judged] == [("toy.slope", "holds"), ("toy.never", "untested")]


def test_what_the_computation_took_stands_apart_from_what_this_run_took(toy):
    first = RunFolder(toy / "build" / "book" / "toy")
    cells = first.sweeps()["toy_experiments.curve"]
    took = first.provenance()["computation"]
    assert took["cells"] == 12 and took["seconds"] == pytest.approx(sum(cell.seconds for cell in cells), abs=1e-3)
    assert took["devices"] == ["cpu"] and took["versions"] == [cells[0].origin["versions"]]
    assert first.provenance()["compute_seconds"] == pytest.approx(took["seconds"], abs=0.06)


def test_the_notebook_shows_a_figure_and_a_scoreboard(ran):
    notebook = nbformat.read(ran[0] / "build" / "book" / "toy" / "toy.ipynb", 4)
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    shown = [set(o.data) & MARKS for o in outputs if o.output_type == "display_data"]
    assert [mark for marks in shown for mark in marks] == sorted(MARKS)
    assert "papermill" not in notebook.metadata


def test_a_cell_that_raises_is_shown_and_the_notebook_up_to_it_is_kept_apart(ran):
    root, printed = ran
    place = root / "build" / "failed" / "book" / "broken"
    assert BROKEN in printed and "KeyError: 'b'" in printed and f"the notebook so far: {place}" in printed
    cells = nbformat.read(place / "broken.ipynb", 4).cells
    texts = [o.text for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream"]
    assert texts == ["before\n"] and RunFolder(place).provenance()["failed"] is True
    assert not (root / "build" / "book" / "broken").exists()


def test_a_kernel_that_dies_is_reported_with_its_cell(ran):
    root, printed = ran
    assert "dies: this cell failed" in printed and "os._exit(9)" in printed and "DeadKernelError" in printed
    assert RunFolder(root / "build" / "failed" / "book" / "dies").provenance()["failed"] is True


def test_each_chapter_has_a_line_and_nothing_is_left_in_progress(ran):
    lines = [line.split() for line in ran[1].splitlines() if " after " in line or " done in " in line]
    assert sorted(line[0] for line in lines) == ["broken", "dies", "toy"]
    left = [path.name for path in (ran[0] / "build" / ".running" / "book").iterdir() if path.suffix != ".lock"]
    assert left == []


EDITS = {
    "chapters/toy.py": [("# # Toy", "# # Another title", "the text changed"), ("stats.loglog_slope(", "-stats.loglog_slope(", "the code changed")],
    "chapters/profiles/toy.yml": [("seeds: 3", "seeds: 4", r"the profile changed \(seeds\)"), ("seeds: 3", "seeds: 99", "profile does not fit"), ("book:", "bok:", "profile does not fit")],
    "data/claims/toy.yml": [("abs: 0.1", "abs: 0.2", "the claims changed"), ("value: -1.0", "value: -1.1", "the claims changed")],
}  # fmt: skip


@pytest.mark.parametrize("file, edit", [(file, edit) for file, edits in EDITS.items() for edit in edits])
def test_a_run_goes_stale_with_code_text_profile_and_claims(toy, file, edit):
    record = RunFolder(toy / "build" / "book" / "toy").provenance()
    assert freshness.staleness("toy", record) == [] and freshness.is_fresh("toy", record)
    text = (toy / file).read_text()
    assert edit[0] in text
    (toy / file).write_text(text.replace(edit[0], edit[1]))
    (reason,) = freshness.staleness("toy", record)
    assert re.search(edit[2], reason)


def test_a_run_is_as_fresh_as_what_was_asked(toy):
    record = RunFolder(toy / "build" / "book" / "toy").provenance()
    comment = (toy / "data" / "claims" / "toy.yml").read_text() + "# a comment\n"
    (toy / "data" / "claims" / "toy.yml").write_text(comment)
    assert freshness.is_fresh("toy", record)
    own = {**record, "parameters": {**record["parameters"], "seeds": 5}}
    assert freshness.staleness("toy", own) == ["the profile changed (seeds)"]
    assert freshness.is_fresh("toy", {**own, "changed": ["seeds"]})
    assert freshness.staleness("toy", {**record, "edited": True}) == ["something was edited while it ran"]
    without = {name: value for name, value in record["parameters"].items() if name != "exponent"}
    assert freshness.staleness("toy", {**record, "parameters": without}) == ["the profile changed (exponent)"]
    old = {name: value for name, value in record.items() if not name.endswith("_key")}
    assert len(freshness.staleness("toy", old)) == 3


def test_what_is_edited_while_it_runs_is_never_fresh(toy):
    cell = f"import pathlib\npath = pathlib.Path({str(toy / 'chapters' / 'broken.py')!r})\npath.write_text(path.read_text() + '# %% [markdown]\\n# more\\n')"
    path = toy / "chapters" / "broken.py"
    path.write_text(path.read_text().replace(BROKEN, cell))
    done = quire(toy, "run", "broken")
    assert done.returncode == 0 and "were edited while it ran" in done.stdout
    record = RunFolder(toy / "build" / "smoke" / "broken").provenance()
    assert record["edited"] and "something was edited while it ran" in freshness.staleness("broken", record)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(names=[]), "expected a chapter"),
        (dict(names=["toy"], jobs=0), "one job or more"),
        (dict(names=["toy"], check=-1), "cells to check"),
        (dict(names=["toy"], label="../up"), "label"),
        (dict(names=["toy"], label="store"), "label"),
        (dict(names=["tony"]), "no chapter 'tony'"),
        (dict(names=["toy"], profile="bok"), "no profile"),
        (dict(names=["toy", "broken"], overrides={"exponent": 2.0}), "chapter broken: no parameter 'exponent'"),
        (dict(names=["toy"], overrides={"device": "gpu"}), "device must be"),
    ],
)
def test_nothing_runs_before_everything_is_checked(toy, monkeypatch, arguments, message):
    monkeypatch.setattr(runner, "start", None)
    with pytest.raises(ValueError, match=message):
        runner.run(**arguments)
    monkeypatch.setenv("QUIRE_JOBS", "many")
    with pytest.raises(ValueError, match="QUIRE_JOBS must be a number"):
        runner.run(["toy"])


def test_a_run_that_fails_leaves_the_previous_one(toy, monkeypatch):
    before = {p: p.read_bytes() for p in (toy / "build" / "book" / "toy").rglob("*") if p.is_file()}
    path = toy / "chapters" / "toy.py"
    text = path.read_text()
    path.write_text(text.replace("describe(rows)", "raise ArithmeticError"))
    assert quire(toy, "run", "toy", "--profile", "book").returncode == 1
    assert {p: p.read_bytes() for p in (toy / "build" / "book" / "toy").rglob("*") if p.is_file()} == before
    assert (toy / "build" / "failed" / "book" / "toy" / "toy.ipynb").exists()
    path.write_text(text)
    again = quire(toy, "run", "toy", "--profile", "book")
    assert again.returncode == 0 and not (toy / "build" / "failed" / "book" / "toy").exists()
    assert RunFolder(toy / "build" / "book" / "toy").provenance()["cells"]["store"] == 12


def test_a_run_that_another_process_is_at_is_refused(toy):
    lock = "from quire.tools.places import only_run\nwith only_run('toy', 'smoke'):\n    print('held', flush=True)\n    input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", lock], env=environ(toy), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RuntimeError, match="another `quire run` is at work on toy of 'smoke': wait for it, or give"):
        runner.run(["broken", "toy"])
    assert not (toy / "build" / "smoke").exists()
    holder.kill()  # the lock is gone with its process
    holder.communicate()
    with places.only_run("toy", "smoke"), places.only_run("broken", "smoke"):
        pass


def test_a_killed_run_is_put_right_by_the_next(toy):
    target = places.run_folder("toy", "book")
    hidden = toy / "build" / ".running" / "book"
    target.rename(hidden / "toy.old")  # killed between the two renames
    (hidden / "toy.new-1").mkdir()
    made = places.begin("toy", "book")
    assert (target / "toy.ipynb").exists() and [p.name for p in hidden.glob("toy.[no]*")] == [made.name]
    (made / "new").write_text("")
    (made / ".claims.json.lock").write_text("")
    assert places.keep(made, "toy", "book", failed=False) == target
    assert [p.name for p in target.iterdir()] == ["new"] and not list(hidden.glob("toy.[no]*"))


def test_runs_are_found_where_they_are_complete(toy):
    assert [p.name for p in places.runs_in(toy / "build" / "book")] == ["toy"]
    assert places.runs_in(toy / "build" / "nothing") == []


@pytest.mark.parametrize(
    "given, label",
    [(("", "book", False, False), "book"), (("", "book", True, False), "custom"), (("", "book", True, True), "fresh"),
     (("mine-2.b", "smoke", True, False), "mine-2.b"), (("book", "book", False, True), "book"), (("fresh", "smoke", False, True), "fresh"),
     (("", "book", False, False, 1000), "book-1000"), (("mine", "book", False, False, 7), "mine")],
)  # fmt: skip
def test_the_name_of_a_run(given, label):
    assert places.valid_label(*given) == label


def test_another_block_of_seeds_is_a_run_of_its_own_whose_reports_are_published_apart(toy):
    done = quire(toy, "run", "toy", "--profile", "book", "--seeds", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    other = RunFolder(toy / "build" / "book-40" / "toy")
    assert {cell.arguments["seed"] for cell in other.sweeps()["toy_experiments.curve"]} == {40, 41, 42}
    assert other.provenance()["seeds"] == 40
    same = {
        cell.arguments["seed"] for cell in RunFolder(toy / "build" / "book" / "toy").sweeps()["toy_experiments.curve"]
    }
    assert same == {0, 1, 2}
    claims = quire(toy, "claims", "--run", "book-40")
    assert claims.returncode == 0 and "run 'book-40'" in claims.stdout
    record = toy / "data" / "published"
    before = sorted((record / "book").rglob("*"))
    assert quire(toy, "publish", "toy", "--seeds", "40").returncode == 0
    assert {path.name for path in (record / "book-40" / "toy").iterdir()} == {"claims.json", "provenance.json"}
    assert sorted((record / "book").rglob("*")) == before
    with pytest.raises(ValueError, match="'book' is for unchanged runs of profile book, not for other seeds"):
        places.valid_label("book", "book", False, False, 40)
    with pytest.raises(ValueError, match="a first seed from 0 on"):
        plan.planned(["toy"], "book", {}, 1, "", False, 0, -1)


def test_a_fresh_run_has_a_store_of_its_own_and_resumes(toy):
    store = toy / "build" / "fresh" / "store"
    first = quire(toy, "run", "toy", "--fresh", QUIRE_STORE=str(toy / "elsewhere"))
    assert first.returncode == 0 and len(list(store.rglob("*.json"))) == 6 and not (toy / "elsewhere").exists()
    assert "resumes" not in first.stdout and (store / runner.COMPLETE).exists()
    record = RunFolder(toy / "build" / "fresh" / "toy").provenance()
    assert record["cells"] == {"computed": 6, "store": 0, "published": 0}
    (store / runner.COMPLETE).unlink()  # as if it had been killed
    again = quire(toy, "run", "toy", "--fresh")
    assert "resumes the fresh run that was interrupted: 6 finished pieces are kept" in again.stdout
    assert RunFolder(toy / "build" / "fresh" / "toy").provenance()["cells"]["store"] == 6
    asked = plan.planned(["toy"], "smoke", {}, 1, "", True, 0)
    assert runner._fresh_store(asked) == [] and not list(store.rglob("*.json"))  # that run had ended well


def test_a_published_number_that_was_edited_fails_the_run_that_checks_it(toy):
    assert quire(toy, "publish", "toy").returncode == 0
    shutil.rmtree(toy / "build")
    good = quire(toy, "run", "toy", "--profile", "book", "--check", "12")
    assert good.returncode == 0, good.stdout + good.stderr
    assert RunFolder(toy / "build" / "book" / "toy").provenance()["cells"]["published"] == 12
    published = RunFolder(toy / "data" / "published" / "book" / "toy")
    cells = published.sweeps()["toy_experiments.curve"]
    cells[0].rows[0]["error"] *= 1.001
    published.add_cells("toy_experiments.curve", cells)
    bad = quire(toy, "run", "toy", "--profile", "book", "--check", "12")
    assert bad.returncode == 1 and "error is published as" in bad.stdout and "its code computes" in bad.stdout
    assert RunFolder(toy / "build" / "failed" / "book" / "toy").provenance()["failed"]


def test_settings_of_a_chapter_have_absolute_paths(toy, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIRE_BUILD", "out")
    monkeypatch.delenv("QUIRE_STORE")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    asked = plan.planned(["toy", "broken"], "smoke", {}, 1, "", False, 0)
    settings = running.settings_of(asked)
    assert (settings["QUIRE_BUILD"], settings["QUIRE_STORE"]) == (
        str(tmp_path / "out"),
        str(tmp_path / "out" / "store"),
    )
    assert settings["QUIRE_ROOT"] == str(toy) and "OMP_NUM_THREADS" not in settings
    fresh = plan.planned(["toy"], "smoke", {}, 1, "", True, 0)
    settings = running.settings_of(fresh)
    assert settings["QUIRE_STORE"] == str(tmp_path / "out" / "fresh" / "store")
    assert settings["QUIRE_PUBLISHED"] == os.devnull
    assert "QUIRE_PROFILE" not in os.environ


def test_a_chapter_in_this_process_keeps_its_record(toy, monkeypatch, capsys, tmp_path):
    """The body of the process that ``run`` starts, on a chapter that fails."""
    monkeypatch.setenv("QUIRE_RUN", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    order = Order("broken", "book", {"seeds": 3}, changed=["seeds"], shown="there")
    assert Order(**json.loads(order.text())) == order
    assert execute.execute(order) is False
    assert BROKEN in (out := capsys.readouterr().out) and "the notebook so far: there/broken.ipynb" in out
    record = RunFolder(tmp_path / "run").provenance()
    assert record["failed"] and record["parameters"] == {"seeds": 3} and record["cells"]["computed"] == 0
    assert record["changed"] == ["seeds"]


class Script:
    """Stands for the process of a chapter: what it does is a line of python."""

    def __init__(self, code: str):
        self.code = code

    def __call__(self, chapter, asked):
        made = places.begin(chapter, asked.label)
        (made / "log.txt").write_text("")
        RunFolder(made).write_progress({"sweep": "toy.curve", "done": 1, "total": 3, "seconds_left": 4.0})
        process = subprocess.Popen([sys.executable, "-c", self.code], start_new_session=True)
        return running.Running(chapter, process, made)


def test_chapters_run_side_by_side_and_a_silent_death_is_named(toy, monkeypatch, capsys):
    monkeypatch.setattr(runner, "start", Script("import os, time; time.sleep(0.3); os._exit(7)"))
    assert sorted(runner.run(["toy", "broken"], overrides={"seeds": 1}, jobs=2)) == ["broken", "toy"]
    assert capsys.readouterr().out.count("exit status 7") == 2
    assert read_json(toy / "build" / "custom" / "claims.json") == []


def test_progress_is_one_line_and_never_stops_a_run(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    one = running.Running("toy", process, tmp_path, since=time.monotonic() - 2)
    assert re.fullmatch(r"toy  runs since \d+ s", one.progress)
    RunFolder(tmp_path).write_progress({"sweep": "toy.curve", "done": 1, "total": 3, "seconds_left": 4.0})
    assert re.fullmatch(r"toy  1/3 cells of curve, \d+ s, about 4 s left", one.progress)
    for text in ("{", "3", "{}", '{"sweep": 3}', '{"sweep": "a", "done": 1, "total": 2, "seconds_left": "x"}'):
        (tmp_path / "progress.json").write_text(text)
        assert re.fullmatch(r"toy  runs since \d+ s", one.progress)


def test_an_interrupt_ends_what_runs(toy, monkeypatch):
    started = []

    def begin(chapter, asked):
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
        one = Script(code)(chapter, asked)
        process = psutil.Process(one.process.pid)
        wait_for(lambda: process.children(recursive=True))
        started.extend([process, *process.children(recursive=True)])
        return one

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "start", begin)
    monkeypatch.setattr(running.Running, "progress", property(interrupt))
    with pytest.raises(KeyboardInterrupt):
        runner.run(["broken"], label="interrupted")
    assert len(started) == 2
    wait_for(lambda: not any(map(lives, started)))


def test_sigterm_ends_chapter_and_kernel(tmp_path):
    cell = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(6000)"
    root = checkout(tmp_path / "toy", waits=cell)
    command = [sys.executable, "-m", "quire", "run", "waits"]
    process = subprocess.Popen(command, env=environ(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = root / "chapters" / "pid"
    wait_for(lambda: process.poll() is not None or (pid.exists() and pid.read_text()))
    kernel = psutil.Process(int(pid.read_text()))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) != 0
    wait_for(lambda: not lives(kernel))


def test_judging_uses_each_chapters_own_profile(toy):
    runs = toy / "build" / "mixed"
    shutil.copytree(toy / "build" / "book" / "toy", runs / "toy")
    assert [c["verdict"] for c in runner.judged("mixed")] == ["holds", "untested"]
    run = RunFolder(runs / "toy")
    run.write_provenance({**run.provenance(), "profile": "smoke"})
    assert [c["verdict"] for c in runner.judged("mixed")] == ["untested", "untested"]
    assert runner.judged("nothing") == []


def test_papermill_alone_has_a_run_folder_of_its_own(toy):
    out = toy / "alone.ipynb"
    jupytext = [sys.executable, "-m", "jupytext", "--to", "ipynb", "--output", str(toy / "toy.ipynb")]
    subprocess.run([*jupytext, str(toy / "chapters" / "toy.py")], check=True, capture_output=True)
    papermill = [sys.executable, "-m", "papermill", str(toy / "toy.ipynb"), str(out), "-p", "seeds", "3"]
    done = subprocess.run(papermill, env=environ(toy), cwd=toy, capture_output=True, text=True)
    assert done.returncode == 0 and "Unable to parse" not in done.stderr, done.stderr
    (run,) = (toy / "build" / "interactive").iterdir()
    assert set(RunFolder(run).reports()) == {"toy.slope"} and len(RunFolder(run).sweeps()["toy_experiments.curve"]) == 9
