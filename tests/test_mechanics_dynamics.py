"""Deep linear networks and diagonal networks: closed forms against gradient descent, integrators, and linear programmes."""

import math

import pytest
import torch

from quire.mechanics import (
    aligned_weights,
    fitted_by_flow,
    half_time,
    implicit_bias,
    least_absolute,
    least_norm,
    mode_strengths,
    potential,
)

SINGULAR = torch.tensor([4.0, 2.0, 1.0, 0.5], dtype=torch.float64)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def target(seed=0):
    left, right = (
        torch.linalg.qr(torch.randn(6, 4, generator=stream(seed + k), dtype=torch.float64)).Q for k in (1, 2)
    )
    return (left * SINGULAR) @ right.T, left, right


def descended(weights, aim, rate, steps, watch):
    """Strengths of the modes at some steps of gradient descent on ½‖S - product‖²."""
    weights = [one.clone().requires_grad_() for one in weights]
    left, _, right = torch.linalg.svd(aim, full_matrices=False)
    found = []
    for step in range(steps + 1):
        product = weights[0]
        for one in weights[1:]:
            product = one @ product
        if step in watch:
            found.append((left.T @ product.detach() @ right.T).diagonal()[:4])
        loss = 0.5 * (aim - product).square().sum()
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for one, slope in zip(weights, gradients, strict=True):
                one -= rate * slope
    return torch.stack(found)


@pytest.mark.parametrize(("depth", "initial"), [(2, 1e-3), (3, 1e-2), (4, 2e-2)])
def test_modes_follow_gradient_descent_up_to_its_step(depth, initial):
    """The distance from the flow is proportional to the step size."""
    aim = target()[0]
    weights = aligned_weights(aim, initial, hidden=7, depth=depth, generator=stream(9))
    errors = []
    for rate in (2e-3, 1e-3):
        steps = [round(time / rate) for time in (0.5, 1.0, 2.0, 3.0)]
        measured = descended(weights, aim, rate, max(steps), steps)
        times = torch.tensor(steps, dtype=torch.float64) * rate
        errors.append(
            float(((measured - mode_strengths(SINGULAR, initial, times, depth=depth)) / SINGULAR).abs().max())
        )
    assert errors[1] < 0.02 and errors[0] / errors[1] == pytest.approx(2, rel=0.15)


def test_two_layers_are_the_integrator_and_the_formula():
    times = torch.linspace(0, 4, 9, dtype=torch.float64)
    u0, s = 1e-3, SINGULAR
    exponential = torch.exp(2 * s * times[:, None])
    assert torch.allclose(mode_strengths(s, u0, times), s * exponential / (exponential - 1 + s / u0), rtol=1e-12)
    late = mode_strengths(s, u0, torch.tensor([1e6], dtype=torch.float64))
    assert torch.equal(late[0], s)


def test_one_layer_learns_all_modes_at_once():
    found = mode_strengths(SINGULAR, 0.1, torch.tensor([0.0, math.log(2)], dtype=torch.float64), depth=1)
    assert torch.allclose(found[0], torch.full((4,), 0.1, dtype=torch.float64))
    assert torch.allclose(SINGULAR - found[1], (SINGULAR - 0.1) / 2)


def test_half_time_is_half():
    for s in SINGULAR.tolist():
        time = torch.tensor([half_time(s, 1e-3)], dtype=torch.float64)
        assert float(mode_strengths(torch.tensor([s], dtype=torch.float64), 1e-3, time)) == pytest.approx(s / 2)


def test_aligned_weights_are_balanced():
    aim = target()[0]
    weights = aligned_weights(aim, 0.01, hidden=8, depth=3, generator=stream())
    for lower, upper in zip(weights[:-1], weights[1:], strict=True):
        assert torch.allclose(lower @ lower.T, upper.T @ upper, atol=1e-14)
    left, _, right = torch.linalg.svd(aim, full_matrices=False)
    assert torch.allclose(weights[2] @ weights[1] @ weights[0], 0.01 * left @ right, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mode_strengths(-SINGULAR, 0.1, torch.ones(1)), "positive numbers"),
        (lambda: mode_strengths(SINGULAR, 0.6, torch.ones(1)), r"initial must lie in \(0, 0.5\)"),
        (lambda: mode_strengths(SINGULAR, 0.1, torch.tensor([1.0, 0.5])), "increasing order"),
        (lambda: mode_strengths(SINGULAR, 0.1, torch.ones(1), depth=0), "number of layers"),
        (lambda: half_time(1.0, 0.5), "half learned before"),
        (lambda: aligned_weights(target()[0], 0.1, hidden=5, generator=stream()), "hidden ≥ 6"),
    ],
)
def test_dynamics_outside_of_their_domain_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- diagonal networks


