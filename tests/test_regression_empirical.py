"""A data set as the distribution: spectrum and teacher of its Gram matrix, and the learning curve that follows."""

import pytest
import torch

from quire.regression import NestedRegression, empirical_spectrum, self_consistent_curve

POINTS = 600


@pytest.fixture(scope="module")
def data():
    """Gaussian features with a power law of variances, for which the theory is exact at large sizes, and a linear target."""
    stream = torch.Generator().manual_seed(0)
    scales = torch.arange(1, 201, dtype=torch.float64) ** -0.75
    features = torch.randn(POINTS, 200, generator=stream, dtype=torch.float64) * scales
    targets = features @ torch.randn(200, 1, generator=stream, dtype=torch.float64)
    return features @ features.T, targets


def test_the_parts_are_those_of_the_matrix(data):
    gram, targets = data
    found = empirical_spectrum(gram, targets)
    assert float((found.eigenvalues * found.multiplicities).sum()) == pytest.approx(float(gram.trace()) / POINTS)
    assert float(found.teacher_power.sum()) == pytest.approx(float(targets.square().mean()), rel=1e-12)
    assert bool((found.eigenvalues.diff() <= 0).all())
    values, modes = torch.linalg.eigh(gram / POINTS)
    rough = (found.eigenvalues * found.teacher_power).sum()
    direct = targets.T @ (modes * values) @ modes.T @ targets / POINTS
    assert float(rough) == pytest.approx(float(direct), rel=1e-9)


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_the_curve_is_that_of_regression_on_the_data(data, ridge):
    gram, targets = data
    sizes, errors = [15, 30, 60], []
    for seed in range(12):
        order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(seed))
        train, test = order[:60], order[60:]
        student = NestedRegression(gram[train][:, train], gram[train][:, test], ridge=ridge)
        errors.append(student.errors(targets[train], targets[test], sizes=sizes).squeeze(-1))
    fresh = 1 - torch.tensor(sizes) / POINTS  # the theory counts the training points, which have no error, too
    measured, theory = (
        torch.stack(errors).mean(0),
        self_consistent_curve(empirical_spectrum(gram, targets), sizes, ridge=ridge),
    )
    assert torch.allclose(fresh * measured, theory.errors, rtol=0.1)
    assert measured[-1] < 0.8 * measured[0]  # something is learned


def test_outputs_are_summed(data):
    gram, targets = data
    both = empirical_spectrum(gram, torch.cat([targets, 2 * targets], dim=1)).teacher_power
    assert torch.allclose(both, 5 * empirical_spectrum(gram, targets).teacher_power)


@pytest.mark.parametrize(
    ("gram", "targets", "message"),
    [
        (torch.eye(3), torch.full((3, 1), torch.nan), "finite"),
        (torch.tensor([[1.0, 0.5], [0.0, 1.0]]), torch.ones(2, 1), "symmetric"),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.ones(2, 1), "no kernel"),
    ],
)
def test_what_is_no_kernel_is_refused(gram, targets, message):
    with pytest.raises(ValueError, match=message):
        empirical_spectrum(gram, targets)
