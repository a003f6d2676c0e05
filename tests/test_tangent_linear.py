"""The linearised model against finite differences and the whole Jacobian; responses against direct evaluation."""

import copy

import pytest
import torch
from tangent_models import MODELS, direction, drawn, flat, jacobian, made, weights_of
from torch import nn
from torch.func import functional_call

from quire.tangent import (
    FrozenHead,
    Linearized,
    Response,
    TaskVector,
    class_vectors,
    interaction,
    linear_parts,
    linear_response,
    linearize,
    minimum_norm_vector,
    nearest_class,
    nonlinear_response,
    stack_vectors,
)

SMOOTH = [name for name in MODELS if name != "convolutional"]  # that one has a ReLU


def at(net, vector, inputs):
    """The output at θ0 + τ of a copy."""
    moved = copy.deepcopy(net).eval()
    moved.load_state_dict({**net.state_dict(), **{n: net.state_dict()[n] + t for n, t in vector.tensors.items()}})
    with torch.no_grad():
        return moved(inputs)


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_those_of_finite_differences(name):
    net, inputs = made(name)
    tau = direction(net, size=1.0)
    step = 1e-5
    slope = (at(net, step * tau, inputs) - at(net, -step * tau, inputs)) / (2 * step)
    plain, slopes = linear_parts(net, weights_of(net), stack_vectors([tau]), inputs)
    torch.testing.assert_close(plain, at(net, 0 * tau, inputs), rtol=0, atol=1e-13)
    torch.testing.assert_close(slopes[0], slope, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", list(MODELS))
def test_slopes_are_those_of_the_whole_jacobian(name):
    net, inputs = made(name)
    vectors = [direction(net, seed=10 * t) for t in range(3)]
    net.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        written = torch.stack([jacobian(net, inputs) @ flat(vector) for vector in vectors])
    torch.backends.mha.set_fastpath_enabled(True)
    _, slopes = linear_parts(net, weights_of(net), stack_vectors(vectors), inputs)
    torch.testing.assert_close(slopes, written, rtol=1e-11, atol=1e-12)
    model = linearize(net)
    for vector, slope in zip(vectors, written, strict=True):
        model.set_task_vector(vector)
        torch.testing.assert_close(model(inputs) - model.base(inputs), slope, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", list(MODELS))
def test_linear_models_add_to_twelve_digits(name):
    net, inputs = made(name)
    vectors = stack_vectors([direction(net, seed=10 * t, size=1.0) for t in range(2)])
    linear = linear_response(net, weights_of(net), vectors, inputs, batch=3)
    size = float(linear(torch.ones(1, 2)).abs().max())
    assert float(interaction(linear, [1.0, 1.0]).abs().max()) <= 1e-12 * size
    curved = nonlinear_response(net, weights_of(net), vectors, inputs)
    assert float(interaction(curved, [1.0, 1.0]).abs().max()) > 1e-3


@pytest.mark.parametrize("name", list(MODELS))
def test_the_analytic_grid_is_the_linearised_model_at_each_point(name):
    net, inputs = made(name)
    taus = [direction(net, seed=10 * t) for t in range(2)]
    response = linear_response(net, weights_of(net), stack_vectors(taus), inputs, batch=4)
    model = linearize(net)
    points = torch.cartesian_prod(torch.linspace(-2, 2, 5), torch.linspace(-1, 1, 3))
    for point, found in zip(points.tolist(), response(points), strict=True):
        model.set_task_vector(point[0] * taus[0] + point[1] * taus[1])
        torch.testing.assert_close(found, model(inputs).detach(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_response_is_the_model_with_its_weights_loaded(name):
    net, inputs = made(name)
    taus = [direction(net, seed=10 * t) for t in range(2)]
    response = nonlinear_response(net, weights_of(net), stack_vectors(taus), inputs)
    points = torch.tensor([[0.0, 0.0], [1.0, -0.5], [0.3, 2.0]], dtype=torch.float64)
    for point, found in zip(points.tolist(), response(points), strict=True):
        expected = at(net, point[0] * taus[0] + point[1] * taus[1], inputs)
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_the_response_moves_the_running_statistics_that_a_vector_holds():
    net, inputs = made("normalised")
    start = weights_of(net)
    end = {n: t + drawn(*t.shape).abs() if t.is_floating_point() else t + 5 for n, t in start.items()}
    tau = TaskVector.between(start, end)
    assert "1.running_var" in tau.tensors
    found = nonlinear_response(net, start, stack_vectors([tau]), inputs)(torch.ones(1, 1))
    net.load_state_dict(end)
    torch.testing.assert_close(found[0], net.eval()(inputs).detach(), rtol=1e-11, atol=1e-12)


def test_a_split_grid_is_the_whole_grid(monkeypatch):
    from quire.tangent import responses

    net, inputs = made("dense")
    response = nonlinear_response(net, weights_of(net), stack_vectors([direction(net)]), inputs)
    points = torch.linspace(-1, 1, 7)[:, None]
    whole = response(points)
    monkeypatch.setattr(responses, "STACKED", 1)
    torch.testing.assert_close(response(points), whole, rtol=1e-12, atol=1e-13)


def test_modes_and_switches_are_put_back():
    net, inputs = made("normalised")
    net.train()
    before = net[1].running_mean.clone()
    vectors = stack_vectors([direction(net)])
    linear_response(net, weights_of(net), vectors, inputs)
    nonlinear_response(net, weights_of(net), vectors, inputs)(torch.ones(1, 1))
    assert net.training and net[3].training and torch.equal(net[1].running_mean, before)
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("name", ["dense", "Attention", "normalised"])
def test_tangent_fine_tuning_trains_the_shift_alone_and_reaches_its_targets(name):
    net, inputs = made(name)
    model = linearize(net).train()
    assert not model.base.training
    start = weights_of(model.base)
    targets = drawn(*model(inputs).shape, seed=5)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(trained) == len(list(net.parameters()))
    optimizer = torch.optim.LBFGS(trained, max_iter=300, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = (model(inputs) - targets).square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    assert float(loss().detach()) < 1e-8
    assert all(torch.equal(start[n], t) for n, t in model.base.state_dict().items())
    best = minimum_norm_vector(net.eval(), weights_of(net), inputs, targets) if name != "Attention" else None
    if best is not None:  # the optimiser's step stays in the span of the gradients
        assert model.task_vector().cosine(best) == pytest.approx(1, abs=1e-4)


def test_the_gradient_of_the_shift_is_that_of_the_jacobian():
    net, inputs = made("dense")
    model = linearize(net)
    cotangent = drawn(*model(inputs).shape, seed=4)
    (model(inputs) * cotangent).sum().backward()
    found = torch.cat([p.grad.flatten() for p in model.shift.parameters()])
    expected = torch.einsum("no,nop->p", cotangent, jacobian(net, inputs))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_linearising_copies_the_model_and_takes_other_weights():
    net, inputs = made("dense")
    other = direction(net, size=1.0).apply_to(weights_of(net))
    model = linearize(net, other)
    torch.testing.assert_close(model(inputs), functional_call(net, other, (inputs,)))
    assert isinstance(model, Linearized) and all(p.requires_grad for p in net.parameters())
    vector = direction(net)
    model.set_task_vector(vector)
    assert torch.equal(flat(model.task_vector()), flat(vector))


def test_minimum_norm_interpolates_and_is_the_shortest():
    net, inputs = made("dense", samples=5)
    targets = drawn(5, 4, seed=8)
    tau = minimum_norm_vector(net, weights_of(net), inputs, targets)
    model = linearize(net)
    model.set_task_vector(tau)
    torch.testing.assert_close(model(inputs).detach(), targets, rtol=0, atol=1e-11)
    written = jacobian(net, inputs).flatten(0, 1)
    expected = torch.linalg.pinv(written) @ (targets - net(inputs).detach()).flatten()
    torch.testing.assert_close(flat(tau), expected, rtol=1e-8, atol=1e-10)


def test_heads():
    net, inputs = made("dense")
    head = nn.functional.normalize(class_vectors(6, 4, torch.Generator().manual_seed(1)).double(), dim=1)
    model = FrozenHead(net, head, scale=16.0)
    features = net(inputs)
    cosines = torch.stack([nn.functional.cosine_similarity(features, row[None]) for row in head], dim=1)
    torch.testing.assert_close(model(inputs), 16 * cosines, rtol=1e-12, atol=1e-12)
    assert torch.equal(nearest_class(features, head), model(inputs).argmax(1))  # lengths do not matter
    assert torch.equal(nearest_class(3 * features, head), nearest_class(features, head))
    assert torch.equal(nearest_class(features, None), features.argmax(1))
    assert len(list(model.parameters())) == len(list(net.parameters()))


def test_what_is_not_the_models_is_refused():
    net, inputs = made("dense")
    good, tau = weights_of(net), direction(net)
    lacking = {name: tensor for name, tensor in good.items() if name != "embed.bias"}
    other_shape = {**good, "embed.bias": torch.zeros(1)}
    for bad, match in ((lacking, "embed.bias"), ({**good, "more": torch.zeros(1)}, "more"), (other_shape, "shape")):
        for call in (
            lambda bad=bad: linearize(net, bad),
            lambda bad=bad: linear_response(net, bad, stack_vectors([tau]), inputs),
            lambda bad=bad: nonlinear_response(net, bad, stack_vectors([tau]), inputs),
            lambda bad=bad: linear_response(net, good, stack_vectors([TaskVector(bad)]), inputs),
            lambda bad=bad: nonlinear_response(net, good, stack_vectors([TaskVector(bad)]), inputs),
            lambda bad=bad: linearize(net).set_task_vector(TaskVector(bad)),
            lambda bad=bad: minimum_norm_vector(net, bad, inputs, torch.zeros(7, 4)),
        ):
            with pytest.raises(ValueError, match=match):
                call()


def test_coefficients_that_fit_no_vector_are_refused():
    response = Response(2, lambda coefficients: coefficients)
    for bad in (torch.zeros(0, 2), torch.zeros(3, 1), torch.tensor([[0.0, float("nan")]])):
        with pytest.raises(ValueError, match="coefficients"):
            response(bad)


def test_targets_that_cannot_be_met_are_refused():
    net, inputs = made("dense", samples=5)
    with pytest.raises(ValueError, match="shape"):
        minimum_norm_vector(net, weights_of(net), inputs, torch.zeros(5, 3))
    small = nn.Linear(1, 1).double()
    with pytest.raises(ValueError, match="equations"):
        minimum_norm_vector(small, weights_of(small), drawn(3, 1), drawn(3, 1))
    twice = inputs[[0, 0]]
    with pytest.raises(ValueError, match="cannot be fitted"):
        minimum_norm_vector(net, weights_of(net), twice, drawn(2, 4))
