"""Learning curves from one factor: direct solves, exact averages, Monte-Carlo teachers, and what is refused."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire.kernels import Laplacian, Matern, local, local_diagonal
from quire.regression import NestedRegression, SingularGramError, cholesky_factor, draw_teachers, kernel_regression


def setting(num_train=24, num_test=5, dim=4, seed=0):
    inputs = torch.rand(num_train + num_test, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return inputs[:num_train], inputs[num_train:]


def grams(constituent, train, test):
    cut = {"constituent": constituent, "filter_size": 2}
    return local(train, **cut), local(train, test, **cut), local_diagonal(test, **cut)


STUDENT, TEACHER = Laplacian(1.0), Matern(1.5, 0.7)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 24), min_size=1, max_size=6, unique=True).map(sorted),
    ridge=st.sampled_from([0.0, 1e-3, 0.5]),
    seed=st.integers(0, 9),
)
def test_every_size_equals_a_direct_solve(sizes, ridge, seed):
    train, test = setting(seed=seed)
    gram, cross, _ = grams(STUDENT, train, test)
    targets = torch.randn(24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    test_targets = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1))
    nested = NestedRegression(gram, cross, ridge=ridge)
    curve = nested.predictions(targets, sizes=sizes)
    errors = nested.errors(targets, test_targets, sizes=sizes)
    for row, size in enumerate(sizes):
        shifted = gram[:size, :size] + ridge * torch.eye(size, dtype=torch.float64)
        direct = cross[:size].T @ torch.linalg.solve(shifted, targets[:size])
        torch.testing.assert_close(curve[row], direct, rtol=1e-9, atol=1e-11)
        single = kernel_regression(gram[:size, :size], cross[:size], targets=targets[:size], ridge=ridge)
        torch.testing.assert_close(curve[row], single, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(errors[row], (direct - test_targets).square().mean(0), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_teacher_average_is_the_bilinear_form_of_a_direct_solve(ridge):
    train, test = setting()
    gram, cross, _ = grams(STUDENT, train, test)
    teacher, teacher_cross, teacher_diagonal = grams(TEACHER, train, test)
    sizes = [1, 7, 24]
    errors = NestedRegression(gram, cross, ridge=ridge).average_errors(
        teacher, teacher_cross, teacher_diagonal=teacher_diagonal, sizes=sizes
    )
    for row, size in zip(errors, sizes, strict=True):
        weights = torch.linalg.solve(gram[:size, :size] + ridge * torch.eye(size).double(), cross[:size])
        for point in range(len(test)):
            w = weights[:, point]
            direct = teacher_diagonal[point] - 2 * w @ teacher_cross[:size, point] + w @ teacher[:size, :size] @ w
            assert float(row[point]) == pytest.approx(float(direct), rel=1e-9)


def test_own_teacher_gives_the_posterior_variance_which_cannot_grow():
    train, test = setting(num_train=40)
    gram, cross, diagonal = grams(STUDENT, train, test)
    nested = NestedRegression(gram, cross, ridge=0.0)
    sizes = list(range(1, 41))
    average = nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=sizes)
    variance = nested.variances(diagonal, sizes=sizes)
    torch.testing.assert_close(average, variance, rtol=1e-9, atol=1e-12)
    assert bool((variance[1:] <= variance[:-1] + 1e-14).all())


def test_monte_carlo_teachers_agree_with_the_exact_average():
    train, test = setting(num_train=48, num_test=32)
    gram, cross, _ = grams(STUDENT, train, test)
    teacher, teacher_cross, teacher_diagonal = grams(TEACHER, train, test)
    everything = local(torch.cat([train, test]), constituent=TEACHER, filter_size=2)
    fields = draw_teachers(everything, num_teachers=400, generator=torch.Generator().manual_seed(5))
    nested, sizes = NestedRegression(gram, cross, ridge=0.0), [4, 16, 48]
    drawn = nested.errors(fields[:48], fields[48:], sizes=sizes)
    exact = nested.average_errors(teacher, teacher_cross, teacher_diagonal=teacher_diagonal, sizes=sizes).mean(1)
    score = (drawn.mean(1) - exact) / (drawn.std(1) / math.sqrt(400))
    assert bool((score.abs() < 4).all())


def test_teachers_have_their_covariance():
    covariance = torch.tensor([[2.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    fields = draw_teachers(covariance, num_teachers=20000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fields @ fields.T / 20000, covariance, rtol=0, atol=0.06)


def test_training_points_are_interpolated():
    train, _ = setting()
    gram = local(train, constituent=STUDENT, filter_size=2)
    targets = torch.randn(24, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nested = NestedRegression(gram, gram[:, :10], ridge=0.0)
    torch.testing.assert_close(nested.predictions(targets, sizes=[10, 24])[0], targets[:10], rtol=1e-9, atol=1e-10)


def test_duplicate_points_are_named():
    train, test = setting()
    train[17] = train[4]
    gram, cross, _ = grams(STUDENT, train, test)
    with pytest.raises(SingularGramError, match=r"smallest pivot is .* at point 17.*points 4 and 17 are the closest"):
        NestedRegression(gram, cross, ridge=0.0)
    with pytest.raises(SingularGramError, match="points 4 and 17"):
        draw_teachers(gram, num_teachers=1, generator=torch.Generator())
    assert bool(NestedRegression(gram, cross, ridge=1e-6).factor.isfinite().all())


def test_jitter_is_recorded_and_never_silent():
    train, test = setting()
    gram, cross, _ = grams(STUDENT, train, test)
    plain, shaken = (NestedRegression(gram, cross, ridge=0.0), NestedRegression(gram, cross, ridge=0.0, jitter=1e-3))
    assert (plain.jitter, shaken.jitter) == (0.0, 1e-3)
    torch.testing.assert_close(plain.factor @ plain.factor.T, gram, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(shaken.factor, NestedRegression(gram, cross, ridge=1e-3).factor)


def test_indefinite_matrices_are_refused():
    with pytest.raises(SingularGramError, match="smallest pivot is -1 at point 1"):
        cholesky_factor(torch.diag(torch.tensor([1.0, -1.0, 2.0]).double()), ridge=0.0, jitter=0.0)


EYE = torch.eye(3, dtype=torch.float64)
BAD = torch.tensor([[1.0, math.nan], [math.nan, 1.0]], dtype=torch.float64)


def curve():
    return NestedRegression(EYE, EYE, ridge=0.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: NestedRegression(EYE, EYE, ridge=-1e-3), "ridge must be ≥ 0 and finite, got -0.001"),
        (lambda: NestedRegression(EYE, EYE, ridge=math.nan), "ridge must be ≥ 0"),
        (lambda: NestedRegression(EYE, EYE, ridge=0.0, jitter=-1.0), "jitter must be ≥ 0"),
        (lambda: NestedRegression(BAD, BAD, ridge=0.0), r"gram must be finite, got nan at \(0, 1\)"),
        (lambda: cholesky_factor(EYE[:0, :0], ridge=0.0, jitter=0.0), "square matrix, got shape"),
        (
            lambda: NestedRegression(EYE, EYE, ridge=0.0).variances(EYE[0], sizes=[4]),
            "number of training points = 3, got 4",
        ),
        (lambda: NestedRegression(EYE, EYE, ridge=0.0).variances(EYE[0], sizes=[2, 2]), "strictly increasing"),
        (lambda: NestedRegression(EYE, EYE, ridge=0.0).variances(EYE[0], sizes=[0]), "≥ 1"),
        (lambda: NestedRegression(EYE, EYE, ridge=0.0).variances(EYE[0], sizes=[]), "strictly increasing"),
        (lambda: cholesky_factor(EYE + torch.ones_like(EYE).triu(1), ridge=0.0, jitter=0.0), "triangles differ by 1"),
        (lambda: curve().errors(math.nan * EYE, EYE, sizes=[2]), "targets must be finite"),
        (lambda: curve().predictions(EYE[:2], sizes=[2]), r"targets must be \[3, teacher\]"),
        (lambda: kernel_regression(EYE, EYE, targets=math.inf * EYE, ridge=0.0), "targets must be finite"),
        (lambda: draw_teachers(EYE, num_teachers=0, generator=torch.Generator()), "num_teachers must be ≥ 1"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_memory_is_said_before_it_is_taken(monkeypatch):
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 10)
    with pytest.raises(MemoryError, match="a Cholesky factor of 3 points"):
        NestedRegression(EYE, EYE, ridge=0.0)


REFUSED = """
import torch
from quire.regression import NestedRegression
one = torch.eye(3, dtype=torch.float64)
curve = NestedRegression(one, one, ridge=0.0)
for call in (lambda: curve.errors(one, one[:, 0], sizes=[2]), lambda: curve.predictions(one, sizes=[2.7])):
    try:
        call()
    except ValueError as error:
        print(error)
"""


def test_targets_that_would_be_broadcast_are_refused():
    """In a process of its own: here the annotations are checked before the function is reached."""
    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "test_targets must be [3, 3]" in first and "count training points, got [2.7]" in second
