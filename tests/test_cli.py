"""The command line: what it prints and how it ends."""

import os
import subprocess
import sys

import pytest
from toy_experiments import checkout, curve, environ
from typer.testing import CliRunner

from quire.provenance import folder, write_json
from quire.sweep import grid, sweep
from quire.tools import cli
from quire.tools import run as runner

PROVENANCE = {"chapter": "toy", "failed": False, "parameters": {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cpu"}}  # fmt: skip


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout where ``write(label, slope)`` leaves a run."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))

    def write(label: str, slope: float = -1.0, profile: str = "book", samples=(1, 2)):
        monkeypatch.setenv("QUIRE_RUN", str(runner.run_folder("toy", label)))
        sweep(curve, grid(samples=list(samples), seed=0))
        record = {**PROVENANCE, "profile": profile, "source_key": runner.source_key("toy")}
        write_json(folder("run") / "provenance.json", record)
        write_json(folder("run") / "claims.json", {"toy.slope": {"value": slope, "stderr": 0.01}})

    write.root = root
    return write


def quire(*arguments: str):
    """The result of a command in this process."""
    return CliRunner().invoke(cli.app, list(arguments))


def test_list_shows_parameters_with_type_default_meaning_and_profiles(toy):
    out = quire("list").output
    for word in ("samples", "[1, 2, 4]", "[1, 2, 4, 8]", "how many repetitions", "float", "exponent"):
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


def test_diff_ends_with_the_number_of_differences(toy):
    toy("book")
    assert quire("publish").exit_code == 0
    done = quire("diff")
    assert done.exit_code == 0 and "0 differences in toy" in done.output
    toy("fresh", slope=-2.0, samples=(1, 2, 4))
    done = quire("diff", "published", "fresh", "--page", str(toy.root / "page.html"))
    assert done.exit_code == 1 and "2 differences" in done.output and "missing → present" in done.output
    assert "toy.slope verdict: holds → fails" in done.output and (toy.root / "page.html").exists()
    assert quire("diff", str(toy.root / "build" / "book"), "book", "--chapter", "toy").exit_code == 0


def test_publish_refuses_a_stale_run(toy):
    toy("book")
    path = toy.root / "chapters" / "toy.py"
    path.write_text(path.read_text() + "\nprint(1)\n")
    done = quire("publish", "toy")
    assert done.exit_code == 1 and "stale" in str(done.exception)


def test_run_passes_on_what_is_asked(toy, monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "run", lambda *arguments: asked.append(arguments) or [])
    assert quire("run", "toy", "-p", "seeds=1", "-p", "samples=[1, 2]", "--jobs", "2").exit_code == 0
    assert asked == [(["toy"], "smoke", {"seeds": 1, "samples": [1, 2]}, 2, "")]
    monkeypatch.setattr(runner, "run", lambda *arguments: ["toy"])
    assert quire("run", "--profile", "book").exit_code == 1


def test_a_fresh_run_sees_neither_store_nor_published_rows(toy, monkeypatch):
    monkeypatch.setattr(runner, "run", lambda *arguments: asked.append((*arguments, dict(os.environ))) or [])
    for name in ("QUIRE_STORE", "QUIRE_PUBLISHED"):
        monkeypatch.setenv(name, "before")
    asked, store = [], toy.root / "build" / "fresh" / "store"
    store.mkdir(parents=True)
    (store / "old").write_text("")
    assert quire("run", "--fresh").exit_code == 0
    names, _, _, _, label, env = asked[0]
    assert (names, label, env["QUIRE_STORE"], env["QUIRE_PUBLISHED"]) == (["toy"], "fresh", str(store), os.devnull)
    assert not store.exists()


def test_site_prints_its_path(toy, monkeypatch):
    monkeypatch.setattr("quire.tools.site.build", lambda profile: f"built {profile}")
    assert "built smoke" in quire("site", "--profile", "smoke").output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["run", "tony"], "quire: no chapter 'tony'; there are ['toy']"),
        (["run", "toy", "--profile", "bok"], "quire: no profile 'bok'"),
        (["run", "toy", "-p", "seeds"], "quire: a parameter is given as key=value"),
        (["run", "toy", "-p", "seed=1"], "did you mean 'seeds'?"),
        (["claims"], "quire: no claims in"),
        (["diff"], "quire: no chapter in both"),
        (["diff", "--chapter", "toy"], "quire: no run in"),
        (["publish", "toy"], "quire: no run in"),
    ],
)
def test_an_error_is_one_line_and_a_status(toy, monkeypatch, arguments, message):
    monkeypatch.setattr(sys, "argv", ["quire", *arguments])
    monkeypatch.setattr(cli.signal, "signal", lambda *given: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert message in ended.value.code and "\n" not in ended.value.code


def test_the_module_is_the_command(tmp_path):
    root = checkout(tmp_path / "toy")
    done = subprocess.run([sys.executable, "-m", "quire", "claims"], env=environ(root), capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("quire: no claims in") and "Traceback" not in done.stderr
