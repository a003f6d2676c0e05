"""Learnability of functions by kernel regression, training of scaled networks, and sharpness beside another library's Hessian."""

import math

import pytest
import torch
from torch import nn

from quire.mechanics import learnability, sharpness, train_at_scales, train_scaled


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def test_learnabilities_are_those_of_one_regression_after_the_other():
    points = normal(12, 3)
    kernel, chosen = torch.exp(-torch.cdist(points, points)), torch.tensor([3, 7, 8, 11])
    functions = torch.linalg.qr(normal(12, 12, seed=1)).Q.mT
    found = learnability(kernel, chosen, functions)
    for function, share in zip(functions, found, strict=True):
        predicted = kernel[:, chosen] @ torch.linalg.inv(kernel[chosen][:, chosen]) @ function[chosen]
        assert float(share) == pytest.approx(float(function @ predicted))
    assert float(found.sum()) == pytest.approx(4, abs=1e-10)  # conserved, for any kernel and any orthogonal basis
    other = torch.exp(-torch.cdist(points, points).square() / 5) + 0.1 * torch.eye(12)
    assert float(learnability(other, chosen, 3 * functions).sum()) == pytest.approx(4, abs=1e-10)


@pytest.mark.parametrize(
    ("kernel", "chosen", "functions", "message"),
    [
        (torch.eye(4), [0, 0], torch.eye(4), "must be different"),
        (torch.eye(4), [], torch.eye(4), "at least one"),
        (torch.eye(4), [0], torch.zeros(1, 4), "zero everywhere"),
        (torch.eye(4), [0], torch.eye(3), "functions of as many values"),
    ],
)
def test_what_has_no_learnability_is_said(kernel, chosen, functions, message):
    with pytest.raises(ValueError, match=message):
        learnability(kernel.double(), torch.tensor(chosen, dtype=torch.long), functions.double())


def model(seed=0):
    net = nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 1)).double()
    for number, parameter in enumerate(net.parameters()):
        parameter.data = normal(*parameter.shape, seed=seed + number) / math.sqrt(parameter.shape[-1])
    return net


def test_scaled_training_is_descent_on_the_scaled_loss():
    x, y = normal(6, 3), normal(6, 1, seed=1)
    net, other, scale, rate = model(), model(), 3.0, 0.05
    losses = []
    loss, steps = train_scaled(
        net, x, y, scale=scale, rate=rate, target_loss=0.0, most_steps=3, callback=lambda *a: losses.append(a)
    )
    first, optimizer = other(x).detach(), torch.optim.SGD(other.parameters(), lr=rate)
    for step in range(3):
        value = 0.5 * (scale * (other(x) - first) - y).square().mean()
        assert losses[step] == (step, pytest.approx(float(value.detach())))
        optimizer.zero_grad()
        (value / scale**2).backward()
        optimizer.step()
    assert steps == 3 and loss == pytest.approx(losses[-1][1])
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_larger_factors_move_the_weights_less():
    x, y, moved = normal(6, 3), normal(6, 1, seed=1), []
    for scale in (1.0, 100.0):
        net, start = model(), model()
        loss, steps = train_scaled(net, x, y, scale=scale, rate=0.1, target_loss=1e-3, most_steps=20000)
        assert loss <= 1e-3 and steps < 20000
        moved.append(
            sum(
                float((a - b).detach().square().sum())
                for a, b in zip(net.parameters(), start.parameters(), strict=True)
            )
        )
    assert moved[1] < 1e-3 * moved[0]


def test_several_factors_at_once_are_as_one_by_one():
    x, y = normal(6, 3), normal(6, 1, seed=1)
    asked = dict(rate=0.1, target_loss=1e-2, most_steps=20000)
    together = train_at_scales(model(), x, y, scales=[0.5, 10.0, 100.0], **asked)
    for place, scale in enumerate((0.5, 10.0, 100.0)):
        net = model()
        loss, steps = train_scaled(net, x, y, scale=scale, **asked)
        assert steps == int(together.steps[place]) and loss == pytest.approx(float(together.losses[place]))
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(parameter.detach(), together.weights[name][place])
    assert len(set(together.steps.tolist())) > 1


def test_scaled_training_that_cannot_be_is_said():
    x, y = normal(6, 3), normal(6, 1)
    asked = dict(target_loss=1e-3, most_steps=50)
    for wrong in (dict(scale=0.0, rate=0.1), dict(scale=1.0, rate=-1.0)):
        with pytest.raises(ValueError, match="a positive learning rate"):
            train_scaled(model(), x, y, **wrong, **asked)
    with pytest.raises(ValueError, match="the targets"):
        train_scaled(model(), x, normal(6, 2), scale=1.0, rate=0.1, **asked)
    with pytest.raises(FloatingPointError, match="lower the rate"):
        train_scaled(nn.Linear(3, 1).double(), 1e100 * x, y, scale=1.0, rate=1e100, **asked)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sharpness_is_that_of_curvlinops():
    """Its Hessian as a linear operator, and scipy's Lanczos; where it is installed (it brings six more packages)."""
    curvlinops = pytest.importorskip("curvlinops")
    from scipy.sparse.linalg import eigsh

    net, x, y = model(), normal(30, 3), normal(30, 1, seed=1)
    weights = {name: parameter.detach() for name, parameter in net.named_parameters()}

    def loss(parameters):
        return nn.functional.mse_loss(torch.func.functional_call(net, parameters, (x,)), y)

    operator = curvlinops.HessianLinearOperator(net, nn.MSELoss(), list(net.parameters()), [(x, y)])
    (top,) = eigsh(operator.to_scipy(), k=1, which="LA", return_eigenvectors=False)
    found, _ = sharpness(loss, weights, tolerance=1e-10, most=5000, generator=stream())
    assert found == pytest.approx(float(top), rel=1e-5)
