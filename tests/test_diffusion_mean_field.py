"""Mean field of denoising: closed forms against numbers, the branching form against the recursion and against a simulation."""

import math

import pytest
import torch

from quire.diffusion import (
    MeanField,
    branching,
    correlation_exponent,
    length_exponent,
    mean_field_correlation,
    mean_field_susceptibility,
    susceptibility_diverges,
)

WITH_TRANSITION = [
    (32, 8, 2),
    (24, 6, 2),
    (16, 4, 2),
    (12, 4, 2),
    (8, 3, 2),
    (8, 8, 3),
    (6, 10, 3),
    (20, 80, 3),
    (5, 30, 4),
]
EVERY = [*WITH_TRANSITION, (8, 2, 2), (8, 7, 2), (4, 4, 2), (3, 1, 2)]


def exact(value: float) -> torch.Tensor:
    """A float64 tensor."""
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("setting", EVERY)
def test_nothing_lost_and_nothing_known_are_fixed_points(setting):
    theory = MeanField(*setting)
    for point in (1.0, 1 / theory.vocab):
        assert float(theory.update(exact(point))) == pytest.approx(point, abs=1e-14)


@pytest.mark.parametrize("setting", EVERY)
@pytest.mark.parametrize("belief", [0.05, 0.3, 0.9])
def test_slopes_are_finite_differences(setting, belief):
    theory, step = MeanField(*setting), 1e-6
    found = (theory.update(exact(belief + step)) - theory.update(exact(belief - step))) / (2 * step)
    assert theory.slope(belief) == pytest.approx(float(found), rel=1e-6)


@pytest.mark.parametrize("setting", EVERY)
def test_slopes_at_the_ends_are_the_closed_forms(setting):
    v, m, s = setting
    theory = MeanField(v, m, s)
    assert theory.slope(1.0) == pytest.approx(s * m * (v - 1) / (v**s - 1))
    assert theory.slope(1 / v) == pytest.approx(s * (v - 1) * v ** (s - 1) / (m * (v**s - 1)))
    assert (theory.slope(1.0) < 1) == (theory.fill < theory.critical_fill())


@pytest.mark.parametrize("setting", WITH_TRANSITION)
def test_the_critical_belief_is_an_unstable_fixed_point_by_either_way(setting):
    theory = MeanField(*setting)
    critical = theory.critical_belief()
    assert theory.has_transition() and 1 / theory.vocab < critical < 1
    assert float(theory.update(exact(critical))) == pytest.approx(critical, abs=1e-12)
    assert critical == pytest.approx(theory.bisected_belief(), abs=1e-12)
    assert theory.sharpening() > 1
    assert theory.upward(exact(theory.critical_noise()), 6).tolist() == pytest.approx(7 * [critical], abs=1e-9)


def test_the_transition_of_two_children_is_a_quotient():
    for v, m in [(32, 8), (16, 4), (8, 3)]:
        theory = MeanField(v, m, 2)
        assert theory.critical_belief() == (m - 1) / (v - m)
        assert theory.critical_noise() == pytest.approx(v * (v - 2 * m + 1) / ((v - m) * (v - 1)), abs=1e-12)
        assert theory.has_transition() == (2 * m < v + 1 and m > 2 * v / (v + 1))


@pytest.mark.parametrize("setting", [(8, 7, 2), (8, 1, 2), (4, 4, 2)])
def test_without_a_transition_its_numbers_are_refused(setting):
    theory = MeanField(*setting)
    assert not theory.has_transition()
    for ask in (theory.critical_belief, theory.bisected_belief, theory.critical_noise, theory.sharpening):
        with pytest.raises(ValueError, match="has no transition"):
            ask()
    with pytest.raises(ValueError, match="has no transition"):
        correlation_exponent(theory)


def test_the_belief_goes_to_one_side_or_the_other():
    theory = MeanField(32, 8, 2)
    deep = theory.upward(torch.tensor([0.72, 0.74], dtype=torch.float64), 40)[-1]
    assert float(deep[0]) == pytest.approx(1, abs=1e-6) and float(deep[1]) == pytest.approx(1 / 32, abs=1e-6)


