"""The command line: what it prints and how it ends."""

import os
import subprocess
import sys

import pytest
from toy_experiments import checkout, curve, environ
from typer.testing import CliRunner

from quire.record import RunFolder
from quire.settings import SETTINGS
from quire.store import Store
from quire.sweep import grid, sweep
from quire.tools import cli, freshness, places
from quire.tools import run as runner

PARAMETERS = {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cpu"}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout where ``write(label, slope)`` leaves a run."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))

    def write(label: str, slope: float = -1.0, profile: str = "book", samples=(1, 2)):
        run = RunFolder(places.run_folder("toy", label))
        monkeypatch.setenv("QUIRE_RUN", str(run.path))
        sweep(curve, grid(samples=list(samples), seed=0))
        record = {"chapter": "toy", "failed": False, "parameters": PARAMETERS, "profile": profile}
        run.write_provenance(record | freshness.keys("toy"))
        run.report("toy.slope", {"value": slope, "stderr": 0.01, "dof": "inf"})

    write.root = root
    return write


def quire(*arguments: str):
    """The result of a command in this process."""
    return CliRunner().invoke(cli.app, list(arguments))


def test_list_shows_parameters_with_type_default_range_meaning_and_profiles(toy):
    out = quire("list").output
    for word in ("samples", "[1, 2, 4]", "[1, 2, 4, 8]", "how many repetitions", "float", "exponent", "[0.5, 4]"):
        assert word in out
    assert quire("list", "tony").exit_code == 1


def test_claims_prints_the_scoreboard_and_its_counts(toy):
    toy("book")
    done = quire("claims")
    assert done.exit_code == 0 and "✓" in done.output and "-1.00 ± 0.01" in done.output
    assert "1 holds, 0 fails, 0 inconclusive, 1 untested" in done.output


def test_claims_fails_when_what_held_in_the_record_does_not_hold_now(toy):
    toy("book")
    assert quire("publish", "toy").exit_code == 0
    assert quire("claims").exit_code == 0
    toy("book", slope=-2.0)
    done = quire("claims", "toy")
    assert done.exit_code == 1 and "does not hold now: toy.slope" in done.output
    toy("smoke", profile="smoke")
    assert quire("claims", "--run", "smoke").exit_code == 0  # not decidable there, and no record of it


def test_claims_prints_no_control_characters(toy):
    path = toy.root / "data" / "claims" / "toy.yml"
    path.write_text(path.read_text().replace("The error falls with the exponent.", r"\e[31mred\a"))
    toy("book")
    out = quire("claims").output
    assert "red" in out and "\x1b" not in out and "\x07" not in out


def test_diff_ends_with_what_was_compared(toy):
    toy("book")
    assert quire("publish").exit_code == 0
    done = quire("diff")
    assert done.exit_code == 0 and "0 differences" in done.output, done.output
    toy("fresh", slope=-2.0, samples=(1, 2, 4))
    done = quire("diff", "published", "fresh", "--page", str(toy.root / "page.html"))
    assert done.exit_code == 1 and "toy.slope" in done.output and (toy.root / "page.html").exists()
    assert quire("diff", str(toy.root / "build" / "book"), "book", "--chapter", "toy").exit_code == 0


def test_publish_refuses_a_stale_run_and_a_path(toy):
    toy("book")
    path = toy.root / "chapters" / "toy.py"
    path.write_text(path.read_text() + "\nprint(1)\n")
    done = quire("publish", "toy")
    assert done.exit_code == 1 and "stale" in str(done.exception)
    assert "no chapter" in str(quire("publish", "../toy").exception)


