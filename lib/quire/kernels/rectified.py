r"""Kernels of one hidden layer of ReLUs of gain :math:`\sqrt2`, infinitely wide, with standard normal weights:

.. math::
    K_{\rm NNGP} = r_x r_y\,\kappa_1(t), \qquad K_{\rm NTK} = r_x r_y\,[\kappa_1(t) + t\,\kappa_0(t)]

with the cosine :math:`t` and the radii :math:`r` of two patches and the arc-cosine kernels
:math:`\kappa_0, \kappa_1` (:mod:`quire.kernels.arc_cosine`). The tangent kernel is the one that is computed most often: it is
evaluated without the arc-cosine, by a rational function that is exact to rounding.

Source: cho2009kernel, jacot2018ntk.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from quire.cite import cites
from quire.cores import arrays, compiled
from quire.kernels.arc_cosine import arccos_kernel_degree1
from quire.kernels.constituent import Constituent
from quire.types import Float, Tensor

__all__ = ["ReluNNGP", "ReluNTK"]


@cites("jacot2018ntk", "one hidden layer")
@dataclass(frozen=True)
class ReluNTK(Constituent):
    r"""Neural tangent kernel of one hidden layer of ReLUs: the profile :math:`\kappa_1(t) + t\,\kappa_0(t)`.

    >>> from quire.kernels import arccos_kernel_degree0
    >>> t = torch.linspace(-1, 1, 9, dtype=torch.float64)
    >>> bool(torch.allclose(ReluNTK()(t), arccos_kernel_degree1(t) + t * arccos_kernel_degree0(t)))
    True
    """

    geometry: ClassVar[str] = "cosines"
    smoothness_exponent: ClassVar[float] = 1.0

    def __call__(self, cosine: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        r"""The profile at the given cosines, without the arc-cosine, which would cost as much as all the rest.

        With :math:`w = \sqrt{1-t^2}` the profile is :math:`t + E(w)`, where
        :math:`\pi E(w) = w + 2\sqrt{1-w^2}\,\arccos w` is analytic on [0, 1]: a rational function through 13 Chebyshev
        nodes reproduces it to rounding, and is exact at :math:`t = 1`.
        """
        sine = (1 - cosine.square()).clamp_min_(0).sqrt_()
        return cosine + _polynomial(_NUMERATOR, sine).div_(_polynomial(_DENOMINATOR, sine))

    def accumulate_(self, total: Tensor, values: Tensor, weights: Tensor) -> None:
        """The same function in one pass, compiled, where the tile is in the memory of this machine."""
        found = arrays(values, weights)
        if found is None:
            super().accumulate_(total, values, weights)
        else:
            _accumulate_profile(total.numpy(), *found)

    def diagonal(self, squared_radius):
        """Twice the squared radius."""
        return 2 * squared_radius


@cites("cho2009kernel", "arc-cosine kernel of degree 1")
@dataclass(frozen=True)
class ReluNNGP(Constituent):
    r"""Covariance of a random network with one hidden layer of ReLUs (random features): the profile :math:`\kappa_1`."""

    geometry: ClassVar[str] = "cosines"
    smoothness_exponent: ClassVar[float] = 3.0

    def __call__(self, cosine: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The profile at the given cosines."""
        return arccos_kernel_degree1(cosine)

    def diagonal(self, squared_radius):
        """The squared radius."""
        return squared_radius.clone()


# E of ReluNTK, lowest power first: interpolated in 60 digits; error 3e-16, tested against the arc-cosine
_NUMERATOR = (
    1.0,
    1.997464831027755,
    0.665165855961513,
    -0.8880978529882062,
    -0.7049411731596494,
    -0.15810720232065256,
    -0.009487887377534008,
)
_DENOMINATOR = (
    1.0,
    2.3157747172116645,
    1.9022998426175328,
    0.6631037613836527,
    0.09085857108787354,
    0.003274515584947345,
    -1.2952829134734863e-05,
)


def _polynomial(coefficients: tuple[float, ...], variable: Tensor) -> Tensor:
    """Horner's scheme."""
    total = torch.full_like(variable, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total.mul_(variable).add_(coefficient)
    return total


@compiled
def _accumulate_profile(total, cosines, weights):  # pragma: no cover (compiled)
    n0, n1, n2, n3, n4, n5, n6 = _NUMERATOR
    d0, d1, d2, d3, d4, d5, d6 = _DENOMINATOR
    for row in range(cosines.shape[0]):
        of_row, sum_of_row = cosines[row], total[row]
        for column in range(cosines.shape[1]):
            t = of_row[column]
            w = math.sqrt(max(1 - t * t, 0.0))
            above = n0 + w * (n1 + w * (n2 + w * (n3 + w * (n4 + w * (n5 + w * n6)))))
            below = d0 + w * (d1 + w * (d2 + w * (d3 + w * (d4 + w * (d5 + w * d6)))))
            sum_of_row[column] += weights[column] * (t + above / below)
