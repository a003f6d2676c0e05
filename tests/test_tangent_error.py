"""The disentanglement error and its parts: facts of the definition, a brute-force loop, and localisation of a kernel."""

import copy
import math

import pytest
import torch
from tangent_models import direction, drawn, made, weights_of
from torch import nn

from quire.tangent import (
    TaskVector,
    cross_ratio,
    disentanglement_error,
    interaction,
    label_weighted_energy,
    linear_response,
    linearize,
    local_energy,
    nonlinear_response,
    stack_vectors,
)

ALPHAS = [-1.0, -0.5, 0.0, 0.5, 1.0]
SAMPLES = 40


def pair(kind, name="dense", size=0.6):
    """Responses of one model on the data of two tasks, and what they are made of."""
    net, _ = made(name)
    taus = [direction(net, seed=100 * t, size=size) for t in (1, 2)]
    data = [drawn(SAMPLES, 6, seed=t) for t in (1, 2)]
    responses = tuple(kind(net, weights_of(net), stack_vectors(taus), part) for part in data)
    return net, taus, data, responses


def loop(outputs, data, heads, alphas, others):
    """ξ, its localisation and its interaction, one sample and one pair of coefficients at a time."""
    found = torch.zeros(3, len(alphas), len(others), dtype=torch.float64)
    for i, a in enumerate(alphas):
        for j, b in enumerate(others):
            for task in (0, 1):
                for sample in range(SAMPLES):

                    def label(x, y, task=task, sample=sample):
                        values = outputs(x, y, data[task])[sample]
                        return values if heads[task] is None else heads[task] @ values

                    own = (a, 0.0) if task == 0 else (0.0, b)
                    added = label(a, 0.0) + label(0.0, b) - label(0.0, 0.0)
                    own, both = int(label(*own).argmax()), int(label(a, b).argmax())
                    added = int(added.argmax())
                    found[:, i, j] += torch.tensor([own != both, own != added, added != both]).double() / SAMPLES
    return found


@pytest.mark.parametrize("headed", [False, True])
@pytest.mark.parametrize("kind", [linear_response, nonlinear_response])
def test_against_the_loop(kind, headed):
    net, taus, data, responses = pair(kind)
    heads = (drawn(3, 4, seed=7), drawn(5, 4, seed=8)) if headed else (None, None)
    alphas, others = [-1.0, 0.7], [0.0, 0.5, 1.2]
    kept = {}

    def outputs(a, b, inputs):
        key = (a, b, id(inputs))
        if key not in kept:
            tau = a * taus[0] + b * taus[1]
            if kind is linear_response:
                model = linearize(net)
                model.set_task_vector(tau)
            else:
                model = copy.deepcopy(net)
                model.load_state_dict(tau.apply_to(weights_of(net)))
            kept[key] = model(inputs).detach()
        return kept[key]

    found = disentanglement_error(responses, alphas=alphas, other_alphas=others, heads=heads)
    expected = loop(outputs, data, heads, alphas, others)
    assert float(expected[0].max()) > 0.2  # the two sides could differ
    for part, brute in zip((found.error, found.localisation, found.interaction), expected, strict=True):
        torch.testing.assert_close(part, brute, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [linear_response, nonlinear_response])
def test_facts_of_the_definition(kind):
    net, taus, data, responses = pair(kind, size=1.0)
    found = disentanglement_error(responses, alphas=ALPHAS)
    for part in (found.error, found.localisation, found.interaction):
        assert part.shape == (5, 5) and float(part.min()) >= 0 and float(part.max()) <= 2
    zero = ALPHAS.index(0.0)
    assert float(found.error[zero, zero]) == 0
    # on the axes nothing interacts, and the other task's data alone are disturbed
    assert not found.interaction[zero].any() and not found.interaction[:, zero].any()
    start, moved = responses[1](torch.tensor([[0.0, 0.0], [1.0, 0.0]])).argmax(-1)
    assert float(found.error[-1, zero]) == pytest.approx(float((start != moved).double().mean()), abs=1e-12)
    assert float(found.error[-1, zero]) > 0
    assert bool((found.error <= found.localisation + found.interaction + 1e-12).all())
    if kind is linear_response:
        assert not found.interaction.any() and torch.equal(found.error, found.localisation)
    else:
        assert found.interaction.any()


def test_the_error_reaches_two():
    """A task vector that turns every prediction on the other's data, each way."""
    net = nn.Linear(2, 2, bias=False).double()
    weights = {"weight": torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)}
    shift = torch.tensor([[0.0, -3.0], [0.0, 0.0]], dtype=torch.float64)
    taus = stack_vectors([TaskVector({"weight": shift}), TaskVector({"weight": shift.flip(1)})])
    own = [torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([[0.0, 1.0]], dtype=torch.float64)]
    responses = tuple(linear_response(net, weights, taus, part) for part in own)
    found = disentanglement_error(responses, alphas=[0.0, 1.0])
    assert found.error.tolist() == [[0.0, 1.0], [1.0, 2.0]]


def test_disjoint_features_disentangle_exactly():
    net = nn.Linear(8, 3, bias=False).double()
    weights = weights_of(net)
    shifts = [drawn(3, 8, seed=t) for t in (1, 2)]
    shifts[0][:, 4:], shifts[1][:, :4] = 0, 0
    data = [drawn(200, 8, seed=t) for t in (3, 4)]
    data[0][:, 4:], data[1][:, :4] = 0, 0
    taus = stack_vectors([TaskVector({"weight": shift}) for shift in shifts])
    for kind in (linear_response, nonlinear_response):  # the model is linear in its weights
        responses = tuple(kind(net, weights, taus, part) for part in data)
        found = disentanglement_error(responses, alphas=torch.linspace(-3, 3, 9).tolist())
        assert not found.error.any() and not found.localisation.any() and not found.interaction.any()
        assert float(interaction(responses[0], [1.0, 1.0]).abs().max()) < 1e-12
    swapped = disentanglement_error(responses[::-1], alphas=[1.0])  # each vector on the other's data
    assert float(swapped.error) > 0.5


