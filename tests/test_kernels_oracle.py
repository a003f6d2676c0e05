"""Kernels against neural-tangents, live and from golden arrays, and against finite networks.

The golden arrays were made with the versions recorded in them: ``python tests/test_kernels_oracle.py`` makes them anew.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from quire.kernels import ErfNNGP, ErfNTK, ReluNNGP, ReluNTK, convolutional, local

GOLDEN = Path(__file__).parent / "golden" / "shallow_kernels.npz"
SIZES = [(9, 3), (8, 2), (9, 9), (7, 4)]
CONSTITUENTS = {"relu-ntk": ReluNTK(), "relu-nngp": ReluNNGP(), "erf-ntk": ErfNTK(), "erf-nngp": ErfNNGP()}
CASES = [
    (architecture, dim, size, 1, True, name)
    for architecture in ("cn", "lc")
    for dim, size in SIZES
    for name in CONSTITUENTS
]
LIVE = CASES[::3]  # neural-tangents compiles anew for every shape
CASES += [(architecture, 8, 2, 2, True, "relu-ntk") for architecture in ("cn", "lc")]
CASES += [(architecture, 7, 3, 2, False, "relu-ntk") for architecture in ("cn", "lc")]
LIVE += CASES[-4:]


def inputs(dim):
    drawn = torch.randn(7, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(dim))
    return drawn[:4], drawn[4:]


def ours(architecture, dim, filter_size, stride, cyclic, name, same=False):
    kernel = convolutional if architecture == "cn" else local
    first, second = inputs(dim)
    cut = {"filter_size": filter_size, "stride": stride, "cyclic": cyclic}
    return kernel(first, None if same else second, constituent=CONSTITUENTS[name], **cut).numpy()


def theirs(architecture, dim, filter_size, stride, cyclic, name, same=False, untied=False):
    compat = pytest.importorskip("neural_tangents_compat", exc_type=ImportError)
    stax = compat.neural_tangents.stax
    nonlinearity, gain = (stax.Relu(), 2**0.5) if name.startswith("relu") else (stax.Erf(), 1.0)
    convolution = stax.ConvLocal if untied else stax.Conv
    options = {"strides": (stride,), "padding": "CIRCULAR" if cyclic else "VALID", "W_std": gain, "b_std": None}
    pooling = stax.GlobalAvgPool() if architecture == "cn" else stax.Flatten()
    readout = stax.Dense(1, W_std=1.0, b_std=None)
    network = stax.serial(convolution(1, (filter_size,), **options), nonlinearity, pooling, readout)
    first, second = (part.numpy()[..., None] for part in inputs(dim))
    return np.asarray(network[2](first, None if same else second, name.split("-")[1]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden(case):
    np.testing.assert_allclose(ours(*case), np.load(GOLDEN)[str(case)], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", LIVE, ids=str)
def test_live(case):
    np.testing.assert_allclose(ours(*case), theirs(*case), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", LIVE[::3], ids=str)
def test_live_with_itself(case):
    """The diagonal too, where the arc-cosine is least precise."""
    np.testing.assert_allclose(ours(*case, same=True), theirs(*case, same=True), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("architecture", ["cn", "lc"])
def test_filters_of_one_pixel(architecture):
    """All cosines are ±1, where the other side guards its square root with a small constant."""
    case = (architecture, 5, 1, 1, True, "relu-ntk")
    np.testing.assert_allclose(ours(*case), theirs(*case), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["relu-ntk", "relu-nngp"])
@pytest.mark.parametrize(("architecture", "stride", "cyclic"), [("cn", 1, True), ("lc", 1, True), ("cn", 2, False)])
def test_images(architecture, stride, cyclic, name):
    """Square filters on images of two channels that are not square."""
    compat = pytest.importorskip("neural_tangents_compat", exc_type=ImportError)
    stax = compat.neural_tangents.stax
    drawn = torch.randn(5, 2, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {
        "strides": (stride, stride),
        "padding": "CIRCULAR" if cyclic else "VALID",
        "W_std": 2**0.5,
        "b_std": None,
    }
    pooling = stax.GlobalAvgPool() if architecture == "cn" else stax.Flatten()
    network = stax.serial(stax.Conv(1, (3, 3), **options), stax.Relu(), pooling, stax.Dense(1, W_std=1.0, b_std=None))
    first, second = (part.permute(0, 2, 3, 1).numpy() for part in (drawn[:3], drawn[3:]))
    expected = np.asarray(network[2](first, second, name.split("-")[1]))
    kernel = convolutional if architecture == "cn" else local
    cut = {"filter_size": 3, "stride": stride, "cyclic": cyclic}
    found = kernel(drawn[:3], drawn[3:], constituent=CONSTITUENTS[name], **cut).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_untied_filters_are_the_local_kernel():
    case = ("lc", 9, 3, 1, True, "relu-ntk")
    np.testing.assert_allclose(ours(*case), theirs(*case, untied=True), rtol=1e-12)


def test_golden_arrays_say_where_they_come_from():
    assert set(np.load(GOLDEN)["versions"].tolist()) == {"neural-tangents 0.6.5", "jax 0.5.3"}


if __name__ == "__main__":
    import jax
    import neural_tangents_compat

    arrays = {str(case): theirs(*case) for case in CASES}
    versions = [f"neural-tangents {neural_tangents_compat.neural_tangents.__version__}", f"jax {jax.__version__}"]
    np.savez_compressed(GOLDEN, versions=np.array(versions), **arrays)
