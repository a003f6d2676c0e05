"""Finite networks: the lemma holds weight by weight, and their kernel converges as one over the root of the width."""

import math

import numpy as np
import pytest
import torch

from quire.kernels import ConvolutionalNetwork, LocalNetwork, PatchNetwork, ReluNTK, convolutional, empirical_ntk, local

KERNELS = {"cn": convolutional, "lc": local}


def network(architecture, width, dim, filter_size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if architecture == "cn":
        return ConvolutionalNetwork(width, filter_size, generator=generator)
    return LocalNetwork(width, filter_size, dim=dim, generator=generator)


def points(num, dim):
    return torch.randn(num, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(99))


@pytest.mark.parametrize("architecture", ["cn", "lc"])
@pytest.mark.parametrize("width, dim, filter_size", [(1, 4, 2), (5, 5, 3), (8, 3, 3), (6, 4, 1)])
def test_lemma_holds_at_every_width(architecture, width, dim, filter_size):
    net, x = network(architecture, width, dim, filter_size), points(4, dim)
    torch.testing.assert_close(empirical_ntk(net, x), net.patch_average(x), rtol=1e-12, atol=1e-14)


def test_empirical_kernel_is_the_gram_of_finite_differences():
    net, x = network("cn", 3, 4, 2), points(2, 4)
    parameters = list(net.parameters())
    gradients = []
    for parameter in parameters:
        for index in np.ndindex(*parameter.shape):
            values = []
            for step in (1e-6, -2e-6):
                with torch.no_grad():
                    parameter[index] += step
                    values.append(net(x).detach())
            with torch.no_grad():
                parameter[index] += 1e-6
            gradients.append((values[0] - values[1]) / 2e-6)
    gradients = torch.stack(gradients)
    torch.testing.assert_close(empirical_ntk(net, x), gradients.T @ gradients, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("architecture", ["cn", "lc"])
@pytest.mark.parametrize("width", [256, 1024])
def test_distance_from_infinite_width(architecture, width):
    """Relative Frobenius error between 0.5 and 2.5 over the root of the width."""
    x = points(6, 9)
    limit = KERNELS[architecture](x, constituent=ReluNTK(), filter_size=3)
    errors = [
        float((empirical_ntk(network(architecture, width, 9, 3, seed), x) - limit).norm() / limit.norm())
        for seed in range(8)
    ]
    assert 0.5 < np.mean(errors) * math.sqrt(width) < 2.5


def test_networks_agree_with_their_definition():
    net, x = network("cn", 5, 4, 2), points(3, 4)
    patches = torch.stack([x, x.roll(-1, 1)], -1)  # (x_i, x_i+1)
    hidden = (patches @ net.filters.T / 2**0.5).relu()
    torch.testing.assert_close(net(x), (2 / 5) ** 0.5 * hidden.mean(1) @ net.readout)
    one = PatchNetwork(net.filters, net.readout)
    torch.testing.assert_close(one(patches[:, 0]), (2 / 5) ** 0.5 * hidden[:, 0] @ net.readout)


@pytest.mark.parametrize("width, filter_size", [(0, 2), (3, 0)])
def test_sizes_must_be_positive(width, filter_size):
    with pytest.raises(ValueError, match="must be ≥ 1"):
        ConvolutionalNetwork(width, filter_size, generator=torch.Generator())
    with pytest.raises(ValueError, match="must be ≥ 1"):
        LocalNetwork(width, filter_size, dim=3, generator=torch.Generator())
