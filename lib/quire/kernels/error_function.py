r"""Kernels of one hidden layer of error functions, infinitely wide, with standard normal weights:

.. math::
    K_{\rm NNGP} = \frac2\pi \arcsin\frac{2\,r_x r_y t}{\sqrt{(1+2r_x^2)(1+2r_y^2)}}

with the cosine :math:`t` and the radii :math:`r` of two patches. Both kernels are analytic.

Source: williams1997, jacot2018ntk.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from quire.cite import cites
from quire.kernels.constituent import Constituent

__all__ = ["ErfNNGP", "ErfNTK"]


@cites("williams1997", "covariance of a network of error functions")
@dataclass(frozen=True)
class ErfNNGP(Constituent):
    """Covariance of a random network with one hidden layer of error functions: analytic, :math:`\\alpha=\\infty`.

    >>> float(ErfNNGP()(*torch.zeros(3, dtype=torch.float64)))
    0.0
    """

    geometry: ClassVar[str] = "products"
    smoothness_exponent: ClassVar[float] = math.inf

    def __call__(self, product, first, second):
        """The kernel of the given inner products and squared radii, which broadcast."""
        scale = ((1 + 2 * first) * (1 + 2 * second)).sqrt_()
        return (2 * product).div_(scale).clamp_(-1, 1).asin_().mul_(2 / math.pi)

    def diagonal(self, squared_radius):
        """Equal to the kernel at coincident points, which is smooth here."""
        return self(squared_radius, squared_radius, squared_radius)


@cites("jacot2018ntk", "one hidden layer")
@dataclass(frozen=True)
class ErfNTK(Constituent):
    r"""NTK of one hidden layer of error functions: NNGP plus product times :math:`E\,\mathrm{erf}'\mathrm{erf}'`."""

    geometry: ClassVar[str] = "products"
    smoothness_exponent: ClassVar[float] = math.inf

    def __call__(self, product, first, second):
        """The kernel of the given inner products and squared radii, which broadcast."""
        determinant = torch.addcmul((1 + 2 * first) * (1 + 2 * second), product, product, value=-4)
        return ErfNNGP()(product, first, second).addcmul_(determinant.rsqrt_(), product, value=4 / math.pi)

    def diagonal(self, squared_radius):
        """Equal to the kernel at coincident points, which is smooth here."""
        return self(squared_radius, squared_radius, squared_radius)
