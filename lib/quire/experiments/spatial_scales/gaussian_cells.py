"""The learning curve of a kernel whose features are Gaussian: where the self-consistent theory is exact, up to 1/P."""

import torch

from quire.deep_kernels import Architecture
from quire.device import resolve
from quire.experiments.spatial_scales.spectra import spectrum_of
from quire.regression import NestedRegression
from quire.types import Float, Tensor

__all__ = ["gaussian_curves"]

CHUNK = 4000  # modes that are drawn at a time


def gaussian_curves(
    *,
    filter_sizes: list[int],
    teacher_level: int,
    sizes: list[int],
    num_test: int,
    num_modes: int,
    grid_points: int,
    average_nodes: int,
    kind: str,
    seed: int,
    generator: torch.Generator,
    device: str = "cpu",
) -> list[dict]:
    """Test errors of ridgeless regression with the spectrum of a deep kernel, and Gaussian features in place of its harmonics.

    The harmonics of one point are functions of few angles, hence neither Gaussian nor independent; the theory sees their spectrum only.
    Modes beyond the largest ``num_modes`` act as a ridge, as they do in the theory when they are not learned.

    Args:
        filter_sizes: of the deepest network.
        teacher_level: level of the teachers; errors are averaged exactly over Gaussian teachers.
        sizes: numbers of training points, nested.
        num_test: test points.
        num_modes: modes that are drawn, those of the largest eigenvalues.
        grid_points, average_nodes: of the spectra, as in :func:`~quire.experiments.spatial_scales.curve_cells.theory_curves`.
        kind: "ntk" or "nngp", of student and teachers.
        seed: of the features.
        generator: draws the features.

    Returns:
        One row per size.
    """
    tree = Architecture(tuple(filter_sizes))
    grid = {"kind": kind, "grid_points": grid_points, "average_nodes": average_nodes}
    student, counts, student_tail = spectrum_of(tree, tree, **grid)
    teacher, _, teacher_tail = spectrum_of(tree, tree.cut(teacher_level), **grid)
    largest = torch.argsort(student, descending=True)
    student, teacher = (
        torch.repeat_interleave(values[largest], counts[largest].long()) for values in (student, teacher)
    )
    student_tail, teacher_tail = (
        tail + float(values[num_modes:].sum()) for tail, values in ((student_tail, student), (teacher_tail, teacher))
    )
    train = sizes[-1]
    spectra = (values[:num_modes].to(resolve(device)) for values in (student, teacher))
    gram, target = _covariances(*spectra, points=train + num_test, generator=generator)
    gram[:train, :train].diagonal().add_(student_tail)
    fit = NestedRegression(gram[:train, :train], gram[:train, train:], ridge=0.0)
    errors = fit.average_errors(
        target[:train, :train],
        target[:train, train:],
        teacher_diagonal=target.diagonal()[train:],
        sizes=sizes,
    ).mean(1)
    return [{"samples": size, "error": float(error) + teacher_tail} for size, error in zip(sizes, errors, strict=True)]


def _covariances(
    student: Float[Tensor, " modes"],
    teacher: Float[Tensor, " modes"],
    *,
    points: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "points points"], Float[Tensor, "points points"]]:
    """Kernels of student and teacher between points whose features are standard normal; modes are drawn in chunks."""
    gram, target = (torch.zeros(points, points, dtype=torch.float64, device=student.device) for _ in range(2))
    for start in range(0, len(student), CHUNK):
        ours, theirs = student[start : start + CHUNK], teacher[start : start + CHUNK]
        features = torch.randn(points, len(ours), generator=generator, dtype=torch.float64).to(student.device)
        gram.addmm_(features * ours, features.T)
        if bool((theirs > 0).any()):
            target.addmm_(features * theirs, features.T)
    return gram, target
