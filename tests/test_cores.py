"""Threads that take whole pieces, and loops that are compiled: same results, whatever happens to the cache."""

import hashlib
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from quire.cores import arrays, compiled, each
from quire.kernels import ReluNTK
from quire.kernels.rectified import _accumulate_profile

CPU = torch.device("cpu")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_piece_once_on_any_number_of_threads(threads):
    before, found, inside = torch.get_num_threads(), [], []

    def piece(k):
        found.append(k)
        inside.append(torch.get_num_threads())

    try:
        torch.set_num_threads(threads)
        each(piece, iter(range(20)), device=CPU)
        assert sorted(found) == list(range(20)) and torch.get_num_threads() == threads
        assert set(inside) == {1}
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_piece_is_raised_and_the_threads_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        each(lambda k: 1 / k, range(3), device=CPU)
    assert torch.get_num_threads() == before


def test_arrays_are_the_memory_of_the_tensors_or_nothing():
    values = torch.arange(6.0).view(2, 3)
    [view] = arrays(values)
    view[0, 0] = 7
    assert float(values[0, 0]) == 7 and arrays(values.T)[0].flags.c_contiguous
    followed = torch.ones(2, requires_grad=True)
    assert arrays(values, followed) is None and arrays(torch.empty(2, device="meta")) is None
    seen = []
    torch.func.vmap(lambda row: seen.append(arrays(row)) or row)(values)
    assert seen == [None]


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-14), (torch.float32, 1e-5)])
def test_the_compiled_profile_is_the_tensor_code(dtype, error):
    cosines = torch.linspace(-1, 1, 1001, dtype=dtype).repeat(3, 1)
    weights = torch.rand(1001, dtype=dtype, generator=torch.Generator().manual_seed(0))
    total = torch.ones_like(cosines)
    ReluNTK().accumulate_(total, cosines.clone(), weights)
    expected = 1 + ReluNTK()(cosines.double()) * weights
    assert (total - expected).abs().max() < error and float(total[0, -1]) == float(1 + 2 * weights[-1])
    followed = torch.ones_like(cosines)
    ReluNTK().accumulate_(followed, cosines.clone(), weights.clone().requires_grad_())
    assert torch.allclose(followed, total, atol=error)


def test_an_error_of_the_loop_itself_is_raised():
    with pytest.raises(numba.core.errors.TypingError, match="unicode_type"):  # says what it cannot do with a text
        _accumulate_profile("no", "array", "here")
    total = np.zeros((1, 1))
    _accumulate_profile(total, np.ones((1, 1)), np.ones(1))
    assert total[0, 0] == 2


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from loop import double
values = np.arange(3.0)
double(values)
print(values.tolist())
"""
LOOP = """
from factors import FACTOR, halve
from quire.cores import compiled

@compiled
def double(values):
    for i in range(len(values)):
        values[i] = halve(FACTOR * values[i])
"""
FACTORS = """
from quire.cores import compiled_pass
FACTOR = 4
UNUSED = 1

@compiled_pass
def halve(value):
    return value / 2
