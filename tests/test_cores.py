"""Threads that take whole pieces, and loops that are compiled: same results, whatever happens to the cache."""

import importlib
import subprocess
import sys
import textwrap

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
from quire.cores import compiled

@compiled
def double(values):
    for i in range(len(values)):
        values[i] *= 2
"""


def _run(folder):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(folder=str(folder))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_cache_that_is_corrupt_costs_the_time_to_compile_and_nothing_else(tmp_path):
    (tmp_path / "loop.py").write_text(textwrap.dedent(LOOP))
    assert _run(tmp_path) == "[0.0, 2.0, 4.0]"
    cached = sorted((tmp_path / "__pycache__").glob("*.nb*"))
    assert len(cached) == 2
    for damage in (b"", b"garbage that is no pickle", None):
        for path in cached:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
        assert _run(tmp_path) == "[0.0, 2.0, 4.0]"


def test_a_pass_is_compiled_with_its_loop_and_again_when_it_is_edited(tmp_path):
    text = LOOP.replace("import compiled", "import compiled, compiled_pass").replace("*= 2", "= twice(values[i])")
    text += "\n@compiled_pass\ndef twice(value):\n    return 2 * value\n"
    (tmp_path / "loop.py").write_text(text)
    for _ in range(2):  # compiled, then from the cache
        assert _run(tmp_path) == "[0.0, 2.0, 4.0]"
    (tmp_path / "loop.py").write_text(text.replace("2 * value", "10 * value"))
    assert _run(tmp_path) == "[0.0, 10.0, 20.0]"


def test_a_cache_that_cannot_be_written_costs_the_time_to_compile(tmp_path, monkeypatch):
    (tmp_path / "unwritable_loop.py").write_text(textwrap.dedent(LOOP))
    monkeypatch.syspath_prepend(str(tmp_path))
    from numba.core import caching

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    double = importlib.import_module("unwritable_loop").double
    for _ in range(2):
        values = np.arange(3.0)
        double(values)
        assert values.tolist() == [0, 2, 4]


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
