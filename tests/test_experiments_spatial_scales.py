"""The functions that the chapter sweeps: schema, agreement of theory and measurement, the derived exponents, errors."""

import math

import numpy as np
import pytest
import torch

from quire.deep_kernels import Architecture, ridgeless_exponent
from quire.experiments.spatial_scales.cells import asymptotic_exponents, predicted_exponents, sector_decays, tree_nodes
from quire.experiments.spatial_scales.curve_cells import learning_curves, theory_curves
from quire.experiments.spatial_scales.gaussian_cells import _covariances, gaussian_curves
from quire.experiments.spatial_scales.network_cells import finite_width
from quire.rng import generator

SIZES = [64, 128, 256]


def measured(filters, student, levels, sizes, num_test, seed):
    """Learning curves of one data set, with a ridge of 4 K(x, x) for the second."""
    given = dict(filter_sizes=filters, student=student, teacher_levels=levels, sizes=sizes, num_test=num_test)
    return learning_curves(**given, ridge_factor=4.0, seed=seed)


def theory_of(filters, student, levels, points):
    """The theory of these curves on a grid of so many points."""
    given = dict(filter_sizes=filters, student=student, teacher_levels=levels, sizes=SIZES)
    return theory_curves(**given, ridge_factor=4.0, grid_points=points, average_nodes=8)


def curves(filters, student, levels, seeds=2):
    runs = [measured(filters, student, levels, SIZES, 192, seed) for seed in range(seeds)]
    return [
        {**row, **{name: np.mean([run[i][name] for run in runs]) for name in ("error", "ridge_error")}}
        for i, row in enumerate(runs[0])
    ]


@pytest.mark.parametrize(
    ("filters", "student", "levels"),
    [([2, 2, 2], "cnn", [1, 2, 3]), ([2, 2, 2], "fc", [1]), ([2, 3], "cnn", [2]), ([3, 2], "cnn", [1, 2])],
)
def test_measured_errors_are_those_of_the_theory_and_below_the_bound(filters, student, levels):
    """Without a fit; 15 % covers two data sets of 192 test points (the chapter has more)."""
    theory = theory_of(filters, student, levels, 2**17)
    for row, predicted in zip(curves(filters, student, levels), theory, strict=True):
        assert (row["teacher_level"], row["samples"]) == (predicted["teacher_level"], predicted["samples"])
        assert abs(row["error"] / predicted["predicted_error"] - 1) < 0.15
        assert abs(row["ridge_error"] / predicted["predicted_ridge_error"] - 1) < 0.15
        assert row["ridge_error"] < predicted["bound"]
        assert predicted["best_bound"] <= predicted["bound"] * 1.02  # the candidates are on a grid


def test_the_theory_is_converged_in_its_grid():
    coarse, fine = (theory_of([2, 2, 2], "cnn", [1, 3], points) for points in (2**16, 2**20))
    for a, b in zip(coarse, fine, strict=True):
        assert abs(a["predicted_error"] / b["predicted_error"] - 1) < 0.005


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_derived_exponent_is_the_limit_of_the_theory(level):
    rows = asymptotic_exponents(filter_sizes=[2, 2, 2], teacher_level=level, sizes=[10.0**k for k in range(2, 15, 2)])
    gaps = [
        row["local_exponent"]
        - ridgeless_exponent(Architecture((2, 2, 2)), level, student_kind="ntk", teacher_kind="ntk")
        for row in rows
    ]
    assert 0 < gaps[-1] < 0.006
    assert all(late < early for early, late in zip(gaps[1:], gaps[2:], strict=False))


def test_the_sum_over_wavenumbers_has_converged(monkeypatch):
    """Three times fewer wavenumbers, or two decades more of them: the exponents move by less than the docstring says."""
    asked = {"filter_sizes": [2, 2, 2], "teacher_level": 1, "sizes": [1e11, 1e12, 1e13]}
    usual = asymptotic_exponents(**asked)[-1]["local_exponent"]
    for name, value in (("PER_DECADE", 100), ("DECADES", 16)):
        with monkeypatch.context() as patch:
            patch.setattr(f"quire.experiments.spatial_scales.cells.{name}", value)
            assert abs(asymptotic_exponents(**asked)[-1]["local_exponent"] - usual) < 1e-6


