"""Kernels of infinitely wide networks: constituents, convolutional and local averages over patches, spectra."""

from quire.kernels.circle import PowerLawCircle
from quire.kernels.constituents import (
    Constituent,
    ErfNNGP,
    ErfNTK,
    Laplacian,
    Matern,
    ReluNNGP,
    ReluNTK,
    arccos_kernel_degree0,
    arccos_kernel_degree1,
)
from quire.kernels.convolutional import convolutional, convolutional_diagonal
from quire.kernels.local import fully_connected, local, local_diagonal
from quire.kernels.patches import extract_patches, patch_indices, torus_embedding
from quire.kernels.spectra import PatchSpectrum, fourier_coefficients, patch_spectrum

__all__ = [
    "Constituent",
    "ErfNNGP",
    "ErfNTK",
    "Laplacian",
    "Matern",
    "PatchSpectrum",
    "PowerLawCircle",
    "ReluNNGP",
    "ReluNTK",
    "arccos_kernel_degree0",
    "arccos_kernel_degree1",
    "convolutional",
    "convolutional_diagonal",
    "extract_patches",
    "fourier_coefficients",
    "fully_connected",
    "local",
    "local_diagonal",
    "patch_indices",
    "patch_spectrum",
    "torus_embedding",
]