"""


@pytest.fixture
def loop(tmp_path):
    """A folder with a loop that uses a number and a part of another file."""
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "factors.py").write_text(FACTORS)
    return tmp_path


def _run(folder, **settings):
    environ = {name: value for name, value in os.environ.items() if name not in ("QUIRE_CACHE", "NUMBA_CACHE_DIR")}
    command = [sys.executable, "-B", "-c", SCRIPT.format(folder=str(folder))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ | settings)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def _kept(folder):
    return sorted(folder.glob("loop.double-*/*"))


def _is_whole(path):
    content = path.read_bytes()
    return hashlib.sha256(content[32:]).digest() == content[:32]


def test_a_loop_that_is_kept_is_read_again(loop):
    assert _run(loop) == "[0.0, 2.0, 4.0]"
    [kept] = _kept(loop / "__pycache__")
    before = kept.stat()
    assert _is_whole(kept) and _run(loop) == "[0.0, 2.0, 4.0]"
    assert _kept(loop / "__pycache__") == [kept] and kept.stat().st_mtime_ns == before.st_mtime_ns


def test_a_cache_that_is_corrupt_costs_the_time_to_compile_and_nothing_else(loop):
    assert _run(loop) == "[0.0, 2.0, 4.0]"
    [kept] = _kept(loop / "__pycache__")
    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damage in (b"", b"garbage that is no pickle", whole[: len(whole) // 2], bytes(flipped)):
        kept.write_bytes(damage)
        assert _run(loop) == "[0.0, 2.0, 4.0]"
        assert _is_whole(kept) and len(kept.read_bytes()) > 1000, "what is damaged is written again"


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("FACTOR = 4", "FACTOR = 6", "[0.0, 3.0, 6.0]"),
        ("value / 2", "value / 4", "[0.0, 1.0, 2.0]"),
    ],
)
def test_an_edit_of_another_file_compiles_anew_and_the_old_form_is_dropped(loop, old, new, result):
    assert _run(loop) == "[0.0, 2.0, 4.0]"
    [first] = _kept(loop / "__pycache__")
    (loop / "factors.py").write_text(FACTORS.replace(old, new))
    assert _run(loop) == result
    [second] = _kept(loop / "__pycache__")
    assert first.parent != second.parent and not first.parent.exists()


def test_an_edit_that_the_loop_does_not_reach_compiles_nothing(loop):
    _run(loop)
    [first] = _kept(loop / "__pycache__")
    (loop / "factors.py").write_text(FACTORS.replace("UNUSED = 1", "UNUSED = 2"))
    before = first.stat().st_mtime_ns
    _run(loop)
    assert _kept(loop / "__pycache__") == [first] and first.stat().st_mtime_ns == before


def test_a_setting_says_where_loops_are_kept(loop, tmp_path):
    for name in ("QUIRE_CACHE", "NUMBA_CACHE_DIR"):
        assert _run(loop, **{name: str(tmp_path / name)}) == "[0.0, 2.0, 4.0]"
        [apart] = (tmp_path / name / "loops").iterdir()
        assert len(_kept(apart)) == 1 and not _kept(loop / "__pycache__")


def test_where_the_module_cannot_be_written_beside_the_users_cache_is_taken(loop, tmp_path):
    (loop / "__pycache__").write_text("no folder")
    assert _run(loop, XDG_CACHE_HOME=str(tmp_path / "user"), HOME=str(tmp_path / "user")) == "[0.0, 2.0, 4.0]"
    assert len([path for path in (tmp_path / "user").rglob("*") if path.parent.name.startswith("loop.double-")]) == 1


def test_nothing_is_kept_of_a_loop_that_is_not_that_of_its_source(loop, monkeypatch):
    monkeypatch.syspath_prepend(str(loop))
    monkeypatch.delenv("QUIRE_CACHE", raising=False)
    module = importlib.import_module("loop")
    try:
        module.FACTOR = 10
        values = np.arange(3.0)
        module.double(values)
        assert values.tolist() == [0, 5, 10] and not _kept(loop / "__pycache__")
    finally:
        for name in ("loop", "factors"):
            sys.modules.pop(name, None)


def test_nothing_is_kept_of_a_loop_that_reads_the_environment(loop):
    text = FACTORS.replace("FACTOR = 4", 'import os\nFACTOR = float(os.environ.get("FACTOR", "4"))')
    (loop / "factors.py").write_text(text)
    assert _run(loop) == "[0.0, 2.0, 4.0]" and _run(loop, FACTOR="6") == "[0.0, 3.0, 6.0]"
    assert not _kept(loop / "__pycache__")


def test_a_cache_that_cannot_be_written_costs_the_time_to_compile(loop, monkeypatch):
    (loop / "unwritable_loop.py").write_text(LOOP)
    monkeypatch.syspath_prepend(str(loop))
    monkeypatch.delenv("QUIRE_CACHE", raising=False)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    double = importlib.import_module("unwritable_loop").double
    try:
        for _ in range(2):
            values = np.arange(3.0)
            double(values)
            assert values.tolist() == [0, 2, 4]
        assert not list((loop / "__pycache__").glob("*/*.loop"))
    finally:
        for name in ("unwritable_loop", "factors"):
            sys.modules.pop(name, None)


def test_no_place_for_a_cache_costs_the_time_to_compile():
    """A function of a session has no file to cache beside; neither has one of a package in a folder that is read-only."""
    space = {"compiled": compiled}
    exec("@compiled\ndef third(values):\n    values[0] /= 3", space)
    values = np.ones(1)
    space["third"](values)
    assert values[0] == pytest.approx(1 / 3)


def test_a_compiled_loop_keeps_its_name():
    def half(values):
        """Half of it."""
        values[0] /= 2

    loop = compiled(half)
    assert loop.__name__ == "half" and loop.__doc__ == "Half of it."
    values = np.ones(1)
    loop(values)
    assert values[0] == 0.5
