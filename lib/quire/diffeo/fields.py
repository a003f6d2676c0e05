r"""A displacement field and its gradient on a grid of the unit square, from the amplitudes of its modes; where it folds.

    τ_a(u, v) = Σ_ij C_aij sin(iπu) sin(jπv),    ∂τ_a/∂u = Σ_ij C_aij iπ cos(iπu) sin(jπv),  likewise for v.

Grids are inclusive, linspace(0, 1, n) along each side. Fields are [fields, component, y, x], gradients
[fields, component, direction, y, x], components and directions in (x, y) order.
"""

import torch

from quire.diffeo.modes import cosine_basis, sine_basis
from quire.types import Float, Tensor

__all__ = ["Temperature", "determinant", "field_gradient", "folding_temperature", "root", "superposition"]

Temperature = float | int | Tensor


def root(temperature: Temperature, coefficients: Tensor) -> Tensor:
    """√T, broadcast against [fields, 2, ·, ·].

    Raises:
        ValueError: a negative temperature, or neither one nor one per field.
    """
    value = torch.as_tensor(temperature, dtype=coefficients.dtype, device=coefficients.device)
    if (value < 0).any():
        raise ValueError(f"temperature must be ≥ 0, got {float(value.min())}")
    if value.ndim > 1 or (value.ndim == 1 and len(value) not in (1, len(coefficients))):
        raise ValueError(f"expected one temperature or one per field ({len(coefficients)}), got {tuple(value.shape)}")
    return value.sqrt().reshape(-1, 1, 1, 1)


def superposition(
    coefficients: Float[Tensor, "fields 2 cutoff cutoff"], grid_size: int
) -> Float[Tensor, "fields 2 grid grid"]:
    """τ of all fields on the grid, in the unit of the coefficients."""
    basis = sine_basis(grid_size, coefficients.shape[-1]).to(coefficients)
    return basis @ coefficients.transpose(-1, -2) @ basis.T


def field_gradient(
    coefficients: Float[Tensor, "fields 2 cutoff cutoff"], grid_size: int
) -> Float[Tensor, "fields 2 2 grid grid"]:
    """∂τ_a/∂s_b at T = 1."""
    sine = sine_basis(grid_size, coefficients.shape[-1]).to(coefficients)
    cosine = cosine_basis(grid_size, coefficients.shape[-1]).to(coefficients)
    transposed = coefficients.transpose(-1, -2)
    return torch.stack([sine @ transposed @ cosine.T, cosine @ transposed @ sine.T], dim=2)


def determinant(matrices: Float[Tensor, "fields 2 2 grid grid"]) -> Float[Tensor, "fields grid grid"]:
    """Of the 2 × 2 matrix at every point."""
    return matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]


def folding_temperature(gradient: Float[Tensor, "fields 2 2 grid grid"]) -> Float[Tensor, " fields"]:
    """The temperature at which s → s - √T τ(s) first has a singular Jacobian, for each field with this gradient at T = 1.

    det(Id - √T ∇τ) = 1 - √T tr∇τ + T det∇τ: the smallest positive root over the grid, hence exact on it.
    """
    trace = gradient[:, 0, 0] + gradient[:, 1, 1]
    discriminant = trace**2 - 4 * determinant(gradient)
    # 1 - t·tr + t²·det: t = 2/(tr ± √disc) avoids the division by det; the smallest positive root is the first crossing
    largest = trace + discriminant.clamp(min=0).sqrt()
    inverse = torch.where((discriminant >= 0) & (largest > 0), largest / 2, torch.zeros_like(largest))
    return inverse.flatten(1).amax(1) ** -2
