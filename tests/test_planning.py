"""What a run would compute, what that takes, and a run that ends when its time is over."""

import math
import os
import shutil

import jupytext
import pytest
from test_run import quire
from toy_experiments import checkout, curve

from quire.claims import untested
from quire.record import RunFolder, current
from quire.store import Store
from quire.sweep import grid, sweep
from quire.tools.chapters import path_of
from quire.tools.planning import (
    Asked,
    Sample,
    Scaling,
    asked_by,
    asking,
    depending,
    forecast,
    left,
    statements,
    without,
)
from quire.tools.planning.computing import next_cells
from quire.tools.planning.forecasts import Measured
from quire.tools.planning.table import lines
from quire.tools.profiles import resolve

SLOW = """from toy_experiments import counted
from quire.sweep import sweep
rows = sweep(counted, [dict(x=x, folder="{folder}", seconds=3600.0 if x == 3 else 0.0) for x in range(4)])
number = len(rows)
print("rows:", number)
# %%
print("the end")"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    root = checkout(tmp_path / "toy")
    for name, place in (("ROOT", ""), ("BUILD", "build"), ("STORE", "build/store"), ("PUBLISHED", "data/published")):
        monkeypatch.setenv(f"QUIRE_{name}", str(root / place))
    monkeypatch.setenv("QUIRE_RUN", str(root / "build" / "now"))
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    return root


def book():
    return asked_by("toy", resolve("toy", "book"))


# --- which cells


def test_a_chapter_is_asked_without_computing(toy):
    (one,), failed = book()
    assert failed == {} and one.name == "toy_experiments.curve"
    assert len(one.cells) == len(one.missing) == 12 and not (toy / "build" / "store").exists()
    sweep(curve, grid(samples=[1, 2], seed=[0], exponent=1.0), device="cpu")
    assert len(book()[0][0].found) == 2 and len(book()[0][0].missing) == 10


def test_what_depends_on_rows_that_are_not_there_is_said(toy):
    path = path_of("toy")
    path.write_text(
        path.read_text()
        + "\n# %%\nlast = rows.error.min()\nmore = sweep(curve, [dict(samples=int(last + 2), seed=9)])\n"
    )
    (one,), failed = book()
    assert len(failed) == 1 or "error" in str(failed)
    sweep(curve, one.cells.values(), device="cpu")
    sweeps, failed = book()
    assert failed == {} and [len(each.missing) for each in sweeps] == [0, 1]


def test_names_that_are_changed_in_place_are_followed(tmp_path):
    path = tmp_path / "chapter.py"
    path.write_text(
        "# %%\nfrom quire.sweep import sweep\ncells = []\nother = []\n"
        "# %%\nfor k in range(3):\n    cells.append(k)\nother.append(1)\nrows = sweep(f, cells)\n"
        "# %%\nvalue = rows + 1\nrows = 3\nprint(rows)\nclaims.report('a.b', value)\n"
    )
    found = statements(path)
    assert [one.code.splitlines()[0] for one in asking(found)] == [
        "from quire.sweep import sweep", "cells = []", "for k in range(3):", "rows = sweep(f, cells)",
    ]  # fmt: skip
    start = next(number for number, one in enumerate(found) if one.code.startswith("rows = sweep"))
    assert [found[k].code for k in sorted(depending(found, {start}))] == [
        "rows = sweep(f, cells)", "value = rows + 1", "claims.report('a.b', value)",
    ]  # fmt: skip
    assert found[-1].reports == ("a.b",)


# --- what they take


def test_a_law_finds_the_powers_and_takes_the_rest_as_linear():
    cells = [dict(size=n, depth=d, width=8, seed=s) for n in (10, 20, 40, 80) for d in (1, 3) for s in (0, 1)]
    law = Scaling([Sample(cell, 1e-2 * (1 + cell["size"]) ** 2 * (1 + cell["depth"])) for cell in cells])
    assert law.spread == pytest.approx(1, abs=0.05)
    assert law(dict(size=320, depth=1, width=8, seed=5)) == pytest.approx(1e-2 * 321**2 * 2, rel=0.2)
    wider = law(dict(size=80, depth=1, width=80, seed=5)) / law(dict(size=80, depth=1, width=8, seed=5))
    assert wider == pytest.approx(9) and law.guesses(dict(size=80, depth=1, width=80)) and not law.guesses(cells[0])


def test_words_lists_and_tensors_count():
    cells = [
        dict(kind=kind, sizes=[8, n], net={"made": "f", "arguments": {"steps": 10}}) for kind in "ab" for n in (8, 24)
    ]
    law = Scaling([Sample(cell, (100.0 if cell["kind"] == "a" else 1.0) * (1 + sum(cell["sizes"]))) for cell in cells])
    assert law(cells[0]) == pytest.approx(1700, rel=0.1) and law(cells[2]) == pytest.approx(17, rel=0.1)
    longer = cells[0] | {"net": {"made": "f", "arguments": {"steps": 109}}}
    assert law(longer) == pytest.approx(law(cells[0])) and not law.guesses(longer)  # that training is over
    more = Scaling([Sample(cell | {"net": [cell["net"]] * n}, float(1 + n)) for cell in cells for n in (1, 2, 5)])
    assert more(cells[0] | {"net": [cells[0]["net"]] * 9}) == pytest.approx(10, rel=0.1)
    assert Scaling([Sample({}, 3.0)])({}) == pytest.approx(3.0) and math.isnan(Scaling([Sample({}, 3.0)]).spread)
    with pytest.raises(ValueError, match="at least one measured cell"):
        Scaling([])


def test_a_forecast_counts_what_is_missing(toy):
    sweep(curve, grid(samples=[1, 2, 4], seed=[0], exponent=1.0), device="cpu")
    (line,) = forecast(book()[0], Measured(Store()))
    assert (line.name, line.cells, line.missing) == ("toy_experiments.curve", 12, 9)
    assert 0 < line.longest <= line.seconds < 60 and line.memory > 0 and line.disk > 0
    table, notes = lines(["toy"], "book", {})
    assert table[0][:2] == ("toy_experiments.curve", "9 of 12") and notes[-1].startswith("9 of 12 cells are missing")


def test_what_was_never_measured_is_said(toy):
    table, notes = lines(["toy"], "book", {})
    assert table[0][2] == "?" and notes[0].startswith("never measured")


# --- which come first


def test_cells_that_fit_are_taken_cheapest_first(toy):
    (one,), _ = book()
    measured = Measured(Store())
    chosen, cells = next_cells([one], measured, seconds=10.0, workers=2)
    assert chosen is one and len(cells) == 2  # never measured: one for each worker
    sweep(curve, cells, device="cpu")
    law = Scaling([Sample(dict(samples=n, seed=0, exponent=1.0), float(1 + n)) for n in (1, 8)])
    measured.seconds = lambda name: law
    _, cells = next_cells([one], measured, seconds=3.5, workers=1)
    assert [cell["samples"] for cell in cells] == [1]  # 2 s; a second one would not end in time
    _, cells = next_cells([one], measured, seconds=20.5, workers=1)
    assert {cell["samples"] for cell in cells} == {1, 2, 4} and len(cells) == 7  # 3 · 2 + 3 · 3 + 5
    assert next_cells([one], measured, seconds=1.0, workers=1) is None


def test_the_sweep_whose_claims_are_cheapest_comes_first(toy, monkeypatch):
    (dear,), _ = book()
    cheap = Asked("toy", dear.statement, dear.function, dict(list(dear.cells.items())[:2]), {})
    measured = Measured(Store())
    measured.seconds = lambda name: Scaling([Sample({}, 1.0)])
    assert next_cells([dear, cheap], measured, seconds=10.0, workers=1)[0] is cheap


# --- what is left out


def test_what_depends_on_missing_cells_is_left_out(toy):
    asked, failed = book()
    source = path_of("toy")
    notebook = jupytext.reads(source.read_text(), "py:percent")
    short = without(notebook, statements(source), asked, set(failed))
    text = "\n".join(cell.source for cell in short.cells)
    assert left(asked) == {"toy_experiments.curve": [12, 12]}
    assert 'claims.untested("toy.slope", "for lack of time: 12 of 12 cells of toy_experiments.curve are left")' in text
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "figure(" not in code and "sweep(curve" not in code and 'claims.scoreboard("toy")' in text
    sweep(curve, asked[0].cells.values(), device="cpu")
    asked, failed = book()
    whole = without(notebook, statements(source), asked, set(failed))
    assert [cell.source for cell in whole.cells] == [cell.source for cell in notebook.cells]


def test_an_untested_claim_says_why(toy):
    untested("toy.slope", "for lack of time")
    assert current().reports()["toy.slope"]["reason"] == "for lack of time"
    with pytest.raises(LookupError, match="toy.slop"):
        untested("toy.slop", "no time")


# --- runs


@pytest.mark.parametrize("text", ["90", "m", "-1m", "0m", "1d"])
def test_times_that_are_none_are_refused(tmp_path, text):
    root = checkout(tmp_path / "toy")
    done = quire(root, "run", "toy", "--budget", text)
    assert done.returncode == 1 and "40s, 90m or 2h" in done.stderr


def test_a_run_with_time_enough_is_a_run(tmp_path):
    root = checkout(tmp_path / "toy")
    done = quire(root, "run", "toy", "--profile", "book", "--budget", "2h")
    assert done.returncode == 0, done.stdout + done.stderr
    assert quire(root, "publish", "toy").returncode == 0
    assert "are left" not in done.stdout and "0 of 12" in quire(root, "plan", "toy", "--profile", "book").stdout


def test_a_cell_that_raises_ends_it_with_its_name(tmp_path):
    root = checkout(
        tmp_path / "toy",
        red='from toy_experiments import fails\nfrom quire.sweep import sweep\nsweep(fails, [{"x": 2}])',
    )
    done = quire(root, "run", "red", "--budget", "1h")
    assert done.returncode == 1 and "two is not allowed" in done.stderr


def test_cells_of_a_sweep_that_was_begun_are_published_and_serve_the_next_sitting(tmp_path, monkeypatch):
    """Four of six cells at paper scale; another machine with the published rows and an empty store has two left."""
    root = checkout(tmp_path / "toy")
    for name, place in (("ROOT", ""), ("BUILD", "build"), ("STORE", "build/store"), ("PUBLISHED", "data/published")):
        monkeypatch.setenv(f"QUIRE_{name}", str(root / place))
    monkeypatch.setenv("QUIRE_RUN", str(root / "build" / "now"))
    (one,), _ = asked_by("toy", resolve("toy", "paper"))
    sweep(curve, list(one.cells.values())[:4], device="cpu")
    assert quire(root, "run", "toy", "--profile", "paper", "--served").returncode == 0
    kept = RunFolder(root / "build" / "paper" / "toy")
    assert len(kept.sweeps()["toy_experiments.curve"]) == 4
    assert kept.reports()["toy.slope"]["reason"] == "for lack of time: 2 of 6 cells of toy_experiments.curve are left"
    done = quire(root, "publish", "toy", "--profile", "paper")
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(root / "build")
    (one,), _ = asked_by("toy", resolve("toy", "paper"))
    assert (len(one.found), len(one.missing)) == (4, 2)


@pytest.mark.faults
def test_what_takes_longer_than_was_expected_is_ended_at_the_hour(tmp_path):
    """A cell that sleeps for an hour looks like the three that do not."""
    root = checkout(tmp_path / "toy", slow=SLOW.format(folder=tmp_path))
    done = quire(root, "run", "slow", "--profile", "book", "--budget", "60s", QUIRE_BACKEND="loky", QUIRE_JOBS="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the time (60 s) is over" in done.stdout and "cells of toy_experiments.counted are left" in done.stdout
    assert "rows:" not in done.stdout and len(list(tmp_path.glob("[012]-*"))) == 3
    assert len(RunFolder(root / "build" / "book" / "slow").sweeps()["toy_experiments.counted"]) == 3
    refused = quire(root, "publish", "slow")
    assert refused.returncode == 1 and "incomplete" in refused.stderr
