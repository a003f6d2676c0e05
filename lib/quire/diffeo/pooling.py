r"""How pooling alone makes a network stable to deformations and sensitive to noise.

A network whose filters are constant: each layer averages over F pixels with stride s, on a ring of N pixels in each
of d dimensions. The image is one active pixel, x = A e_p; the diffeomorphism moves it by one pixel; the noise has
the same norm as that displacement, ‖η‖ = √2 A, and is rectified at the input, where it gets a positive mean that
averaging cannot remove. With W_k the k-fold average, σ² = 2A²/N^d the noise per pixel, m = σ/√(2π) and v = σ²(½ -
1/2π) the moments of max(η, 0),

    D_k = ⟨‖W_k e_p - W_k e_{p-1}‖²⟩ / 2⟨‖W_k e_p‖²⟩
    G_k = ⟨m²‖W_k(1 - e_p)‖² + v Σ_{q≠p} ‖W_k e_q‖² + σ²‖W_k e_p‖²⟩ / 2⟨‖W_k e_p‖²⟩,    σ² = 2/N^d,

all positions averaged; pairs x, z are far apart, so that their distance squared is 2‖W_k x‖². Everything factorises
over the dimensions, so that one matrix N_k × N gives d = 1, 2, ….  For stride 1 the response is nearly Gaussian, of
variance σ_k² = k(F² - 1)/12, and

    D_k ~ 1/4σ_k² ~ 1/k,    G_k ~ ‖m‖²/‖W_k x‖² ~ k^{d/2},    R_k ~ k^{-(1 + d/2)}.

For s = F = 2 a shift matters only across a block edge: D_k = 2^{-k} and G_k ~ 2^{kd}.
"""

import math
from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["PoolingStability", "pooling_asymptotics", "pooling_matrix", "pooling_stability"]


@dataclass(frozen=True)
class PoolingStability:
    """D_k, G_k and R_k after k = 1, …, depth layers, in float64."""

    diffeo: Float[Tensor, " depth"]
    noise: Float[Tensor, " depth"]
    relative: Float[Tensor, " depth"]


@cites("tomasini2022spatial", "constant filters; prefactors derived here")
def pooling_stability(size: int, depth: int, *, filter_size: int, stride: int, dim: int) -> PoolingStability:
    """Exact stability of the average-pooling network, one value per depth.

    Args:
        size: N, pixels along one side; a multiple of stride**depth.
        depth: number of layers.
        filter_size: F.
        stride: s.
        dim: d, dimensions of the image; the displacement is along the first.

    Raises:
        ValueError: a size that the strides do not divide.

    >>> pooling_stability(64, 3, filter_size=2, stride=2, dim=1).diffeo.tolist()
    [0.5, 0.25, 0.125]
    """
    if size % stride**depth:
        raise ValueError(f"size must be a multiple of stride**depth = {stride**depth}, got {size}: lower the depth")
    matrix, diffeo, noise = torch.eye(size, dtype=torch.float64), [], []
    variance = 2.0 / size**dim  # of the noise at each pixel, for an active pixel of amplitude one
    mean = math.sqrt(variance / (2 * math.pi))
    rectified = variance / 2 - mean**2
    for _ in range(depth):
        matrix = pooling_matrix(matrix.shape[0], filter_size=filter_size, stride=stride) @ matrix
        norm = (matrix**2).sum(0)
        overlap = (matrix * matrix.roll(1, dims=1)).sum(0).mean()
        total = norm.sum() ** dim
        response = total / size**dim
        diffeo.append(2 * (norm.mean() - overlap) * norm.mean() ** (dim - 1) / (2 * response))
        # pixels at rest carry max(η, 0); the active one carries η itself, with mean zero and the full variance
        background = matrix.sum(1)
        drift = mean**2 * (background.square().sum() ** dim - 2 * (matrix.T @ background).mean() ** dim + response)
        noise.append((drift + rectified * (total - response) + variance * response) / (2 * response))
    diffeo, noise = torch.stack(diffeo), torch.stack(noise)
    return PoolingStability(diffeo, noise, diffeo / noise)


def pooling_asymptotics(depth: int, *, filter_size: int, dim: int) -> PoolingStability:
    """Stride one, many layers, large ring: D_k = 1/4σ_k², G_k = (4πσ_k²)^{d/2}/2π, σ_k² = k(F² - 1)/12.

    >>> pooling_asymptotics(2, filter_size=3, dim=1).diffeo.tolist()
    [0.375, 0.1875]
    """
    layers = torch.arange(1, depth + 1, dtype=torch.float64)
    spread = layers * (filter_size**2 - 1) / 12
    diffeo, noise = 1 / (4 * spread), (4 * math.pi * spread) ** (dim / 2) / (2 * math.pi)
    return PoolingStability(diffeo, noise, diffeo / noise)


def pooling_matrix(size: int, *, filter_size: int, stride: int) -> Float[Tensor, "out size"]:
    """One layer on a ring: row i averages pixels s·i, …, s·i + F - 1.

    >>> pooling_matrix(4, filter_size=2, stride=2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    if filter_size > size:
        raise ValueError(f"a filter of {filter_size} pixels does not fit on a ring of {size}: lower the depth")
    start = torch.arange(0, size, stride)
    index = (start[:, None] + torch.arange(filter_size)) % size
    matrix = torch.zeros(len(start), size, dtype=torch.float64)
    return matrix.scatter_(1, index, 1.0 / filter_size)