def test_other_smoothness_and_saturation():
    """A random-feature student and teacher: beta = (1 + 3/d_L) min(2, 3 / (3 + d_l))."""
    tree = Architecture((2, 2))
    for level in (1, 2):
        rows = asymptotic_exponents(filter_sizes=[2, 2], teacher_level=level, sizes=[1e10, 1e11, 1e12], kind="nngp")
        expected = ridgeless_exponent(tree, level, student_kind="nngp", teacher_kind="nngp")
        assert abs(rows[-1]["local_exponent"] - expected) < 0.02
        [formula] = predicted_exponents(filter_sizes=[2, 2], teacher_level=level, kind="nngp")
        assert formula["derived"] == expected and formula["quoted"] == pytest.approx(3 / level)


def test_sector_decays_end_on_their_reference():
    rows = sector_decays(filter_sizes=[2, 2], kind="ntk", level=2, grid_points=2**16, average_nodes=8, max_modes=64)
    assert rows[-1]["eigenvalue"] == rows[-1]["predicted_eigenvalue"]
    assert {row["predicted_slope"] for row in rows} == {-3}
    assert math.isclose(rows[0]["wavenumber"], math.sqrt(2))
    late = rows[len(rows) // 2 :]
    assert all(abs(row["eigenvalue"] / row["predicted_eigenvalue"] - 1) < 0.1 for row in late)


def test_a_trained_network_lands_near_its_kernel():
    drawn = dict(filter_sizes=[2, 2, 2], teacher_level=2, samples=16, num_networks=4, num_test=128, seed=0)
    rows = finite_width(**drawn, width=128, num_steps=150)
    assert [row["network"] for row in rows] == [0, 1, 2, 3]
    ratio = np.mean([row["network_error"] for row in rows]) / np.mean([row["kernel_error"] for row in rows])
    assert 0.6 < ratio < 1.8
    assert max(row["relative_loss"] for row in rows) < 1e-3
    again = finite_width(**drawn, width=32, num_steps=1)
    assert [row["kernel_error"] for row in again] == [row["kernel_error"] for row in rows]  # the same data and teachers


def test_inputs_are_shared_between_students():
    deep, flat = (measured([2, 2], name, [2], [8, 16], 16, 3) for name in ("cnn", "fc"))
    assert deep == measured([2, 2], "cnn", [2], [8, 16], 16, 3)
    assert deep != flat
    with pytest.raises(ValueError, match='student must be "cnn"'):
        measured([2, 2], "mlp", [2], [8], 4, 0)


def test_the_tree_is_drawn_from_the_architecture():
    rows = tree_nodes(filter_sizes=[2, 3])
    assert [(row["level"], row["node"]) for row in rows] == [(1, 0), (1, 1), (1, 2), (2, 0)]
    assert [row["effective_dimension"] for row in rows] == [1, 1, 1, 3]


def test_gaussian_features_follow_the_theory():
    """The same spectrum with Gaussian features: the mean of sixteen draws within four standard errors and b²/P of the theory."""
    spectrum = {"grid_points": 2**14, "average_nodes": 6}
    theory = theory_curves(
        filter_sizes=[2, 2],
        student="cnn",
        teacher_levels=[1],
        sizes=[64, 128],
        ridge_factor=4.0,
        kind="nngp",
        **spectrum,
    )
    asked = {
        "filter_sizes": [2, 2],
        "teacher_level": 1,
        "sizes": [64, 128],
        "num_test": 128,
        "num_modes": 3000,
        "kind": "nngp",
    }
    runs = [
        gaussian_curves(**asked, **spectrum, seed=seed, generator=generator("gaussian features", seed))
        for seed in range(16)
    ]
    for index, row in enumerate(theory):
        ratios = np.array([run[index]["error"] for run in runs]) / row["predicted_error"]
        assert abs(ratios.mean() - 1) < 4 * ratios.std(ddof=1) / 4 + 2.5**2 / row["samples"]
        assert 0 < ratios.std() < 0.5


def test_the_covariances_of_gaussian_features_have_the_spectrum_as_their_trace():
    student, teacher = torch.tensor([2.0, 1.0, 0.5]).double(), torch.tensor([1.0, 0.0, 0.0]).double()
    gram, target = _covariances(student, teacher, points=2000, generator=generator("traces"))
    assert float(gram.diagonal().mean()) == pytest.approx(3.5, rel=0.1)
    assert float(target.diagonal().mean()) == pytest.approx(1.0, rel=0.15)
    assert torch.linalg.matrix_rank(gram) == 3 and torch.linalg.matrix_rank(target) == 1
