r"""What makes a trained network stable: pooling in space, or over channels?

* :func:`shuffle_channels` permutes the input channels of every convolution at random: filters keep their
  shapes, hence spatial pooling survives, while whatever is achieved by combining channels is lost.
* :func:`filter_spectrum` projects filters of k or k × k pixels on the eigenvectors of the Laplacian of that grid
  graph with free boundary: products of cosines, cos(πa(p + ½)/k) cos(πb(q + ½)/k), with eigenvalue 4 sin²(πa/2k)
  + 4 sin²(πb/2k). Weight on the zero mode is an average over pixels, hence spatial pooling.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["FilterSpectrum", "filter_spectrum", "laplacian_modes", "shuffle_channels"]


@dataclass(frozen=True)
class FilterSpectrum:
    """Mean squared coefficient of filters on each mode, by increasing eigenvalue; powers sum to the mean
    squared norm."""

    eigenvalues: Float[Tensor, " mode"]
    power: Float[Tensor, " mode"]


@cites("tomasini2022spatial", "channel shuffling")
@torch.no_grad()
def shuffle_channels(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A copy whose convolutions have randomly permuted input channels (within their group); the first
    layer too.

    >>> network = nn.Conv2d(8, 1, 1)
    >>> shuffled = shuffle_channels(network, torch.Generator().manual_seed(0))
    >>> same = torch.equal(shuffled.weight, network.weight)
    >>> same, torch.equal(shuffled.weight.sort(dim=1).values, network.weight.sort(dim=1).values)
    (False, True)
    """
    shuffled = copy.deepcopy(network)
    for module in shuffled.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            order = torch.randperm(module.weight.shape[1], generator=generator).to(module.weight.device)
            module.weight.copy_(module.weight[:, order])
    return shuffled


def laplacian_modes(filter_size: int, *, dim: int) -> tuple[Float[Tensor, " mode"], Float[Tensor, "mode *size"]]:
    """Eigenvalues and orthonormal eigenvectors of the free-boundary grid graph in one or two dimensions, by
    increasing eigenvalue, in float64.

    >>> values, modes = laplacian_modes(2, dim=2)
    >>> [round(value, 6) for value in values.tolist()], modes[0].round(decimals=6).tolist()
    ([0.0, 2.0, 2.0, 4.0], [[0.5, 0.5], [0.5, 0.5]])
    """
    index = torch.arange(filter_size, dtype=torch.float64)
    axis = torch.cos(math.pi * index[:, None] * (index[None, :] + 0.5) / filter_size)
    axis = axis / axis.norm(dim=1, keepdim=True)
    values = 4 * torch.sin(math.pi * index / (2 * filter_size)) ** 2
    if dim == 1:
        return values, axis
    if dim != 2:
        raise ValueError(f"filters have one or two dimensions, got {dim}")
    total = (values[:, None] + values[None, :]).flatten()
    modes = torch.einsum("ap,bq->abpq", axis, axis).flatten(0, 1)
    order = torch.argsort(total, stable=True)
    return total[order], modes[order]


@cites("tomasini2022spatial", "filters")
def filter_spectrum(weights: Float[Tensor, "out_channel in_channel *size"]) -> FilterSpectrum:
    """Mean squared coefficients of all filters of a convolution in one or two dimensions.

    >>> filter_spectrum(torch.ones(4, 2, 3, 3)).power.round().tolist()
    [9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    values, modes = laplacian_modes(weights.shape[-1], dim=weights.ndim - 2)
    coefficients = weights.detach().double().flatten(2) @ modes.flatten(1).T.to(weights.device)
    return FilterSpectrum(values, (coefficients**2).mean((0, 1)).cpu())
