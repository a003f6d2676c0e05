r"""Scattering with fixed filters: wavelets, a nonlinearity, wavelets again, and an average (bruna2013invariant).

Products with filters are taken in Fourier space; a result is kept at the resolution that its frequencies need, which folds its Fourier
transform. All filters of a scale go together. Of second order are the paths whose second scale is coarser than the first.

Cost: J L (1 + (J - 1) L/2) transforms of images whose side halves with the scale; the floor is to write and read each of these once.
"""

import torch

from quire.scattering.filters import MorletBank
from quire.scattering.phases import applied, real_parts
from quire.types import Complex, Float, Tensor

__all__ = ["scattering", "wavelet_coefficients"]

SAMPLE = 1 << 20  # numbers that a quantile is taken of


def wavelet_coefficients(
    images: Float[Tensor, "batch side side"], bank: MorletBank
) -> Complex[Tensor, "batch scales angles side side"]:
    """Complex coefficients at every pixel.

    Raises:
        ValueError: images of another side than the bank's.
    """
    _check(images, bank)
    return torch.fft.ifft2(torch.fft.fft2(images)[:, None, None] * bank.bands)


def scattering(
    images: Float[Tensor, "batch side side"],
    bank: MorletBank,
    *,
    order: int = 2,
    nonlinearity: str = "modulus",
    quantile: float = 0.0,
) -> Float[Tensor, "batch paths rows columns"]:
    """Averages over 2^scales pixels of what the nonlinearity makes of wavelet coefficients, once or twice.

    Args:
        images: on a torus.
        bank: of their side.
        order: of the longest path, 0 (the average alone), 1 or 2.
        nonlinearity: see :func:`quire.scattering.applied`.
        quantile: of the amplitudes of each filter, over all images that are given, below which they are set to zero; not for the modulus.

    Returns:
        The average, then order one, then order two, each with its scales in order; real and imaginary parts side by side for what is
        complex. One pixel for each 2^scales.

    Raises:
        ValueError: another side, an unknown nonlinearity or order, a quantile outside [0, 1).
    """
    _check(images, bank)
    if order not in (0, 1, 2) or not 0 <= quantile < 1:
        raise ValueError(f"expected an order of 0, 1 or 2 and a quantile in [0, 1), got {order} and {quantile}")
    settings = (nonlinearity, quantile)
    spectrum = torch.fft.fft2(images)[:, None]
    found = [_average(spectrum, bank, 0).real]
    seconds = []
    for scale in range(bank.scales if order else 0):
        first = _layer(spectrum, bank, 0, scale, settings)
        found.append(real_parts(_average(first, bank, scale), nonlinearity).flatten(1, 2))
        for second in range(scale + 1, bank.scales if order > 1 else 0):
            other = _layer(first, bank, scale, second, settings)
            seconds.append(real_parts(_average(other, bank, second), nonlinearity).flatten(1, 2))
    return torch.cat(found + seconds, 1)


def _layer(spectrum: Tensor, bank: MorletBank, now: int, scale: int, settings: tuple) -> Tensor:
    """Fourier transforms, ``[batch, paths · angles, …]``, after the wavelets of a scale and the nonlinearity.

    Args:
        spectrum: of maps at the resolution of the scale ``now``.
    """
    name, quantile = settings
    filters = _cropped(bank.bands[scale], now)
    values = torch.fft.ifft2(_folded(spectrum[:, :, None] * filters, scale - now)).flatten(1, 2)
    threshold = _quantile(values, quantile) if quantile and name != "modulus" else 0.0
    return torch.fft.fft2(applied(values, name, threshold))


def _average(spectrum: Tensor, bank: MorletBank, now: int) -> Tensor:
    return torch.fft.ifft2(_folded(spectrum * _cropped(bank.low, now), bank.scales - now))


def _quantile(values: Tensor, quantile: float) -> Tensor:
    """Of the amplitudes of each map, ``[1, paths, 1, 1]``."""
    flat = values.abs().transpose(0, 1).flatten(1)
    step = max(flat.shape[1] * flat.shape[0] // SAMPLE, 1)
    return flat[:, ::step].quantile(quantile, dim=1)[None, :, None, None]


def _cropped(filters: Tensor, octaves: int) -> Tensor:
    """A filter at a coarser resolution: its lowest frequencies."""
    if octaves == 0:
        return filters
    half = filters.shape[-1] >> (octaves + 1)
    keep = torch.cat([torch.arange(half), torch.arange(-half, 0)]).to(filters.device)
    return filters[..., keep, :][..., keep]


def _folded(spectrum: Tensor, octaves: int) -> Tensor:
    """The Fourier transform of every 2^octaves-th pixel."""
    if octaves == 0:
        return spectrum
    parts, side = 1 << octaves, spectrum.shape[-1] >> octaves
    return spectrum.unflatten(-1, (parts, side)).mean(-2).unflatten(-2, (parts, side)).mean(-3)


def _check(images: Tensor, bank: MorletBank) -> None:
    if images.ndim != 3 or images.shape[-2:] != (bank.side, bank.side) or images.is_complex():
        raise ValueError(f"expected real images [batch, {bank.side}, {bank.side}], got {list(images.shape)}")
