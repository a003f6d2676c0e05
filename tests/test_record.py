"""The folder of a run: what is written comes back, two writers lose nothing, what somebody else wrote is checked."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_tables import same
from toy_experiments import environ

from quire.cells import Cell
from quire.files import CorruptFile
from quire.record import RunFolder, current

ROOT = Path(__file__).parents[1]
ORIGIN = {"versions": {"torch": "2.13.0"}, "device": "cpu", "threads": 1, "machine": "Linux x86_64, 2 cores"}
FILES = {"light": "a.svg", "dark": "a.dark.svg", "png": "a.png", "table": "a.csv"}
FIGURE = {**FILES, "alt": "what is seen", "caption": "what it says"}


def cell(number: int, *values: float, **changes) -> Cell:
    """A finished cell with a row for each value."""
    one = Cell(f"{number:024x}", {"x": number}, [{"y": value} for value in values], 0.5, "computed", ORIGIN, 90.0)
    return replace(one, **changes)


@pytest.fixture
def run(tmp_path):
    """A run's folder with two functions."""
    run = RunFolder(tmp_path / "run")
    run.add_cells("toy.f", [cell(1, 0.5, 0.25), cell(2, float("nan"))])
    run.add_cells("toy.g", [cell(3, 1.0)])
    return run


def index(run: RunFolder, change) -> None:
    """Change the index of a run by hand."""
    path = run.path / "sweeps.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_cells_come_back_and_those_of_an_earlier_sweep_stay(run):
    other = {**ORIGIN, "versions": {"torch": "2.14.0"}}
    run.add_cells(
        "toy.f",
        [cell(2, 7.0, origin=other, source="published", made={"a" * 24: 1.5}), cell(4, 1.0, arguments={"x": [1, 2]})],
    )
    found = run.sweeps()
    assert list(found) == ["toy.f", "toy.g"] and [c.key for c in found["toy.f"]] == [cell(n).key for n in (1, 2, 4)]
    assert same(vars(found["toy.f"][0]), vars(cell(1, 0.5, 0.25)))
    assert found["toy.f"][1].rows == [{"y": 7.0}] and found["toy.f"][1].origin == other
    assert found["toy.f"][1].source == "published" and found["toy.f"][1].made == {"a" * 24: 1.5}
    assert RunFolder(run.path / "nothing").sweeps() == {}


def test_reports_figures_tensors_and_provenance_come_back(run):
    run.report("toy.slope", {"value": -1.0, "stderr": 0.1, "dof": 2.0})
    run.report("toy.exact", {"value": 1.0, "stderr": 0.0, "dof": "inf"})
    run.report("toy.slope", {"value": -2.0, "stderr": 0.1, "dof": 2.0})
    assert run.reports()["toy.slope"]["value"] == -2.0 and run.reports()["toy.exact"]["dof"] == "inf"
    for id in ("toy-a", "toy-b", "toy-a"):
        run.add_figure(id, {"a.csv": b"x"}, FIGURE)
    assert {id: entry["number"] for id, entry in run.figures().items()} == {"toy-a": 1, "toy-b": 2}
    assert run.file("a.csv").read_bytes() == b"x"
    run.add_tensors("b" * 24, {"function": "toy.t", "arguments": {"n": 1}, "bytes": 10})
    assert run.tensors()["b" * 24]["bytes"] == 10
    assert run.provenance() is None
    run.write_provenance({"chapter": "toy", "profile": "book", "more": 1})
    assert run.provenance()["more"] == 1 and run.notebook("toy").name == "toy.ipynb"
    run.write_progress({"done": 1})
    assert run.progress() == {"done": 1}
    (run.path / "progress.json").write_text("{")
    assert run.progress() is None
    run.write_progress(None)
    assert run.progress() is None and not (run.path / "progress.json").exists()


WRITER = """
import sys
from pathlib import Path
from quire.record import RunFolder
from test_record import FIGURE, cell
run, first = RunFolder(Path(sys.argv[1])), int(sys.argv[2])
for i in range(first, first + 15):
    run.report(f"toy.c{i}", {"value": float(i), "stderr": 0.0, "dof": "inf"})
    run.add_figure(f"toy-{i}", {}, FIGURE)
    run.add_cells("toy.f", [cell(i, float(i))])
"""


def test_two_writers_of_one_folder_lose_nothing(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "run")]
    writers = [subprocess.Popen([*command, str(first)], env=environ(ROOT)) for first in (0, 100)]
    assert [writer.wait() for writer in writers] == [0, 0]
    run = RunFolder(tmp_path / "run")
    assert len(run.reports()) == 30 and len(run.figures()) == 30 and len(run.sweeps()["toy.f"]) == 30
    assert sorted(entry["number"] for entry in run.figures().values()) == list(range(1, 31))


