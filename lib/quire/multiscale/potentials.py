"""Energies that are linear in their parameters, E_θ(x) = Σ_k θ_k U_k(x): pairs of sites at given shifts, and even powers of each site.

A pair potential is -Σ x_i x_j over all pairs at the shifts of its class, each pair once; the others are Σ_i x_i^p. φ⁴ has the pairs of nearest
neighbours and the powers 2, 4 with θ = (β, -1, 1); averages over 2 × 2, 4 × 4, … sites need diagonal neighbours, too.
"""

from dataclasses import dataclass

import torch

from quire.multiscale.phi4 import checked_fields
from quire.multiscale.wavelets import Band
from quire.types import Float, Tensor

__all__ = ["COARSE_POTENTIALS", "PHI4_POTENTIALS", "FittedEnergy", "Potentials"]

Shifts = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Potentials:
    """U_k: one for each class of shifts, then one for each power.

    Attributes:
        pairs: classes of shifts (rows, columns); of a shift and its negative only one is in a class.
        powers: even, 2 or more.

    Raises:
        ValueError: a power that is odd or below two, or nothing at all.
    """

    pairs: tuple[Shifts, ...]
    powers: tuple[int, ...]

    def __post_init__(self):
        if any(power < 2 or power % 2 for power in self.powers) or not (self.pairs or self.powers):
            raise ValueError(f"expected at least one potential, and even powers ≥ 2, got {self.pairs}, {self.powers}")

    def __len__(self) -> int:
        return len(self.pairs) + len(self.powers)

    def values(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples potentials"]:
        """U_k of each field."""
        pairs = [(-fields * neighbours(fields, shifts) / 2).sum((-2, -1)) for shifts in self.pairs]
        return torch.stack(pairs + [fields.pow(power).sum((-2, -1)) for power in self.powers], 1)

    def gradients(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples potentials side side"]:
        """Derivatives of U_k by each site."""
        pairs = [-neighbours(fields, shifts) for shifts in self.pairs]
        return torch.stack(pairs + [power * fields.pow(power - 1) for power in self.powers], 1)

    def laplacians(
        self, fields: Float[Tensor, "samples side side"], *, band: Band | None
    ) -> Float[Tensor, "samples potentials"]:
        """Second derivatives of U_k, summed over the directions of the band: the trace of ḠU''Ḡᵀ. None: over all sites."""
        side = fields.shape[-1]
        if band is None:
            basis = torch.eye(side**2, dtype=fields.dtype).reshape(-1, side, side)
        else:
            basis = band.synthesise(torch.eye(int(band.details.sum()), dtype=band.matrix.dtype))
        weight = basis.square().sum(0)
        traces = [-(basis * neighbours(basis, shifts)).sum() for shifts in self.pairs]
        sums = [power * (power - 1) * (weight * fields.pow(power - 2)).sum((-2, -1)) for power in self.powers]
        return torch.stack([trace.expand(len(fields)) for trace in traces] + sums, 1)


@dataclass(frozen=True)
class FittedEnergy:
    """An energy with its parameters: what a chain of :func:`quire.multiscale.langevin` moves in.

    Attributes:
        potentials: U_k.
        parameters: θ_k.
    """

    potentials: Potentials
    parameters: Float[Tensor, "potentials"]

    def energy(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples"]:
        """E_θ of each field."""
        checked_fields(fields)
        return self.potentials.values(fields) @ self.parameters

    def gradient(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples side side"]:
        """Its derivative by each site."""
        checked_fields(fields)
        return torch.einsum("k,nkij->nij", self.parameters, self.potentials.gradients(fields))


def neighbours(fields: Float[Tensor, "*batch side side"], shifts: Shifts) -> Float[Tensor, "*batch side side"]:
    """For each site the sum of the sites at these shifts and at their negatives, around the torus."""
    found = torch.zeros_like(fields)
    for row, column in shifts:
        found = found + torch.roll(fields, (row, column), (-2, -1)) + torch.roll(fields, (-row, -column), (-2, -1))
    return found


NEAREST: Shifts = ((0, 1), (1, 0))
DIAGONAL: Shifts = ((1, 1), (1, -1))
PHI4_POTENTIALS = Potentials((NEAREST,), (2, 4, 6))
COARSE_POTENTIALS = Potentials((NEAREST, DIAGONAL), (2, 4))
