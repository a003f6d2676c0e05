"""Maximum-entropy fields: the definition term by term, exact laws by z-score, analytic Jacobian, bijectivity."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire import diffeo
from quire.diffeo import MaxEntropyDiffeo, active_modes, cosine_basis, sine_basis
from quire.rng import generator

CASES = [(16, 2, "paper"), (28, 3, "repo"), (28, 3, "paper"), (33, 5, "repo"), (40, 10, "paper")]


def direct_field(coefficients, temperature, size, points=None):
    """The double sum of the definition, one mode at a time, on the inclusive grid."""
    axis = torch.linspace(0, 1, size, dtype=torch.float64) if points is None else points
    total = torch.zeros(len(coefficients), 2, len(axis), len(axis), dtype=torch.float64)
    for i, j in itertools.product(range(1, coefficients.shape[-1] + 1), repeat=2):
        along_x, along_y = torch.sin(i * math.pi * axis), torch.sin(j * math.pi * axis)
        total += coefficients[:, :, i - 1, j - 1, None, None] * along_y[:, None] * along_x[None, :]
    return math.sqrt(temperature) * size * total


@pytest.mark.parametrize(
    ("cutoff", "paper", "repo"), [(2, 1, 3), (3, 4, 6), (5, 15, 19), (10, 69, 77), (50, 1911, 1955)]
)
def test_the_two_rules_keep_the_documented_modes(cutoff, paper, repo):
    assert diffeo.num_modes(cutoff, rule="paper") == paper
    assert diffeo.num_modes(cutoff, rule="repo") == repo
    assert (active_modes(cutoff, "repo") | ~active_modes(cutoff, "paper")).all()


@pytest.mark.parametrize(("size", "cutoff", "rule"), CASES)
def test_displacement_is_the_sum_over_modes(size, cutoff, rule):
    ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
    draw = ensemble.sample(3, generator("sum", size), dtype=torch.float64)
    assert torch.allclose(ensemble.displacement(draw, 2e-3), direct_field(draw, 2e-3, size), rtol=0, atol=1e-12)
    assert not draw[:, :, ~active_modes(cutoff, rule)].any()


def test_first_index_goes_with_x_and_first_component_is_x():
    ensemble = MaxEntropyDiffeo(9, 2, rule="repo")
    draw = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    draw[0, 0, 1, 0] = 1.0  # sin(2πu) sin(πv) in the x component
    field = ensemble.displacement(draw, 1.0)
    assert not field[0, 1].any()
    assert field[0, 0, 4, 2] == pytest.approx(9.0) and field[0, 0, 4, 6] == pytest.approx(-9.0)


def test_the_frame_does_not_move():
    ensemble = MaxEntropyDiffeo(20, 4, rule="repo")
    field = ensemble.displacement(ensemble.sample(5, generator("frame")), 0.1)
    for edge in (field[..., 0, :], field[..., -1, :], field[..., :, 0], field[..., :, -1]):
        assert not edge.any()


@pytest.mark.parametrize(("cutoff", "rule"), [(2, "paper"), (3, "repo"), (10, "paper")])
def test_exact_laws_by_z_score(cutoff, rule):
    size, temperature, num = 65, 1.7e-3, 4000
    ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
    draw = ensemble.sample(num, generator("laws", cutoff, rule), dtype=torch.float64)
    field = ensemble.displacement(draw, temperature)
    measured = {
        "energy": ensemble.gradient_energy(draw, temperature),
        "centre": field[:, :, size // 2, size // 2].square().sum(1),
        # Simpson-free: the trapezoid rule on an inclusive grid is exact for these products of sines
        "image": field.square().sum(1).sum((1, 2)) / (size - 1) ** 2,
    }
    predicted = {
        "energy": diffeo.gradient_energy(temperature, cutoff, law="exact", rule=rule),
        "centre": diffeo.typical_displacement(temperature, cutoff, size=size, law="exact", rule=rule) ** 2,
        "image": diffeo.mean_displacement(temperature, cutoff, size=size, rule=rule) ** 2,
    }
    for name, values in measured.items():
        z = (values.mean() - predicted[name]) / (values.std() / math.sqrt(num))
        assert abs(z) < 4, (name, float(z))


@pytest.mark.parametrize(("cutoff", "rule", "ratio"), [
    (2, "paper", 1.355), (3, "paper", 1.077), (10, "paper", 1.088), (50, "paper", 1.052),
    (2, "repo", 1.355), (3, "repo", 1.274), (5, "repo", 1.148), (15, "repo", 1.079),
])  # fmt: skip
def test_exact_over_nominal_displacement(cutoff, rule, ratio):
    nominal = diffeo.typical_displacement(1e-4, cutoff, size=32, law="asymptotic")
    exact = diffeo.typical_displacement(1e-4, cutoff, size=32, law="exact", rule=rule)
    assert exact / nominal == pytest.approx(ratio, abs=6e-4)


@pytest.mark.parametrize("rule", ["paper", "repo"])
def test_laws_become_asymptotic(rule):
    gaps = []
    for cutoff in (10, 40, 160):
        exact = diffeo.gradient_energy(1.0, cutoff, law="exact", rule=rule)
        gaps.append(abs(exact / diffeo.gradient_energy(1.0, cutoff, law="asymptotic") - 1))
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 0.02


@given(st.floats(0.01, 10), st.integers(2, 20), st.integers(8, 256), st.sampled_from(["asymptotic", "exact"]))
def test_temperature_inverts_displacement(displacement, cutoff, size, law):
    ensemble = MaxEntropyDiffeo(size, cutoff, rule="repo")
    back = ensemble.typical_displacement(ensemble.temperature(displacement, law=law), law=law)
    assert back == pytest.approx(displacement, rel=1e-12)


def test_temperature_range_identities():
    ensemble = MaxEntropyDiffeo(28, 3, rule="repo")
    limits = ensemble.temperature_range()
    assert ensemble.typical_displacement(limits.low, law="asymptotic") == pytest.approx(0.5)
    assert ensemble.typical_displacement(limits.high, law="asymptotic") == pytest.approx(28 / (3 * math.pi))
    assert ensemble.temperature(1.0, law="asymptotic") / limits.high == pytest.approx((3 * math.pi / 28) ** 2)
    assert diffeo.gradient_energy(limits.high, 3, law="asymptotic") * math.log(3) == pytest.approx(0.5)


@pytest.mark.parametrize(("size", "cutoff", "rule"), CASES)
def test_jacobian_is_the_derivative_of_the_map(size, cutoff, rule):
    ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
    draw = ensemble.sample(2, generator("jacobian", size), dtype=torch.float64)
    temperature, grid, step = 3e-3, 7, 1e-5
    jacobian = ensemble.jacobian(draw, temperature, grid_size=grid)
    inner = torch.linspace(0, 1, grid, dtype=torch.float64)
    modes = torch.arange(1, cutoff + 1, dtype=torch.float64)

    def field(x, y):
        sines = [torch.sin(math.pi * axis[:, None] * modes) for axis in (x, y)]
        return math.sqrt(temperature) * torch.einsum("faij,xi,yj->fayx", draw, *sines)

    for axis, (dx, dy) in enumerate([(step, 0.0), (0.0, step)]):
        slope = (field(inner + dx, inner + dy) - field(inner - dx, inner - dy)) / (2 * step)
        expected = torch.eye(2, dtype=torch.float64)[:, axis].view(1, 2, 1, 1) - slope
        assert torch.allclose(jacobian[:, :, axis], expected, atol=1e-7)


def test_jacobian_agrees_with_autograd():
    ensemble = MaxEntropyDiffeo(12, 3, rule="repo")
    draw = ensemble.sample(1, generator("autograd"), dtype=torch.float64)
    modes = math.pi * torch.arange(1, 4, dtype=torch.float64)

    def position(point):
        return point - math.sqrt(0.01) * torch.einsum(
            "aij,i,j->a", draw[0], torch.sin(point[0] * modes), torch.sin(point[1] * modes)
        )

    analytic = ensemble.jacobian(draw, 0.01, grid_size=5)[0, :, :, 3, 1]  # row y = 3/4, column x = 1/4
    automatic = torch.autograd.functional.jacobian(position, torch.tensor([0.25, 0.75], dtype=torch.float64))
    assert torch.allclose(analytic, automatic, atol=1e-12)


def test_bases_are_derivatives_and_vanish_at_the_ends():
    assert not sine_basis(11, 4)[[0, -1]].any()
    assert torch.allclose(cosine_basis(11, 4)[0], math.pi * torch.arange(1, 5, dtype=torch.float64))


@pytest.mark.parametrize("cutoff", [2, 3, 6])
def test_bijectivity_is_lost_at_the_critical_temperature(cutoff):
    ensemble = MaxEntropyDiffeo(32, cutoff, rule="repo")
    draw = ensemble.sample(30, generator("critical", cutoff), dtype=torch.float64)
    critical = ensemble.critical_temperature(draw)
    assert ensemble.is_diffeo(draw, 0.999 * critical).all()
    assert not ensemble.is_diffeo(draw, 1.001 * critical).any()


def test_invertible_fields_map_the_grid_without_folds():
    """Independent of the Jacobian: every small triangle of a fine grid keeps its orientation."""
    ensemble = MaxEntropyDiffeo(121, 3, rule="repo")
    draw = ensemble.sample(40, generator("folds"), dtype=torch.float64)
    for factor, expected in ((0.97, True), (1.05, False)):
        temperature = factor * ensemble.critical_temperature(draw)
        axis = torch.linspace(0, 1, 121, dtype=torch.float64)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        where = torch.stack([x, y]) - ensemble.displacement(draw, temperature) / 121
        right, down = (where[..., :-1, 1:] - where[..., :-1, :-1], where[..., 1:, :-1] - where[..., :-1, :-1])
        area = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
        unfolded = (area > 0).flatten(1).all(1)
        assert unfolded.all() if expected else unfolded.float().mean() < 0.1


@pytest.mark.parametrize("cutoff", [2, 3, 5, 8, 10, 15])
def test_half_of_the_draws_are_invertible_near_the_published_bound(cutoff):
    size = max(28, 2 * cutoff + 10)
    ensemble = MaxEntropyDiffeo(size, cutoff, rule="repo")
    draw = ensemble.sample(200, generator("median", cutoff))
    ratio = ensemble.critical_temperature(draw).median() / ensemble.temperature_range().high
    assert 0.8 < ratio < 1.7  # the page's acceptance band, from other draws


def test_one_draw_serves_every_size_temperature_dtype():
    small, large = (MaxEntropyDiffeo(5, 3, rule="repo"), MaxEntropyDiffeo(9, 3, rule="repo"))
    draw = small.sample(2, generator("share"), dtype=torch.float64)
    assert torch.equal(draw, large.sample(2, generator("share"), dtype=torch.float64))
    assert torch.equal(draw.float(), small.sample(2, generator("share")))
    coarse, fine = (small.displacement(draw, 1e-3) / 5, large.displacement(draw, 1e-3) / 9)
    assert torch.allclose(coarse, fine[..., ::2, ::2], atol=1e-14)
    assert torch.allclose(small.displacement(draw, 4e-3), 2 * small.displacement(draw, 1e-3))
    both = small.displacement(draw, torch.tensor([1e-3, 4e-3], dtype=torch.float64))
    assert torch.allclose(both[1], 2 * small.displacement(draw, 1e-3)[1])


def test_fields_differ_between_images_and_generators():
    ensemble = MaxEntropyDiffeo(16, 3, rule="repo")
    draw = ensemble.sample(4, generator("a"))
    assert torch.pdist(draw.flatten(1)).min() > 1e-3
    assert not torch.equal(draw, ensemble.sample(4, generator("b")))


@settings(max_examples=20)
@given(
    st.integers(2, 40),
    st.integers(2, 8),
    st.sampled_from(["paper", "repo"]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_shapes_and_dtypes(size, cutoff, rule, dtype):
    ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
    draw = ensemble.sample(3, generator(size, cutoff), dtype=dtype)
    field = ensemble.displacement(draw, 1e-3)
    assert field.shape == (3, 2, size, size) and field.dtype == dtype and field.isfinite().all()


def test_displacement_is_differentiable_in_coefficients_and_temperature():
    ensemble = MaxEntropyDiffeo(6, 2, rule="repo")
    draw = ensemble.sample(2, generator("grad"), dtype=torch.float64).requires_grad_()
    temperature = torch.tensor([0.01, 0.02], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ensemble.displacement, (draw, temperature))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: MaxEntropyDiffeo(28, 3, rule="disc"), "rule must be one of"),
    (lambda: MaxEntropyDiffeo(28, 0, rule="repo"), "integer ≥ 1"),
    (lambda: MaxEntropyDiffeo(28, 1, rule="paper"), "keeps no mode"),
    (lambda: MaxEntropyDiffeo(1, 3, rule="repo"), "size must be"),
    (lambda: MaxEntropyDiffeo(28, 1, rule="repo").temperature_range(), "ln c"),
    (lambda: MaxEntropyDiffeo(28, 1, rule="repo").temperature(1.0, law="asymptotic"), 'law="exact"'),
    (lambda: MaxEntropyDiffeo(4, 3, rule="repo").temperature_range(), "no temperature"),
    (lambda: diffeo.temperature(1.0, 3, size=28, law="exact"), "give rule"),
    (lambda: diffeo.temperature(1.0, 3, size=28, law="mean"), "law must be"),
    (lambda: MaxEntropyDiffeo(8, 2, rule="repo").displacement(torch.zeros(2, 2, 2, 2), -1.0), "≥ 0"),
    (lambda: MaxEntropyDiffeo(8, 2, rule="repo").displacement(torch.zeros(2, 2, 3, 3), 1.0), "cutoff 2"),
    (lambda: MaxEntropyDiffeo(8, 2, rule="repo").displacement(torch.zeros(2, 2, 2, 2), torch.ones(3)), "one per field"),
])  # fmt: skip
def test_errors_name_expected_got_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_mode_at_cutoff_one():
    ensemble = MaxEntropyDiffeo(28, 1, rule="repo")
    assert diffeo.num_modes(1, rule="repo") == 1
    assert ensemble.typical_displacement(ensemble.temperature(1.0, law="exact"), law="exact") == pytest.approx(1.0)
