"""Stationary Gaussian fields with a power-law spectrum, and the laws of their details given the coarser field.

The spectrum is λ^(-η/2), λ the eigenvalues of the lattice's -Δ; the zero mode has half of the least λ that is not zero. Details x̄ given
averages x₁ are Gaussian with the Schur complement A - B D⁻¹ Bᵀ, A = ḠCḠᵀ, B = ḠCGᵀ, D = GCGᵀ.
"""

import math

import torch

from quire.multiscale.wavelets import packet_band
from quire.types import Float, Tensor

__all__ = ["conditional_spectra", "field_covariance", "field_spectrum", "periodic_covariance"]


def field_spectrum(side: int, *, exponent: float) -> Float[Tensor, "side side"]:
    """Power of each Fourier mode, with mean one: a field of unit variance.

    Args:
        side: of the lattice, two or more.
        exponent: η.

    Raises:
        ValueError: a smaller side, or an exponent that is not finite.
    """
    if side < 2 or not math.isfinite(exponent):
        raise ValueError(f"expected side ≥ 2 and a finite exponent, got {side} and {exponent}")
    line = 2 - 2 * torch.cos(2 * math.pi * torch.arange(side, dtype=torch.float64) / side)
    laplacian = line[:, None] + line
    laplacian[0, 0] = line[1] / 2
    power = laplacian ** (-exponent / 2)
    return power / power.mean()


def field_covariance(side: int, *, exponent: float) -> Float[Tensor, "sites sites"]:
    """Covariance matrix of all sites of such a field; arguments and errors as :func:`field_spectrum`."""
    return periodic_covariance(torch.fft.ifft2(field_spectrum(side, exponent=exponent)).real)


def periodic_covariance(correlation: Float[Tensor, "side side"]) -> Float[Tensor, "sites sites"]:
    """The matrix C[(a,b),(c,d)] = correlation[c - a, d - b] on the torus."""
    side = correlation.shape[-1]
    index = torch.arange(side)
    shift = (index - index[:, None]) % side
    return correlation[shift[:, None, :, None], shift[None, :, None, :]].reshape(side**2, side**2)


def conditional_spectra(side: int, *, exponent: float, moments: int) -> list[Float[Tensor, "coefficients"]]:
    """Eigenvalues of the covariance of the details given the coarser field, at each octave, finest first; then of the last averages.

    Each scale is normalised to mean one.

    Args:
        side: a power of two.
        exponent: η.
        moments: vanishing moments of the wavelet.

    Raises:
        ValueError: another side, or as :func:`field_spectrum` and :func:`quire.multiscale.daubechies`.
    """
    if side < 2 or side & (side - 1):
        raise ValueError(f"the side must be a power of two so that octaves go down to one number, got {side}")
    covariance, spectra = field_covariance(side, exponent=exponent), []
    while side > 1:
        band = packet_band(side, depth=1, band=1, moments=moments)
        both = torch.kron(band.matrix, band.matrix)
        rotated = both @ covariance @ both.T
        fine, coarse = band.details.flatten(), band.coarser.flatten()
        cross = rotated[fine][:, coarse]
        covariance = rotated[coarse][:, coarse]
        schur = rotated[fine][:, fine] - cross @ torch.linalg.solve(covariance, cross.T)
        eigenvalues = torch.linalg.eigvalsh((schur + schur.T) / 2)
        spectra.append(eigenvalues / eigenvalues.mean())
        side //= 2
    return [*spectra, torch.ones(1, dtype=torch.float64)]
