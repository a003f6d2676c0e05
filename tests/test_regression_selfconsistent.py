"""The self-consistent theory: closed forms, limits, tails, and experiment on the torus."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quire.kernels import (
    Laplacian,
    convolutional,
    convolutional_diagonal,
    local,
    local_diagonal,
    patch_spectrum,
    torus_embedding,
)
from quire.regression import ModeSpectrum, NestedRegression, align_spectra, self_consistent_curve


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def power_law(exponent, num=5000, **tails):
    eigenvalues = torch.arange(1, num + 1, dtype=torch.float64) ** -exponent
    return ModeSpectrum(eigenvalues, torch.ones(num).double(), eigenvalues, **tails)


@given(
    modes=st.integers(2, 500), size=st.integers(1, 400), ridge=st.floats(1e-6, 10.0), eigenvalue=st.floats(1e-3, 10.0)
)
def test_equal_eigenvalues_solve_a_quadratic(modes, size, ridge, eigenvalue):
    spectrum = ModeSpectrum(double(eigenvalue), double(float(modes)), double(1.0))
    curve = self_consistent_curve(spectrum, [size], ridge=ridge)
    # modes·e/(e + k) + ridge/k = size
    a, b, c = size, size * eigenvalue - modes * eigenvalue - ridge, -ridge * eigenvalue
    kappa = 2 * -c / (b + math.sqrt(b * b - 4 * a * c)) if b > 0 else (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert float(curve.threshold) == pytest.approx(kappa, rel=1e-9)
    share = eigenvalue / (eigenvalue + kappa)
    gamma = modes * share**2 / size
    assert float(curve.overfitting) == pytest.approx(gamma, rel=1e-8)
    assert float(curve.errors) == pytest.approx((1 - share) ** 2 / (1 - gamma), rel=1e-6)


@given(st.floats(1.1, 4.0), st.floats(0.0, 1.0), st.integers(1, 1000))
def test_the_equation_is_satisfied(exponent, ridge, size):
    spectrum = power_law(exponent, student_tail=1e-5)
    kappa = float(self_consistent_curve(spectrum, [size], ridge=ridge).threshold)
    left = (spectrum.eigenvalues / (spectrum.eigenvalues + kappa)).sum() + (ridge + 1e-5) / kappa
    assert float(left) == pytest.approx(size, rel=1e-10)


def test_levels_and_multiplicities_are_one_description():
    apart = ModeSpectrum(double(2.0, 2.0, 1.0), double(1, 1, 1), double(0.3, 0.4, 0.5))
    together = ModeSpectrum(double(2.0, 1.0), double(2, 1), double(0.7, 0.5))
    for ridge in (0.1, 1.0):
        one = self_consistent_curve(apart, [1, 2], ridge=ridge)
        other = self_consistent_curve(together, [1, 2], ridge=ridge)
        torch.testing.assert_close(one.errors, other.errors, rtol=1e-12, atol=0)


def test_error_falls_with_the_size_for_an_own_teacher():
    errors = self_consistent_curve(power_law(2.0), [2**k for k in range(11)], ridge=0.0).errors
    assert bool((errors[1:] < errors[:-1]).all())


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_exponent_of_a_power_law(exponent):
    """Own teacher, no ridge: error ~ P^-(exponent - 1)."""
    errors = self_consistent_curve(power_law(exponent, num=200_000), [100, 200], ridge=0.0).errors
    slope = math.log(errors[1] / errors[0]) / math.log(2)
    assert slope == pytest.approx(-(exponent - 1), abs=0.06)


def test_overfitting_factor_of_a_power_law():
    """1/(1 - gamma) tends to the decay exponent of the spectrum: interpolation amplifies what cannot be learned."""
    curve = self_consistent_curve(power_law(2.0, num=200_000), [500], ridge=0.0)
    assert float(1 / (1 - curve.overfitting)) == pytest.approx(2.0, rel=0.02)


def test_tail_closure_is_what_the_missing_modes_do():
    full = power_law(2.0, num=20000)
    cut = 1000
    tail = float(full.eigenvalues[cut:].sum())
    head = (full.eigenvalues[:cut], full.multiplicities[:cut], full.teacher_power[:cut])
    closed = ModeSpectrum(*head, student_tail=tail, unlearnable=tail)
    exact = self_consistent_curve(full, [50], ridge=0.0).errors
    with_tail = self_consistent_curve(closed, [50], ridge=0.0).errors
    without = self_consistent_curve(ModeSpectrum(*head), [50], ridge=0.0).errors
    assert float(with_tail / exact) == pytest.approx(1.0, abs=2e-3)
    assert abs(float(without / exact) - 1) > 0.03


def test_noise_and_unlearnable_power_are_amplified_equally():
    base = self_consistent_curve(power_law(2.0), [20], ridge=0.1).errors
    noisy = self_consistent_curve(power_law(2.0), [20], ridge=0.1, noise=0.3)
    lost = self_consistent_curve(power_law(2.0, unlearnable=0.3), [20], ridge=0.1)
    torch.testing.assert_close(noisy.errors, lost.errors, rtol=1e-13, atol=0)
    torch.testing.assert_close(noisy.errors - base, 0.3 / (1 - noisy.overfitting), rtol=1e-10, atol=0)


def test_large_ridge_learns_nothing():
    errors = self_consistent_curve(power_law(2.0), [10], ridge=1e12).errors
    assert float(errors) == pytest.approx(float(power_law(2.0).teacher_power.sum()), rel=1e-9)


def test_ridge_per_size():
    both = self_consistent_curve(power_law(2.0), [10, 20], ridge=[0.1, 0.2]).errors
    assert float(both[0]) == float(self_consistent_curve(power_law(2.0), [10], ridge=0.1).errors)
    assert float(both[1]) == float(self_consistent_curve(power_law(2.0), [20], ridge=0.2).errors)


def torus(filter_size, shared, dim=6, cut=24):
    return patch_spectrum(
        Laplacian(float(filter_size)),
        filter_size=filter_size,
        dim=dim,
        overlapping=True,
        shared=shared,
        max_frequency=cut,
    )


def test_alignment_conserves_the_teacher_power():
    for t, s in ((1, 2), (2, 2), (3, 2), (2, 3)):
        for teacher_shared in (True, False):
            for student_shared in (True, False):
                teacher, student = torus(t, teacher_shared), torus(s, student_shared)
                modes = align_spectra(student, teacher)
                total = float(modes.teacher_power.sum()) + modes.unlearnable
                assert total == pytest.approx(teacher.trace, rel=1e-12)


def test_what_cannot_be_learned():
    """A local teacher for a convolutional student: (d-1)/d of what is not constant. A longer filter: some, for ever."""
    teacher = torus(2, False)
    modes = align_spectra(torus(2, True), teacher)
    assert modes.unlearnable - teacher.tail == pytest.approx((1 - teacher.constant - teacher.tail) * 5 / 6, rel=1e-9)
    assert align_spectra(torus(2, False), torus(1, False)).unlearnable == pytest.approx(torus(1, False).tail, rel=1e-6)
    assert align_spectra(torus(2, False), torus(3, False)).unlearnable > 2 * torus(3, False).tail


@pytest.mark.parametrize(
    "teacher, student", [((2, True), (2, True)), ((1, True), (2, False)), ((2, False), (1, False))]
)
def test_theory_meets_experiment(teacher, student):
    """No fit: 256 points on the torus, 6 data sets, within the spread of the data."""
    sizes, dim = [64, 256], 6
    theory = self_consistent_curve(align_spectra(torus(*student, cut=64), torus(*teacher, cut=64)), sizes, ridge=0.0)
    ratios = []
    for seed in range(6):
        angles = torch.rand(512, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        train, test = torus_embedding(angles).split([256, 256])
        grams = {}
        for name, (filter_size, shared) in (("teacher", teacher), ("student", student)):
            kernel = convolutional if shared else local
            cut = {"constituent": Laplacian(float(filter_size)), "filter_size": filter_size, "channels": 2}
            diagonal = (convolutional_diagonal if shared else local_diagonal)(test, **cut)
            grams[name] = kernel(train, **cut), kernel(train, test, **cut), diagonal
        nested = NestedRegression(*grams["student"][:2], ridge=0.0)
        gram, cross, diagonal = grams["teacher"]
        errors = nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=sizes).mean(1)
        ratios.append(errors / theory.errors)
    ratios = torch.stack(ratios)
    assert bool(((ratios.mean(0) - 1).abs() < 0.05).all())


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: self_consistent_curve(power_law(2.0, num=10), [10], ridge=0.0), "no threshold.*< the 10 modes"),
        (lambda: self_consistent_curve(power_law(2.0), [10], ridge=-1.0), "ridge must be ≥ 0"),
        (lambda: self_consistent_curve(power_law(2.0), [10], ridge=[0.1, 0.2]), "one or one per size"),
        (lambda: self_consistent_curve(power_law(2.0), [10], ridge=0.0, noise=-1.0), "noise ≥ 0"),
        (lambda: self_consistent_curve(power_law(2.0), [0], ridge=0.0), "sizes must be ≥ 1"),
        (lambda: self_consistent_curve(power_law(2.0), [], ridge=0.0), "sizes must be ≥ 1"),
        (lambda: ModeSpectrum(double(1.0, 2.0), double(1.0), double(1.0)), "levels must agree"),
        (lambda: ModeSpectrum(double(-1.0), double(1.0), double(1.0)), "must be ≥ 0 and finite"),
        (lambda: ModeSpectrum(double(math.nan), double(1.0), double(1.0)), "must be ≥ 0 and finite"),
        (lambda: power_law(2.0, student_tail=-0.1), "student_tail must be ≥ 0"),
        (lambda: power_law(2.0, unlearnable=math.nan), "unlearnable must be ≥ 0"),
        (lambda: align_spectra(torus(2, True), torus(2, True, dim=5)), "same positions"),
        (lambda: align_spectra(torus(2, True), torus(2, True, cut=23)), "max_frequency must agree"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
