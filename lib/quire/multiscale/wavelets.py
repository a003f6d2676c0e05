"""Orthogonal wavelets and wavelet packets of a periodic square lattice, and the bands that they split it into.

One step takes a signal of n numbers to n/2 local averages and n/2 details. A packet transform of depth D repeats it on both halves: 2^D
parts of [0, π] of equal width, here in the order of frequency. In two dimensions band m has the coefficients (k, l) with max(k, l) = m;
depth 1, band 1 is the octave of an ordinary wavelet step.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from quire.types import Bool, Float, Tensor

__all__ = ["Band", "daubechies", "packet_band", "packet_matrix"]

MOST_MOMENTS = 8  # the roots of the polynomial lose digits beyond


@dataclass(frozen=True)
class Band:
    """An orthogonal transform x -> M x Mᵀ of square fields, and which of its coefficients are in the band, and which are coarser.

    Attributes:
        matrix: M, orthogonal.
        details: the coefficients of the band.
        coarser: the coefficients of all lower bands.
    """

    matrix: Float[Tensor, "side side"]
    details: Bool[Tensor, "side side"]
    coarser: Bool[Tensor, "side side"]

    def analyse(self, fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch coefficients"]:
        """The coefficients of the band: Ḡx."""
        return (self.matrix @ fields @ self.matrix.T)[..., self.details]

    def average(self, fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch coarse"]:
        """The coefficients of the lower bands: Gx."""
        return (self.matrix @ fields @ self.matrix.T)[..., self.coarser]

    def synthesise(self, coefficients: Float[Tensor, "*batch coefficients"]) -> Float[Tensor, "*batch side side"]:
        """The field in the span of the band: Ḡᵀ times the coefficients.

        Raises:
            ValueError: another number of coefficients than the band has.
        """
        expected = int(self.details.sum())
        if coefficients.shape[-1] != expected:
            raise ValueError(f"the band has {expected} coefficients, got {coefficients.shape[-1]}")
        whole = coefficients.new_zeros(*coefficients.shape[:-1], *self.details.shape)
        whole[..., self.details] = coefficients
        return self.matrix.T @ whole @ self.matrix

    def project(self, fields: Float[Tensor, "*batch side side"]) -> Float[Tensor, "*batch side side"]:
        """The part of a field in the span of the band: ḠᵀḠx."""
        return self.synthesise(self.analyse(fields))


def packet_band(side: int, *, depth: int, band: int, moments: int) -> Band:
    """Band m of a packet transform: coefficients (k, l) with max(k, l) = m.

    Args:
        side: of the fields, a multiple of 2^depth.
        depth: D; the band has a 2^D-th of the frequencies of each axis.
        band: m in [1, 2^D - 1]; the last is the finest.
        moments: vanishing moments of the wavelet.

    Raises:
        ValueError: another band, or as :func:`packet_matrix`.
    """
    if not 1 <= band < 2**depth:
        raise ValueError(f"at depth {depth} a band is in [1, {2**depth - 1}], got {band}")
    matrix = packet_matrix(side, depth=depth, moments=moments)
    frequency = torch.arange(side) // (side // 2**depth)
    largest = torch.maximum(frequency[:, None], frequency)
    return Band(matrix, largest == band, largest < band)


def packet_matrix(side: int, *, depth: int, moments: int) -> Float[Tensor, "side side"]:
    """The orthogonal matrix of a periodic packet transform, 2^depth blocks of rows in the order of frequency.

    Args:
        side: length of the signal, a multiple of 2^depth.
        depth: number of steps, 1 or more.
        moments: vanishing moments of the wavelet.

    Raises:
        ValueError: a side that cannot be halved so often, or as :func:`daubechies`.
    """
    if depth < 1 or side < 2 or side % 2**depth:
        raise ValueError(
            f"the side must be a positive multiple of 2^depth with depth ≥ 1, got side {side}, depth {depth}"
        )
    blocks = [torch.eye(side, dtype=torch.float64)]
    for _ in range(depth):
        low, high = _step_matrices(blocks[0].shape[0], daubechies(moments))
        halves = []
        for place, block in enumerate(blocks):
            pair = [low @ block, high @ block]
            halves += pair if place % 2 == 0 else pair[::-1]  # high-pass parts are mirrored: Gray code
        blocks = halves
    return torch.cat(blocks)


def daubechies(moments: int) -> Float[Tensor, "taps"]:
    """Low-pass filter with the least phase among those of 2p taps and p vanishing moments, of unit norm and sum √2.

    From the roots of P(y) = Σ_k C(p-1+k, k) y^k, y = sin²(ω/2): of each pair z, 1/z the one inside of the unit circle.

    Raises:
        ValueError: moments outside of [1, 8].

    >>> daubechies(1) * 2**0.5
    tensor([1.0000, 1.0000], dtype=torch.float64)
    """
    if not 1 <= moments <= MOST_MOMENTS:
        raise ValueError(f"vanishing moments must be in [1, {MOST_MOMENTS}], got {moments}")
    taps = np.array([1.0])
    for _ in range(moments):
        taps = np.convolve(taps, [0.5, 0.5])
    ascending = [math.comb(moments - 1 + k, k) for k in range(moments)]
    for root in np.roots(ascending[::-1]):
        half = 1 - 2 * root  # z + 1/z = 2 - 4y
        inside = min(np.roots([1, -2 * half, 1]), key=abs)
        taps = np.convolve(taps, [1, -inside]) / (1 - inside)
    return torch.from_numpy(np.real(taps) * math.sqrt(2))


def _step_matrices(size: int, low_pass: Tensor) -> tuple[Tensor, Tensor]:
    """One periodic step: rows are the filter at even places, wrapped around as often as it is longer than the signal."""
    taps = len(low_pass)
    alternating = (-1.0) ** torch.arange(taps, dtype=low_pass.dtype)
    columns = (2 * torch.arange(size // 2)[:, None] + torch.arange(taps)) % size
    found = []
    for values in (low_pass, alternating * low_pass.flip(0)):
        empty = torch.zeros(size // 2, size, dtype=low_pass.dtype)
        found.append(empty.scatter_add(1, columns, values.expand_as(columns).contiguous()))
    return found[0], found[1]
