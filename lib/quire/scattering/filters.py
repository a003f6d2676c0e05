r"""Morlet wavelets on a torus, in Fourier space.

A Morlet wavelet is a Gaussian window times a wave, less so much of the window that its mean is zero,
:math:`\psi(u) = g_\sigma(u)\,(e^{i\xi\cdot u} - \beta)`; the window is elongated across the wave by the slant. With
:math:`\xi = 3\pi/4`, :math:`\sigma = 0.8`, slant 4/L and dilations by powers of two these are the filters of the literature and of kymatio
(bruna2013invariant, guth2022phase).
"""

import math
from dataclasses import dataclass

import torch

from quire.types import Float, Tensor

__all__ = ["MorletBank", "gabor", "morlet_bank"]

SIGMA, XI = 0.8, 3 * math.pi / 4  # window, in pixels, and wave number, per pixel, at the finest scale
IMAGES = 2  # of the torus on each side: what is left out is below 1e-6 with up to eight angles


@dataclass(frozen=True)
class MorletBank:
    """Filters on a square torus; their Fourier transforms are real.

    Attributes:
        bands: wavelets in Fourier space, ``[scales, angles, side, side]``.
        low: the average over 2^scales pixels, ``[side, side]``.
        frequencies: centres of the waves, radians per pixel, ``[scales, angles, 2]``.
    """

    bands: Float[Tensor, "scales angles side side"]
    low: Float[Tensor, "side side"]
    frequencies: Float[Tensor, "scales angles 2"]

    @property
    def scales(self) -> int:
        """Octaves."""
        return len(self.bands)

    @property
    def side(self) -> int:
        """Pixels of the torus."""
        return self.low.shape[-1]

    def to(self, where) -> "MorletBank":
        """The bank in another type or on another device."""
        return MorletBank(*(one.to(where) for one in (self.bands, self.low, self.frequencies)))


def morlet_bank(side: int, *, scales: int, angles: int) -> MorletBank:
    """Filters in float64, for images whose side 2^scales divides.

    Args:
        side: of the images.
        scales: octaves.
        angles: directions of each, over a half turn.

    Raises:
        ValueError: a side that the scales do not divide, or no angle.
    """
    if scales < 1 or angles < 1 or side % 2**scales or side < 2 ** (scales + 1):
        raise ValueError(
            f"a side must be a multiple of 2^scales and at least twice it, with an angle or more; got side {side}, "
            f"{scales} scales, {angles} angles"
        )
    bands, frequencies, slant = [], [], 4 / angles
    for scale in range(scales):
        for angle in range(angles):
            turn, wave = angle * math.pi / angles, XI / 2**scale
            shape = dict(sigma=SIGMA * 2**scale, angle=turn, slant=slant)
            window, waves = gabor(side, wave=0.0, **shape), gabor(side, wave=wave, **shape)
            bands.append(torch.fft.fft2(waves - waves.sum() / window.sum() * window).real)
            frequencies.append([wave * math.cos(turn), wave * math.sin(turn)])
    low = gabor(side, sigma=SIGMA * 2 ** (scales - 1), angle=0.0, wave=0.0, slant=1.0)
    return MorletBank(
        bands=torch.stack(bands).unflatten(0, (scales, angles)),
        low=torch.fft.fft2(low).real,
        frequencies=torch.tensor(frequencies, dtype=torch.float64).unflatten(0, (scales, angles)),
    )


def gabor(side: int, *, sigma: float, angle: float, wave: float, slant: float) -> Tensor:
    """A normalised Gaussian window times a wave, summed over the images of the torus; complex, ``[side, side]``, origin first."""
    place = torch.arange(-IMAGES * side, (IMAGES + 1) * side, dtype=torch.float64)
    along = math.cos(angle) * place[:, None] + math.sin(angle) * place
    across = math.cos(angle) * place - math.sin(angle) * place[:, None]
    window = torch.exp(-(along.square() + slant**2 * across.square()) / (2 * sigma**2))
    values = torch.polar(window * slant / (2 * math.pi * sigma**2), wave * along)
    return values.unflatten(0, (-1, side)).unflatten(-1, (-1, side)).sum((0, 2))
