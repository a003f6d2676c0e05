"""Kernels of infinitely wide deep networks: the tree of filters, the recursion, its spectra and exponents, finite width.

* :class:`Architecture` is the tree; :func:`hierarchical_kernel` and :func:`hierarchical_gram` are its kernels on products of
  spheres (:func:`sample_spheres`); :func:`tree_tangent_kernel` is the one on tokens.
* :func:`sector_spectrum` resolves a kernel by spatial scale, and :func:`ridgeless_exponent` says how fast it learns.
* :func:`train_centred` trains networks of finite width whose limit they are.
"""

from quire.deep_kernels.architecture import Architecture, effective_dimension, fully_connected, meta_patches
from quire.deep_kernels.exponents import (
    bound_exponent,
    fully_connected_exponent,
    quoted_exponent,
    ridgeless_exponent,
    sector_decay,
    smoothness,
)
from quire.deep_kernels.gram import (
    hierarchical_gram,
    hierarchical_gram_by_level,
    hierarchical_kernel,
    hierarchical_kernel_by_level,
    tile_bytes,
)
from quire.deep_kernels.harmonics import harmonic_counts, harmonic_transform, quadrature
from quire.deep_kernels.inputs import as_patches, sample_spheres
from quire.deep_kernels.network import draw_weights, empirical_kernel, network_outputs, train_centred
from quire.deep_kernels.recursion import hierarchical_diagonal
from quire.deep_kernels.sectors import SectorSpectrum, mean_eigenvalue, sector_spectrum
from quire.deep_kernels.tree_tangent import tree_tangent_kernel

__all__ = [
    "Architecture",
    "SectorSpectrum",
    "as_patches",
    "bound_exponent",
    "draw_weights",
    "effective_dimension",
    "empirical_kernel",
    "fully_connected",
    "fully_connected_exponent",
    "harmonic_counts",
    "harmonic_transform",
    "hierarchical_diagonal",
    "hierarchical_gram",
    "hierarchical_gram_by_level",
    "hierarchical_kernel",
    "hierarchical_kernel_by_level",
    "mean_eigenvalue",
    "meta_patches",
    "network_outputs",
    "quadrature",
    "quoted_exponent",
    "ridgeless_exponent",
    "sample_spheres",
    "sector_decay",
    "sector_spectrum",
    "smoothness",
    "tile_bytes",
    "train_centred",
    "tree_tangent_kernel",
]
