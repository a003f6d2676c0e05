"""Fingerprints of the library's own experiments: additions change none of them, edits those that reach them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # five processes that import the library
ROOT = Path(__file__).parents[1]
PROGRAM = """
import importlib, inspect, json, pkgutil
import quire.experiments
from quire.fingerprint import fingerprint, loaded_differences, reached, unfollowable

found = {}
for info in pkgutil.walk_packages(quire.experiments.__path__, "quire.experiments."):
    if info.name.endswith("measures"):  # what is done with rows, and no cell
        continue
    module = importlib.import_module(info.name)
    for name in getattr(module, "__all__", []):
        function = vars(module).get(name)
        if inspect.isfunction(function) and function.__module__ == info.name:
            assert not loaded_differences(function), (info.name, name, loaded_differences(function))
            assert not unfollowable(function), (info.name, name, unfollowable(function))
            found[f"{info.name}.{name}"] = [fingerprint(function), reached(function)]
print(json.dumps(found))
"""


class Copy:
    """A copy of the library that can be edited."""

    def __init__(self, folder: Path):
        self.root = folder
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "lib" / "quire", folder / "lib" / "quire", ignore=ignored)
        (folder / "data").mkdir()
        shutil.copy(ROOT / "data" / "registry.yml", folder / "data" / "registry.yml")

    def found(self) -> dict:
        """Fingerprint and what is reached, of every experiment, as a process of the copy has them."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIRE_")}
        environ = {**kept, "PYTHONPATH": str(self.root / "lib"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-B", "-c", PROGRAM], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that is there; an empty old one stands for the end of the file."""
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1) if old else text + new)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("copy"))


def changed(before, after):
    return {name for name in before if before[name][0] != after[name][0]}


def add(copy):
    """A module, functions beside others, titles of data, comments: nothing that an experiment reaches."""
    library = copy.root / "lib" / "quire"
    (library / "hierarchy" / "added.py").write_text('"""Added."""\n\n\ndef added():\n    """Added."""\n    return 1\n')
    copy.edit(
        "lib/quire/hierarchy/__init__.py",
        "__all__ = [",
        'from quire.hierarchy.added import added\n\n__all__ = [\n    "added",',
    )
    loss = "\n\ndef added_loss(logits, labels):\n    return logits.sum() + labels.sum()\n"
    copy.edit("lib/quire/training/loss_functions.py", "", loss)
    copy.edit("lib/quire/cores.py", "", "\n\ndef added_helper(x=1):\n    return x\n")
    copy.edit("lib/quire/rng.py", '"""Random streams that', '"""Streams that')
    copy.edit("lib/quire/__init__.py", "", "\n# a comment\n")
    copy.edit("data/registry.yml", "  title: ", "  title: New ")


def test_an_edit_changes_exactly_what_reaches_it(tmp_path):
    """One copy, edited again and again: each process is a state of it, held against the one before."""
    copy = Copy(tmp_path / "copy")
    before = copy.found()
    assert len(before) > 30 and len({key for key, _ in before.values()}) == len(before)

    add(copy)
    added = copy.found()
    assert changed(before, added) == set()

    copy.edit("lib/quire/rng.py", ">> 1\n", ">> 2\n")
    seeded = copy.found()
    reaching = {name for name, (_, names) in added.items() if "quire.rng.seed_from" in names}
    assert changed(added, seeded) == reaching and 0 < len(reaching)

    copy.edit("data/registry.yml", "sha256: ", "sha256: 0")
    loaded = copy.found()
    load = {name for name, (_, names) in added.items() if "data/registry.yml" in names}
    assert changed(seeded, loaded) == load and 0 < len(load) < len(added)
    assert all(any(part.startswith("quire.data.") for part in added[name][1]) for name in load)

    copy.edit("lib/quire/__init__.py", "", "\nimport decimal\n\ndecimal.getcontext().prec = 30\n")
    assert changed(loaded, copy.found()) == set(loaded)
