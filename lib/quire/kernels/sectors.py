r"""Mercer spectra of hierarchical kernels, sector by sector.

On a product of unit spheres a hierarchical kernel depends on the cosines of the patches alone, so it is diagonal on
products of spherical harmonics. The modes fall into *sectors*: a mode belongs to level l when the patches on which it
varies fit in one meta-patch of level l and in none of level l-1. With the normalised Gegenbauer polynomials
:math:`P_k`, :math:`P_k(1) = 1` (cosines :math:`\cos k\theta` for patches of size two), its eigenvalue is

.. math::
    \Lambda_k = E_{t}\Big[ K(t_1, \dots, t_p) \prod_i P_{k_i}(t_i) \Big],

which decays as :math:`|k|^{-2\nu - d_{eff}(l)}` in sector l. It is computed by Gauss quadrature on the patches of one
meta-patch (a discrete cosine transform for patches of size two), averaged over the patches outside.

Source: cagnetta2023deep (Mercer's decomposition of hierarchical kernels).
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import torch
from scipy import special

from quire.cite import cites
from quire.device import require_memory
from quire.kernels.hierarchical import arc_cosine_step, check_kind
from quire.kernels.hierarchical_architecture import Architecture, check_level
from quire.types import Float, Int, Tensor

__all__ = ["SectorSpectrum", "mean_eigenvalue", "sector_spectrum"]

CHUNK = 2**21  # grid points of one pass of the recursion


@dataclass(frozen=True)
class SectorSpectrum:
    """The modes of one sector, one line per tuple of degrees of the patches of a meta-patch.

    Args:
        level: level of the sector.
        degrees: degree of each mode on each patch of the meta-patch.
        eigenvalues: eigenvalue of each mode.
        multiplicities: independent modes that share it (harmonics of equal degree, meta-patches of the level).
    """

    level: int
    degrees: Int[Tensor, "modes patches"]
    eigenvalues: Float[Tensor, " modes"]
    multiplicities: Float[Tensor, " modes"]

    @property
    def power(self) -> float:
        """Part of the trace K(x, x) that the kept modes carry."""
        return float(self.eigenvalues @ self.multiplicities)

    def along(self, direction: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Eigenvalues on the ray q · direction, q = 1, 2, …: the norms |k| and the eigenvalues.

        Raises:
            ValueError: the direction has another number of patches, or leaves the sector.
        """
        patches = self.degrees.shape[1]
        step = torch.tensor(direction)
        keep = torch.zeros(len(self.degrees), dtype=torch.bool)
        if len(direction) == patches:
            keep = (self.degrees[:, step.argmax(), None] * step == self.degrees * step.max()).all(1)
        if not bool(keep.any()):
            raise ValueError(
                f"a direction of sector {self.level} names {patches} degrees, not all inside one meta-patch of level "
                f"{self.level - 1}, got {direction}: use ones for the patches that vary"
            )
        return self.degrees[keep].double().norm(dim=1), self.eigenvalues[keep]


@cites("cagnetta2023deep", "spectra of hierarchical kernels")
def sector_spectrum(
    tree: Architecture,
    level: int,
    *,
    kind: str,
    nodes: int,
    modes: int,
    average_nodes: int,
    network: Architecture | None = None,
) -> SectorSpectrum:
    """Eigenvalues of a network's kernel in one sector of a tree.

    Args:
        tree: the tree whose meta-patches define the sectors and whose patches define the spheres.
        level: the sector.
        kind: "ntk" or "nngp".
        nodes: quadrature nodes per patch of the meta-patch; the grid has ``nodes ** patches`` points.
        modes: degrees kept per patch (0 … modes-1), at most ``nodes``; those near ``nodes`` are aliased.
        average_nodes: quadrature nodes per patch outside the meta-patch.
        network: the network whose kernel is resolved, the tree itself if not given. Its first filter may cover several
            patches of the tree (a fully-connected network), and it may be a cut of the tree: its eigenvalues are then
            zero beyond its own level.

    Raises:
        ValueError: a sector that the tree does not have, more modes than nodes, filters that split a patch.
        MemoryError: before allocation, when the grid does not fit.

    >>> spectrum = sector_spectrum(Architecture((2, 2)), 1, kind="ntk", nodes=256, modes=64, average_nodes=16)
    >>> spectrum.eigenvalues.shape, bool((spectrum.eigenvalues > 0).all())
    (torch.Size([63]), True)
    """
    network = network or tree
    check_level(tree, level)
    if not 2 <= modes <= nodes:
        raise ValueError(f"modes must be in 2 … nodes = {nodes}, got {modes}: raise nodes (half of it is a safe cut)")
    patches = prod(tree.filter_sizes[1:level])
    degrees = torch.cartesian_prod(*[torch.arange(modes)] * patches).reshape(-1, patches)
    groups = degrees.unflatten(1, (tree.filter_sizes[level - 1] if level > 1 else 1, -1))
    inside = (groups > 0).any(2).sum(1) > (1 if level > 1 else 0)
    degrees = degrees[inside]
    top = _patches_below_top(tree, network)
    if patches > top and top * network.readout_size == patches * tree.num_nodes(level):
        eigenvalues = torch.zeros(len(degrees), dtype=torch.float64)  # beyond what one top node sees
    else:
        values = _average_kernel(tree, network, kind, patches, nodes, average_nodes)
        transform = _harmonics(tree.filter_sizes[0], nodes, modes)
        for _ in range(patches):
            values = torch.tensordot(values, transform, dims=([0], [1]))  # the axes turn, and end in their places
        eigenvalues = values.flatten()[inside] / network.readout_size
    harmonics = _harmonic_counts(tree.filter_sizes[0], modes)[degrees].prod(1)
    return SectorSpectrum(level, degrees, eigenvalues, harmonics * tree.num_nodes(level))


