"""Experiments of the chapter on locality: arguments that JSON can hold, rows of numbers.

A kernel is written as in the paper: "3cn" is convolutional with filters of three pixels, "3lc" local, "9fc" fully
connected on nine. The constituent is Laplacian with length scale equal to the filter size, or, for "3cn-ntk", the
tangent kernel of ReLUs. Teachers are Gaussian random fields; their average is exact, so that an error bar can come from
the data alone.
"""

import math
import re

import torch

from quire import device as devices
from quire import kernels, rng
from quire.kernels import ConvolutionalNetwork, LocalNetwork, empirical_ntk
from quire.regression import NestedRegression, align_spectra, self_consistent_curve

__all__ = [
    "decay",
    "finite_width",
    "learning_curves",
    "parity",
    "predicted_curves",
    "ranked_spectrum",
    "trace_identity",
]

KERNELS = {"cn": kernels.convolutional, "lc": kernels.local}
DIAGONALS = {"cn": kernels.convolutional_diagonal, "lc": kernels.local_diagonal}


def _cube(num: int, dim: int, source: torch.Generator) -> torch.Tensor:
    return torch.rand(num, dim, generator=source, dtype=torch.float64)


def _torus(num: int, dim: int, source: torch.Generator) -> torch.Tensor:
    return kernels.torus_embedding(_cube(num, dim, source))


def _sphere(num: int, dim: int, source: torch.Generator) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(num, dim, generator=source, dtype=torch.float64))


SPACES = {"cube": _cube, "torus": _torus, "sphere": _sphere}


def finite_width(architecture: str, width: int, dim: int, filter_size: int, num_points: int, seed: int) -> list[dict]:
    """One network of finite width (L1): the lemma with its own weights, and its distance from infinite width.

    Returns:
        lemma_error: largest |empirical NTK - average over patches|, relative to the largest entry; rounding.
        width_error: relative Frobenius distance from the kernel of infinite width.
    """
    source = rng.generator("locality.finite_width", architecture, width, dim, filter_size, seed)
    inputs = torch.randn(num_points, dim, generator=source, dtype=torch.float64)
    if architecture == "cn":
        network = ConvolutionalNetwork(width, filter_size, generator=source)
    else:
        network = LocalNetwork(width, filter_size, dim=dim, generator=source)
    measured, averaged = empirical_ntk(network, inputs), network.patch_average(inputs)
    limit = KERNELS[architecture](inputs, constituent=kernels.ReluNTK(), filter_size=filter_size)
    return [
        {
            "lemma_error": float((measured - averaged).abs().max() / averaged.abs().max()),
            "width_error": float((measured - limit).norm() / limit.norm()),
        }
    ]


def decay(filter_size: int, num_levels: int) -> list[dict]:
    """Fourier coefficients of the Laplacian constituent along an axis (L2), at frequencies in steps of √2."""
    largest = int(num_levels ** (1 / filter_size))
    cube = kernels.fourier_coefficients(
        kernels.Laplacian(float(filter_size)), filter_size=filter_size, max_frequency=largest
    )
    axis = cube[(slice(None),) + (0,) * (filter_size - 1)]
    frequencies = sorted({round(2 ** (step / 2)) for step in range(int(2 * math.log2(largest)) + 1)})
    return [{"frequency": k, "largest": largest, "coefficient": float(axis[k])} for k in frequencies]


def parity(filter_size: int, num_levels: int) -> list[dict]:
    """Share of the trace of the ReLU tangent kernel on the torus in modes with an odd sum of frequencies, |k| > 1."""
    largest = int(num_levels ** (1 / filter_size))
    cube = kernels.fourier_coefficients(kernels.ReluNTK(), filter_size=filter_size, max_frequency=largest)
    axis = torch.arange(largest + 1)
    total = sum(torch.meshgrid(*[axis] * filter_size, indexing="ij"))
    odd = cube[(total % 2 == 1) & (total > 1)]
    return [{"odd_share": float(odd.abs().max() / cube.max())}]


def trace_identity(filter_size: int, dim: int, lattice: int) -> list[dict]:
    """Mean of K_CN(x, x) over a whole lattice on the torus, against c_0 + (C(0) - c_0)/d (L2).

    On a lattice both sides are finite sums, so that the identity holds to rounding.
    """
    devices.require_memory(8 * 4 * dim * lattice**dim, f"a lattice of {lattice}^{dim} points")
    constituent = kernels.Laplacian(float(filter_size))
    ticks = torch.arange(lattice, dtype=torch.float64) / lattice
    points = kernels.torus_embedding(torch.cartesian_prod(*[ticks] * dim).reshape(-1, dim))
    mean = kernels.convolutional_diagonal(points, constituent=constituent, filter_size=filter_size, channels=2).mean()
    chords = 4 * torch.sin(math.pi * ticks).square()
    squared = torch.cartesian_prod(*[chords] * filter_size).reshape(-1, filter_size).sum(1)
    constant = constituent(squared).mean()
    return [{"mean_diagonal": float(mean), "predicted_trace": float(constant + (1 - constant) / dim)}]