def test_run_passes_on_what_is_asked(toy, monkeypatch):
    asked, before = [], dict(os.environ)
    monkeypatch.setattr(runner, "run", lambda *given, **more: asked.append((given, more)) or [])
    arguments = ["toy", "-p", "seeds=1", "-p", "samples=[1, 2]", "--jobs", "2", "--fresh", "--check", "3"]
    assert quire("run", *arguments).exit_code == 0
    assert asked == [
        (
            (["toy"], "smoke", {"seeds": 1, "samples": [1, 2]}, 2, ""),
            {"fresh": True, "check": 3, "seeds": 0, "budget": 0.0, "served": False},
        )
    ]
    monkeypatch.setattr(runner, "run", lambda *given, **more: ["toy"])
    assert quire("run", "--profile", "book").exit_code == 1
    assert dict(os.environ) == before  # a command passes settings on, it does not set them for itself


def test_site_prints_its_path(toy, monkeypatch):
    monkeypatch.setattr("quire.tools.site.build", lambda profile: f"built {profile}")
    assert "built smoke" in quire("site", "--profile", "smoke").output


def test_settings_prints_the_table(toy, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("QUIRE_JOBS", "7")
    out = quire("settings").output
    assert all(name in out and entry.meaning in out for name, entry in SETTINGS.items())
    assert next(line for line in out.splitlines() if "QUIRE_JOBS" in line).rstrip(" │").endswith("7")


def test_store_lists_what_is_kept_and_drops_what_no_run_refers_to(toy, monkeypatch):
    toy("book")
    sweep(curve, grid(samples=[64], seed=0))  # in the same run: referred to as well
    monkeypatch.setenv("QUIRE_RUN", str(toy.root / "gone"))
    sweep(curve, grid(samples=[32, 16], seed=0))
    line = next(line for line in quire("store").output.splitlines() if "toy_experiments.curve" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")][1:4:2] == ["5", "2"] and "0 days ago" in line
    done = quire("store", "--drop-unused")
    assert "deleted 2 files" in done.output and len(list(Store().kept())) == 3
    assert "deleted 0 files" in quire("store", "--drop-unused").output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["run", "tony"], "quire: no chapter 'tony'; there are ['toy']"),
        (["run", "toy", "--profile", "bok"], "quire: no profile 'bok'"),
        (["run", "toy", "-p", "seeds"], "quire: a parameter is given as key=value"),
        (["run", "toy", "-p", "seeds=1", "-p", "seeds=2"], "quire: -p seeds is given twice"),
        (["run", "toy", "-p", "seed=1"], "did you mean 'seeds'?"),
        (["run", "toy", "--label", ".."], "quire: expected a label"),
        (["claims"], "quire: no claims in"),
        (["diff"], "quire: "),
        (["diff", "--chapter", "toy"], "quire: "),
        (["publish", "toy"], "quire: no run in"),
        (["new", "Toy"], "quire: a chapter's name"),
    ],
)
def test_an_error_is_one_line_and_a_status(toy, monkeypatch, arguments, message):
    monkeypatch.setattr(sys, "argv", ["quire", *arguments])
    monkeypatch.setattr(cli.signal, "signal", lambda *given: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert message in ended.value.code and "\n" not in ended.value.code


@pytest.mark.parametrize(
    "error", [KeyError("says"), TypeError("no"), AttributeError("x"), IndexError("far"), ZeroDivisionError()]
)
def test_an_error_without_a_sentence_names_its_type_and_place(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(cli.signal, "signal", lambda *given: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code.startswith(f"quire: {type(error).__name__}: ") and "test_cli.py:" in ended.value.code


def test_the_module_is_the_command_in_any_locale(tmp_path):
    root = checkout(tmp_path / "toy")
    path = root / "chapters" / "toy.py"
    path.write_text(path.read_text().replace("how many points", "combien d'échantillons ≥ 1"), encoding="utf-8")
    for locale in ("C", "en_US.ISO-8859-1"):
        env = environ(root) | {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        done = subprocess.run([sys.executable, "-m", "quire", "list"], env=env, capture_output=True)
        assert done.returncode == 0 and b"combien" in done.stdout, done.stderr
        done = subprocess.run([sys.executable, "-m", "quire", "claims"], env=env, capture_output=True)
        assert (
            done.returncode == 1 and done.stderr.startswith(b"quire: no claims in") and b"Traceback" not in done.stderr
        )
