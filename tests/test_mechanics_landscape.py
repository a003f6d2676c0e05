"""Sharpness against the whole Hessian, learning rates by width, neural collapse, scaling laws, likeness of representations."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from quire.mechanics import (
    activation_sizes,
    alignment_error,
    best_rotation,
    feature_limited_error,
    hessian_product,
    initialize_by_width,
    linear_cka,
    losses_at_rates,
    neural_collapse,
    parameter_groups,
    power_law_covariance,
    rate_factors,
    sample_limited_error,
    sharpness,
    sharpnesses,
    unconstrained_features,
    width_role,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


# --- sharpness


def small_network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    x, y = (torch.randn(20, k, generator=stream(k), dtype=torch.float64) for k in (4, 2))
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def loss(p):
        return 0.5 * (functional_call(net, p, (x,)) - y).square().sum(1).mean()

    return loss, parameters


def whole_hessian(loss, parameters):
    parts = jacrev(jacrev(loss))(parameters)
    sizes = {name: tensor.numel() for name, tensor in parameters.items()}
    rows = [torch.cat([parts[a][b].reshape(sizes[a], sizes[b]) for b in parameters], dim=1) for a in parameters]
    return torch.cat(rows)


def test_products_are_those_of_the_whole_hessian():
    loss, parameters = small_network()
    direction = {name: torch.randn(t.shape, generator=stream(7), dtype=t.dtype) for name, t in parameters.items()}
    flat = torch.cat([tensor.flatten() for tensor in direction.values()])
    found = torch.cat([tensor.flatten() for tensor in hessian_product(loss, parameters, direction).values()])
    assert torch.allclose(found, whole_hessian(loss, parameters) @ flat, atol=1e-12)


def test_sharpness_is_the_largest_eigenvalue():
    loss, parameters = small_network()
    values = torch.linalg.eigvalsh(whole_hessian(loss, parameters))
    found, vector = sharpness(loss, parameters, tolerance=1e-10, most=5000, generator=stream())
    assert found == pytest.approx(float(values[-1]), rel=1e-6)
    assert sum(float((tensor**2).sum()) for tensor in vector.values()) == pytest.approx(1)
    again, _ = sharpness(loss, parameters, start=vector, tolerance=1e-10, most=5)
    assert again == pytest.approx(found, rel=1e-9)


def test_a_hessian_whose_largest_size_is_negative():
    diagonal = torch.tensor([-5.0, 1.0, 0.5], dtype=torch.float64)

    def loss(p):
        return 0.5 * (diagonal * p["w"] ** 2).sum()

    place = {"w": torch.zeros(3, dtype=torch.float64)}
    value, vector = sharpness(loss, place, tolerance=1e-12, most=5000, generator=stream())
    assert value == pytest.approx(1) and abs(float(vector["w"][1])) == pytest.approx(1, abs=1e-4)


def test_several_networks_at_once_are_as_one_by_one():
    """One has a positive Hessian, the others one whose eigenvalue of the largest size is negative."""
    diagonals = torch.tensor([[3.0, 1.0, 2.0], [-5.0, 1.0, 0.5], [0.2, -3.0, 0.1]], dtype=torch.float64)

    def loss(p):
        return 0.5 * (p["d"].detach() * p["w"] ** 2).sum() + 0 * p["d"].sum()

    place = {"w": torch.zeros(3, 3, dtype=torch.float64), "d": diagonals}
    values, vectors = sharpnesses(loss, place, tolerance=1e-12, most=5000, generator=stream())
    assert torch.allclose(values, torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64), rtol=1e-6)
    assert torch.allclose(sum(v.square().sum(1) for v in vectors.values()), torch.ones(3, dtype=torch.float64))
    alone = [
        sharpness(loss, {k: t[m] for k, t in place.items()}, tolerance=1e-12, most=5000, generator=stream())[0]
        for m in range(3)
    ]
    assert alone == pytest.approx(values.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    ("start", "message"),
    [({"v": torch.ones(2)}, "names"), ({"w": torch.ones(3)}, "shape"), ({"w": torch.zeros(2)}, "have a length")],
)
def test_a_guess_that_does_not_fit_is_refused(start, message):
    with pytest.raises(ValueError, match=message):
        sharpness(lambda p: p["w"].square().sum(), {"w": torch.ones(2)}, start=start)


def test_a_loss_that_is_not_finite_is_said():
    with pytest.raises(ValueError, match="diverged"):
        sharpness(lambda p: (p["w"] / 0).square().sum(), {"w": torch.ones(2)}, generator=stream())


# --- widths


def perceptron(width):
    return nn.Sequential(
        nn.Linear(10, width, bias=False),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 3, bias=False),
    )


def test_learning_rates_fall_with_the_width_where_inputs_grow():
    groups = parameter_groups(perceptron(64), perceptron(16), 0.1)
    rates = {tuple(p.shape): group["lr"] for group in groups for p in group["params"]}
    assert rates == {(64, 10): 0.1, (64, 64): 0.025, (64,): 0.1, (3, 64): 0.025}
    torch.optim.Adam(groups)
    plain = parameter_groups(perceptron(64), perceptron(16), 0.1, parametrisation="standard")
    assert [group["lr"] for group in plain] == [0.1]
    assert [g["lr"] for g in parameter_groups(perceptron(16), perceptron(16), 0.1)] == [0.1]


def test_initial_deviations():
    net = initialize_by_width(perceptron(400), perceptron(100), gain=math.sqrt(2), generator=stream())
    expected = {0: math.sqrt(2 / 10), 2: math.sqrt(2 / 400), 4: math.sqrt(100) / 400}
    for place, deviation in expected.items():
        assert float(net[place].weight.detach().std()) == pytest.approx(deviation, rel=0.06)
    plain = initialize_by_width(
        perceptron(400), perceptron(100), gain=1.0, generator=stream(), parametrisation="standard"
    )
    assert float(plain[4].weight.detach().std()) == pytest.approx(1 / 20, rel=0.06)


def trained_sizes(width, parametrisation, steps=5):
    """Sizes of activations after some steps of Adam, over those at initialisation."""
    base = perceptron(64)
    net = initialize_by_width(
        perceptron(width), base, gain=math.sqrt(2), generator=stream(1), parametrisation=parametrisation
    )
    optimizer = torch.optim.Adam(parameter_groups(net, base, 2e-2, parametrisation=parametrisation))
    x, y = torch.randn(64, 10, generator=stream(2)), torch.randint(3, (64,), generator=stream(3))
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return activation_sizes(net, x)["4"]


def test_the_coordinate_check():
    """Outputs after some steps do not grow with the width in the maximal parametrisation, and do in the standard one."""
    maximal, standard = ([trained_sizes(width, name) for width in (64, 1024)] for name in ("maximal", "standard"))
    assert 0.5 < maximal[1] / maximal[0] < 2 and standard[1] / standard[0] > 3


@pytest.mark.parametrize("parametrisation", ["maximal", "standard"])
def test_many_rates_at_once_are_torchs_adam_one_by_one(parametrisation):
    base, rates, steps = perceptron(4).double(), [1e-3, 1e-2, 0.3], 7
    net = perceptron(16).double()
    x, y = torch.randn(30, 10, generator=stream(2), dtype=torch.float64), torch.randint(3, (30,), generator=stream(3))
    factors = rate_factors(net, base, parametrisation=parametrisation)
    asked = dict(rates=rates, steps=steps, batch_size=8, factors=factors)
    found = losses_at_rates(net, x, y, generator=stream(4), **asked)
    for rate, value in zip(rates, found.tolist(), strict=True):
        own, order = copy.deepcopy(net), stream(4)
        optimizer = torch.optim.Adam(parameter_groups(own, base, rate, parametrisation=parametrisation))
        for _ in range(steps):
            batch = torch.randint(30, (8,), generator=order)
            optimizer.zero_grad()
            nn.functional.cross_entropy(own(x[batch]), y[batch]).backward()
            optimizer.step()
        assert value == pytest.approx(nn.functional.cross_entropy(own(x), y).item(), rel=1e-10)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"rates": []}, "at least one"), ({"rates": [-1.0]}, "positive"), ({"factors": {"9.weight": 1.0}}, "9.weight")],
)
def test_rates_that_cannot_be_tried(changed, message):
    asked = dict(rates=[0.1], steps=1, batch_size=2) | changed
    with pytest.raises(ValueError, match=message):
        losses_at_rates(perceptron(4), torch.ones(3, 10), torch.zeros(3).long(), generator=stream(), **asked)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="one architecture at two widths"):
        parameter_groups(perceptron(8), nn.Linear(3, 3), 0.1)
    with pytest.raises(ValueError, match="another one"):
        width_role((3, 3), (3,))
    with pytest.raises(ValueError, match="parametrisation must be"):
        parameter_groups(perceptron(8), perceptron(4), 0.1, parametrisation="other")


# --- neural collapse


def test_unconstrained_features_collapse():
    features, labels, weights = unconstrained_features(classes=5, samples=6, width=8, decay=5e-3, generator=stream())
    found = neural_collapse(features, labels, weights)
    assert found.variability < 1e-6 and found.cosine_deviation < 1e-6 and found.length_deviation < 1e-6
    assert found.mean_cosine == pytest.approx(-1 / 4, abs=1e-6) and found.self_duality < 1e-6
    assert found.disagreement == 0


def test_features_that_have_not_collapsed():
    labels = torch.arange(4).repeat(50)
    features = torch.randn(200, 6, generator=stream()) + 2 * torch.randn(4, 6, generator=stream(1))[labels]
    found = neural_collapse(features, labels, torch.randn(4, 6, generator=stream(2)))
    assert found.mean_cosine == pytest.approx(-1 / 3, abs=0.1)  # from the centring alone
    assert found.cosine_deviation > 0.1 and found.variability > 0.1 and found.self_duality > 0.5
    assert found.disagreement > 0.1


def test_collapse_measures_by_hand():
    """Two classes on a line, two samples each: within 1, between 9."""
    features = torch.tensor([[2.0], [4.0], [-2.0], [-4.0]])
    found = neural_collapse(features, torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0], [-1.0]]))
    assert found.variability == pytest.approx(1 / 9) and found.mean_cosine == pytest.approx(-1)
    assert (found.length_deviation, found.self_duality, found.disagreement) == (0, pytest.approx(0), 0)
    biased = neural_collapse(
        features, torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0], [-1.0]]), torch.tensor([0.0, 100.0])
    )
    assert biased.disagreement == 0.5


def test_collapse_that_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="needs a sample"):
        neural_collapse(torch.ones(3, 2), torch.zeros(3, dtype=torch.long), torch.ones(2, 2))
    with pytest.raises(ValueError, match="minimum is at zero"):
        unconstrained_features(classes=3, samples=2, width=4, decay=10.0, generator=stream())
    with pytest.raises(ValueError, match="classes - 1"):
        unconstrained_features(classes=5, samples=2, width=3, decay=1e-3, generator=stream())


# --- scaling laws


def test_errors_of_features_and_of_samples_by_brute_force():
    """A teacher at a time, with the regression written out."""
    covariance = power_law_covariance(12, 0.7)
    root = covariance.sqrt()
    drawn = torch.randn(5, 12, generator=stream(4), dtype=torch.float64)
    expected = 0.0
    for w in torch.eye(12, dtype=torch.float64):
        z = drawn * covariance  # covariance of features and inputs, z = F x
        best = torch.linalg.solve(z @ drawn.T, z @ w) @ drawn
        expected += float(((w - best) ** 2 * covariance).sum()) / 12
    drawn_alike = torch.randn(5, 12, generator=stream(4), dtype=torch.float64)
    assert torch.equal(drawn, drawn_alike)
    assert float(feature_limited_error(covariance, 5, stream(4))) == pytest.approx(expected, rel=1e-9)
    data = drawn * root
    gram = data @ data.T + 1e-6 * (data @ data.T).diagonal().mean() * torch.eye(5, dtype=torch.float64)
    expected = 0.0
    for w in torch.eye(12, dtype=torch.float64):
        learned = data.T @ torch.linalg.solve(gram, data @ w)
        expected += float(((w - learned) ** 2 * covariance).sum()) / 12
    assert float(sample_limited_error(covariance, 5, stream(4))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("error", [feature_limited_error, sample_limited_error])
def test_both_fall_with_the_exponent_of_the_covariance(error):
    covariance = power_law_covariance(1500, 1.0)
    few, many = (sum(float(error(covariance, number, stream(k))) for k in range(4)) for number in (16, 64))
    assert math.log(many / few) / math.log(4) == pytest.approx(-1, abs=0.15)


def test_numbers_outside_of_the_model_are_refused():
    with pytest.raises(ValueError, match="between 1 and 3"):
        feature_limited_error(power_law_covariance(3, 1.0), 4, stream())
    with pytest.raises(ValueError, match="positive eigenvalues"):
        sample_limited_error(torch.zeros(3), 1, stream())
    with pytest.raises(ValueError, match="ridge must be"):
        sample_limited_error(power_law_covariance(3, 1.0), 1, stream(), ridge=-1.0)
    with pytest.raises(ValueError, match="positive exponent"):
        power_law_covariance(3, 0.0)


# --- likeness


def test_cka_is_that_of_centred_gram_matrices():
    x, y = (torch.randn(30, k, generator=stream(k), dtype=torch.float64) for k in (5, 7))
    centre = torch.eye(30, dtype=torch.float64) - 1 / 30
    grams = [centre @ one @ one.T @ centre for one in (x, y)]
    expected = (grams[0] * grams[1]).sum() / (grams[0].norm() * grams[1].norm())
    assert linear_cka(x, y) == pytest.approx(float(expected), rel=1e-12)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=stream(3), dtype=torch.float64)).Q
    assert linear_cka(x, 4 * x @ turn + 3) == pytest.approx(1)


def test_the_best_rotation_is_procrustes():
    from scipy.linalg import orthogonal_procrustes

    x = torch.randn(20, 4, generator=stream(1), dtype=torch.float64)
    y = torch.randn(20, 4, generator=stream(2), dtype=torch.float64)
    assert torch.allclose(best_rotation(x, y), torch.from_numpy(orthogonal_procrustes(x.numpy(), y.numpy())[0]))
    turn = torch.linalg.qr(torch.randn(4, 4, generator=stream(3), dtype=torch.float64)).Q
    assert alignment_error(x, 2 * x @ turn) == pytest.approx(0, abs=1e-12)
    assert 0.1 < alignment_error(x, y) <= 2


def test_representations_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="same two samples"):
        linear_cka(torch.ones(3, 2), torch.ones(4, 2))
    with pytest.raises(ValueError, match="alike"):
        linear_cka(torch.ones(3, 2), torch.ones(3, 2))
    with pytest.raises(ValueError, match="all be zero"):
        alignment_error(torch.zeros(3, 2), torch.ones(3, 2))
