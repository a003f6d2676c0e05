"""Learning curves of kernels that look at patches, measured and predicted: JSON arguments, rows of numbers.

Kernels are written as in :mod:`quire.experiments.locality.kernels_by_name`. Teachers are Gaussian random fields; their
average is exact, so that an error bar can come from the data alone.
"""

from collections.abc import Sequence

import torch

from quire.device import resolve
from quire.experiments.locality.kernels_by_name import grams, named, torus_spectrum
from quire.kernels import torus_embedding
from quire.regression import NestedRegression, align_spectra, self_consistent_curve
from quire.rng import generator
from quire.types import Tensor

__all__ = ["learning_curves", "predicted_curves"]


def _cube(num: int, dim: int, source: torch.Generator) -> Tensor:
    return torch.rand(num, dim, generator=source, dtype=torch.float64)


def _torus(num: int, dim: int, source: torch.Generator) -> Tensor:
    return torus_embedding(_cube(num, dim, source))


def _sphere(num: int, dim: int, source: torch.Generator) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(num, dim, generator=source, dtype=torch.float64))


SPACES = {"cube": _cube, "torus": _torus, "sphere": _sphere}


def learning_curves(
    *,
    pairs: list,
    space: str,
    dim: int,
    num_train: int,
    num_test: int,
    sizes: list,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """Learning curves on one data set, averaged exactly over Gaussian teachers (L3, L4, L5).

    Each kernel's Gram matrix is computed once, and each student's factor serves all sizes and all of its teachers.

    Args:
        pairs: [teacher, student] each, such as ["2cn", "3cn"].
        space: uniform in the unit "cube", on the "torus" (each pixel on a unit circle) or on the unit "sphere".
        dim: pixels per input.
        num_train: points that are factorised, at least the largest size.
        num_test: points at which the error is measured.
        sizes: training-set sizes.
        seed: of the data set, which all pairs share.
        device: where the matrices are.

    Returns:
        teacher, student, their pair in words, size and mean squared error, one row each.

    Raises:
        ValueError: an unknown space or kernel, or sizes beyond the training points.
    """
    if space not in SPACES:
        raise ValueError(f"space must be one of {sorted(SPACES)}, got {space!r}")
    source = generator("locality.learning_curves", space, dim, num_train, num_test, seed)
    inputs = SPACES[space](num_train + num_test, dim, source).to(resolve(device))
    train, test = inputs.split([num_train, num_test])
    given = {name: grams(name, train, test, dim) for name in dict.fromkeys(name for pair in pairs for name in pair)}
    rows = []
    for student in dict.fromkeys(student for _, student in pairs):
        nested = NestedRegression(*given[student][:2], ridge=0.0)
        for teacher in [teacher for teacher, own in pairs if own == student]:
            errors = _errors(nested, given[teacher], teacher == student, sizes)
            names = {"teacher": teacher, "student": student, "pair": f"{teacher} → {student}"}
            rows += [{**names, "size": n, "error": e} for n, e in zip(sizes, errors, strict=True)]
    return rows


def predicted_curves(*, pairs: list, dim: int, num_levels: int, sizes: list) -> list[dict]:
    """The self-consistent theory for the same curves on the torus (L4): spectra in, errors out, nothing fitted.

    Args:
        pairs: [teacher, student] each.
        dim: pixels per input.
        num_levels: levels per spectrum, about; the largest frequency follows from the larger filter.
        sizes: training-set sizes.

    Returns:
        teacher, student, size, predicted_error, and the factor by which interpolation amplifies what is unlearnable.

    Raises:
        ValueError: an unknown kernel, or patches that meet themselves around the circle.
    """
    rows = []
    for teacher, student in pairs:
        largest = max(named(name, dim).filter_size for name in (teacher, student))
        cut = int(num_levels ** (1 / largest))
        modes = align_spectra(*(torus_spectrum(name, dim, cut) for name in (student, teacher)))
        curve = self_consistent_curve(modes, sizes, ridge=0.0)
        rows += [
            {"teacher": teacher, "student": student, "size": n, "predicted_error": e, "amplification": 1 / (1 - gamma)}
            for n, e, gamma in zip(sizes, curve.errors.tolist(), curve.overfitting.tolist(), strict=True)
        ]
    return rows


def _errors(nested: NestedRegression, teacher: Sequence[Tensor], matched: bool, sizes: list) -> list[float]:
    """Mean over the test points, for every size; of a teacher with the student's own kernel, the posterior variance."""
    gram, cross, diagonal = teacher
    if matched:
        return nested.variances(diagonal, sizes=sizes).mean(1).tolist()
    return nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=sizes).mean(1).tolist()