def test_interaction_is_the_mixed_second_difference():
    net, taus, data, responses = pair(nonlinear_response)
    model = [net(data[0])]
    for tau in (taus[0] * 0.5, taus[1] * -2.0, taus[0] * 0.5 - taus[1] * 2.0):
        moved = copy.deepcopy(net)
        moved.load_state_dict(tau.apply_to(weights_of(net)))
        model.append(moved(data[0]))
    expected = model[3] - model[1] - model[2] + model[0]
    torch.testing.assert_close(interaction(responses[0], [0.5, -2.0]), expected.detach(), rtol=1e-11, atol=1e-12)


def test_interaction_is_of_second_order():
    *_, responses = pair(nonlinear_response)
    sizes = [float(interaction(responses[0], [step, step]).norm()) for step in (1e-2, 1e-3)]
    assert math.log10(sizes[0] / sizes[1]) == pytest.approx(2, abs=0.1)


def test_two_vectors_of_many_are_chosen():
    net, _ = made("dense")
    taus = [direction(net, seed=100 * t, size=0.6) for t in range(4)]
    data = [drawn(SAMPLES, 6, seed=t) for t in (1, 2)]

    def error(chosen, vectors):
        stacked = stack_vectors(chosen)
        responses = tuple(nonlinear_response(net, weights_of(net), stacked, part) for part in data)
        return disentanglement_error(responses, alphas=ALPHAS, vectors=vectors).error

    assert torch.equal(error(taus, (3, 1)), error([taus[3], taus[1]], (0, 1)))


def test_grids_that_are_none_are_refused():
    *_, responses = pair(linear_response)
    for bad in ([], [0.0, math.nan], [math.inf]):
        with pytest.raises(ValueError, match="alphas must be finite"):
            disentanglement_error(responses, alphas=bad)
        with pytest.raises(ValueError, match="alphas must be finite"):
            disentanglement_error(responses, alphas=[1.0], other_alphas=bad)
    for vectors in ((0, 2), (1, 1), (-1, 0)):
        with pytest.raises(ValueError, match="two different"):
            disentanglement_error(responses, alphas=[1.0], vectors=vectors)
    with pytest.raises(ValueError, match="finite"):
        interaction(responses[0], [1.0, math.nan])
    with pytest.raises(ValueError, match="two coefficients"):
        interaction(responses[0], [1.0])


def test_local_energy():
    modes = torch.linalg.qr(drawn(6, 6)).Q
    torch.testing.assert_close(local_energy(modes), torch.ones(6, dtype=torch.float64))
    chosen = torch.tensor([1, 4])
    expected = [sum(float(modes[i, r]) ** 2 for r in (1, 4)) for i in range(6)]
    assert local_energy(modes, chosen).tolist() == pytest.approx(expected, rel=1e-13)


def test_label_weighted_energy_against_the_loop():
    factor = drawn(8, 8)
    gram, own = factor @ factor.T, torch.arange(8) < 4
    labels = drawn(8, 3, seed=2) * own[:, None]
    modes = torch.linalg.eigh(gram).eigenvectors
    above = below = 0.0
    for r in range(8):
        weight = sum(float(modes[:, r] @ labels[:, c]) ** 2 for c in range(3))
        above += weight * sum(float(modes[i, r]) ** 2 for i in range(4))
        below += weight
    assert label_weighted_energy(gram, labels, own) == pytest.approx(above / below, rel=1e-12)
    blocks = gram * (own[:, None] == own)
    assert label_weighted_energy(blocks, labels, own) == pytest.approx(1, abs=1e-12)


def test_cross_ratio_against_the_loop():
    factor = drawn(7, 9)
    gram, own = factor @ factor.T, torch.arange(7) < 3
    across, within = [], []
    for i in range(7):
        for j in range(7):
            value = abs(float(gram[i, j])) / math.sqrt(float(gram[i, i] * gram[j, j]))
            if (i < 3) != (j < 3):
                across.append(value)
            elif i != j:
                within.append(value)
    expected = sum(across) / len(across) / (sum(within) / len(within))
    assert cross_ratio(gram, own) == pytest.approx(expected, rel=1e-12)
    assert cross_ratio(gram * (own[:, None] == own), own) == 0
    scale = drawn(7).abs() + 0.1
    assert cross_ratio(gram * scale * scale[:, None], own) == pytest.approx(expected, rel=1e-12)


def test_kernels_that_are_none_are_refused():
    gram, own = torch.eye(4), torch.tensor([True, True, False, False])
    labels = torch.ones(4, 1)
    for call in (
        lambda: cross_ratio(gram, torch.tensor([True, False, False, False])),
        lambda: cross_ratio(0 * gram, own),
        lambda: cross_ratio(gram * math.nan, own),
        lambda: label_weighted_energy(gram, 0 * labels, own),
        lambda: label_weighted_energy(gram, labels, ~own & own),
        lambda: label_weighted_energy(gram * math.nan, labels, own),
    ):
        with pytest.raises(ValueError):
            call()
    for call in (
        lambda: cross_ratio(torch.ones(4, 3), own),
        lambda: cross_ratio(gram, own[:3]),
        lambda: label_weighted_energy(gram, labels[:3], own),
    ):
        with pytest.raises((ValueError, TypeError)):  # shapes: the check of the library, or that of the annotations
            call()