def ranked_spectrum(
    architecture: str, filter_size: int, dim: int, num_points: int, max_frequency: int, ranks: list, seed: int
) -> list[dict]:
    """Eigenvalues by rank (L2): of a Gram matrix on the torus over its number of points, and of the Mercer expansion."""
    constituent = kernels.Laplacian(float(filter_size))
    source = rng.generator("locality.ranked_spectrum", dim, num_points, seed)
    inputs = kernels.torus_embedding(torch.rand(num_points, dim, generator=source, dtype=torch.float64))
    gram = KERNELS[architecture](inputs, constituent=constituent, filter_size=filter_size, channels=2)
    measured = torch.linalg.eigvalsh(gram).flip(0) / num_points
    spectrum = _torus_spectrum(f"{filter_size}{architecture}", dim, max_frequency)
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


def learning_curves(
    pairs: list,
    space: str,
    dim: int,
    num_train: int,
    num_test: int,
    sizes: list,
    seed: int,
    *,
    device: str = "cpu",
) -> list[dict]:
    """Learning curves on one data set, averaged exactly over Gaussian teachers (L3, L4, L5).

    Each kernel's Gram matrix is computed once, and each student's factor serves all sizes and all of its teachers.

    Args:
        pairs: [teacher, student] each, such as ["2cn", "3cn"].
        space: uniform in the unit "cube", on the "torus" (each pixel on a unit circle) or on the unit "sphere".
        dim: pixels per input.
        num_train: points that are factorised, at least the largest size.
        num_test: points at which the error is measured.
        sizes: training-set sizes.
        seed: of the data set, which all pairs share.

    Returns:
        teacher, student, their pair in words, size and mean squared error, one row each.

    Raises:
        ValueError: an unknown space or kernel.
    """
    if space not in SPACES:
        raise ValueError(f"space must be one of {sorted(SPACES)}, got {space!r}")
    source = rng.generator("locality.learning_curves", space, dim, num_train, num_test, seed)
    inputs = SPACES[space](num_train + num_test, dim, source).to(devices.resolve(device))
    train, test = inputs.split([num_train, num_test])
    grams = {name: _grams(name, train, test, dim) for name in dict.fromkeys(name for pair in pairs for name in pair)}
    rows = []
    for student in dict.fromkeys(student for _, student in pairs):
        nested = NestedRegression(*grams[student][:2], ridge=0.0)
        for teacher in [teacher for teacher, own in pairs if own == student]:
            gram, cross, diagonal = grams[teacher]
            if teacher == student:
                errors = nested.variances(diagonal, sizes=sizes)
            else:
                errors = nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=sizes)
            names = {"teacher": teacher, "student": student, "pair": f"{teacher} → {student}"}
            rows += [{**names, "size": n, "error": e} for n, e in zip(sizes, errors.mean(1).tolist(), strict=True)]
    return rows


def predicted_curves(pairs: list, dim: int, num_levels: int, sizes: list) -> list[dict]:
    """The self-consistent theory for the same curves on the torus (L4): spectra in, errors out, nothing fitted.

    Args:
        pairs: [teacher, student] each.
        dim: pixels per input.
        num_levels: levels per spectrum, about; the largest frequency follows from the larger filter.
        sizes: training-set sizes.

    Returns:
        teacher, student, size, predicted_error, and the factor by which interpolation amplifies what is unlearnable.
    """
    rows = []
    for teacher, student in pairs:
        largest = max(_parse(name, dim)[0] for name in (teacher, student))
        cut = int(num_levels ** (1 / largest))
        modes = align_spectra(*(_torus_spectrum(name, dim, cut) for name in (student, teacher)))
        curve = self_consistent_curve(modes, sizes, ridge=0.0)
        rows += [
            {"teacher": teacher, "student": student, "size": n, "predicted_error": e, "amplification": 1 / (1 - gamma)}
            for n, e, gamma in zip(sizes, curve.errors.tolist(), curve.overfitting.tolist(), strict=True)
        ]
    return rows


def _parse(kernel: str, dim: int) -> tuple[int, str, kernels.Constituent]:
    match = re.fullmatch(r"(\d+)(cn|lc|fc)(-ntk)?", kernel)
    if not match:
        raise ValueError(
            f'a kernel is a filter size, then cn, lc or fc, then "-ntk" or nothing, such as "3cn", got {kernel!r}'
        )
    filter_size, architecture = int(match[1]), match[2]
    if architecture == "fc" and filter_size != dim:
        raise ValueError(f'a fully-connected kernel sees all {dim} pixels: write "{dim}fc", not {kernel!r}')
    return filter_size, architecture, kernels.ReluNTK() if match[3] else kernels.Laplacian(float(filter_size))


def _grams(kernel: str, train, test, dim: int) -> tuple:
    """Gram matrix of the training points, cross matrix, and diagonal of the test points."""
    filter_size, architecture, constituent = _parse(kernel, dim)
    cut = {
        "constituent": constituent,
        "filter_size": filter_size,
        "channels": train.shape[1] // dim,
        "cyclic": architecture != "fc",
    }
    architecture = architecture.replace("fc", "lc")  # one open patch
    gram = KERNELS[architecture]
    return gram(train, **cut), gram(train, test, **cut), DIAGONALS[architecture](test, **cut)


def _torus_spectrum(kernel: str, dim: int, max_frequency: int) -> kernels.PatchSpectrum:
    filter_size, architecture, constituent = _parse(kernel, dim)
    return kernels.patch_spectrum(
        constituent,
        filter_size=filter_size,
        dim=dim,
        overlapping=True,
        shared=architecture == "cn",
        max_frequency=max_frequency,
    )
