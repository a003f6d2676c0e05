"""Speed and memory of shallow kernels and of learning curves, as ratios within one machine and one moment."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from quire.kernels import Laplacian, ReluNTK, convolutional, local
from quire.regression import NestedRegression, draw_teachers

NUM_POINTS, DIM, FILTER_SIZE = 1024, 9, 3

PEAK = """
def peak():  # kB; unlike getrusage, not inherited from the process that started this one
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""
THEIRS = (
    PEAK
    + """
import sys
sys.path.insert(0, {tests!r})
from neural_tangents_compat import neural_tangents, jax
import numpy as np
stax = neural_tangents.stax
network = stax.serial(
    stax.Conv(1, (3,), padding="CIRCULAR", W_std=2**.5, b_std=None), stax.Relu(), stax.GlobalAvgPool(),
    stax.Dense(1, W_std=1.0, b_std=None))
x = np.random.default_rng(0).standard_normal(({num}, 9, 1))
kernel = jax.jit(lambda x: network[2](x, None, "ntk"))
kernel(x[:8]).block_until_ready()
before = peak()
kernel(x).block_until_ready()
print(peak() - before)
"""
)
OURS = (
    PEAK
    + """
import torch
from quire.kernels import ReluNTK, convolutional
x = torch.randn({num}, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
convolutional(x[:8], constituent=ReluNTK(), filter_size=3)
before = peak()
convolutional(x, constituent=ReluNTK(), filter_size=3)
print(peak() - before)
"""
)


@pytest.fixture(autouse=True)
def _two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def points(num=NUM_POINTS):
    return torch.randn(num, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def best_ratio(slow, fast, rounds):
    """Interleaved; the best of each side, in wall time and in CPU time. A busy machine spoils the first more."""
    slow(), fast()
    times = np.array([[_timed(call) for call in (slow, fast)] for _ in range(rounds)]).min(0)
    return {"wall": float(times[0, 0] / times[1, 0]), "cpu": float(times[0, 1] / times[1, 1])}


def _timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def test_gram_beats_neural_tangents(record_property):
    """At least 8 times in wall time, compiled on both sides, two threads each; equal to eight digits."""
    compat = pytest.importorskip("neural_tangents_compat", exc_type=ImportError)
    stax = compat.neural_tangents.stax
    network = stax.serial(
        stax.Conv(1, (FILTER_SIZE,), padding="CIRCULAR", W_std=2**0.5, b_std=None),
        stax.Relu(),
        stax.GlobalAvgPool(),
        stax.Dense(1, W_std=1.0, b_std=None),
    )
    inputs = points()
    kernel, array = (compat.jax.jit(lambda x: network[2](x, None, "ntk")), inputs.numpy()[..., None])

    def theirs():
        return kernel(array).block_until_ready()

    def ours():
        return convolutional(inputs, constituent=ReluNTK(), filter_size=FILTER_SIZE)

    np.testing.assert_allclose(ours().numpy(), np.asarray(theirs()), rtol=1e-8)
    ratio = best_ratio(theirs, ours, rounds=5)
    record_property("ratio", ratio)
    print(f"\nGram of {NUM_POINTS} points, neural-tangents / quire: {ratio}")
    assert ratio["wall"] >= 8


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_gram_needs_a_fraction_of_the_memory(record_property):
    pytest.importorskip("neural_tangents_compat", exc_type=ImportError)
    tests = str(Path(__file__).parents[1])
    peaks = [
        int(subprocess.run([sys.executable, "-c", code.format(tests=tests, num=512)], capture_output=True, text=True,
                           check=True).stdout.split()[-1])
        for code in (THEIRS, OURS)
    ]  # fmt: skip
    record_property("peak_kilobytes", peaks)
    print(
        f"\npeak memory for 512 points beyond a warm start, neural-tangents and quire, in MB: {[p / 1024 for p in peaks]}"
    )
    assert peaks[1] < 64 * 1024  # result of 2 MB, tiles, the allocator's slack
    assert peaks[0] > 5 * peaks[1]


def test_one_factor_beats_solving_each_size_anew(record_property):
    """Every size and teacher from one factor, against a fresh solve of each size for all teachers together."""
    cut = {"constituent": Laplacian(3.0), "filter_size": 3}
    inputs = points(960)
    gram = local(inputs, **cut)
    fields = draw_teachers(gram, num_teachers=8, generator=torch.Generator().manual_seed(0))
    train, test = slice(0, 768), slice(768, 960)
    sizes = list(range(32, 769, 32))

    def anew():
        curves = []
        for size in sizes:
            weights = torch.linalg.solve(gram[:size, :size], fields[:size])
            curves.append((gram[:size, test].T @ weights - fields[test]).square().mean(0))
        return torch.stack(curves)

    def nested():
        student = NestedRegression(gram[train, train], gram[train, test], ridge=0.0)
        return student.errors(fields[train], fields[test], sizes=sizes)

    torch.testing.assert_close(nested(), anew(), rtol=1e-8, atol=1e-12)
    ratio = best_ratio(anew, nested, rounds=5)
    record_property("ratio", ratio)
    print(f"\n{len(sizes)} sizes, each anew / one factor: {ratio}")
    assert max(ratio.values()) > 3


def test_gram_throughput(benchmark):
    inputs = points(512)
    gram = benchmark(lambda: convolutional(inputs, constituent=ReluNTK(), filter_size=FILTER_SIZE))
    benchmark.extra_info["evaluations"] = DIM**2 * 512**2 // 2
    assert gram.shape == (512, 512)
