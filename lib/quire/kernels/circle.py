r"""Kernels on the circle whose smoothness is chosen freely.

.. math:: K(u-v) = \sum_{|k| < M/2} c_k\, e^{2\pi i k (u-v)}, \qquad c_k \propto (1+k^2)^{-(1+\alpha)/2},
    \quad K(0) = 1

so that :math:`K(0)-K(u) \sim |u|^\alpha` for :math:`\alpha < 2`. The points live on a lattice of :math:`M` places: the
plane waves are then orthonormal under the uniform law on the lattice, the Mercer spectrum is exact with no tail, and
every value of the kernel stands in one table of :math:`M` entries.

Source: spigler2020asymptotic (exponents set by the decay of the spectra); favero2021locality at s = 1.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from quire.types import Float, Int, Tensor

__all__ = ["PowerLawCircle"]


@dataclass(frozen=True)
class PowerLawCircle:
    r"""Stationary kernel on the circle with eigenvalues :math:`\propto (1+k^2)^{-(1+\alpha)/2}` and unit trace.

    Args:
        smoothness_exponent: :math:`\alpha > 0`.
        lattice: number of places, even; far more than the points that are drawn from it.

    Raises:
        ValueError: an exponent that is not positive, or an odd or tiny lattice.

    The table is the sum over frequencies:

    >>> kernel = PowerLawCircle(1.0, lattice=8)
    >>> k = torch.arange(-3, 4).double()
    >>> weights = (1 + k**2) ** -1
    >>> direct = (weights * torch.cos(2 * torch.pi * k * 2 / 8)).sum() / weights.sum()
    >>> abs(float(kernel.gram(torch.tensor([5]), torch.tensor([3]))) - float(direct)) < 1e-14
    True
    """

    smoothness_exponent: float
    lattice: int

    def __post_init__(self):
        if not 0 < self.smoothness_exponent < float("inf"):
            raise ValueError(f"smoothness_exponent must be positive and finite, got {self.smoothness_exponent}")
        if self.lattice < 4 or self.lattice % 2:
            raise ValueError(f"lattice must be even and ≥ 4, got {self.lattice}: it counts places on the circle")

    @cached_property
    def eigenvalues(self) -> Float[Tensor, " level"]:
        """Of the frequencies 0, 1, …, lattice/2 - 1."""
        frequencies = torch.arange(self.lattice // 2, dtype=torch.float64)
        powers = (1 + frequencies**2) ** (-(1 + self.smoothness_exponent) / 2)
        return powers / (self.multiplicities @ powers)

    @cached_property
    def multiplicities(self) -> Float[Tensor, " level"]:
        """One for the constant, two (sine and cosine) for the others."""
        counts = torch.full((self.lattice // 2,), 2.0, dtype=torch.float64)
        counts[0] = 1
        return counts

    @cached_property
    def _table(self) -> Tensor:
        spectrum = torch.cat([self.eigenvalues, torch.zeros(1, dtype=torch.float64)])  # no mode at lattice/2
        return torch.fft.irfft(spectrum.to(torch.complex128), n=self.lattice) * self.lattice

    def gram(self, first: Int[Tensor, " row"], second: Int[Tensor, " column"]) -> Float[Tensor, "row column"]:
        """Kernel between places on the lattice."""
        return self._table[(first[:, None] - second[None, :]) % self.lattice]

    def diagonal(self) -> float:
        """The kernel of a point with itself, the trace: one."""
        return float(self._table[0])

    def draw(self, num_points: int, *, generator: torch.Generator) -> Int[Tensor, " point"]:
        """Uniform places without repetition.

        Raises:
            ValueError: more points than places.
        """
        if num_points > self.lattice:
            raise ValueError(f"num_points must be ≤ lattice = {self.lattice}, got {num_points}: refine the lattice")
        return torch.randperm(self.lattice, generator=generator)[:num_points]
