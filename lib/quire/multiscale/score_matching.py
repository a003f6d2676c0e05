"""Score matching of an energy that is linear in its parameters, jointly or of the details given the coarse field: least squares.

E_θ = Σ_k θ_k U_k. The loss E|∇E_θ|²/2 - E ΔE_θ, with derivatives by the details alone, is least at θ = H⁻¹ b, H = E[∇U ∇Uᵀ], b = E[ΔU].
The free energy of the conditional law depends on the coarse field alone and drops out: what is recovered is the joint energy as a function
of the details, and neither the law of the coarse field nor the normalisation of the conditional one.

Potentials here are (-Σ_<ij> x_i x_j, Σx², Σx⁴, Σx⁶); φ⁴ has θ = (β, -1, 1, 0).
"""

from dataclasses import dataclass

import torch

from quire.multiscale.phi4 import checked_fields, neighbour_sum
from quire.multiscale.wavelets import Band
from quire.types import Float, Tensor

__all__ = ["ScoreFit", "match_scores"]


@dataclass(frozen=True)
class ScoreFit:
    """What score matching finds.

    Attributes:
        parameters: θ, one for each potential.
        condition: condition number of H after its diagonal is scaled to one; of the potentials, not of the energy.
    """

    parameters: Float[Tensor, "4"]
    condition: float


def match_scores(fields: Float[Tensor, "samples side side"], *, band: Band | None) -> ScoreFit:
    """Fit the four potentials to samples, by the derivatives in the span of a band.

    Args:
        fields: samples, in float64 as the solution is ill-conditioned.
        band: of the details; None for all derivatives, the joint law.

    Raises:
        ValueError: bad fields, fields in single precision, or fields that do not tell the potentials apart.
    """
    checked_fields(fields)
    if fields.dtype != torch.float64:
        raise ValueError(
            f"the least squares are ill-conditioned: expected float64, got {fields.dtype}; convert with .double()"
        )
    gradients = torch.stack([-neighbour_sum(fields), 2 * fields, 4 * fields**3, 6 * fields**5], 1)
    gradients = gradients if band is None else band.analyse(gradients)
    rows = gradients.flatten(2)
    moments = (rows @ rows.mT).mean(0)
    scale = moments.diagonal().sqrt()
    if not bool((scale > 0).all()):
        raise ValueError(
            "a potential has no gradient on these fields, so that its parameter is free: give fields that vary"
        )
    normalised = moments / torch.outer(scale, scale)
    condition = float(torch.linalg.cond(normalised))
    if not condition < 1 / torch.finfo(fields.dtype).eps:
        raise ValueError(
            "the gradients of the potentials are linearly dependent on these fields: give more fields, or fields that vary"
        )
    right = _laplacians(fields, band).mean(0) / scale
    return ScoreFit(torch.linalg.solve(normalised, right) / scale, condition)


def _laplacians(fields: Tensor, band: Band | None) -> Tensor:
    """Second derivatives of the potentials, summed over the directions of the band, for each field."""
    weight, bonds = (torch.ones_like(fields[0]), 0.0) if band is None else _projector_parts(band)
    local = [2 * torch.ones_like(fields), 12 * fields**2, 30 * fields**4]
    sums = [(weight * values).sum((-2, -1)) for values in local]
    return torch.stack([torch.full_like(sums[0], -bonds), *sums], 1)


def _projector_parts(band: Band) -> tuple[Tensor, float]:
    """Diagonal of P = ḠᵀḠ as a field, and the trace of P times the adjacency of the lattice."""
    basis = band.synthesise(torch.eye(int(band.details.sum()), dtype=band.matrix.dtype))
    return basis.square().sum(0), float((basis * neighbour_sum(basis)).sum())
