"""Files that are whole, and what is not a file that we read; settings."""

import errno
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from toy_experiments import environ

from quire import files
from quire.files import bare, folder, from_yaml, locked, project_root, read_bytes, read_json, write_atomic, write_json
from quire.settings import SETTINGS, setting

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen", "chmod"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_atomic(path, b"before")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, call, full)
        with pytest.raises(OSError, match="No space left"):
            write_atomic(path, b"after")
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["file"]


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "large").write_bytes(b"0" * 100)
    for name in ("pipe", ".", "loop"):
        with pytest.raises(ValueError, match=r"must be a regular file|cannot be read"):
            read_bytes(tmp_path / name)
    with pytest.raises(ValueError, match="must be a regular file"):
        read_bytes(Path("/dev/zero"))
    with pytest.raises(ValueError, match="has 100 bytes, at most 99 are read"):
        read_bytes(tmp_path / "large", limit=99)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "absent")


def test_json_comes_back_and_reads_well(tmp_path):
    value = {"b": {"x": {"deep": [1, {"more": 2}]}, "empty": {}}, "a": [1.5, "é", None, True]}
    write_json(tmp_path / "v.json", value)
    text = (tmp_path / "v.json").read_text(encoding="utf-8")
    assert json.loads(text) == value == read_json(tmp_path / "v.json")
    assert '"x": {\n   "deep": [1, {"more": 2}]\n  }' in text and text.index('"a"') < text.index('"b"')
    assert read_json(tmp_path / "none.json", "default") == "default"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
def test_what_is_no_json_is_named(tmp_path, content):
    (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"v\.json is not readable as JSON.*delete it"):
        read_json(tmp_path / "v.json")


@pytest.mark.parametrize("text", ["a: [1", "[" * 20_000, "2020-99-99"])
def test_what_is_no_yaml_is_named(text):
    with pytest.raises(ValueError, match="profile.yml is not YAML"):
        from_yaml(text, "profile.yml")


def test_yaml_may_be_nested_as_deeply_as_it_likes():
    """What the fast loader could not hold is read by the other, and refused in words where that one cannot either."""
    assert from_yaml("- {a: [1, 2.5, true, null, text]}", "profile.yml") == [{"a": [1, 2.5, True, None, "text"]}]
    assert from_yaml("[" * 100 + "]" * 100, "profile.yml") is not None
    with pytest.raises(ValueError, match="profile.yml is not YAML"):
        from_yaml("[" * 100_000 + "]" * 100_000, "profile.yml")
    with pytest.raises(ValueError, match="profile.yml is not YAML"):
        from_yaml("- " * 20_000 + "x", "profile.yml")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../a", "/etc/passwd"])
def test_a_bare_name_stays_in_its_folder(name):
    with pytest.raises(ValueError, match="must be the bare name of a file"):
        bare(name)
    assert bare("a.csv") == "a.csv"


def test_a_lock_is_held_by_one(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "shared"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80 and max(most) == 1
    (tmp_path / ".other.lock").mkdir()
    with (
        pytest.raises(IsADirectoryError, match=r"\.other\.lock must be a file: remove what is there"),
        locked(tmp_path / "other"),
    ):
        pass


def test_a_file_that_another_run_renames_between_two_looks_is_no_folder(tmp_path, monkeypatch):
    path, look = tmp_path / "file.part", os.stat

    def look_once(name, *args, **kwargs):
        found = look(name, *args, **kwargs)
        if os.fspath(name) == os.fspath(path):
            path.unlink()
        return found

    path.touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", look_once)
        files.demand_file(path)
    assert not path.exists()
    files.demand_file(path)


def test_folders_follow_the_settings(tmp_path, monkeypatch):
    for name in ("QUIRE_STORE", "QUIRE_PUBLISHED", "QUIRE_BUILD"):
        monkeypatch.delenv(name, raising=False)
    assert project_root() == ROOT and folder("build") == ROOT / "build" and folder("store") == ROOT / "build" / "store"
    assert folder("published") == ROOT / "data" / "published"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIRE_BUILD", "out")  # relative to the caller
    assert folder("store") == tmp_path / "out" / "store"
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no quire checkout at .*set QUIRE_ROOT"):
        project_root()


def test_settings_have_a_meaning_a_default_and_one_reader():
    assert setting("QUIRE_BACKEND") in ("sequential", "loky", "dask") and setting("QUIRE_SCHEDULER") == ""
    assert all(entry.meaning and name == entry.name for name, entry in SETTINGS.items())
    with pytest.raises(LookupError, match="no setting 'QUIRE_JOB'"):
        setting("QUIRE_JOB")
    for path in (ROOT / "lib" / "quire").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert path.name == "settings.py" or not re.search(r'(environ|getenv)[^\n]*"QUIRE_', text), path


def test_an_empty_setting_is_its_default(monkeypatch):
    monkeypatch.setenv("QUIRE_JOBS", "")
    assert setting("QUIRE_JOBS") == "0"


def test_a_text_is_utf8_whatever_the_locale(tmp_path):
    code = "from pathlib import Path; from quire.files import *; write_json(Path('v.json'), '\\u00e9'); print(read_json(Path('v.json')) == '\\u00e9')"
    env = {**environ(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
