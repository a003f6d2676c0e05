"""Kernel logistic regression: scikit-learn on explicit features, its own gradient, symmetries, refusals."""

import numpy as np
import pytest
import torch

from quire.regression import NotConvergedError, logistic_coefficients, nested_logistic
from quire.rng import generator


def problem(points=40, features=6, classes=4, seed=0):
    numbers = generator("logistic", seed)
    x = torch.randn(points, features, generator=numbers, dtype=torch.float64)
    labels = (x @ torch.randn(features, classes, generator=numbers, dtype=torch.float64)).argmax(1)
    flipped = torch.randint(classes, (points,), generator=numbers)
    return x, torch.where(torch.rand(points, generator=numbers) < 0.2, flipped, labels)


@pytest.mark.parametrize("ridge", [1.0, 1e-2])
@pytest.mark.parametrize("classes", [2, 4])
def test_equals_logistic_regression_on_explicit_features(ridge, classes):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, labels = problem(classes=max(classes, 3))
    labels = labels % classes
    alpha = logistic_coefficients(x @ x.T, labels, num_classes=classes, ridge=ridge, tolerance=1e-11)
    weights = x.T @ alpha
    model = linear_model.LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-10, max_iter=100_000)
    if classes == 2:  # two outputs ±w/2 share the norm of one: |w/2|² + |w/2|² = |w|²/2
        model = linear_model.LogisticRegression(C=2 / ridge, fit_intercept=False, tol=1e-10, max_iter=100_000)
        found = torch.from_numpy(model.fit(x.numpy(), labels.numpy()).coef_[0])
        assert torch.allclose(weights[:, 1] - weights[:, 0], found, atol=1e-6)
        return
    found = torch.from_numpy(model.fit(x.numpy(), labels.numpy()).coef_.T)
    assert torch.allclose(weights, found - found.mean(1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize("ridge", [1.0, 1e-3, 1e-5])
def test_the_gradient_vanishes_and_classes_sum_to_zero(ridge):
    x, labels = problem(points=60, features=100)
    gram = x @ x.T / 100
    alpha = logistic_coefficients(gram, labels, num_classes=4, ridge=ridge, tolerance=1e-12).requires_grad_()
    fields = gram @ alpha
    loss = torch.nn.functional.cross_entropy(fields, labels, reduction="sum") + 0.5 * ridge * (alpha * fields).sum()
    loss.backward()
    assert float(alpha.grad.abs().max()) < 1e-10
    assert float(alpha.detach().sum(1).abs().max()) < 1e-10 / ridge


def test_permuting_classes_permutes_coefficients():
    x, labels = problem()
    order = torch.tensor([2, 0, 3, 1])
    options = dict(num_classes=4, ridge=1e-2, tolerance=1e-12)
    first = logistic_coefficients(x @ x.T, labels, **options)
    second = logistic_coefficients(x @ x.T, order[labels], **options)
    assert torch.allclose(second[:, order], first, atol=1e-8)


def test_a_batch_is_its_problems():
    sets = [problem(seed=seed) for seed in range(3)]
    grams, labels = torch.stack([x @ x.T for x, _ in sets]), torch.stack([y for _, y in sets])
    options = dict(num_classes=4, ridge=1e-2, tolerance=1e-11)
    together = logistic_coefficients(grams, labels, **options)
    for one, gram, y in zip(together, grams, labels, strict=True):
        assert torch.allclose(one, logistic_coefficients(gram, y, **options), atol=1e-7)


def test_a_learning_curve_is_its_points():
    x, labels = problem(points=50, features=30)
    gram, cross = x[:40] @ x[:40].T, x[:40] @ x[40:].T
    options = dict(num_classes=4, ridge=1e-2, tolerance=1e-11)
    curve = nested_logistic(gram, cross, labels[:40], sizes=[5, 17, 40], **options)
    for size, outputs in zip([5, 17, 40], curve, strict=True):
        alpha = logistic_coefficients(gram[:size, :size], labels[:size], **options)
        assert torch.allclose(outputs, cross[:size].T @ alpha, atol=1e-7)
    assert np.isfinite(curve.numpy()).all()


def test_refusals():
    x, labels = problem()
    gram = x @ x.T
    good = dict(num_classes=4, ridge=1e-2, tolerance=1e-9)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="ridge must be > 0"):
            logistic_coefficients(gram, labels, **good | dict(ridge=wrong))
    with pytest.raises(ValueError, match="tolerance must be > 0"):
        logistic_coefficients(gram, labels, **good | dict(tolerance=0.0))
    with pytest.raises(ValueError, match=r"gram must be \[\.\.\., point, point\]"):
        logistic_coefficients(gram[:, :3], labels, **good)
    with pytest.raises(ValueError, match="gram must be finite"):
        logistic_coefficients(torch.full_like(gram, torch.inf), labels, **good)
    with pytest.raises(ValueError, match="labels must be integers"):
        logistic_coefficients(gram, labels + 1, **good | dict(num_classes=labels.max().item() + 1))
    with pytest.raises(ValueError, match="sizes must increase"):
        nested_logistic(gram, gram, labels, sizes=[3, 2], **good)
    with pytest.raises(NotConvergedError, match="largest residual of"):
        logistic_coefficients(gram, labels, **good | dict(max_steps=1))
