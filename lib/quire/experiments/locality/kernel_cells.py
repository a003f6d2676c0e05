"""Kernels of networks that look at patches, at finite width, and their spectra: JSON arguments, rows of numbers."""

import math

import torch

from quire.device import require_memory
from quire.experiments.locality.kernels_by_name import AVERAGES, torus_spectrum
from quire.kernels import (
    ConvolutionalNetwork,
    Laplacian,
    LocalNetwork,
    ReluNTK,
    convolutional_diagonal,
    empirical_ntk,
    fourier_coefficients,
    torus_embedding,
)
from quire.rng import generator

__all__ = ["decay", "finite_width", "parity", "ranked_spectrum", "trace_identity"]


def finite_width(
    *, architecture: str, width: int, dim: int, filter_size: int, num_points: int, seed: int
) -> list[dict]:
    """One network of finite width (L1): the lemma with its own weights, and its distance from infinite width.

    Args:
        architecture: "cn" or "lc".
        width: hidden units (of each patch).
        dim: pixels per input.
        filter_size: pixels per patch.
        num_points: inputs, with Gaussian pixels.
        seed: of inputs and weights.

    Returns:
        lemma_error: largest |empirical NTK - average over patches|, relative to the largest entry; rounding.
        width_error: relative Frobenius distance from the kernel of infinite width.
    """
    source = generator("locality.finite_width", architecture, width, dim, filter_size, seed)
    inputs = torch.randn(num_points, dim, generator=source, dtype=torch.float64)
    if architecture == "cn":
        network = ConvolutionalNetwork(width, filter_size, generator=source)
    else:
        network = LocalNetwork(width, filter_size, dim=dim, generator=source)
    measured, averaged = empirical_ntk(network, inputs), network.patch_average(inputs)
    limit = AVERAGES[architecture](inputs, constituent=ReluNTK(), filter_size=filter_size)
    return [
        {
            "lemma_error": float((measured - averaged).abs().max() / averaged.abs().max()),
            "width_error": float((measured - limit).norm() / limit.norm()),
        }
    ]


def decay(*, filter_size: int, num_levels: int) -> list[dict]:
    """Fourier coefficients of the Laplacian constituent along an axis (L2), at frequencies in steps of √2.

    Args:
        filter_size: pixels of the patch, and the length scale.
        num_levels: coefficients of the whole cube of frequencies, about.
    """
    largest = int(num_levels ** (1 / filter_size))
    cube = fourier_coefficients(Laplacian(float(filter_size)), filter_size=filter_size, max_frequency=largest)
    axis = cube[(slice(None),) + (0,) * (filter_size - 1)]
    frequencies = sorted({round(2 ** (step / 2)) for step in range(int(2 * math.log2(largest)) + 1)})
    return [{"frequency": k, "largest": largest, "coefficient": float(axis[k])} for k in frequencies]


def parity(*, filter_size: int, num_levels: int) -> list[dict]:
    """Largest coefficient of the ReLU tangent kernel on the torus at odd sums of frequencies > 1, over the largest of all."""
    largest = int(num_levels ** (1 / filter_size))
    cube = fourier_coefficients(ReluNTK(), filter_size=filter_size, max_frequency=largest)
    axis = torch.arange(largest + 1)
    total = sum(torch.meshgrid(*[axis] * filter_size, indexing="ij"))
    odd = cube[(total % 2 == 1) & (total > 1)]
    return [{"odd_share": float(odd.abs().max() / cube.max())}]


def trace_identity(*, filter_size: int, dim: int, lattice: int) -> list[dict]:
    """Mean of K_CN(x, x) over a whole lattice on the torus, against c_0 + (C(0) - c_0)/d (L2).

    On a lattice both sides are finite sums, so that the identity holds to rounding.

    Raises:
        MemoryError: the lattice does not fit.
    """
    require_memory(8 * 4 * dim * lattice**dim, f"a lattice of {lattice}^{dim} points")
    constituent = Laplacian(float(filter_size))
    ticks = torch.arange(lattice, dtype=torch.float64) / lattice
    points = torus_embedding(torch.cartesian_prod(*[ticks] * dim).reshape(-1, dim))
    mean = convolutional_diagonal(points, constituent=constituent, filter_size=filter_size, channels=2).mean()
    chords = 4 * torch.sin(math.pi * ticks).square()
    squared = torch.cartesian_prod(*[chords] * filter_size).reshape(-1, filter_size).sum(1)
    constant = constituent(squared).mean()
    return [{"mean_diagonal": float(mean), "predicted_trace": float(constant + (1 - constant) / dim)}]


def ranked_spectrum(
    *, architecture: str, filter_size: int, dim: int, num_points: int, max_frequency: int, ranks: list, seed: int
) -> list[dict]:
    """Eigenvalues by rank (L2): of a Gram matrix on the torus over its number of points, and of the Mercer expansion.

    Args:
        architecture: "cn" or "lc".
        filter_size: pixels per patch, and the length scale.
        dim: pixels per input.
        num_points: random points of the Gram matrix.
        max_frequency: of the Mercer expansion, in each coordinate.
        ranks: the ranks that are returned, from 1, at most the number of points.
        seed: of the points.

    Returns:
        rank, eigenvalue and predicted_eigenvalue, one row each.
    """
    source = generator("locality.ranked_spectrum", dim, num_points, seed)
    inputs = torus_embedding(torch.rand(num_points, dim, generator=source, dtype=torch.float64))
    cut = {"constituent": Laplacian(float(filter_size)), "filter_size": filter_size, "channels": 2}
    measured = torch.linalg.eigvalsh(AVERAGES[architecture](inputs, **cut)).flip(0) / num_points
    spectrum = torus_spectrum(f"{filter_size}{architecture}", dim, max_frequency)
    order = spectrum.eigenvalues.argsort(descending=True)
    last = 1 + spectrum.multiplicities[order].cumsum(0)  # the constant has rank 1
    level = torch.searchsorted(last, torch.tensor(ranks, dtype=torch.float64))
    values = spectrum.eigenvalues[order][level]
    return [
        {
            "rank": int(rank),
            "eigenvalue": float(measured[rank - 1]),
            "predicted_eigenvalue": spectrum.constant if rank == 1 else float(value),
        }
        for rank, value in zip(ranks, values, strict=True)
    ]
