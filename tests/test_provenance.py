"""Fingerprints: an edit changes what depends on it, and nothing else."""

import json
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
from toy_experiments import checkout, environ

from quire import provenance
from quire.provenance import environment, fingerprint, folder, project_root, read_json, write_json

LIB = Path(__file__).parents[1] / "lib" / "quire"
PACKAGE = {
    "__init__": "",
    "base": '"""Doc."""\n\n\ndef one():\n    """Doc."""\n    return 1  # comment\n',
    "other": "def two():\n    return 2\n",
    "lonely": "def nobody():\n    return 0\n",
    "sub/__init__": "from quire.sub.first import first\nfrom .second import second as renamed\n\nCONSTANT = 3\n",
    "sub/first": "from quire.base import one\n\n\ndef first():\n    return one()\n",
    "sub/second": "from .. import other\n\n\ndef second():\n    from ..base import one\n    return other.two() + one()\n",
    "uses/__init__": "",
    "uses/a": "from quire.sub import first\n\n\ndef run():\n    return first()\n",
    "uses/b": "from quire.sub import renamed\n\n\ndef run():\n    return renamed()\n",
    "uses/c": "import quire.sub as package\n\n\ndef run():\n    return package.CONSTANT\n",
    "uses/d": "from quire.other import *\n\n\nclass K:\n    def run(self):\n        return two()\n\n\ndef run():\n    return K().run()\n",
    "uses/e": "from quire.sub import CONSTANT\n\n\ndef run():\n    return CONSTANT\n",
}
USERS = "abcde"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of five users and what they reach; call it for the fingerprints of all of them."""
    for name, text in PACKAGE.items():
        path = tmp_path / "quire" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "quire" / "provenance.py"))

    def prints() -> dict[str, str]:
        provenance._tree_hash.cache_clear()
        found = {}
        for user in USERS:
            module = types.ModuleType(f"quire.uses.{user}")
            module.__file__ = str(tmp_path / "quire" / "uses" / f"{user}.py")
            monkeypatch.setitem(sys.modules, module.__name__, module)

            def run():
                pass

            run.__module__, run.__qualname__ = module.__name__, "run"
            found[user] = fingerprint(run)
        return found

    prints.root = tmp_path / "quire"
    yield prints
    provenance._tree_hash.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    """Replace text that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "file, old, new, changed",
    [
        ("base", "return 1", "return 7", "abce"),
        ("other", "return 2", "return 7", "bcde"),
        ("lonely", "return 0", "return 7", ""),
        ("sub/first", "return one()", "return -one()", "ace"),
        ("sub/second", "return other", "return -other", "bce"),
        ("sub/__init__", "CONSTANT = 3", "CONSTANT = 4", "ce"),
        ("sub/__init__", "from quire.sub.first import first", "from quire.base import one as first", "ace"),
        ("uses/a", "return first()", "return -first()", "a"),
        ("uses/d", "return two()", "return -two()", "d"),
        ("base", '"""Doc."""', '"""Another text."""', ""),
        ("base", "# comment", "# another comment", ""),
        ("base", "return 1", "return (\n        1\n    )", ""),
        ("uses/d", "class K:\n", 'class K:\n    """Documented."""\n\n', ""),
    ],
)
def test_an_edit_changes_exactly_what_depends_on_it(package, file, old, new, changed):
    before = package()
    edit(package.root / f"{file}.py", old, new)
    after = package()
    assert {user for user in USERS if before[user] != after[user]} == set(changed)


def test_every_fingerprint_differs_and_is_stable(package):
    assert package() == package() and len(set(package().values())) == len(USERS)


def test_only_a_top_level_function_of_a_module_has_a_fingerprint():
    class Inner:
        def method(self):
            pass

    def main():
        pass

    main.__module__ = "__main__"
    for function in (Inner.method, lambda: 0, main, 3):
        with pytest.raises(TypeError, match="top-level function of an importable module"):
            fingerprint(function)


