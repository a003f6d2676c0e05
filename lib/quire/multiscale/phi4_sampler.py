"""Draws from the φ⁴ model: checkerboard Metropolis for the values and Swendsen-Wang clusters for the signs, many chains at once.

Given the magnitudes, the signs are an Ising model with bonds β|x_i||x_j|. A bond between equal signs opens with probability
1 - exp(-2β x_i x_j); each cluster of open bonds flips with probability 1/2. Local moves alone slow down at the critical point, as the
size of the lattice to a power near two; the clusters do not.
"""

from typing import cast

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from quire.cores import arrays
from quire.multiscale.metropolis_loop import sweep_loop
from quire.multiscale.phi4 import checked_coupling, checked_fields, neighbour_sum
from quire.types import Float, Tensor

__all__ = ["binder_cumulant", "flip_clusters", "metropolis_sweep", "sample_phi4"]


def sample_phi4(
    chains: int,
    side: int,
    *,
    coupling: float,
    loops: int,
    sweeps: int,
    step: float,
    generator: torch.Generator,
) -> Float[Tensor, "chains side side"]:
    """One field from each of independent chains that start at random, after ``loops`` times sweeps and one cluster update.

    Args:
        chains: how many fields.
        side: of the lattice, even, for the checkerboard.
        coupling: β.
        loops: 40 suffice up to a side of 32.
        sweeps: Metropolis sweeps per loop.
        step: largest change that a sweep proposes to a site.
        generator: of all random numbers.

    Returns:
        Fields in float64.

    Raises:
        ValueError: numbers that are not positive, or an odd side.
    """
    if min(chains, loops, sweeps) < 1:
        raise ValueError(f"chains, loops and sweeps must be ≥ 1, got {chains}, {loops}, {sweeps}")
    if side < 2 or side % 2:
        raise ValueError(f"the side must be even and ≥ 2 so that the lattice is a checkerboard, got {side}")
    fields = torch.randn(chains, side, side, dtype=torch.float64, generator=generator)
    for _ in range(loops):
        for _ in range(sweeps):
            fields = metropolis_sweep(fields, coupling, step=step, generator=generator)
        fields = flip_clusters(fields, coupling, generator=generator)
    return fields


def metropolis_sweep(
    fields: Float[Tensor, "chains side side"], coupling: float, *, step: float, generator: torch.Generator
) -> Float[Tensor, "chains side side"]:
    """Propose to each site a uniform change of at most ``step``: first to the even sites of the checkerboard, then to the odd ones.

    Raises:
        ValueError: bad fields or coupling, an odd side, or a step that is not positive.
    """
    checked_fields(fields)
    checked_coupling(coupling)
    side = fields.shape[-1]
    if side % 2:
        raise ValueError(f"an odd torus is no checkerboard, got side {side}: take an even one")
    if not step > 0:
        raise ValueError(f"the step must be > 0, got {step}")
    uniform = torch.rand((2, *fields.shape), dtype=fields.dtype, generator=generator)
    moves, levels = step * (2 * uniform[0] - 1), uniform[1]
    found = arrays(fields.clone(), moves, levels)
    if found is not None:
        sweep_loop(*found, coupling)
        return torch.from_numpy(found[0])
    return _sweep_by_tensors(fields, moves, levels, coupling)


def flip_clusters(
    fields: Float[Tensor, "chains side side"], coupling: float, *, generator: torch.Generator
) -> Float[Tensor, "chains side side"]:
    """One Swendsen-Wang update of the signs of all chains; magnitudes stay.

    Raises:
        ValueError: bad fields or coupling.
    """
    checked_fields(fields)
    checked_coupling(coupling)
    site = torch.arange(fields.numel()).reshape(fields.shape)
    ends = []
    for axis in (-2, -1):
        product = (fields * torch.roll(fields, -1, axis)).clamp(min=0)
        opened = torch.rand(fields.shape, dtype=fields.dtype, generator=generator) < -torch.expm1(
            -2 * coupling * product
        )
        ends.append(torch.stack([site[opened], torch.roll(site, -1, axis)[opened]]))
    first, second = torch.cat(ends, 1).numpy()
    graph = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(fields.numel(),) * 2)
    number, labels = cast(tuple[int, np.ndarray], connected_components(graph, directed=False))
    signs = 2 * torch.randint(2, (number,), generator=generator) - 1
    return fields * signs[torch.from_numpy(labels).long()].reshape(fields.shape)


def binder_cumulant(fields: Float[Tensor, "chains side side"]) -> float:
    """1 - <m⁴> / 3<m²>², where m is the mean of a field: 0 for Gaussian m, 2/3 where |m| does not vary.

    Raises:
        ValueError: bad fields, or fields that all have mean zero.

    >>> round(binder_cumulant(torch.ones(4, 2, 2, dtype=torch.float64)), 6)
    0.666667
    """
    checked_fields(fields)
    squares = fields.mean((-2, -1)).square()
    if not bool(squares.any()):
        raise ValueError("every field has mean zero, and the cumulant is 0/0: draw more fields")
    return float(1 - squares.square().mean() / (3 * squares.mean().square()))


def _sweep_by_tensors(fields: Tensor, moves: Tensor, levels: Tensor, coupling: float) -> Tensor:
    """The same sweep on any device: each colour after its own accepted or rejected proposals, the other held."""
    index = torch.arange(fields.shape[-1], device=fields.device)
    colour = (index[:, None] + index) % 2
    for own in (0, 1):
        moved, local = fields + moves, coupling * neighbour_sum(fields)
        rise = (moved**4 - moved**2 - moved * local) - (fields**4 - fields**2 - fields * local)
        taken = (levels < torch.exp(-rise.clamp(min=0))) & (colour == own)
        fields = torch.where(taken, moved, fields)
    return fields