DAMAGE = {
    "a cell that is a list": lambda v: v["toy.f"]["cells"].__setitem__(0, [1, 2]),
    "null": lambda v: v.__setitem__("toy.f", None),
    "text": lambda v: v.__setitem__("toy.f", "rows"),
    "a cell without rows": lambda v: v["toy.f"]["cells"][0].update(rows=0),
    "fewer rows": lambda v: v["toy.f"]["cells"][0].update(rows=1),
    "more rows": lambda v: v["toy.f"]["cells"][0].update(rows=3),
    "a key twice": lambda v: v["toy.f"]["cells"][1].update(key=v["toy.f"]["cells"][0]["key"]),
    "a key that is none": lambda v: v["toy.f"]["cells"][0].update(key="../../secret"),
    "an argument that is a column": lambda v: v["toy.f"]["cells"][0].update(arguments={"y": 1}),
    "a lost column": lambda v: v["toy.f"].update(columns={}),
    "a renamed column": lambda v: v["toy.f"].update(columns={"z": "float"}),
    "a retyped column": lambda v: v["toy.f"].update(columns={"y": "int"}),
    "an unknown type": lambda v: v["toy.f"].update(columns={"y": "object"}),
    "a path outside": lambda v: v["toy.f"].update(file="../../toy.f.csv"),
    "an absolute path": lambda v: v["toy.f"].update(file="/etc/passwd"),
    "another table": lambda v: v["toy.f"].update(file=v["toy.g"]["file"]),
    "another checksum": lambda v: v["toy.f"].update(sha256="0" * 64),
    "no checksum": lambda v: v["toy.f"].pop("sha256"),
    "a field too many": lambda v: v["toy.f"].update(code="import os"),
    "seconds as text": lambda v: v["toy.f"]["cells"][0].update(seconds="fast"),
    "negative seconds": lambda v: v["toy.f"]["cells"][0].update(seconds=-1.0),
    "another source": lambda v: v["toy.f"]["cells"][0].update(source="guessed"),
    "an origin that is not there": lambda v: v["toy.f"]["cells"][0].update(origin=5),
    "an origin without versions": lambda v: v["toy.f"]["origins"][0].pop("versions"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_index_leaves_out_that_function_by_name(run, name):
    index(run, DAMAGE[name])
    with pytest.warns(CorruptFile, match=r"toy\.f is left out"):
        assert list(run.sweeps()) == ["toy.g"]
    with pytest.warns(CorruptFile, match=r"toy\.f is left out"):
        run.add_cells("toy.f", [cell(1, 0.5)])
    assert list(run.sweeps()) == ["toy.f", "toy.g"]


@pytest.mark.parametrize("kind", ["truncated", "doubled row", "directory", "pipe", "loop", "absent"])
def test_a_damaged_table_is_left_out_by_name(run, kind):
    table = run.path / "rows" / "toy.f.csv"
    content = table.read_bytes()
    table.unlink()
    if kind == "truncated":
        table.write_bytes(content[:-3])
    elif kind == "doubled row":
        table.write_bytes(content + content.splitlines()[-1] + b"\n")
    elif kind == "directory":
        table.mkdir()
    elif kind == "pipe":
        os.mkfifo(table)
    elif kind == "loop":
        table.symlink_to(table)
    with pytest.warns(CorruptFile, match=r"toy\.f is left out"):
        assert list(run.sweeps()) == ["toy.g"]


@pytest.mark.parametrize(
    "file, value, message",
    [
        ("sweeps.json", [], "must map functions to their cells"),
        ("claims.json", 3, "must be a mapping"),
        ("claims.json", {"toy.slope": {"value": "steep"}}, r"claims\.json, toy\.slope .*value"),
        ("claims.json", {"toy.slope": {"value": 1.0, "stderr": -1.0}}, r"claims\.json, toy\.slope .*stderr"),
        ("claims.json", {"toy.slope": [1.0, 0.1]}, r"claims\.json, toy\.slope"),
        (
            "figures.json",
            {"toy-a": {**FIGURE, "number": 1, "table": "../../secret.txt"}},
            r"figures\.json, toy-a .*table",
        ),
        ("figures.json", {"toy-a": {**FIGURE, "number": 1, "light": "/etc/passwd"}}, r"figures\.json, toy-a .*light"),
        ("figures.json", {"toy-a": FILES}, r"figures\.json, toy-a .*alt"),
        ("provenance.json", {"chapter": "../toy", "profile": "book"}, r"provenance\.json .*chapter"),
        ("provenance.json", {"chapter": "toy", "profile": "large"}, r"provenance\.json .*profile"),
        ("provenance.json", ["toy"], r"provenance\.json"),
    ],
)
def test_what_a_run_does_not_write_is_named_by_file_and_field(tmp_path, file, value, message):
    run = RunFolder(tmp_path)
    (tmp_path / file).write_text(json.dumps(value))
    readers = {"sweeps.json": run.sweeps, "claims.json": run.reports, "figures.json": run.figures}
    with pytest.raises(ValueError, match=message):
        readers.get(file, run.provenance)()


def test_a_report_or_a_figure_of_another_shape_is_refused_when_it_is_written(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(ValueError, match=r"report of toy\.slope .*value"):
        run.report("toy.slope", {"value": float("nan"), "stderr": 0.1, "dof": 2.0})
    with pytest.raises(ValueError, match="bare name"):
        run.add_figure("toy-a", {"../a.csv": b""}, FIGURE)
    with pytest.raises(ValueError, match="figure toy-a .*dark"):
        run.add_figure("toy-a", {}, {**FIGURE, "dark": "x/y.svg"})
    assert not list(tmp_path.glob("*.json"))


def test_a_notebook_by_hand_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("QUIRE_RUN", "here")
    monkeypatch.chdir(tmp_path)
    assert current().path == tmp_path / "here"
    monkeypatch.delenv("QUIRE_RUN")
    monkeypatch.setenv("QUIRE_BUILD", str(tmp_path))
    code = "from quire.record import current; print(current().path); assert current().path == current().path"
    env = {**environ(ROOT), "QUIRE_BUILD": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    first, second = (Path(run.stdout.strip()) for run in runs)
    assert first != second and first.parent == second.parent == tmp_path / "interactive"