CODE = """
import json, os
from quire.provenance import folder
from quire.sweep import grid, sweep
from quire.experiments import edited
rows = sweep(edited.uses_rng, grid(x=[1, 2])), sweep(edited.uses_nothing, grid(x=[1, 2]))
cells = json.loads((folder("run") / "sweeps.json").read_text())
print(json.dumps({name: sorted({c["source"] for c in sweep["cells"].values()}) for name, sweep in cells.items()}))
"""
EXPERIMENTS = {
    "edited": "from quire.experiments._plain import uses_nothing\nfrom quire.experiments._seeded import uses_rng\n",
    "_plain": "def uses_nothing(x: int):\n    return {'y': x}\n",
    "_seeded": "from quire.rng import seed_from\n\n\ndef uses_rng(x: int):\n    return {'y': seed_from(x) % 7}\n",
}


def test_an_edit_to_the_library_recomputes_exactly_its_dependents(tmp_path):
    shutil.copytree(LIB, tmp_path / "lib" / "quire", ignore=shutil.ignore_patterns("__pycache__", "experiments"))
    quire = tmp_path / "lib" / "quire"
    (quire / "experiments").mkdir()
    (quire / "experiments" / "__init__.py").write_text("")
    for name, text in EXPERIMENTS.items():
        (quire / "experiments" / f"{name}.py").write_text(text)
    (tmp_path / "data").mkdir()
    env = {**environ(tmp_path), "PYTHONPATH": str(tmp_path / "lib"), "QUIRE_STORE": str(tmp_path / "store")}

    def sources(run: str) -> dict:
        settings = {"QUIRE_RUN": str(tmp_path / run)}
        done = subprocess.run([sys.executable, "-c", CODE], env={**env, **settings}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {name.rpartition(".")[2]: found for name, found in json.loads(done.stdout).items()}

    assert sources("first") == {"uses_rng": ["computed"], "uses_nothing": ["computed"]}
    edit(quire / "rng.py", '"""Random streams that', '"""Streams that')  # a docstring
    edit(quire / "rng.py", "__all__ =", "# a comment\n__all__ =")
    edit(quire / "stats.py", "__all__ =", "UNUSED = 1\n__all__ =")
    assert sources("second") == {"uses_rng": ["store"], "uses_nothing": ["store"]}
    edit(quire / "rng.py", "__all__ =", "CHANGED = 1\n__all__ =")
    assert sources("third") == {"uses_rng": ["computed"], "uses_nothing": ["store"]}


def test_the_environment_names_machine_versions_and_commit(tmp_path, monkeypatch):
    here = environment("cpu")
    assert {"commit", "dirty", "versions", "device", "platform"} == set(here)
    assert here["versions"].keys() >= {"python", "torch", "numpy"} and "cores" in here["platform"]
    monkeypatch.setenv("PATH", str(tmp_path))  # git is not installed
    assert environment()["commit"] == "unknown" and environment()["dirty"] is False


def test_a_checkout_is_found_or_the_remedy_is_named(tmp_path, monkeypatch):
    assert (project_root() / "lib" / "quire").is_dir()
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="set QUIRE_ROOT"):
        project_root()
    monkeypatch.setenv("QUIRE_ROOT", str(checkout(tmp_path / "toy")))
    monkeypatch.delenv("QUIRE_STORE")
    assert folder("store") == tmp_path / "toy" / "build" / "store"


def test_json_files_are_read_or_named(tmp_path):
    path = tmp_path / "a" / "b.json"
    assert read_json(path) is None and read_json(path, {}) == {}
    write_json(path, {"b": [1, 2.5], "a": "é"})
    assert read_json(path) == {"a": "é", "b": [1, 2.5]} and path.stat().st_mode & 0o777 == 0o644
    path.write_text("{")
    with pytest.raises(ValueError, match="b.json is not readable as JSON.*delete it and run again"):
        read_json(path)
