r"""Networks of finite width and their neural tangent kernel, by automatic differentiation.

.. math:: \hat\Theta(x, y) = \sum_p \partial_p f(x)\,\partial_p f(y)

With the *same* weights, the lemma behind the convolutional and local kernels already holds at every width :math:`H`:
the kernel of the convolutional network is the average over all pairs of patches of the kernel of the one-patch
network, and that of the local network the average over equal positions. Infinite width only makes them deterministic;
until then the relative error falls as :math:`H^{-1/2}`.

Source: jacot2018ntk; favero2021locality, Lemma on the NTK of CNNs and LCNs.
"""

import torch
from torch.func import functional_call, jacrev

from quire.kernels.patches import extract_patches
from quire.types import Float, Tensor

__all__ = ["ConvolutionalNetwork", "LocalNetwork", "PatchNetwork", "empirical_ntk"]


class PatchNetwork(torch.nn.Module):
    """One hidden layer of ReLUs on one patch, with the given filters and readout: the fully-connected network."""

    def __init__(self, filters: Float[Tensor, "width filter"], readout: Float[Tensor, " width"]):
        super().__init__()
        self.filters, self.readout = torch.nn.Parameter(filters.detach()), torch.nn.Parameter(readout.detach())

    def forward(self, patch: Float[Tensor, "point filter"]) -> Float[Tensor, " point"]:
        """Readout of the rectified projections, in the parametrisation whose kernel has a limit."""
        width, filter_size = self.filters.shape
        return (2 / width) ** 0.5 * (patch @ self.filters.T / filter_size**0.5).relu() @ self.readout


class ConvolutionalNetwork(torch.nn.Module):
    """Shared filters on all cyclic patches, then global average pooling and a readout.

    Args:
        width: number of filters.
        filter_size: pixels per patch.
        generator: draws the standard normal weights.
    """

    def __init__(self, width: int, filter_size: int, *, generator: torch.Generator):
        super().__init__()
        self.filters = _normal(width, filter_size, generator=generator)
        self.readout = _normal(width, generator=generator)

    def forward(self, inputs: Float[Tensor, "point dim"]) -> Float[Tensor, " point"]:
        """The convolution is torch's own; its output is averaged over the positions."""
        width, filter_size = self.filters.shape
        padded = torch.cat([inputs, inputs[:, : filter_size - 1]], 1)[:, None]
        hidden = torch.nn.functional.conv1d(padded, self.filters[:, None] / filter_size**0.5).relu()
        return (2 / width) ** 0.5 * hidden.mean(2) @ self.readout

    def patch_average(self, inputs: Float[Tensor, "point dim"]) -> Float[Tensor, "point point"]:
        """NTK of the one-patch network with the same weights, averaged over all pairs of patches."""
        num, dim = inputs.shape
        pieces = extract_patches(inputs, filter_size=self.filters.shape[1]).flatten(0, 1)
        kernel = empirical_ntk(PatchNetwork(self.filters, self.readout), pieces)
        return kernel.reshape(num, dim, num, dim).mean((1, 3))


class LocalNetwork(torch.nn.Module):
    """Filters and readout of their own at each of the cyclic patches.

    Args:
        width: filters per position.
        filter_size: pixels per patch.
        dim: pixels per input, and number of positions.
        generator: draws the standard normal weights.
    """

    def __init__(self, width: int, filter_size: int, *, dim: int, generator: torch.Generator):
        super().__init__()
        self.filters = _normal(dim, width, filter_size, generator=generator)
        self.readout = _normal(dim, width, generator=generator)

    def forward(self, inputs: Float[Tensor, "point dim"]) -> Float[Tensor, " point"]:
        """Each position sees its own patch through its own filters."""
        dim, width, filter_size = self.filters.shape
        patches = extract_patches(inputs, filter_size=filter_size)
        hidden = torch.einsum("pis,ihs->pih", patches, self.filters).div(filter_size**0.5).relu()
        return (2 / (width * dim)) ** 0.5 * torch.einsum("pih,ih->p", hidden, self.readout)

    def patch_average(self, inputs: Float[Tensor, "point dim"]) -> Float[Tensor, "point point"]:
        """NTK of the one-patch networks with the same weights, averaged over the positions."""
        patches = extract_patches(inputs, filter_size=self.filters.shape[2])
        networks = [PatchNetwork(*weights) for weights in zip(self.filters, self.readout, strict=True)]
        return torch.stack([empirical_ntk(network, patches[:, i]) for i, network in enumerate(networks)]).mean(0)


def empirical_ntk(network: torch.nn.Module, inputs: Float[Tensor, "point dim"]) -> Float[Tensor, "point point"]:
    """Inner products of the gradients of a network with one output per point, by reverse-mode differentiation.

    >>> network = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False), torch.nn.Flatten(0))
    >>> empirical_ntk(network, torch.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    jacobians = jacrev(lambda weights: functional_call(network, weights, (inputs,)))(parameters)
    flat = torch.cat([part.flatten(1) for part in jacobians.values()], 1)
    return flat @ flat.T


def _normal(*shape: int, generator: torch.Generator) -> torch.nn.Parameter:
    if min(shape) < 1:
        raise ValueError(f"width, filter_size and dim must be ≥ 1, got shape {shape}: they count weights")
    return torch.nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64))
