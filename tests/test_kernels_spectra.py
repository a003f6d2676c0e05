"""Mercer spectra: the kernel is rebuilt from its modes, traces are exact, and the two architectures agree."""

import itertools
import math

import pytest
import torch
from scipy.integrate import quad

from quire.kernels import (
    ErfNTK,
    Laplacian,
    Matern,
    PowerLawCircle,
    ReluNTK,
    convolutional,
    convolutional_diagonal,
    fourier_coefficients,
    local,
    local_diagonal,
    patch_spectrum,
    torus_embedding,
)

SMOOTH = Matern(4.5, 2.0)  # tail beyond frequency 12: below 1e-7


def modes(spectrum, angles, dim):
    """All plane waves of each level at the given points: (level, position, sign, point) complex."""
    positions = range(0, dim, 1 if spectrum.overlapping else spectrum.filter_size)
    for k, eigenvalue in zip(spectrum.frequencies.tolist(), spectrum.eigenvalues.tolist(), strict=True):
        signed = itertools.product(*[(-q, q) if q else (0,) for q in k])
        waves = torch.stack(
            [
                torch.stack(
                    [
                        torch.exp(2j * math.pi * sum(q * angles[:, (p + i) % dim] for i, q in enumerate(signs)))
                        for p in positions
                    ]
                )
                for signs in signed
            ]
        )
        yield eigenvalue, waves  # sign, position, point


@pytest.mark.parametrize("frequency", [0, 1, 2, 3, 4, 10])
def test_tangent_kernel_on_the_circle_against_quadrature(frequency):
    """Half the profile of cos(angle), since a point on the unit circle has two coordinates and radius² 1/2."""

    def integrand(angle):
        t = math.cos(angle)
        value = (math.sin(angle) + 2 * t * (math.pi - angle)) / math.pi
        return value / 2 * math.cos(frequency * angle) / math.pi

    exact, _ = quad(integrand, 0, math.pi, epsabs=1e-13)
    cube = fourier_coefficients(ReluNTK(), filter_size=1, max_frequency=2048)
    assert float(cube[frequency]) == pytest.approx(exact, abs=2e-8)
    assert (abs(exact) < 1e-12) == (frequency == 3)


@pytest.mark.parametrize("shared", [True, False])
def test_trace_of_the_tangent_kernel_is_its_mean_diagonal(shared):
    spectrum = patch_spectrum(ReluNTK(), filter_size=2, dim=6, overlapping=True, shared=shared, max_frequency=64)
    ticks = torch.arange(6, dtype=torch.float64) / 6
    points = torus_embedding(torch.cartesian_prod(*[ticks] * 6))
    diagonal = convolutional_diagonal if shared else local_diagonal
    found = diagonal(points, constituent=ReluNTK(), filter_size=2, channels=2).mean()
    assert spectrum.trace == pytest.approx(float(found), rel=1e-12 if not shared else 0.02)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("dim, filter_size, overlapping", [(4, 2, True), (5, 3, True), (4, 2, False), (3, 1, True)])
