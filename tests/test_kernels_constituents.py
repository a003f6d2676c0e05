"""Constituents against quadrature, Bessel functions and their own cusps."""

import math

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from quire.kernels import (
    Constituent,
    ErfNNGP,
    ErfNTK,
    Laplacian,
    Matern,
    ReluNNGP,
    ReluNTK,
    arccos_kernel_degree0,
    arccos_kernel_degree1,
)

COSINES = [-1.0, -0.7, 0.0, 0.3, 0.999, 1.0]


def double(value):
    return torch.as_tensor(value, dtype=torch.float64)


def relu_moments(cosine: float) -> tuple[float, float]:
    """E[1 1] and E[relu relu] of two standard normals, by quadrature over the angle of their common plane."""
    theta = math.acos(cosine)
    # w = r (cos a, sin a): both units are active for a in (theta - pi/2, pi/2), where the integrand is analytic
    nodes, weights = np.polynomial.legendre.leggauss(60)
    low, high = theta - math.pi / 2, math.pi / 2
    angle = (high - low) / 2 * nodes + (high + low) / 2
    weights = weights * (high - low) / 2 / (2 * math.pi)
    return float(weights.sum()), float(2 * (weights * np.cos(angle) * np.cos(angle - theta)).sum())  # E r² = 2


@pytest.mark.parametrize("cosine", COSINES)
def test_arccos_kernels_are_gaussian_moments_of_relus(cosine):
    both, product = relu_moments(cosine)
    assert float(arccos_kernel_degree0(double(cosine))) == pytest.approx(2 * both, abs=1e-13)
    assert float(arccos_kernel_degree1(double(cosine))) == pytest.approx(2 * product, abs=1e-13)
    assert float(ReluNTK()(double(cosine))) == pytest.approx(2 * product + 2 * cosine * both, abs=1e-13)
    assert float(ReluNNGP()(double(cosine))) == pytest.approx(2 * product, abs=1e-13)


@pytest.mark.parametrize("first, second, cosine", [(1.0, 1.0, 0.3), (0.2, 3.0, -0.8), (2.0, 2.0, 1.0)])
def test_erf_kernels_are_gaussian_moments(first, second, cosine):
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / math.sqrt(2 * math.pi)
    u = math.sqrt(first) * nodes[:, None]
    v = math.sqrt(second) * (cosine * nodes[:, None] + math.sqrt(max(1 - cosine**2, 0.0)) * nodes[None, :])
    grid = weights[:, None] * weights[None, :]
    product = cosine * math.sqrt(first * second)
    covariance = float((grid * scipy.special.erf(u) * scipy.special.erf(v)).sum())
    slopes = float((grid * 4 / math.pi * np.exp(-(u**2) - v**2)).sum())
    arguments = (double(product), double(first), double(second))
    assert float(ErfNNGP()(*arguments)) == pytest.approx(covariance, abs=1e-8)
    assert float(ErfNTK()(*arguments)) == pytest.approx(covariance + product * slopes, abs=1e-8)


@pytest.mark.parametrize("order", [0.5, 1.5, 2.5, 3.5, 4.5])
def test_matern_is_the_bessel_form(order):
    distance = double([1e-3, 0.1, 0.5, 1.0, 4.0])
    scaled = math.sqrt(2 * order) * distance.numpy() / 1.7
    bessel = 2 ** (1 - order) / scipy.special.gamma(order) * scaled**order * scipy.special.kv(order, scaled)
    np.testing.assert_allclose(Matern(order, 1.7)(distance.square()).numpy(), bessel, rtol=1e-12)
    assert float(Matern(order, 1.7)(double(0.0))) == 1.0
    assert Matern(order, 1.7).smoothness_exponent == 2 * order


@pytest.mark.parametrize("constituent, power", [(ReluNTK(), 1.0), (ReluNNGP(), 3.0)])
def test_cusp_of_the_relu_profiles(constituent, power):
    """K(0) - K falls as |x|^alpha once the analytic |x|² part is taken out."""
    angle = double([0.002, 0.004])
    profile = constituent(angle.cos())
    smooth = 1 - angle**2 / 2 if power == 3 else torch.full_like(angle, 2.0)
    rest = (smooth - profile).abs().log()
    assert float((rest[1] - rest[0]) / math.log(2)) == pytest.approx(power, abs=0.05)
    assert constituent.smoothness_exponent == power


@pytest.mark.parametrize("constituent", [ReluNTK(), ReluNNGP(), ErfNTK(), ErfNNGP(), Laplacian(2.0), Matern(1.5, 2.0)])
def test_diagonal_is_the_kernel_at_coincident_points(constituent):
    radius = double([0.3, 1.0, 2.5])
    if constituent.geometry == "cosines":
        direct = constituent(torch.ones_like(radius)) * radius
    elif constituent.geometry == "products":
        direct = constituent(radius, radius, radius)
    else:
        direct = constituent(torch.zeros_like(radius))
    torch.testing.assert_close(constituent.diagonal(radius), direct, rtol=1e-14, atol=0)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_relu_profiles_increase_with_the_cosine(one, other):
    low, high = sorted((one, other))
    for function in (arccos_kernel_degree0, arccos_kernel_degree1):
        assert float(function(double(low))) <= float(function(double(high))) + 1e-15


def test_arguments_are_left_as_they_were():
    cosine, squared = double([0.2, 0.9]), double([0.5, 1.5])
    for constituent, argument in (
        (ReluNTK(), cosine),
        (ReluNNGP(), cosine),
        (Laplacian(1.0), squared),
        (Matern(2.5, 1.0), squared),
    ):
        before = argument.clone()
        constituent(argument)
        assert torch.equal(argument, before)


@pytest.mark.parametrize("length", [0.0, -1.0, math.nan, math.inf])
def test_length_scales_must_be_positive(length):
    with pytest.raises(ValueError, match="length_scale must be positive"):
        Laplacian(length)
    with pytest.raises(ValueError, match="length_scale must be positive"):
        Matern(1.5, length)


def test_matern_orders_are_half_integers():
    with pytest.raises(ValueError, match="order must be 0.5.*got 1.0"):
        Matern(1.0, 1.0)


def test_a_constituent_must_define_its_diagonal():
    with pytest.raises(TypeError, match="must define one"):
        Constituent().diagonal(double(1.0))