@pytest.mark.parametrize("setting", WITH_TRANSITION)
def test_the_branching_form_gives_the_marginals_of_the_recursions(setting):
    theory = MeanField(*setting)
    noise = torch.tensor([0.0, 1e-6, 0.2, 0.5, 0.8, 1.0], dtype=torch.float64)
    assert torch.allclose(branching(theory, noise, 6).kept, theory.kept(noise, 6), atol=1e-12)


def test_the_correlations_are_those_of_a_simulated_process():
    theory, noise, count = MeanField(32, 8, 2), exact(0.7), 200_000
    leaves = branching(theory, noise, 5).draw(count, generator=torch.Generator().manual_seed(0)).double()
    found = torch.cov(leaves.T)[0, [0, 1, 2, 4, 8, 16]]
    assert torch.allclose(found, mean_field_correlation(theory, noise, 5), atol=5 / math.sqrt(count) * 0.25)
    whole = leaves.sum(1).var() / (32 * leaves.var())
    assert float(whole) == pytest.approx(float(mean_field_susceptibility(theory, noise, 5)), rel=0.02)


def test_without_and_with_all_noise_nothing_is_lost_and_nothing_known():
    theory = MeanField(16, 4, 2)
    assert torch.equal(theory.kept(exact(0.0), 5), torch.ones(6, dtype=torch.float64))
    unknown = theory.kept(exact(1.0), 5)
    assert float(unknown[5]) == pytest.approx(1 / 16)
    # one level below, what is there is what is frequent: Σ_c P(c)², c drawn with the 64 of 256 strings that are rules
    assert float(unknown[4]) == pytest.approx(1 / 16 + (1 - 1 / 16) * (256 - 64) / (255 * 64), abs=1e-12)
    assert float(mean_field_correlation(theory, exact(0.0), 3)[0]) == 0.0


def test_correlations_at_the_transition_are_a_power_law_and_the_exponents_say_which():
    theory = MeanField(32, 8, 2)
    correlation = mean_field_correlation(theory, exact(theory.critical_noise()), 40)
    assert float((correlation[6] / correlation[5]).log2()) == pytest.approx(-correlation_exponent(theory), rel=0.02)
    assert length_exponent(theory) == pytest.approx(math.log(2) / math.log(theory.sharpening()))


def test_the_susceptibility_grows_for_ever_where_the_criterion_says_so():
    def at_the_transition(setting):
        theory = MeanField(*setting)
        noise = exact(theory.critical_noise())
        return [float(mean_field_susceptibility(theory, noise, depth)) for depth in (10, 20, 30, 40)]

    growing, bounded = at_the_transition((32, 8, 2)), at_the_transition((16, 4, 2))
    assert susceptibility_diverges(MeanField(32, 8, 2)) and not susceptibility_diverges(MeanField(16, 4, 2))
    assert growing[3] - growing[2] > 0.5 * (growing[1] - growing[0])
    assert bounded[3] - bounded[2] < 0.5 * (bounded[1] - bounded[0])


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: MeanField(1, 1, 2), "must be at least 2"),
        (lambda: MeanField(4, 2, 1), "must be at least 2"),
        (lambda: MeanField(4, 5, 2), r"num_rules must be in \[1, 4\]"),
        (lambda: MeanField(4, 0, 2), "num_rules must be in"),
        (lambda: MeanField(8, 3, 2).upward(exact(1.1), 2), r"noise must lie in \[0, 1\]"),
        (lambda: MeanField(8, 3, 2).upward(exact(math.nan), 2), r"noise must lie in \[0, 1\]"),
        (lambda: MeanField(8, 3, 2).upward(exact(0.1), -1), "depth must be at least 0"),
        (lambda: mean_field_susceptibility(MeanField(8, 3, 2), exact(0.0), 2), "above zero"),
        (lambda: branching(MeanField(8, 8, 3), exact(0.5), 2).draw(2, generator=torch.Generator()), "two children"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