def test_kernel_is_rebuilt_from_its_modes(shared, dim, filter_size, overlapping):
    spectrum = patch_spectrum(
        SMOOTH, filter_size=filter_size, dim=dim, overlapping=overlapping, shared=shared, max_frequency=9
    )
    angles = torch.rand(4, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rebuilt = torch.full((4, 4), spectrum.constant, dtype=torch.complex128)
    for eigenvalue, waves in modes(spectrum, angles, dim):
        if shared:
            waves = waves.sum(1, keepdim=True) / math.sqrt(spectrum.positions)
        rebuilt += eigenvalue * torch.einsum("spx,spy->xy", waves, waves.conj())
    kernel = convolutional if shared else local
    stride = 1 if overlapping else filter_size
    gram = kernel(torus_embedding(angles), constituent=SMOOTH, filter_size=filter_size, stride=stride, channels=2)
    torch.testing.assert_close(rebuilt.real, gram, rtol=0, atol=3e-6)
    assert float(rebuilt.imag.abs().max()) < 1e-12


@pytest.mark.parametrize("filter_size, overlapping", [(1, True), (2, True), (3, True), (2, False), (3, False)])
def test_same_eigenvalues_other_multiplicities_and_exact_traces(filter_size, overlapping):
    common = {"filter_size": filter_size, "dim": 6, "overlapping": overlapping, "max_frequency": 12}
    shared = patch_spectrum(Laplacian(1.0), shared=True, **common)
    apart = patch_spectrum(Laplacian(1.0), shared=False, **common)
    assert torch.equal(shared.eigenvalues, apart.eigenvalues)
    assert torch.equal(shared.multiplicities * apart.positions, apart.multiplicities)
    assert shared.constant == apart.constant
    assert apart.trace == pytest.approx(1.0, abs=1e-12)
    assert shared.trace == pytest.approx(shared.constant + (1 - shared.constant) / shared.positions, abs=1e-12)
    assert shared.tail > 0


def test_trace_is_the_mean_diagonal_of_the_gram():
    spectrum = patch_spectrum(Laplacian(2.0), filter_size=2, dim=6, overlapping=True, shared=True, max_frequency=64)
    angles = torch.rand(4000, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    from quire.kernels import convolutional_diagonal

    diagonal = convolutional_diagonal(torus_embedding(angles), constituent=Laplacian(2.0), filter_size=2, channels=2)
    error = float(diagonal.std()) / math.sqrt(len(diagonal))
    assert abs(float(diagonal.mean()) - spectrum.trace) < 4 * error


@pytest.mark.parametrize("filter_size", [1, 2])
def test_decay_of_the_laplacian_coefficients(filter_size):
    """c_k ~ k^-(s + 1) along an axis."""
    cube = fourier_coefficients(Laplacian(1.0), filter_size=filter_size, max_frequency=256)
    axis = cube[(slice(None),) + (0,) * (filter_size - 1)]
    slope = math.log(axis[64] / axis[32]) / math.log(2)
    assert slope == pytest.approx(-(filter_size + 1), rel=0.03)


def test_coefficients_are_those_of_the_integral():
    cube = fourier_coefficients(SMOOTH, filter_size=1, max_frequency=16)
    u = (torch.arange(4096, dtype=torch.float64) + 0.5) / 4096
    values = SMOOTH(4 * torch.sin(math.pi * u).square())
    direct = torch.stack([(values * torch.cos(2 * math.pi * k * u)).mean() for k in range(17)])
    torch.testing.assert_close(cube, direct, rtol=1e-8, atol=1e-12)


def test_circle_is_rebuilt_from_its_spectrum():
    kernel = PowerLawCircle(2.5, lattice=64)
    place = torch.arange(64)
    gram = kernel.gram(place, place)
    eigenvalues = torch.linalg.eigvalsh(gram).flip(0) / 64
    expected = kernel.eigenvalues.repeat_interleave(kernel.multiplicities.long()).sort(descending=True).values
    torch.testing.assert_close(eigenvalues[:63], expected, rtol=1e-10, atol=1e-14)
    assert float(kernel.multiplicities @ kernel.eigenvalues) == pytest.approx(kernel.diagonal(), rel=1e-13)


def test_circle_points_are_distinct():
    drawn = PowerLawCircle(1.0, lattice=32).draw(32, generator=torch.Generator().manual_seed(0))
    assert sorted(drawn.tolist()) == list(range(32))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: PowerLawCircle(0.0, lattice=8), "smoothness_exponent must be positive"),
        (lambda: PowerLawCircle(1.0, lattice=7), "lattice must be even"),
        (
            lambda: PowerLawCircle(1.0, lattice=8).draw(9, generator=torch.Generator()),
            "num_points must be ≤ lattice = 8",
        ),
        (lambda: fourier_coefficients(Laplacian(1.0), filter_size=0, max_frequency=4), "must be ≥ 1"),
        (lambda: fourier_coefficients(ErfNTK(), filter_size=1, max_frequency=4), "function of a distance or a cosine"),
        (
            lambda: patch_spectrum(SMOOTH, filter_size=4, dim=6, overlapping=True, shared=True, max_frequency=4),
            "2 \\* filter_size ≤ dim \\+ 1 = 7",
        ),
        (
            lambda: patch_spectrum(SMOOTH, filter_size=4, dim=6, overlapping=False, shared=True, max_frequency=4),
            "must divide dim = 6",
        ),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("constituent", [Laplacian(1.0), ReluNTK()])
@pytest.mark.parametrize(("filter_size", "fine", "at_half"), [(1, 512, 0.015), (2, 64, 0.003), (3, 24, 0.0003)])
def test_aliases_are_as_small_as_the_docstring_says(constituent, filter_size, fine, at_half):
    """Against a much finer grid: 6 % at most, less at half of the largest frequency; a grid half as fine is far worse."""
    asked = {"filter_size": filter_size, "max_frequency": 16}
    exact = fourier_coefficients(constituent, **asked, oversampling=fine)
    errors = {}
    for oversampling in (4, 8):
        found = fourier_coefficients(constituent, **asked, oversampling=oversampling)
        errors[oversampling] = torch.where(exact > 1e-12, found / exact - 1, 0.0).abs()
    middle = errors[8][(8,) + (0,) * (filter_size - 1)]
    assert float(errors[8].max()) < 0.06 and float(middle) < at_half
    assert float(errors[4].max()) > 3 * float(errors[8].max())


def test_a_grid_that_is_too_coarse_is_refused():
    for oversampling in (2, 5):
        with pytest.raises(ValueError, match="an even number from 4 on"):
            fourier_coefficients(Laplacian(1.0), filter_size=1, max_frequency=4, oversampling=oversampling)
