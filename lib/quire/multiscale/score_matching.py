"""Score matching of an energy that is linear in its parameters, jointly or of the details given the coarse field: least squares.

E_θ = Σ_k θ_k U_k. The loss E|∇E_θ|²/2 - E ΔE_θ, with derivatives by the details alone, is least at θ = H⁻¹ b, H = E[∇U ∇Uᵀ], b = E[ΔU].
The free energy of the conditional law depends on the coarse field alone and drops out. The trap: what is fitted is right as a function of the
details only. Any function of the coarse field may be added to it, and data whose coarse fields have another law give the same θ; as an
energy of the whole field it means nothing until the coarse field's own law is there (:mod:`quire.multiscale.scale_by_scale`).

Source: the score matching of Hyvärinen (2005), for conditional laws as in guth2023cslc.
"""

from dataclasses import dataclass

import torch

from quire.multiscale.phi4 import checked_fields
from quire.multiscale.potentials import PHI4_POTENTIALS, FittedEnergy, Potentials
from quire.multiscale.wavelets import Band
from quire.types import Float, Tensor

__all__ = ["ScoreFit", "match_scores"]

CHUNK = 64  # fields whose gradients are in memory at once


@dataclass(frozen=True)
class ScoreFit:
    """What score matching finds.

    Attributes:
        parameters: θ, one for each potential.
        condition: condition number of H after its diagonal is scaled to one; of the potentials, not of the energy.
        law: the energy with these parameters.
    """

    parameters: Float[Tensor, "potentials"]
    condition: float
    law: FittedEnergy


def match_scores(
    fields: Float[Tensor, "samples side side"], *, band: Band | None, potentials: Potentials = PHI4_POTENTIALS
) -> ScoreFit:
    """Fit the potentials to samples, by the derivatives in the span of a band.

    Args:
        fields: samples, in float64 as the solution is ill-conditioned.
        band: of the details; None for all derivatives, the joint law.
        potentials: U; those of φ⁴ and the sixth power, (-Σ_<ij> x_i x_j, Σx², Σx⁴, Σx⁶), unless others are given. φ⁴ has θ = (β, -1, 1, 0).

    Raises:
        ValueError: bad fields, fields in single precision, or fields that do not tell the potentials apart.
    """
    checked_fields(fields)
    if fields.dtype != torch.float64:
        raise ValueError(
            f"the least squares are ill-conditioned: expected float64, got {fields.dtype}; convert with .double()"
        )
    moments = torch.zeros(len(potentials), len(potentials), dtype=fields.dtype)
    for part in fields.split(CHUNK):
        gradients = potentials.gradients(part)
        rows = gradients.flatten(2) if band is None else band.analyse(gradients)
        moments += (rows @ rows.mT).sum(0) / len(fields)
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
    right = potentials.laplacians(fields, band=band).mean(0) / scale
    found = torch.linalg.solve(normalised, right) / scale
    return ScoreFit(found, condition, FittedEnergy(potentials, found))
