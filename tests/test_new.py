"""A new chapter: the skeleton runs, is tested, and passes what every chapter must pass. Tried in a copy of this checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy_experiments import environ

from quire.files import read_json
from quire.record import RunFolder
from quire.tools import contents
from quire.tools.new import skeleton

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "published", "__pycache__", "*.egg-info", "mathjax")
FILES = {
    "chapters/topic.py", "chapters/profiles/topic.yml", "data/claims/topic.yml", "data/tolerances/topic.yml",
    "lib/quire/experiments/topic/__init__.py", "lib/quire/experiments/topic/cells.py",
    "lib/quire/experiments/topic/measures.py", "tests/test_experiments_topic.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of this checkout, without what is built or published."""
    root = tmp_path_factory.mktemp("copy") / "quire"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    return root


@pytest.fixture(scope="module")
def topic(copy):
    """(root of the copy, what `quire new topic` printed)."""
    done = python(copy, "-m", "quire", "new", "topic")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy, done.stdout


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    """A command of the copy, which imports the library of the copy."""
    path = os.pathsep.join([str(root / "lib"), str(root / "tests")])
    env = environ(root) | {"PYTHONPATH": path, "MPLBACKEND": "agg"}
    return subprocess.run([sys.executable, *arguments], env=env, cwd=root, capture_output=True, text=True)


def test_everything_that_a_chapter_consists_of_is_written(topic):
    root, printed = topic
    assert all((root / name).is_file() and str(root / name) in printed for name in FILES)
    assert all("NAME" not in (root / name).read_text() for name in FILES)
    expected, rows = read_json(root / "tests" / "notebooks" / "topic.json")
    assert expected[0]["text/plain"] == ["topic.slope: -0.5 ± 0.05 (log error per log n)"]
    assert rows[0]["stdout"][0] == "6 rows"


def test_it_has_a_place_in_the_book_before_the_pages_about_it(topic, monkeypatch):
    monkeypatch.setenv("QUIRE_ROOT", str(topic[0]))
    assert contents.listed()[-1] == "topic" and contents.contents()[-1].pages
    monkeypatch.setenv("QUIRE_ROOT", str(ROOT))
    before = contents.contents()
    monkeypatch.setenv("QUIRE_ROOT", str(topic[0]))
    assert [part for part in contents.contents() if part.caption != "New chapters"] == before


@pytest.mark.slow
def test_it_runs_and_its_claim_is_tested_at_book_scale(topic):
    root, _ = topic
    for profile in ("smoke", "book"):
        done = python(root, "-m", "quire", "run", "topic", "--profile", profile)
        assert done.returncode == 0, done.stdout + done.stderr
    judged = read_json(root / "build" / "book" / "claims.json")
    assert [(claim["id"], claim["verdict"]) for claim in judged] == [("topic.slope", "holds")]
    assert set(RunFolder(root / "build" / "smoke" / "topic").figures()) == {"topic-scatter"}
    one_seed = python(root, "-m", "quire", "run", "topic", "-p", "seeds=1", "-p", "sizes=[1]")
    assert one_seed.returncode == 0, one_seed.stdout + one_seed.stderr


@pytest.mark.slow
def test_it_passes_what_every_chapter_must_pass(topic):
    root, _ = topic
    written = sorted(str(root / name) for name in FILES if name.endswith(".py"))
    for command in ("check", "format --check"):
        ruff = ["-m", "ruff", *command.split(), "--no-cache", "--config", str(root / "lib" / "pyproject.toml")]
        done = python(root, *ruff, *written)
        assert done.returncode == 0, done.stdout + done.stderr
    tests = ["tests/test_experiments_topic.py", "tests/test_chapters.py", "tests/test_layers.py"]
    done = python(root, "-m", "pytest", "-q", "-p", "no:xdist", "-k", "topic", *tests)
    assert done.returncode == 0 and re.search(r"\d+ passed", done.stdout), done.stdout + done.stderr
    done = python(root, "tests/notebooks/check.py", "topic")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "Topic", "2d", "a-b", "../up", "a/b", "a.b", "class", "a b", "ä"])
def test_what_is_no_name_is_refused(copy, monkeypatch, name):
    monkeypatch.setenv("QUIRE_ROOT", str(copy))
    with pytest.raises(ValueError, match="a chapter's name has small letters, digits and '_'"):
        skeleton(name, record=False)


def test_nothing_is_written_over(topic, monkeypatch):
    root, _ = topic
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    for name in ("topic", "locality"):
        before = {path: path.read_bytes() for path in root.rglob("*.yml")}
        with pytest.raises(ValueError, match=rf"chapters/{name}\.py.* exists: choose another name"):
            skeleton(name, record=False)
        assert {path: path.read_bytes() for path in root.rglob("*.yml")} == before


def test_a_planned_chapter_keeps_its_entry_and_a_second_new_one_joins_the_first(topic, monkeypatch):
    root = topic[0].parent / "other"
    shutil.copytree(topic[0], root, ignore=LEFT_OUT)
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    place, planned = (
        root / "book" / "map.yml",
        "    - {chapter: planned, title: Planned, thesis: To come., papers: []}\n",
    )
    before = place.read_text().replace("    - chapter: mechanics\n", planned + "    - chapter: mechanics\n")
    place.write_text(before)
    paths = skeleton("planned", record=False)
    assert planned in before and place.read_text() == before and root / "chapters" / "planned.py" in paths
    skeleton("second", record=False)
    part = next(part for part in contents.contents() if part.caption == "New chapters")
    assert [entry["chapter"] for entry in part.chapters] == ["second", "topic"]


def test_a_skeleton_that_does_not_run_is_said(copy, tmp_path, monkeypatch):
    root = tmp_path / "broken"
    shutil.copytree(copy, root, ignore=LEFT_OUT)
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    (root / "tests" / "notebooks" / "check.py").write_text("raise SystemExit('no kernel here')")
    with pytest.raises(RuntimeError, match="the notebook of broken does not run: no kernel here"):
        skeleton("broken")


def test_the_contribution_page_has_ten_steps_about_files_that_a_skeleton_has():
    text = (ROOT / "book" / "contribute.md").read_text(encoding="utf-8")
    assert re.findall(r"^(\d+)\. ", text, re.MULTILINE) == [str(i) for i in range(1, 11)]
    named = set(re.findall(r"`([\w/.]*topic[\w/.]*\.(?:py|yml))`", text))
    assert {name for name in named if "/" in name} <= FILES and len(named) >= 6
