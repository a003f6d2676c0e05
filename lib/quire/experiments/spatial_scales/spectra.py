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

__all__ = ["sector_grid", "spectrum_of", "student_of"]


def student_of(tree: Architecture, student: str) -> Architecture:
    """The architecture of a student: "cnn" is the tree itself, "fc" the fully-connected network of its depth.

    Raises:
        ValueError: it is neither.
    """
    if student not in ("cnn", "fc"):
        raise ValueError(f'student must be "cnn" (the tree itself) or "fc" (fully connected), got {student!r}')
    return tree if student == "cnn" else fully_connected(tree.input_length, hidden_layers=tree.depth - 1)


def sector_grid(tree: Architecture, level: int, grid_points: int) -> tuple[int, int, int]:
    """Nodes, modes and averaging nodes of a sector such that the whole grid has about ``grid_points`` points."""
    patches = math.prod(tree.filter_sizes[1:level])
    average_nodes = 8
    averaged = tree.num_nodes(1) - patches
    nodes = int((grid_points / average_nodes**averaged) ** (1 / patches) + 1e-9)
    nodes = min(max(nodes, 4), 8192 if tree.filter_sizes[0] == 2 else 1024)  # nodes on spheres cost a cube
    return nodes, max(nodes // 2, 2), average_nodes


def spectrum_of(tree: Architecture, network: Architecture, kind: str, grid_points: int) -> tuple:
    """Eigenvalues, multiplicities (constant mode first, then sector by sector) and the trace that they miss."""
    constant = mean_eigenvalue(tree, kind=kind, average_nodes=16, network=network)
    values, counts = [torch.tensor([constant], dtype=torch.float64)], [torch.ones(1, dtype=torch.float64)]
    for level in range(1, tree.depth):
        nodes, modes, average_nodes = sector_grid(tree, level, grid_points)
        sector = sector_spectrum(
            tree, level, kind=kind, nodes=nodes, modes=modes, average_nodes=average_nodes, network=network
        )
        values.append(sector.eigenvalues.clamp_min(0))
        counts.append(sector.multiplicities)
    eigenvalues, multiplicities = torch.cat(values), torch.cat(counts)
    trace = hierarchical_diagonal(levels=len(network.filter_sizes), kind=kind)
    return eigenvalues, multiplicities, max(trace - float(eigenvalues @ multiplicities), 0.0)
