"""What computes: versions, cores, memory, the commit."""

import os
import subprocess
from pathlib import Path

import pytest
import torch
from joblib.externals.loky.backend import context

from quire import environment
from quire.environment import commit, cores, origin, peak_memory_mb, versions
from quire.schema import OriginEntry


def test_an_origin_names_what_can_move_a_number(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = origin("cpu")
    assert OriginEntry.model_validate(found) and found["threads"] == 3 and found["device"] == "cpu"
    assert set(found["versions"]) == {"python", "torch", "numpy", "scipy", "numba", "scikit-learn"}
    assert found["versions"]["torch"] == torch.__version__ and versions() == found["versions"]
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert origin("cpu")["threads"] == cores()


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    assert 1 <= cores() <= os.cpu_count()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 3
    monkeypatch.setattr(context, "_cpu_count_cgroup", lambda number: 2)  # the quota of a container
    assert cores() == 2


def test_memory_is_in_megabytes_on_linux_and_on_macos(monkeypatch):
    here = peak_memory_mb()
    assert 10 < here < 100_000

    class Usage:
        ru_maxrss = 300 * 2**20

    monkeypatch.setattr(environment.sys, "platform", "darwin")
    monkeypatch.setattr(environment.resource, "getrusage", lambda who: Usage)
    assert peak_memory_mb() == 300 == peak_memory_mb(children=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout with one commit."""
    (tmp_path / "data").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text("x = 1\n")
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*name, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_a_commit_is_known_dirty_or_unknown(repository, monkeypatch):
    known = commit()
    assert len(known["commit"]) == 40 and known["dirty"] is False
    (repository / "notes").write_text("beside lib and chapters")
    assert commit()["dirty"] is False
    (repository / "lib" / "a.py").write_text("x = 2\n")
    assert commit() == {**known, "dirty": True}
    real = subprocess.run

    def refuses(command, **options):  # git does so for a tree of another owner
        return real(["git", "-c", "safe.directory=none", "not-a-command"], **options)

    monkeypatch.setattr(environment.subprocess, "run", refuses)
    assert commit() == {"commit": "unknown", "dirty": None}

    def absent(command, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(environment.subprocess, "run", absent)
    assert commit() == {"commit": "unknown", "dirty": None}


def test_a_downloaded_archive_has_no_commit(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path(tmp_path).parent))
    assert commit() == {"commit": "unknown", "dirty": None}
