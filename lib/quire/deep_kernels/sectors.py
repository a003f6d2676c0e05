r"""Mercer spectra of hierarchical kernels, sector by sector.

On a product of unit spheres a hierarchical kernel depends on the cosines of the patches alone, so it is diagonal on
products of spherical harmonics. The modes fall into *sectors*: a mode belongs to level l when the patches on which it
varies fit in one meta-patch of level l and in none of level l-1. With the normalised Gegenbauer polynomials
:math:`P_k`, :math:`P_k(1) = 1` (cosines :math:`\cos k\theta` for patches of size two), its eigenvalue is

.. math::
    \Lambda_k = E_{t}\Big[ K(t_1, \dots, t_p) \prod_i P_{k_i}(t_i) \Big],

which decays as :math:`|k|^{-2\nu - d_{eff}(l)}` in sector l. It is computed by quadrature on the patches of one
meta-patch, averaged over the patches outside.

Source: cagnetta2023deep (Mercer's decomposition of hierarchical kernels).
"""

from dataclasses import dataclass
from math import prod

import torch

from quire.cite import cites
from quire.deep_kernels.architecture import Architecture, check_level
from quire.deep_kernels.grid import average_kernel, patches_below_top
from quire.deep_kernels.harmonics import harmonic_counts, harmonic_transform
from quire.types import Float, Int, Tensor

__all__ = ["SectorSpectrum", "mean_eigenvalue", "sector_spectrum"]


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
        modes: degrees kept per patch (0 … modes-1), at most ``nodes``; those above half of the nodes are not resolved.
        average_nodes: quadrature nodes per patch outside the meta-patch; with 8, eigenvalues of degrees below 16 are off by
            1e-2 of themselves at most.
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
    top = patches_below_top(tree, network)
    if patches > top and top * network.readout_size == patches * tree.num_nodes(level):
        eigenvalues = torch.zeros(len(degrees), dtype=torch.float64)  # beyond what one top node sees
    else:
        values = average_kernel(tree, network, kind, patches, nodes, average_nodes)
        transform = harmonic_transform(tree.filter_sizes[0], nodes, modes)
        for _ in range(patches):
            values = torch.tensordot(values, transform, dims=([0], [1]))  # the axes turn, and end in their places
        eigenvalues = values.flatten()[inside] / network.readout_size
    harmonics = harmonic_counts(tree.filter_sizes[0], modes)[degrees].prod(1)
    return SectorSpectrum(level, degrees, eigenvalues, harmonics * tree.num_nodes(level))


def mean_eigenvalue(tree: Architecture, *, kind: str, average_nodes: int, network: Architecture | None = None) -> float:
    """Eigenvalue of the constant mode: the kernel's mean over independent inputs."""
    return float(average_kernel(tree, network or tree, kind, 0, 1, average_nodes))
