"""Gram matrix of a depth-four kernel beside neural-tangents (time, peak memory), and its growth with P and depth."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from quire.deep_kernels import Architecture, hierarchical_gram, sample_spheres
from quire.rng import generator

TREE = Architecture((2, 2, 2))
POINTS = 2048


@pytest.fixture(autouse=True)
def _only_when_asked(benchmark):
    """A plain test run checks the kernels elsewhere; here only ``make bench`` has something to say."""
    if benchmark.disabled:
        benchmark(int)  # an unused fixture would be a warning
        pytest.skip("measured by `make bench`")


def inputs_of(tree, points):
    return sample_spheres(points, tree.num_nodes(1), patch_size=2, generator=generator("benchmark", points))


def gram(tree, points):
    return hierarchical_gram(inputs_of(tree, points), architecture=tree, kind="ntk")


def peer_gram(points):
    """The same matrix by neural_tangents.stax, compiled; returns a function to call again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.path.insert(0, str(Path(__file__).parents[1]))
        import jax
        import neural_tangents_compat  # noqa: F401
        from neural_tangents import stax

    layers = []
    for gain in (2.0, 2**0.5, 2**0.5):
        layers += [stax.Conv(1, (2,), strides=(2,), padding="VALID", W_std=gain, b_std=None), stax.Relu()]
    kernel = stax.serial(*layers, stax.Flatten(), stax.Dense(1, W_std=1.0, b_std=None))[2]
    compiled = jax.jit(lambda x: kernel(x, None, "ntk"))
    x = inputs_of(TREE, points).numpy()[..., None]
    return lambda: np.asarray(compiled(x))


def clock(function, repeats=1):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def high_water():
    """Peak resident memory of this process alone, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def peak_bytes(which):
    """Rise of the peak resident memory of a fresh process that computes the matrix once."""
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import test_bench_hierarchical as bench\n"
        f"call = bench.peer_gram(16) if {which!r} == 'peer' else (lambda: bench.gram(bench.TREE, 16))\n"
        "call(); before = bench.high_water()\n"
        f"bench.peer_gram(bench.POINTS)() if {which!r} == 'peer' else bench.gram(bench.TREE, bench.POINTS)\n"
        "print(bench.high_water() - before)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    return int(found.stdout.split()[-1])


def test_gram_beside_neural_tangents(benchmark):
    pytest.importorskip("jax")
    peer = peer_gram(POINTS)
    expected = peer()  # compiles
    found = gram(TREE, POINTS).numpy()
    assert np.abs(found - expected).max() < 1e-6  # the peer's diagonal goes through arccos
    ratios = [clock(peer) / clock(lambda: gram(TREE, POINTS)) for _ in range(3)]
    memory = {which: peak_bytes(which) for which in ("quire", "peer")}
    benchmark.extra_info.update(ratio=float(np.median(ratios)), memory_ratio=memory["peer"] / memory["quire"], **memory)
    benchmark(lambda: gram(TREE, POINTS))
    assert np.median(ratios) > 2
    assert memory["quire"] < 2.5 * 8 * POINTS**2  # the matrix, its tiles, and the allocator's slack
    assert memory["peer"] > 2 * memory["quire"]


@pytest.mark.parametrize("points", [512, 1024, 2048, 4096])
def test_cost_grows_with_the_square_of_the_points(benchmark, points):
    gram(TREE, 64)
    benchmark.pedantic(lambda: gram(TREE, points), rounds=2)
    small, large = (min(clock(lambda n=n: gram(TREE, n)) for _ in range(3)) for n in (points // 2, points))
    benchmark.extra_info["growth"] = large / small
    assert large / small < 8  # four, and the noise of a shared machine


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_cost_grows_with_the_nodes_of_the_tree(benchmark, levels):
    tree = Architecture((2,) * levels)
    nodes = sum(tree.num_nodes(level) for level in range(1, tree.depth))
    benchmark.extra_info["nodes"] = nodes
    benchmark.pedantic(lambda: gram(tree, 1024), rounds=3)
    assert torch.isfinite(gram(tree, 64)).all()


if __name__ == "__main__":
    torch.set_num_threads(2)
    call = peer_gram(POINTS)
    call()
    print([round(clock(call) / clock(lambda: gram(TREE, POINTS)), 1) for _ in range(4)])
    print({which: peak_bytes(which) / 2**20 for which in ("quire", "peer")})
    for size in (1024, 2048, 4096):
        print(size, clock(lambda size=size: gram(TREE, size), 3))
    for level in range(1, 6):
        shape = Architecture((2,) * level)
        print(shape, clock(lambda shape=shape: gram(shape, 1024), 3))
