"""Kernels written as in the paper: "3cn" is convolutional with filters of three pixels, "3lc" local, "9fc" fully connected.

The constituent is Laplacian with a length scale equal to the filter size, or, in "3cn-ntk", the tangent kernel of ReLUs.
"""

import re
from dataclasses import dataclass

from quire.kernels import (
    Constituent,
    Laplacian,
    PatchSpectrum,
    ReluNTK,
    convolutional,
    convolutional_diagonal,
    local,
    local_diagonal,
    patch_spectrum,
)
from quire.types import Float, Tensor

__all__ = ["AVERAGES", "NamedKernel", "grams", "named", "torus_spectrum"]

AVERAGES = {"cn": convolutional, "lc": local}
DIAGONALS = {"cn": convolutional_diagonal, "lc": local_diagonal}


@dataclass(frozen=True)
class NamedKernel:
    """What the name of a kernel says."""

    filter_size: int
    architecture: str  # "cn", "lc" or "fc"
    constituent: Constituent


def named(kernel: str, dim: int) -> NamedKernel:
    """Read the name of a kernel on inputs of ``dim`` pixels.

    Raises:
        ValueError: no such kernel, or a fully-connected one that does not see all pixels.

    >>> named("3cn", 9)
    NamedKernel(filter_size=3, architecture='cn', constituent=Laplacian(length_scale=3.0))
    """
    match = re.fullmatch(r"(\d+)(cn|lc|fc)(-ntk)?", kernel)
    if not match:
        raise ValueError(
            f'a kernel is a filter size, then cn, lc or fc, then "-ntk" or nothing, such as "3cn", got {kernel!r}'
        )
    filter_size, architecture = int(match[1]), match[2]
    if architecture == "fc" and filter_size != dim:
        raise ValueError(f'a fully-connected kernel sees all {dim} pixels: write "{dim}fc", not {kernel!r}')
    return NamedKernel(filter_size, architecture, ReluNTK() if match[3] else Laplacian(float(filter_size)))


def grams(
    kernel: str, train: Float[Tensor, "train features"], test: Float[Tensor, "test features"], dim: int
) -> tuple[Float[Tensor, "train train"], Float[Tensor, "train test"], Float[Tensor, " test"]]:
    """Gram matrix of the training points, cross matrix, and diagonal of the test points."""
    name = named(kernel, dim)
    cut = {
        "constituent": name.constituent,
        "filter_size": name.filter_size,
        "channels": train.shape[1] // dim,
        "cyclic": name.architecture != "fc",
    }
    architecture = name.architecture.replace("fc", "lc")  # fully connected: one open patch
    gram, diagonal = AVERAGES[architecture], DIAGONALS[architecture]
    return gram(train, **cut), gram(train, test, **cut), diagonal(test, **cut)


def torus_spectrum(kernel: str, dim: int, max_frequency: int) -> PatchSpectrum:
    """Mercer spectrum of a convolutional or local kernel on the torus, up to a frequency in each coordinate."""
    name = named(kernel, dim)
    return patch_spectrum(
        name.constituent,
        filter_size=name.filter_size,
        dim=dim,
        overlapping=True,
        shared=name.architecture == "cn",
        max_frequency=max_frequency,
    )
