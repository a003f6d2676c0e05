"""Cells on learning curves: a student and targets of several scales, measured, and the same from spectra alone."""

import torch

from quire.deep_kernels import (
    Architecture,
    hierarchical_diagonal,
    hierarchical_gram,
    hierarchical_gram_by_level,
    hierarchical_kernel,
    hierarchical_kernel_by_level,
    sample_spheres,
)
from quire.device import resolve
from quire.experiments.spatial_scales.spectra import spectrum_of, student_of
from quire.regression import ModeSpectrum, NestedRegression, best_error_bound, error_bound, self_consistent_curve
from quire.rng import generator

__all__ = ["learning_curves", "theory_curves"]

RIDGES = torch.logspace(-2, 3, 51, dtype=torch.float64)


def learning_curves(
    *,
    filter_sizes: list[int],
    student: str,
    teacher_levels: list[int],
    sizes: list[int],
    num_test: int,
    ridge_factor: float,
    seed: int,
    kind: str = "ntk",
    device: str = "cpu",
) -> list[dict]:
    """Test errors of a student kernel, averaged exactly over Gaussian teachers that involve one level of meta-patches.

    Args:
        filter_sizes: of the deepest network; teachers are its cuts after each level of ``teacher_levels``.
        student: "cnn" for the deepest network, "fc" for a fully-connected one of the same depth.
        teacher_levels: levels of the teachers.
        sizes: numbers of training points, nested.
        num_test: test points.
        ridge_factor: second curve with the ridge ``ridge_factor`` times K(x, x); the first is ridgeless.
        seed: of the inputs, shared by all students and teachers.
        kind: "ntk" or "nngp", of student and teachers.
    """
    tree, target = Architecture(tuple(filter_sizes)), resolve(device)
    train, test = _inputs(tree, filter_sizes, sizes[-1], num_test, seed, target)
    teachers = hierarchical_gram_by_level(train, architecture=tree, kind=kind)
    crosses = hierarchical_kernel_by_level(train, test, architecture=tree, kind=kind)
    gram, cross = teachers[-1], crosses[-1]
    if student_of(tree, student) != tree:
        options = {"architecture": student_of(tree, student), "kind": kind, "normalise": True}
        gram, cross = hierarchical_gram(train, **options), hierarchical_kernel(train, test, **options)
    ridge = ridge_factor * hierarchical_diagonal(levels=tree.depth - 1, kind=kind)
    fits = {
        "error": NestedRegression(gram, cross, ridge=0.0),
        "ridge_error": NestedRegression(gram, cross, ridge=ridge),
    }
    rows = []
    for level in teacher_levels:
        diagonal = torch.full((num_test,), hierarchical_diagonal(levels=level, kind=kind), dtype=torch.float64)
        given = {"teacher_diagonal": diagonal.to(target), "sizes": sizes}
        target_gram, target_cross = teachers[level - 1], crosses[level - 1]
        curves = {name: fit.average_errors(target_gram, target_cross, **given).mean(1) for name, fit in fits.items()}
        for index, size in enumerate(sizes):
            values = {name: float(curve[index]) for name, curve in curves.items()}
            rows.append({"teacher_level": level, "samples": size, **values})
    return rows


def _inputs(tree: Architecture, filter_sizes: list[int], num_train: int, num_test: int, seed: int, target) -> tuple:
    """Training and test points on products of spheres; those of a seed do not depend on student or teacher."""
    stream = generator("spatial scales: inputs", filter_sizes, num_train, num_test, seed)
    patches = {"patch_size": tree.filter_sizes[0], "generator": stream}
    inputs = sample_spheres(num_train + num_test, tree.num_nodes(1), **patches).to(target)
    return inputs[:num_train], inputs[num_train:]


def theory_curves(
    *,
    filter_sizes: list[int],
    student: str,
    teacher_levels: list[int],
    sizes: list[int],
    ridge_factor: float,
    grid_points: int,
    average_nodes: int,
    kind: str = "ntk",
) -> list[dict]:
    """The same errors from spectra alone: self-consistent theory, and the upper bound for the ridge.

    ``bound`` holds for the ridge of ``predicted_ridge_error``; ``best_bound`` for the ridge that makes it smallest.
    """
    tree = Architecture(tuple(filter_sizes))
    grid = {"kind": kind, "grid_points": grid_points, "average_nodes": average_nodes}
    eigenvalues, multiplicities, tail = spectrum_of(tree, student_of(tree, student), **grid)
    ceiling = hierarchical_diagonal(levels=tree.depth - 1, kind=kind)
    rows = []
    for level in teacher_levels:
        teacher, counts, missed = spectrum_of(tree, tree.cut(level), **grid)
        power = teacher * counts
        modes = ModeSpectrum(eigenvalues, multiplicities, power, student_tail=tail, unlearnable=missed)
        ridgeless = self_consistent_curve(modes, sizes, ridge=0.0).errors
        ridge = self_consistent_curve(modes, sizes, ridge=ridge_factor * ceiling).errors
        given = {"eigenvalues": eigenvalues, "teacher_power": power, "missed_power": missed, "diagonal": ceiling}
        for index, size in enumerate(sizes):
            best = best_error_bound(size, **given, ridges=RIDGES)
            rows.append(
                {
                    "teacher_level": level,
                    "samples": size,
                    "predicted_error": float(ridgeless[index]),
                    "predicted_ridge_error": float(ridge[index]),
                    "bound": error_bound(size, ridge_factor * ceiling, **given),
                    "best_bound": best.value,
                    "best_ridge": best.ridge,
                }
            )
    return rows
