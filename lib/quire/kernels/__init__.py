"""Kernels of infinitely wide networks of one hidden layer: constituents, averages over patches, spectra, finite width.

A *constituent* is the kernel of one pair of patches; :func:`convolutional` and :func:`local` average it over pairs of patches,
and :func:`patch_spectrum` gives their spectra. Kernels of deep networks: :mod:`quire.deep_kernels`.
"""

from quire.kernels.arc_cosine import arccos_kernel_degree0, arccos_kernel_degree1
from quire.kernels.circle import PowerLawCircle
from quire.kernels.constituent import Constituent
from quire.kernels.convolutional_average import convolutional, convolutional_diagonal
from quire.kernels.error_function import ErfNNGP, ErfNTK
from quire.kernels.finite import ConvolutionalNetwork, LocalNetwork, PatchNetwork, empirical_ntk
from quire.kernels.local_average import fully_connected, local, local_diagonal
from quire.kernels.patches import extract_patches, patch_indices, torus_embedding
from quire.kernels.rectified import ReluNNGP, ReluNTK
from quire.kernels.spectra import PatchSpectrum, fourier_coefficients, patch_spectrum
from quire.kernels.stationary import Laplacian, Matern
from quire.kernels.tiles import gram_bytes, sum_over_pairs

__all__ = [
    "Constituent",
    "ConvolutionalNetwork",
    "ErfNNGP",
    "ErfNTK",
    "Laplacian",
    "LocalNetwork",
    "Matern",
    "PatchNetwork",
    "PatchSpectrum",
    "PowerLawCircle",
    "ReluNNGP",
    "ReluNTK",
    "arccos_kernel_degree0",
    "arccos_kernel_degree1",
    "convolutional",
    "convolutional_diagonal",
    "empirical_ntk",
    "extract_patches",
    "fourier_coefficients",
    "fully_connected",
    "gram_bytes",
    "local",
    "local_diagonal",
    "patch_indices",
    "patch_spectrum",
    "sum_over_pairs",
    "torus_embedding",
]
