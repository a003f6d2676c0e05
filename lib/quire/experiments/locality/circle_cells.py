"""Interpolation and ridge regression on the circle: teachers of any smoothness, the corner cases of locality.

One patch of one pixel, translation-invariant kernels with power-law spectra: everything about the theory is exact, so
that what differs between it and a measurement is the theory's own.
"""

from collections.abc import Iterator

import torch

from quire.kernels import PowerLawCircle
from quire.regression import ModeSpectrum, NestedRegression, self_consistent_curve
from quire.rng import generator

__all__ = ["circle_curves", "circle_theory"]


def circle_curves(
    *,
    student_exponent: float,
    teacher_exponents: list,
    ridge_scale: float,
    ridge_exponent: float,
    num_test: int,
    sizes: list,
    lattice: int,
    seeds: list,
) -> list[dict]:
    r"""Curves on the circle for teachers of any smoothness (L6), with a ridge that falls with the size (L7).

    The penalty :math:`\lambda = \lambda_0 P^{-g}` multiplies the norm while the loss is averaged, hence a ridge of
    :math:`\delta = P\lambda` on the diagonal.

    Args:
        student_exponent: smoothness of the student's kernel.
        teacher_exponents: smoothness of each teacher's kernel.
        ridge_scale: :math:`\lambda_0`; 0 is interpolation.
        ridge_exponent: :math:`g`.
        num_test: points at which the error is measured.
        sizes: training-set sizes, increasing.
        lattice: places on the circle.
        seeds: of the data sets, which all teachers share.

    Returns:
        seed, teacher_exponent, size and mean squared error, one row each.
    """
    student = PowerLawCircle(float(student_exponent), lattice=lattice)
    teachers = [PowerLawCircle(float(exponent), lattice=lattice) for exponent in teacher_exponents]
    parts = _equal_ridges(sizes, _ridges(sizes, ridge_scale, ridge_exponent))
    rows = []
    for seed in seeds:
        source = generator("locality.circle", num_test, max(sizes), lattice, seed)
        train, test = student.draw(max(sizes) + num_test, generator=source).split([max(sizes), num_test])
        for size, exponent, error in _errors(student, teachers, train, test, parts):
            rows.append({"seed": seed, "teacher_exponent": exponent, "size": size, "error": error})
    return rows


def circle_theory(
    *,
    student_exponent: float,
    teacher_exponents: list,
    ridge_scale: float,
    ridge_exponent: float,
    sizes: list,
    lattice: int,
) -> list[dict]:
    """The self-consistent theory for the same curves: the spectrum is exact, there is no tail.

    Returns:
        teacher_exponent, size and predicted_error, one row each.
    """
    student = PowerLawCircle(float(student_exponent), lattice=lattice)
    ridges = _ridges(sizes, ridge_scale, ridge_exponent)
    rows = []
    for exponent in teacher_exponents:
        teacher = PowerLawCircle(float(exponent), lattice=lattice)
        modes = ModeSpectrum(student.eigenvalues, student.multiplicities, teacher.multiplicities * teacher.eigenvalues)
        errors = self_consistent_curve(modes, sizes, ridge=ridges).errors.tolist()
        rows += [
            {"teacher_exponent": float(exponent), "size": size, "predicted_error": error}
            for size, error in zip(sizes, errors, strict=True)
        ]
    return rows


def _errors(
    student: PowerLawCircle,
    teachers: list[PowerLawCircle],
    train: torch.Tensor,
    test: torch.Tensor,
    parts: list[tuple[list, float]],
) -> Iterator[tuple[int, float, float]]:
    """Size, the teacher's smoothness, and the error on one data set; one factor for each part of the sizes."""
    gram, cross = student.gram(train, train), student.gram(train, test)
    given = [(t.gram(train, train), t.gram(train, test), t.diagonal()) for t in teachers]
    for sizes, ridge in parts:
        top = sizes[-1]
        nested = NestedRegression(gram[:top, :top], cross[:top], ridge=ridge)
        for teacher, (own, other, diagonal) in zip(teachers, given, strict=True):
            flat = torch.full_like(other[0], diagonal)
            curves = nested.average_errors(own[:top, :top], other[:top], teacher_diagonal=flat, sizes=sizes)
            for size, error in zip(sizes, curves.mean(1).tolist(), strict=True):
                yield size, teacher.smoothness_exponent, error


def _ridges(sizes: list, scale: float, exponent: float) -> list[float]:
    return [scale * size ** (1 - exponent) for size in sizes]


def _equal_ridges(sizes: list, ridges: list) -> list[tuple[list, float]]:
    """Sizes that share a factor: all of them without ridge, each its own with one that depends on the size."""
    if len(set(ridges)) == 1:
        return [(sizes, ridges[0])]
    return [([size], ridge) for size, ridge in zip(sizes, ridges, strict=True)]
