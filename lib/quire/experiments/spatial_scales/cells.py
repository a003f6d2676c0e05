"""Cells on spectra: the tree, the decay of each sector, and the theory solved with pure power laws."""

import math

import torch

from quire.deep_kernels import (
    Architecture,
    effective_dimension,
    meta_patches,
    quoted_exponent,
    ridgeless_exponent,
    sector_decay,
    sector_spectrum,
)
from quire.experiments.spatial_scales.spectra import sector_grid
from quire.regression import ModeSpectrum, self_consistent_curve

__all__ = ["asymptotic_exponents", "predicted_exponents", "sector_decays", "tree_nodes"]

DECADES, PER_DECADE = 14, 300  # of the wavenumbers that stand for all modes


def tree_nodes(*, filter_sizes: list[int]) -> list[dict]:
    """One row per node of the architecture, with its meta-patch."""
    return meta_patches(Architecture(tuple(filter_sizes)))


def sector_decays(
    *, filter_sizes: list[int], kind: str, level: int, grid_points: int, average_nodes: int, max_modes: int
) -> list[dict]:
    """Eigenvalues of one sector along its diagonal (all patches vary alike), and the predicted power through the last.

    Args:
        filter_sizes: of the network, covering the input.
        kind: "ntk" or "nngp".
        level: the sector.
        grid_points: size of the quadrature grid, averages included.
        average_nodes: angles of each patch outside of the meta-patch, over which the kernel is averaged.
        max_modes: degrees kept at most.

    Returns:
        One row per wavenumber; ``fitted`` marks the upper half, which the slope is read from.
    """
    tree = Architecture(tuple(filter_sizes))
    nodes, modes = sector_grid(tree, level, grid_points, average_nodes)
    given = {"nodes": nodes, "modes": min(modes, max_modes), "average_nodes": average_nodes}
    spectrum = sector_spectrum(tree, level, kind=kind, **given)
    norms, eigenvalues = spectrum.along((1,) * spectrum.degrees.shape[1])
    power = sector_decay(tree, level, kind=kind)
    reference = eigenvalues[-1] * (norms / norms[-1]) ** power
    return [
        {
            "wavenumber": float(k),
            "eigenvalue": float(value),
            "predicted_eigenvalue": float(line),
            "predicted_slope": power,
            "fitted": bool(k >= norms[-1] / 2),
        }
        for k, value, line in zip(norms, eigenvalues, reference, strict=True)
    ]


def asymptotic_exponents(
    *, filter_sizes: list[int], teacher_level: int, sizes: list[float], kind: str = "ntk"
) -> list[dict]:
    """Local exponents of the theory solved with pure power laws, sector by sector, at sizes that no experiment reaches.

    Sector m has d_m k^(d_m - 1) dk modes of eigenvalue k^-(2 nu + d_m); a check of the derived exponent that uses
    neither its threshold argument nor its approximations. The sum over wavenumbers is off by less than 1e-6 in the exponent.
    """
    tree = Architecture(tuple(filter_sizes))
    wavenumbers = torch.logspace(0, DECADES, DECADES * PER_DECADE + 1, dtype=torch.float64)
    step = math.log(10) / PER_DECADE
    parts = []
    for level in range(1, tree.depth):
        dimension = effective_dimension(tree, level)
        values = wavenumbers ** float(sector_decay(tree, level, kind=kind))
        counts = tree.num_nodes(level) * dimension * wavenumbers**dimension * step
        parts.append((values, counts, values * counts * (level <= teacher_level)))
    spectrum = ModeSpectrum(*[torch.cat(part) for part in zip(*parts, strict=True)])
    errors = self_consistent_curve(spectrum, [int(size) for size in sizes], ridge=0.0).errors
    logs = torch.tensor(sizes, dtype=torch.float64).log()
    slopes = -(errors.log().diff() / logs.diff())
    middles = ((logs[1:] + logs[:-1]) / 2).exp()
    return [{"samples": float(x), "local_exponent": float(y)} for x, y in zip(middles, slopes, strict=True)]


def predicted_exponents(*, filter_sizes: list[int], teacher_level: int, kind: str) -> list[dict]:
    """The exponent of the ridgeless error that is derived in the chapter, and the one that is often quoted."""
    tree = Architecture(tuple(filter_sizes))
    derived = ridgeless_exponent(tree, teacher_level, student_kind=kind, teacher_kind=kind)
    return [{"derived": derived, "quoted": quoted_exponent(tree, teacher_level, teacher_kind=kind)}]
