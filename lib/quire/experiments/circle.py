"""Interpolation and ridge regression on the circle: teachers of any smoothness, the corner cases of locality.

One patch of one pixel, translation-invariant kernels with power-law spectra: everything about the theory is exact, so
that what differs between it and a measurement is the theory's own.
"""

import torch

from quire import kernels, rng
from quire.regression import ModeSpectrum, NestedRegression, self_consistent_curve

__all__ = ["learning_curves", "predicted_curves"]


def learning_curves(
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
    :math:`\delta = P\lambda` on the diagonal; ``ridge_scale`` is :math:`\lambda_0` (0: interpolation), and
    ``ridge_exponent`` is :math:`g`.

    Returns:
        seed, teacher_exponent, size and mean squared error, one row each.
    """
    student = kernels.PowerLawCircle(float(student_exponent), lattice=lattice)
    teachers = [kernels.PowerLawCircle(float(exponent), lattice=lattice) for exponent in teacher_exponents]
    ridges = _ridges(sizes, ridge_scale, ridge_exponent)
    rows = []
    for seed in seeds:
        source = rng.generator("locality.circle", num_test, max(sizes), lattice, seed)
        train, test = student.draw(max(sizes) + num_test, generator=source).split([max(sizes), num_test])
        gram, cross = student.gram(train, train), student.gram(train, test)
        given = [(t.gram(train, train), t.gram(train, test), t.diagonal()) for t in teachers]
        for part, ridge in _equal_ridges(sizes, ridges):
            top = part[-1]
            nested = NestedRegression(gram[:top, :top], cross[:top], ridge=ridge)
            for teacher, (own, other, diagonal) in zip(teachers, given, strict=True):
                errors = nested.average_errors(
                    own[:top, :top], other[:top], teacher_diagonal=torch.full_like(other[0], diagonal), sizes=part
                ).mean(1)
                names = {"seed": seed, "teacher_exponent": teacher.smoothness_exponent}
                rows += [{**names, "size": n, "error": e} for n, e in zip(part, errors.tolist(), strict=True)]
    return rows


def predicted_curves(
    student_exponent: float,
    teacher_exponents: list,
    ridge_scale: float,
    ridge_exponent: float,
    sizes: list,
    lattice: int,
) -> list[dict]:
    """The self-consistent theory for the same curves: the spectrum is exact, there is no tail."""
    student = kernels.PowerLawCircle(float(student_exponent), lattice=lattice)
    ridges = _ridges(sizes, ridge_scale, ridge_exponent)
    rows = []
    for exponent in teacher_exponents:
        teacher = kernels.PowerLawCircle(float(exponent), lattice=lattice)
        modes = ModeSpectrum(student.eigenvalues, student.multiplicities, teacher.multiplicities * teacher.eigenvalues)
        errors = self_consistent_curve(modes, sizes, ridge=ridges).errors.tolist()
        rows += [
            {"teacher_exponent": float(exponent), "size": size, "predicted_error": error}
            for size, error in zip(sizes, errors, strict=True)
        ]
    return rows


def _ridges(sizes: list, scale: float, exponent: float) -> list[float]:
    return [scale * size ** (1 - exponent) for size in sizes]


def _equal_ridges(sizes: list, ridges: list) -> list[tuple[list, float]]:
    """Sizes that share a factor: all of them without ridge, each its own with one that depends on the size."""
    if len(set(ridges)) == 1:
        return [(sizes, ridges[0])]
    return [([size], ridge) for size, ridge in zip(sizes, ridges, strict=True)]
