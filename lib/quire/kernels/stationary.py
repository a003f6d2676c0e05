r"""Stationary kernels of one patch, functions of the distance :math:`r=|x-y|`: Laplacian :math:`e^{-r/\sigma}` and Matérn.

Their smoothness is what matters: :math:`K(0)-K(r) \sim r^\alpha`, with :math:`\alpha=1` for the Laplacian, as for the tangent
kernel of ReLUs, and :math:`\alpha=2\nu` for Matérn kernels.

Source: favero2021locality, spigler2020asymptotic (teachers and students of the experiments).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from quire.cite import cites
from quire.kernels.constituent import Constituent
from quire.types import Tensor

__all__ = ["Laplacian", "Matern"]


@cites("favero2021locality", "teacher and student kernels of the experiments")
@dataclass(frozen=True)
class Laplacian(Constituent):
    r""":math:`e^{-r/\sigma}` with length scale :math:`\sigma`; the same cusp as the NTK of ReLUs.

    >>> float(Laplacian(2.0)(torch.tensor(4.0, dtype=torch.float64))) == math.exp(-1)
    True
    """

    length_scale: float
    geometry: ClassVar[str] = "distances"
    smoothness_exponent: ClassVar[float] = 1.0

    def __post_init__(self):
        _check_positive(self.length_scale, "length_scale")

    def __call__(self, squared_distance):
        """The kernel of the given squared distances."""
        return self.apply_(squared_distance.clone())

    def apply_(self, values: Tensor) -> Tensor:
        """The same in place."""
        return values.sqrt_().mul_(-1 / self.length_scale).exp_()

    def diagonal(self, squared_radius):
        """One."""
        return torch.ones_like(squared_radius)


@cites("spigler2020asymptotic", "Matérn teachers and students")
@dataclass(frozen=True)
class Matern(Constituent):
    r"""Matérn kernel of half-integer order :math:`\nu = p + 1/2`, with :math:`z = \sqrt{2\nu}\,r/\sigma`:

    .. math:: K = e^{-z}\,\frac{p!}{(2p)!}\sum_{i=0}^{p}\frac{(p+i)!}{i!\,(p-i)!}(2z)^{p-i}, \qquad \alpha = 2\nu

    >>> r2 = torch.tensor([0.0, 0.7, 3.0], dtype=torch.float64)
    >>> bool(torch.allclose(Matern(0.5, 1.3)(r2), Laplacian(1.3)(r2), rtol=1e-15))
    True
    """

    order: float
    length_scale: float
    geometry: ClassVar[str] = "distances"

    def __post_init__(self):
        _check_positive(self.length_scale, "length_scale")
        if self.order not in (0.5, 1.5, 2.5, 3.5, 4.5):
            raise ValueError(
                f"order must be 0.5, 1.5, 2.5, 3.5 or 4.5 (closed forms), got {self.order}: "
                "for another smoothness on the circle use quire.kernels.PowerLawCircle"
            )

    @property
    def smoothness_exponent(self) -> float:
        """Twice the order."""
        return 2 * self.order

    def __call__(self, squared_distance):
        """The kernel of the given squared distances."""
        degree = int(self.order)
        scaled = squared_distance.sqrt().mul_(2 * math.sqrt(2 * self.order) / self.length_scale)
        total = torch.zeros_like(scaled)
        for i in range(degree + 1):  # Horner, from the highest power of the doubled, scaled distance
            total.mul_(scaled).add_(math.factorial(degree + i) / math.factorial(i) / math.factorial(degree - i))
        return total.mul_(scaled.mul_(-0.5).exp_()).mul_(math.factorial(degree) / math.factorial(2 * degree))

    def diagonal(self, squared_radius):
        """One."""
        return torch.ones_like(squared_radius)


def _check_positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}: give it in units of the inputs")