def mean_eigenvalue(tree: Architecture, *, kind: str, average_nodes: int, network: Architecture | None = None) -> float:
    """Eigenvalue of the constant mode: the kernel's mean over independent inputs."""
    return float(_average_kernel(tree, network or tree, kind, 0, 1, average_nodes))


def _patches_below_top(tree: Architecture, network: Architecture) -> int:
    """Patches of the tree below one top node of the network."""
    patch_size, covered = tree.filter_sizes[0], prod(network.filter_sizes)
    if network.filter_sizes[0] % patch_size or network.input_length != tree.input_length:
        raise ValueError(
            f"the network {network} must cover the {tree.input_length} inputs of the tree with first filters that are "
            f"multiples of its patches of size {patch_size}: change filter_sizes or readout_size"
        )
    return covered // patch_size


def _average_kernel(tree, network, kind, patches, nodes, average_nodes) -> Tensor:
    """Kernel of one top node on the grid of the first ``patches`` patches, averaged over the other patches below it."""
    check_kind(kind)
    top = _patches_below_top(tree, network)
    cosines, _ = _quadrature(tree.filter_sizes[0], nodes)
    others, weights = _quadrature(tree.filter_sizes[0], average_nodes)
    shape = (nodes,) * patches
    averaged = top - patches
    require_memory(
        8 * (nodes**patches + 6 * max(CHUNK, nodes ** max(patches - 1, 0) * average_nodes**averaged)),
        f"a grid of {nodes}^{patches} cosines, averaged over {average_nodes}^{averaged}",
    )
    step = max(1, CHUNK // max(1, nodes ** max(patches - 1, 0) * average_nodes**averaged))
    result = torch.empty(shape, dtype=torch.float64)
    for start in range(0, nodes if patches else 1, step):
        leaves = []
        for patch in range(top):
            values = cosines if patch < patches else others
            values = values[start : start + step] if patch == 0 and patches else values
            leaves.append(values.reshape((-1,) + (1,) * (top - 1 - patch)))
        output = _broadcast_recursion(
            leaves, network.filter_sizes, network.filter_sizes[0] // tree.filter_sizes[0], kind
        )
        for _ in range(averaged):
            output = output @ weights
        if patches:
            result[start : start + step] = output
        else:
            result = output
    return result


def _broadcast_recursion(leaves: list[Tensor], filter_sizes: tuple[int, ...], merged: int, kind: str) -> Tensor:
    """The recursion of one tree on tensors that broadcast: each node lives on the axes of its own patches only."""
    nodes = [(leaf, leaf if kind == "ntk" else None) for leaf in _group_means(leaves, merged)]
    for position, filter_size in enumerate(filter_sizes):
        if position:
            features = _group_means([feature for feature, _ in nodes], filter_size)
            tangents = (
                [None] * len(features)
                if kind == "nngp"
                else _group_means([tangent for _, tangent in nodes], filter_size)
            )
            nodes = list(zip(features, tangents, strict=True))
        nodes = [arc_cosine_step(feature, tangent) for feature, tangent in nodes]
    return nodes[0][0] if kind == "nngp" else nodes[0][1]


def _group_means(tensors: list[Tensor], size: int) -> list[Tensor]:
    if size == 1:
        return tensors
    return [sum(tensors[start : start + size]) / size for start in range(0, len(tensors), size)]


@lru_cache(maxsize=16)
def _quadrature(patch_size: int, nodes: int) -> tuple[Tensor, Tensor]:
    """Gauss nodes in the cosine and weights of the uniform measure on a sphere in ``patch_size`` dimensions."""
    if patch_size < 2:
        raise ValueError("patches of size 1 lie on two points and have no harmonics: use filter_sizes[0] ≥ 2")
    if patch_size == 2:
        angles = (torch.arange(nodes, dtype=torch.float64) + 0.5) * (torch.pi / nodes)
        return torch.cos(angles), torch.full((nodes,), 1 / nodes, dtype=torch.float64)
    cosines, weights = special.roots_gegenbauer(nodes, patch_size / 2 - 1)
    return torch.from_numpy(cosines), torch.from_numpy(weights / weights.sum())


@lru_cache(maxsize=16)
def _harmonics(patch_size: int, nodes: int, modes: int) -> Tensor:
    """P_k at the nodes times the weights, degrees first."""
    cosines, weights = _quadrature(patch_size, nodes)
    if patch_size == 2:
        return torch.cos(torch.arange(modes, dtype=torch.float64)[:, None] * torch.acos(cosines)) * weights
    index = patch_size / 2 - 1
    values = [torch.ones_like(cosines), cosines]
    for degree in range(1, modes - 1):  # three-term recurrence of the polynomials that are 1 at 1: stable
        ahead = 2 * (degree + index) * cosines * values[-1] - degree * values[-2]
        values.append(ahead / (degree + 2 * index))
    return torch.stack(values[:modes]) * weights


def _harmonic_counts(patch_size: int, modes: int) -> Tensor:
    """Spherical harmonics of each degree in ``patch_size`` dimensions: 1, 2, 2, … on a circle, 2k+1 on a sphere."""
    degrees = np.arange(modes)
    dimension = patch_size - 2
    if dimension == 0:
        return torch.from_numpy(np.where(degrees == 0, 1.0, 2.0))
    counts = (2 * degrees + dimension) / dimension * special.binom(degrees + dimension - 1, dimension - 1)
    return torch.from_numpy(counts)