def sparse_problem(inputs=30, samples=12, seed=0):
    x = torch.randn(samples, inputs, generator=stream(seed), dtype=torch.float64)
    truth = torch.zeros(inputs, dtype=torch.float64)
    truth[:2] = torch.tensor([1.0, -1.0])
    return x, x @ truth, truth


@pytest.mark.parametrize("scale", [3.0, 0.3, 0.03, 1e-4])
def test_the_minimiser_fits_and_is_stationary(scale):
    x, y, _ = sparse_problem()
    found = implicit_bias(x, y, scale)
    assert float((x @ found - y).norm()) < 1e-8
    slope = torch.asinh(found / (2 * scale**2))  # Q' must lie in the span of the rows of X
    rest = slope - x.T @ torch.linalg.lstsq(x.T, slope[:, None]).solution[:, 0]
    assert float(rest.abs().max()) < 1e-6 * float(slope.abs().max())


def test_no_other_solution_has_a_smaller_potential():
    x, y, _ = sparse_problem()
    for scale in (1.0, 0.1):
        best = implicit_bias(x, y, scale)
        null = torch.linalg.svd(x).Vh[len(x) :]
        for seed in range(20):
            moved = best + 0.1 * null.T @ torch.randn(len(null), generator=stream(seed), dtype=torch.float64)
            assert float(potential(moved, scale)) > float(potential(best, scale))


def test_the_potential_is_its_formula_and_does_not_cancel():
    b = torch.tensor([0.3, -2.0], dtype=torch.float64)
    z = b / 0.25
    formula = 0.25 * (2 - torch.sqrt(4 + z**2) + z * torch.asinh(z / 2)).sum()
    assert float(potential(b, 0.5)) == pytest.approx(float(formula), rel=1e-12)
    tiny = torch.tensor([1e-9], dtype=torch.float64)
    assert float(potential(tiny, 1.0)) == pytest.approx(0.25e-18, rel=1e-6)


def test_limits_are_the_shortest_and_the_sparsest():
    x, y, truth = sparse_problem()
    assert torch.allclose(implicit_bias(x, y, 300.0), least_norm(x, y), atol=1e-6)
    sparsest = least_absolute(x, y)
    assert torch.allclose(sparsest, truth, atol=1e-9)
    distances = [float((implicit_bias(x, y, scale) - sparsest).norm()) for scale in (0.1, 1e-2, 1e-4)]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 1e-3
    shortest = torch.linalg.lstsq(x, y[:, None], driver="gelsd").solution[:, 0]
    assert torch.allclose(least_norm(x, y), shortest)


@pytest.mark.parametrize("scale", [1.0, 0.2, 0.02])
def test_gradient_flow_ends_there(scale):
    x, y, _ = sparse_problem()
    path = fitted_by_flow(x, y, scale, torch.tensor([0.0, 1e4], dtype=torch.float64))
    assert not bool(path[0].any())
    best = implicit_bias(x, y, scale)
    assert float((path[-1] - best).norm() / best.norm()) < 1e-5


def test_the_flow_is_gradient_descent_with_small_steps():
    x, y, _ = sparse_problem(inputs=8, samples=4)
    u, v = (torch.full((8,), 0.5, dtype=torch.float64) for _ in range(2))
    rate, steps = 2e-5, 10_000
    for _ in range(steps):
        slope = x.T @ (x @ (u * u - v * v) - y)
        u, v = u - rate * 2 * u * slope, v + rate * 2 * v * slope
    path = fitted_by_flow(x, y, 0.5, torch.tensor([rate * steps], dtype=torch.float64))
    assert torch.allclose(path[0], u * u - v * v, atol=2e-3)


@pytest.mark.parametrize(
    ("features", "targets", "scale", "message"),
    [
        (torch.ones(2, 3), torch.ones(2), 1.0, "full row rank"),
        (torch.eye(3)[:, :2], torch.ones(3), 1.0, "full row rank"),
        (torch.eye(3), torch.ones(2), 1.0, "features must be"),
        (torch.eye(3) / 0, torch.ones(3), 1.0, "finite"),
        (torch.eye(3), torch.zeros(3), 1.0, "not all be zero"),
        (torch.eye(3), torch.ones(3), 0.0, "must be positive"),
    ],
)
def test_problems_without_a_bias_are_refused(features, targets, scale, message):
    with pytest.raises(ValueError, match=message):
        implicit_bias(features, targets, scale)
