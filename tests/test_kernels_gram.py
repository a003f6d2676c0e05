"""Convolutional and local Gram matrices: brute force, laws, tiles, memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire.kernels import (
    ErfNNGP,
    ErfNTK,
    Laplacian,
    Matern,
    ReluNNGP,
    ReluNTK,
    convolutional,
    convolutional_diagonal,
    extract_patches,
    fully_connected,
    local,
    local_diagonal,
)
from quire.kernels.tiles import _upper_triangle, gram_bytes, sum_over_pairs

CONSTITUENTS = [ReluNTK(), ReluNNGP(), ErfNTK(), ErfNNGP(), Laplacian(1.5), Matern(1.5, 2.0)]
KERNELS = [convolutional, local]


def points(num, dim, seed=0):
    return torch.randn(num, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def one_pair(constituent, x, y):
    """The kernel of two patches, from its definition, one number at a time."""
    first, second, product = x.square().mean(), y.square().mean(), (x * y).mean()
    if constituent.geometry == "cosines":
        radii = (first * second).sqrt()
        return constituent(product / radii) * radii
    if constituent.geometry == "products":
        return constituent(product, first, second)
    return constituent((x - y).square().sum())


def brute(kernel, x, y, constituent, **cut):
    x, y = extract_patches(x, **cut), extract_patches(y, **cut)
    n = x.shape[1]
    pairs = [(i, j) for i in range(n) for j in range(n) if kernel is convolutional or i == j]
    rows = [[sum(one_pair(constituent, a[i], b[j]) for i, j in pairs) for b in y] for a in x]
    return torch.tensor(rows, dtype=torch.float64) / len(pairs)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("constituent", CONSTITUENTS)
@pytest.mark.parametrize(
    "cut", [{"filter_size": 3}, {"filter_size": 2, "stride": 2}, {"filter_size": 2, "cyclic": False}]
)
def test_brute_force(kernel, constituent, cut):
    x, y = points(3, 6), points(2, 6, seed=1)
    torch.testing.assert_close(
        kernel(x, y, constituent=constituent, **cut), brute(kernel, x, y, constituent, **cut), rtol=1e-13, atol=1e-14
    )


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(KERNELS), st.sampled_from(CONSTITUENTS))
def test_gram_is_symmetric_positive_with_exact_diagonal(data, kernel, constituent):
    dim = data.draw(st.integers(1, 7))
    size = data.draw(st.integers(1, dim))
    num, tile = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 10))
    x = points(num, dim, seed=data.draw(st.integers(0, 99)))
    gram = kernel(x, constituent=constituent, filter_size=size, tile_size=tile)
    diagonal = convolutional_diagonal if kernel is convolutional else local_diagonal
    assert torch.equal(gram, gram.T)
    assert float(torch.linalg.eigvalsh(gram)[0]) > -1e-12
    torch.testing.assert_close(
        gram.diagonal(), diagonal(x, constituent=constituent, filter_size=size), rtol=1e-13, atol=1e-15
    )


@given(st.integers(1, 40), st.integers(1, 50))
def test_blocks_of_the_upper_triangle_cover_it_once(size, tile_size):
    counts = torch.zeros(size, size, dtype=torch.int64)
    for low, high in _upper_triangle(size, tile_size):
        counts[low, high] += 1
        if low != high:
            counts[high, low] += 1
        assert 0 < low.stop - low.start <= tile_size >= high.stop - high.start > 0
    assert bool((counts == 1).all())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("constituent", CONSTITUENTS)
def test_tiles_and_threads_change_nothing(kernel, constituent):
    x, y = points(13, 6), points(9, 6, seed=1)
    whole = kernel(x, y, constituent=constituent, filter_size=3, tile_size=64)
    threads = torch.get_num_threads()
    try:
        for tile_size, num_threads in ((1, 1), (4, 2), (5, 1)):
            torch.set_num_threads(num_threads)
            tiled = kernel(x, y, constituent=constituent, filter_size=3, tile_size=tile_size)
            torch.testing.assert_close(tiled, whole, rtol=1e-13, atol=1e-15)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("constituent", CONSTITUENTS)
def test_shifts(constituent):
    """Convolutional: invariant to a shift of one input. Local: only to a shift of both."""
    x, y = points(4, 6), points(3, 6, seed=1)
    shifted = x.roll(2, 1)
    cut = {"constituent": constituent, "filter_size": 3}
    torch.testing.assert_close(convolutional(shifted, y, **cut), convolutional(x, y, **cut), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(local(shifted, y.roll(2, 1), **cut), local(x, y, **cut), rtol=1e-13, atol=1e-14)
    assert float((local(shifted, y, **cut) - local(x, y, **cut)).abs().max()) > 1e-3


@pytest.mark.parametrize("constituent", CONSTITUENTS)
def test_one_patch_is_fully_connected_and_many_whole_patches_are_not(constituent):
    x, y = points(4, 5), points(3, 5, seed=1)
    whole = fully_connected(x, y, constituent=constituent)
    for kernel in KERNELS:
        one = kernel(x, y, constituent=constituent, filter_size=5, cyclic=False)
        torch.testing.assert_close(one, whole, rtol=1e-14, atol=1e-15)
    rotated = convolutional(x, y, constituent=constituent, filter_size=5)  # five rotations of the whole input
    assert float((rotated - whole).abs().max()) > 1e-3


def test_non_overlapping_average_over_patches():
    """Patches apart: the local kernel is the plain mean of fully-connected kernels of the pieces."""
    x, y = points(4, 6), points(3, 6, seed=1)
    pieces = [fully_connected(x[:, i : i + 2], y[:, i : i + 2], constituent=ReluNTK()) for i in (0, 2, 4)]
    torch.testing.assert_close(local(x, y, constituent=ReluNTK(), filter_size=2, stride=2), sum(pieces) / 3)


def test_scaling_of_homogeneous_kernels():
    x, y = points(3, 5), points(3, 5, seed=1)
    for kernel in KERNELS:
        gram = kernel(x, y, constituent=ReluNTK(), filter_size=2)
        torch.testing.assert_close(kernel(2 * x, 3 * y, constituent=ReluNTK(), filter_size=2), 6 * gram)


def test_zero_patches_give_zero_not_nan():
    x = torch.zeros(2, 4, dtype=torch.float64)
    for constituent in (ReluNTK(), ReluNNGP(), ErfNTK()):
        assert torch.equal(convolutional(x, constituent=constituent, filter_size=2), torch.zeros(2, 2).double())


def test_float32_stays_float32():
    gram = convolutional(points(3, 4).float(), constituent=ReluNTK(), filter_size=2)
    assert gram.dtype == torch.float32


def test_memory_is_said_before_it_is_taken(monkeypatch):
    assert gram_bytes(16384, 16384, tile_size=180) < 2.01 * 2**30
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 10)
    with pytest.raises(MemoryError, match="a Gram matrix of 4 × 4 points"):
        convolutional(points(4, 4), constituent=ReluNTK(), filter_size=2)


def test_rows_and_columns_must_have_the_same_patches():
    with pytest.raises(ValueError, match="same patches"):
        convolutional(points(2, 4), points(2, 5), constituent=ReluNTK(), filter_size=2)


@pytest.mark.parametrize("kernel", KERNELS)
def test_filter_larger_than_the_input(kernel):
    with pytest.raises(ValueError, match="filter_size must be ≤ dim = 4, got 5"):
        kernel(points(2, 4), constituent=ReluNTK(), filter_size=5)


def test_tile_size_must_be_positive():
    patches = extract_patches(points(2, 4), filter_size=2)
    with pytest.raises(ValueError, match="tile_size must be ≥ 1"):
        sum_over_pairs(patches, None, constituent=ReluNTK(), all_pairs=True, tile_size=-1)


@pytest.mark.parametrize("constituent", [ReluNTK(), ReluNNGP(), ErfNTK(), Laplacian(2.0)], ids=repr)
@pytest.mark.parametrize("kernel", [convolutional, local])
def test_patches_of_zeros_are_numbers_in_both_precisions(kernel, constituent):
    """Images have black borders."""
    inputs = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs[:, :4] = 0
    double = kernel(inputs, constituent=constituent, filter_size=2)
    single = kernel(inputs.float(), constituent=constituent, filter_size=2)
    assert bool(double.isfinite().all())
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


def test_a_fully_connected_network_sees_all_pixels_of_an_image():
    images = torch.randn(4, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = fully_connected(images.flatten(1), constituent=ReluNTK())
    assert torch.equal(fully_connected(images, constituent=ReluNTK()), expected)
    across = fully_connected(images[:1], images[1:], constituent=ReluNTK())
    torch.testing.assert_close(across, expected[:1, 1:], rtol=1e-12, atol=1e-12)


REFUSED = """
import numpy, torch
from quire.kernels import ReluNTK, local
points = torch.ones(3, 4)
for inputs, constituent in [
    (numpy.ones((3, 4)), ReluNTK()), (points.long(), ReluNTK()), (points.half(), ReluNTK()), (points, ReluNTK),
    (torch.ones(3, 2, 4), ReluNTK()),
]:
    try:
        local(inputs, constituent=constituent, filter_size=2)
    except (TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_inputs_of_other_kinds_are_refused_in_words():
    """In a process of its own: here the annotations are checked before the function is reached."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    parts = ["torch.as_tensor", "torch.int64", "torch.float16", "the class ReluNTK", "channel, pixel"]
    assert len(said) == len(parts) and all(part in line for part, line in zip(parts, said, strict=True)), said
