r"""Kernels of one patch: the constituents of every convolutional and local kernel.

For patches :math:`x, y` of size :math:`s` with cosine :math:`t` and radii :math:`r_x=|x|/\sqrt s`, and one hidden layer of
infinite width whose weights are standard normal,

.. math::
    \kappa_0(t) = \frac{\pi - \arccos t}{\pi}, \qquad
    \kappa_1(t) = \frac{\sqrt{1-t^2} + t\,(\pi - \arccos t)}{\pi}

    K_{\rm NNGP} = r_x r_y\,\kappa_1(t), \qquad K_{\rm NTK} = r_x r_y\,[\kappa_1(t) + t\,\kappa_0(t)]
    \qquad \text{(ReLU of gain } \sqrt2)

    K_{\rm NNGP} = \frac2\pi \arcsin\frac{2\,r_x r_y t}{\sqrt{(1+2r_x^2)(1+2r_y^2)}} \qquad \text{(erf)}

and two stationary ones, functions of the distance :math:`r=|x-y|`: Laplacian :math:`e^{-r/\sigma}` and Matérn. Near
:math:`t=1` the arc-cosine loses half of the digits: coincident points take the exact ``diagonal`` instead.

Sources: cho2009kernel (arc-cosine kernels of degree 0 and 1), jacot2018ntk, williams1997 (erf), favero2021locality.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from quire.cite import cites
from quire.cores import arrays, compiled
from quire.types import Float, Tensor

__all__ = [
    "Constituent",
    "ErfNNGP",
    "ErfNTK",
    "Laplacian",
    "Matern",
    "ReluNNGP",
    "ReluNTK",
    "arccos_kernel_degree0",
    "arccos_kernel_degree1",
]


@cites("cho2009kernel", "arc-cosine kernel of degree 0")
def arccos_kernel_degree0(cosine: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    r"""Probability that two ReLUs are both active, times two: :math:`\kappa_0(t) = 1 - \arccos(t)/\pi`.

    >>> arccos_kernel_degree0(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)).tolist()
    [0.0, 0.5, 1.0]
    """
    return 1 - torch.acos(cosine.clamp(-1, 1)) / math.pi


@cites("cho2009kernel", "arc-cosine kernel of degree 1")
def arccos_kernel_degree1(cosine: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    r"""Covariance of two ReLUs of gain two: :math:`\kappa_1(t) = [\sqrt{1-t^2} + t(\pi-\arccos t)]/\pi`.

    >>> values = arccos_kernel_degree1(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    >>> bool(torch.allclose(values, torch.tensor([0.0, 1 / math.pi, 1.0], dtype=torch.float64)))
    True
    """
    t = cosine.clamp(-1, 1)
    return ((1 - t * t).sqrt() + t * (math.pi - torch.acos(t))) / math.pi


class Constituent:
    r"""A kernel of one pair of patches.

    ``geometry`` says what it is a function of: "cosines" (a profile of :math:`t`, times :math:`r_x r_y`), "products" (of
    :math:`r_x r_y t` and the squared radii) or "distances" (of :math:`|x-y|^2`). ``smoothness_exponent`` is the
    :math:`\alpha` of :math:`K(0)-K(x) \sim |x|^\alpha`, hence eigenvalues :math:`k^{-(s+\alpha)}`.
    """

    geometry: ClassVar[str]
    smoothness_exponent: float

    def apply_(self, values: Tensor) -> Tensor:
        """Replace cosines or squared distances by the kernel, in place."""
        return values.copy_(self(values))

    def accumulate_(self, total: Tensor, values: Tensor, weights: Tensor) -> None:
        """Add the kernel of cosines, times the weights of their columns, to a total; the cosines may be overwritten."""
        total.addcmul_(self.apply_(values), weights)

    def diagonal(self, squared_radius: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The kernel of a patch with itself, exactly."""
        raise TypeError(f"{type(self).__name__} gives no diagonal: a constituent must define one")


@cites("jacot2018ntk", "one hidden layer")
@dataclass(frozen=True)
class ReluNTK(Constituent):
    r"""Neural tangent kernel of one hidden layer of ReLUs: the profile :math:`\kappa_1(t) + t\,\kappa_0(t)`.

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


# E of ReluNTK, lowest power first: interpolated in 60 digits; error 3e-16, tested against the arc-cosine
_NUMERATOR = (
    1.0, 1.997464831027755, 0.665165855961513, -0.8880978529882062, -0.7049411731596494,
    -0.15810720232065256, -0.009487887377534008,
)  # fmt: skip
_DENOMINATOR = (
    1.0, 2.3157747172116645, 1.9022998426175328, 0.6631037613836527, 0.09085857108787354, 0.003274515584947345,
    -1.2952829134734863e-05,
)  # fmt: skip


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


def _check_positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}: give it in units of the inputs")
