"""Spectra of deep kernels on a grid of angles: what the sectors, the theory and the bound share."""

import math

import torch

from quire.deep_kernels import (
    Architecture,
    fully_connected,
    hierarchical_diagonal,
    mean_eigenvalue,
    sector_spectrum,
)
from quire.types import Tensor

__all__ = ["sector_grid", "spectrum_of", "student_of"]

MOST_NODES = 4096  # of one patch: the transform to half as many modes takes 64 MB, and no figure shows so many


def student_of(tree: Architecture, student: str) -> Architecture:
    """The architecture of a student: "cnn" is the tree itself, "fc" the fully-connected network of its depth.

    Raises:
        ValueError: it is neither.
    """
    if student not in ("cnn", "fc"):
        raise ValueError(f'student must be "cnn" (the tree itself) or "fc" (fully connected), got {student!r}')
    return tree if student == "cnn" else fully_connected(tree.input_length, hidden_layers=tree.depth - 1)


def sector_grid(tree: Architecture, level: int, grid_points: int, average_nodes: int) -> tuple[int, int]:
    """Nodes and modes of a sector such that the whole grid, averages included, has about ``grid_points`` points."""
    patches = math.prod(tree.filter_sizes[1:level])
    averaged = tree.num_nodes(1) - patches
    nodes = int((grid_points / average_nodes**averaged) ** (1 / patches) + 1e-9)
    nodes = min(max(nodes, 4), MOST_NODES)
    return nodes, max(nodes // 2, 2)


def spectrum_of(
    tree: Architecture, network: Architecture, *, kind: str, grid_points: int, average_nodes: int
) -> tuple[Tensor, Tensor, float]:
    """Eigenvalues, multiplicities (constant mode first, then sector by sector) and the trace that they miss."""
    constant = mean_eigenvalue(tree, kind=kind, average_nodes=2 * average_nodes, network=network)
    values, counts = [torch.tensor([constant], dtype=torch.float64)], [torch.ones(1, dtype=torch.float64)]
    for level in range(1, tree.depth):
        nodes, modes = sector_grid(tree, level, grid_points, average_nodes)
        sector = sector_spectrum(
            tree, level, kind=kind, nodes=nodes, modes=modes, average_nodes=average_nodes, network=network
        )
        values.append(sector.eigenvalues.clamp_min(0))
        counts.append(sector.multiplicities)
    eigenvalues, multiplicities = torch.cat(values), torch.cat(counts)
    trace = hierarchical_diagonal(levels=len(network.filter_sizes), kind=kind)
    return eigenvalues, multiplicities, max(trace - float(eigenvalues @ multiplicities), 0.0)
