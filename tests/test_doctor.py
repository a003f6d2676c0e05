"""What is amiss is found and said with a remedy; why a run is stale is said by definition."""

import subprocess
from pathlib import Path

import pytest
from toy_experiments import checkout

from quire.tools import doctor
from quire.tools.changes import changed_definitions
from quire.tools.doctor import Finding, findings, reasons

ROOT = Path(__file__).resolve().parents[1]
MODULE = "def used():\n    return 1\n\n\ndef unused():\n    return 1\n"


def test_a_machine_is_looked_at_from_versions_to_chapters():
    found = {one.about: one for one in findings(["locality"])}
    for about in ("versions", "cores", "GPU", "data set mnist", "disk", "store", "locality"):
        assert found[about].seen, about
    assert all(one.well or one.remedy for one in found.values())


def test_a_version_that_is_not_the_locks_is_named(monkeypatch):
    real = doctor.importlib.metadata.version
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "0.0" if name == "numpy" else real(name))
    [found] = [one for one in doctor._versions()]
    assert not found.well and "numpy 0.0 (lock: " in found.seen and "make" in found.remedy


def test_little_room_on_the_disk_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("QUIRE_BUILD", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(doctor, "LITTLE", 2**80)
    assert doctor._disk() == Finding(
        False, "disk", doctor._disk().seen, "free some, or let QUIRE_BUILD name another place"
    )


def test_a_chapter_that_was_never_run_has_its_command(tmp_path, monkeypatch):
    monkeypatch.setenv("QUIRE_ROOT", str(checkout(tmp_path / "toy")))
    found = doctor._chapter("toy")
    assert not found.well and found.remedy == "`quire run toy --profile book`"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout of this code in git, whose chapter uses one of two functions of a module."""
    root = checkout(tmp_path / "toy")
    (root / "lib").mkdir(exist_ok=True)
    subprocess.run(["cp", "-r", str(ROOT / "lib" / "quire"), str(root / "lib" / "quire")], check=True)
    (root / "lib" / "quire" / "small.py").write_text(MODULE)
    chapter = root / "chapters" / "toy.py"
    chapter.write_text("# %% [markdown]\n# # Toy\n\n# %%\nfrom quire.small import used\n\nused()\n")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return root, done.stdout.strip()


def test_changed_definitions_are_those_that_a_chapter_reaches(repository):
    root, commit = repository
    assert changed_definitions("toy", commit) == []
    small = root / "lib" / "quire" / "small.py"
    small.write_text(MODULE.replace("def unused():\n    return 1", "def unused():\n    return 2"))
    assert changed_definitions("toy", commit) == []
    small.write_text(MODULE.replace("def used():\n    return 1", "def used():\n    return 2"))
    assert changed_definitions("toy", commit) == ["quire.small.used"]
    assert changed_definitions("toy", "nonsense") is None
    record = {"source_key": "other", "commit": commit, "profile": "smoke", "parameters": {}}
    assert any(said == "the code changed: small.used" for said in reasons("toy", record))


def test_without_the_commit_the_reason_stays_short(repository):
    record = {"source_key": "other", "commit": "unknown", "profile": "smoke", "parameters": {}}
    assert "the code changed" in reasons("toy", record)
