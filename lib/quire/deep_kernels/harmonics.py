r"""Harmonics of one patch: functions of the cosine :math:`t` on a sphere in s dimensions, and their quadrature.

The normalised Gegenbauer polynomials :math:`P_k`, :math:`P_k(1) = 1`, are orthogonal under the law of :math:`t` for uniform
points, of density :math:`(1-t^2)^{(s-3)/2}`; for s = 2 they are :math:`\cos k\theta`. Gauss quadrature integrates them
exactly up to the degree that its nodes resolve.
"""

from functools import lru_cache

import numpy as np
import torch
from scipy import special

from quire.types import Tensor

__all__ = ["harmonic_counts", "harmonic_transform", "quadrature"]


@lru_cache(maxsize=16)
def quadrature(patch_size: int, nodes: int) -> tuple[Tensor, Tensor]:
    """Gauss nodes in the cosine and weights of the uniform measure on a sphere in ``patch_size`` dimensions."""
    if patch_size < 2:
        raise ValueError("patches of size 1 lie on two points and have no harmonics: use filter_sizes[0] ≥ 2")
    if patch_size == 2:
        angles = (torch.arange(nodes, dtype=torch.float64) + 0.5) * (torch.pi / nodes)
        return torch.cos(angles), torch.full((nodes,), 1 / nodes, dtype=torch.float64)
    cosines, weights = special.roots_gegenbauer(nodes, patch_size / 2 - 1)
    return torch.from_numpy(cosines), torch.from_numpy(weights / weights.sum())


@lru_cache(maxsize=16)
def harmonic_transform(patch_size: int, nodes: int, modes: int) -> Tensor:
    """P_k at the nodes times the weights, degrees first."""
    cosines, weights = quadrature(patch_size, nodes)
    if patch_size == 2:
        return torch.cos(torch.arange(modes, dtype=torch.float64)[:, None] * torch.acos(cosines)) * weights
    index = patch_size / 2 - 1
    values = [torch.ones_like(cosines), cosines]
    for degree in range(1, modes - 1):  # three-term recurrence of the polynomials that are 1 at 1: stable
        ahead = 2 * (degree + index) * cosines * values[-1] - degree * values[-2]
        values.append(ahead / (degree + 2 * index))
    return torch.stack(values[:modes]) * weights


def harmonic_counts(patch_size: int, modes: int) -> Tensor:
    """Spherical harmonics of each degree in ``patch_size`` dimensions: 1, 2, 2, … on a circle, 2k+1 on a sphere."""
    degrees = np.arange(modes)
    dimension = patch_size - 2
    if dimension == 0:
        return torch.from_numpy(np.where(degrees == 0, 1.0, 2.0))
    counts = (2 * degrees + dimension) / dimension * special.binom(degrees + dimension - 1, dimension - 1)
    return torch.from_numpy(counts)
