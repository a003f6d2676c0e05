"""The scalar φ⁴ field on a periodic square lattice, in the convention whose critical point is at β ≈ 0.68.

E(x) = -β Σ_<ij> x_i x_j + Σ_i (x_i⁴ - x_i²), each bond once: gradient -β Σ_nn x + 4x³ - 2x, Hessian β(-Δ) + diag(12x² - 2 - 4β),
where -Δ has 4 on the diagonal and -1 for each of the four neighbours.
"""

import math
from dataclasses import dataclass

import torch

from quire.types import Float, Tensor

__all__ = [
    "Phi4",
    "checked_coupling",
    "checked_fields",
    "energy",
    "gradient",
    "hessian",
    "hessian_product",
    "neighbour_sum",
]


@dataclass(frozen=True)
class Phi4:
    """The model at one coupling β, with its energy and gradient as methods."""

    coupling: float

    def energy(self, fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch"]:
        """As :func:`energy`."""
        return energy(fields, self.coupling)

    def gradient(self, fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch side side"]:
        """As :func:`gradient`."""
        return gradient(fields, self.coupling)


def energy(fields: Float[Tensor, "*batch side side"], coupling: float) -> Float[Tensor, "*batch"]:
    """Energy of each field, in units of the temperature.

    Args:
        fields: values on a periodic square lattice, without unit.
        coupling: β.

    Raises:
        ValueError: fields that are not real, finite and square, or a coupling that is not finite.

    A uniform field of ones on 2 × 2 sites has eight bonds, counted around the torus:

    >>> float(energy(torch.ones(2, 2, dtype=torch.float64), 0.5))
    -4.0
    """
    checked_fields(fields)
    checked_coupling(coupling)
    forward = torch.roll(fields, 1, -1) + torch.roll(fields, 1, -2)
    return (fields**4 - fields**2 - coupling * fields * forward).sum((-2, -1))


def gradient(fields: Float[Tensor, "*batch side side"], coupling: float) -> Float[Tensor, "*batch side side"]:
    """Derivative of :func:`energy` by each site's value; arguments and errors as there."""
    checked_fields(fields)
    checked_coupling(coupling)
    return 4 * fields**3 - 2 * fields - coupling * neighbour_sum(fields)


def hessian_product(
    fields: Float[Tensor, "*batch side side"], directions: Float[Tensor, "*batch side side"], coupling: float
) -> Float[Tensor, "*batch side side"]:
    """The Hessian of :func:`energy` at each field times one direction for each, without the matrix.

    Raises:
        ValueError: as :func:`energy`, or directions of another shape.
    """
    checked_fields(fields)
    checked_coupling(coupling)
    if directions.shape != fields.shape:
        raise ValueError(
            f"one direction for each field: expected shape {tuple(fields.shape)}, got {tuple(directions.shape)}"
        )
    return (12 * fields**2 - 2) * directions - coupling * neighbour_sum(directions)


def hessian(field: Float[Tensor, "side side"], coupling: float) -> Float[Tensor, "sites sites"]:
    """The whole Hessian at one field, for small lattices: side⁴ numbers. Arguments and errors as :func:`energy`."""
    sites = field.numel()
    directions = torch.eye(sites, dtype=field.dtype, device=field.device).reshape(sites, *field.shape)
    return hessian_product(field.expand_as(directions), directions, coupling).reshape(sites, sites)


def neighbour_sum(fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch side side"]:
    """Sum of the four neighbours of every site on the torus."""
    rows = torch.roll(fields, 1, -2) + torch.roll(fields, -1, -2)
    return rows + torch.roll(fields, 1, -1) + torch.roll(fields, -1, -1)


def checked_fields(fields: Tensor) -> None:
    """Raise ValueError unless these are real, finite fields on a square lattice of two sites a side or more."""
    if fields.ndim < 2 or fields.shape[-1] != fields.shape[-2] or fields.shape[-1] < 2:
        raise ValueError(
            f"fields live on a square lattice: expected shape (…, side, side) with side ≥ 2, got {tuple(fields.shape)}"
        )
    if not fields.is_floating_point():
        raise ValueError(f"fields are real numbers, got {fields.dtype}: convert with .double()")
    if not bool(torch.isfinite(fields).all()):
        raise ValueError("fields must be finite, got NaN or infinity: leave these samples out")


def checked_coupling(coupling: float) -> None:
    """Raise ValueError unless β is a finite number, zero or more."""
    if not (math.isfinite(coupling) and coupling >= 0):
        raise ValueError(f"the coupling β must be finite and ≥ 0, got {coupling}: the model is ferromagnetic")
