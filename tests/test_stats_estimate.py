"""Value ± error: laws of the arithmetic, coverage of the intervals, what has no error and what has no value."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as oracle

from quire.stats import ONE_SEED, Estimate, average, farthest, largest, mean, smallest, spread

VALUES = st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3)
POSITIVE = st.floats(1e-3, 1e3)
DOFS = st.one_of(st.floats(1, 100), st.just(math.inf))
ESTIMATES = st.builds(Estimate, VALUES, POSITIVE, DOFS)
NONE = Estimate(2.0, math.nan, 0)


def parts(estimate: Estimate) -> tuple:
    return estimate.value, estimate.stderr, estimate.dof


@given(ESTIMATES, ESTIMATES)
def test_sums_and_products_commute(a, b):
    assert parts(a + b) == pytest.approx(parts(b + a)) and parts(a * b) == pytest.approx(parts(b * a))
    assert parts(a - b) == pytest.approx(parts(-(b - a))) and parts(a / b) == pytest.approx(
        parts(1 / (b / a)), rel=1e-9
    )


@given(ESTIMATES, ESTIMATES)
def test_the_error_of_a_sum_is_that_of_independent_numbers(a, b):
    total = a + b
    assert (total - b).value == pytest.approx(a.value, abs=1e-9)
    assert total.stderr == pytest.approx(math.sqrt(a.stderr**2 + b.stderr**2))
    assert parts(a - b)[1:] == pytest.approx(parts(total)[1:])
    product = a * b
    relative = math.hypot(a.stderr / a.value, b.stderr / b.value)
    assert product.stderr == pytest.approx(abs(product.value) * relative, rel=1e-9)
    assert (a / b).stderr == pytest.approx(abs(a.value / b.value) * relative, rel=1e-9)


@given(ESTIMATES, ESTIMATES)
def test_degrees_of_freedom_follow_welch_and_satterthwaite(a, b):
    dof, (va, vb) = (a + b).dof, (a.stderr**2, b.stderr**2)
    expected = (va + vb) ** 2 / (va**2 / a.dof + vb**2 / b.dof) if min(a.dof, b.dof) < math.inf else math.inf
    assert dof == pytest.approx(expected)
    assert min(a.dof, b.dof) * (1 - 1e-12) <= dof <= (a.dof + b.dof) * (1 + 1e-12)


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=9), st.lists(st.floats(-9, 9), min_size=2, max_size=9))
def test_the_difference_of_two_means_is_welchs_test(a, b):
    assume(min(np.std(a), np.std(b)) > 1e-3)  # scipy warns of identical values
    found, expected = mean(a) - mean(b), oracle.ttest_ind(a, b, equal_var=False)
    assert found.dof == pytest.approx(expected.df, rel=1e-6)
    assert found.value / found.stderr == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert found.interval() == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@given(ESTIMATES, VALUES)
def test_a_number_scales_and_shifts(a, number):
    assert parts(number * a) == pytest.approx((number * a.value, abs(number) * a.stderr, a.dof))
    assert parts(a / number) == pytest.approx((a.value / number, a.stderr / abs(number), a.dof))
    assert parts(a + number) == pytest.approx((a.value + number, a.stderr, a.dof))
    assert parts(number - a) == pytest.approx((number - a.value, a.stderr, a.dof))
    assert parts(number + a) == parts(a + number) and parts(a - number) == parts(-(number - a))


@given(st.builds(Estimate, POSITIVE, POSITIVE, DOFS))
def test_functions_and_their_inverses(a):
    assert parts(a.log().exp()) == pytest.approx(parts(a), rel=1e-9)
    assert parts(a.log2() * math.log(2)) == pytest.approx(parts(a.log()), rel=1e-9, abs=1e-12)
    assert parts((a**2) ** 0.5) == pytest.approx(parts(a), rel=1e-9)
    assert parts(a**-1) == pytest.approx(parts(1 / a), rel=1e-9)
    assert parts(abs(-a)) == parts(a) and parts(a**1) == pytest.approx(parts(a))


def test_errors_are_propagated_to_first_order():
    rng = np.random.default_rng(0)
    a, b = Estimate(2.0, 0.01, math.inf), Estimate(3.0, 0.02, math.inf)
    x, y = 2.0 + 0.01 * rng.standard_normal(200_000), 3.0 + 0.02 * rng.standard_normal(200_000)
    for found, drawn in [
        (a * b, x * y),
        (a / b, x / y),
        (a.log(), np.log(x)),
        (a.log2(), np.log2(x)),
        (b.exp(), np.exp(y)),
        (b**3, y**3),
        (b**-0.5, y**-0.5),
        (1 / a, 1 / x),
        (abs(-a), x),
    ]:
        assert found.value == pytest.approx(drawn.mean(), rel=1e-3)
        assert found.stderr == pytest.approx(drawn.std(), rel=0.01)


def test_three_seeds_need_students_t():
    drawn = np.random.default_rng(1).standard_normal((4000, 3))
    estimates = [mean(row) for row in drawn]
    covered = sum(abs(estimate.value) <= estimate.margin() for estimate in estimates)
    naive = sum(abs(estimate.value) <= 2 * estimate.stderr for estimate in estimates)
    assert abs(covered - 3800) < 4 * math.sqrt(4000 * 0.95 * 0.05)
    assert naive < 3400  # 81.6 % of 4000, where 95 % were asked for
    assert estimates[0].margin() == pytest.approx(oracle.t.ppf(0.975, 2) * estimates[0].stderr)


def test_the_interval_of_a_difference_covers_it_with_few_and_unequal_seeds():
    rng = np.random.default_rng(2)
    pairs = [(mean(rng.normal(1.0, 1.0, 3)), mean(rng.normal(0.0, 0.3, 5))) for _ in range(3000)]
    covered = sum(abs((a - b).value - 1) <= (a - b).margin() for a, b in pairs)
    assert 0.93 < covered / 3000 < 0.97


def test_a_known_error_is_normal_and_an_exact_number_has_none():
    assert Estimate(0.0, 1.0, math.inf).margin() == pytest.approx(1.959964, rel=1e-6)
    assert Estimate(0.0, 1.0, math.inf).margin(0.5) == pytest.approx(0.67449, rel=1e-5)
    assert Estimate.exact(3).interval() == (3.0, 3.0) and Estimate.exact(3).known
    with pytest.raises(ValueError, match="between 0 and 1"):
        Estimate.exact(3).margin(95.0)


def test_numbers_of_numpy_are_accepted():
    assert parts(Estimate(np.int64(3), np.float32(0.5), np.int64(2))) == (3.0, 0.5, 2.0)
    assert parts(np.float64(2) * Estimate(1.0, 0.1, 3)) == parts(Estimate(1.0, 0.1, 3) * np.int64(2)) == (2.0, 0.2, 3.0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((math.inf, 0.1, 1), "finite value"),
        ((1.0, -0.1, 1), "error ≥ 0"),
        ((1.0, math.inf, 1), "finite value"),
        ((1.0, 0.1, 0), "dof must be 0"),
        ((1.0, math.nan, 2), "dof must be 0"),
        ((1.0, 0.1, -1), "dof must be 0"),
        ((1.0, 0.1, math.nan), "dof must be 0"),
        ((math.nan, math.nan, 0), "needs a reason"),
        ((math.nan, 0.1, 2, "why"), "needs a reason"),
    ],
)
def test_an_estimate_that_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Estimate(*arguments)


@pytest.mark.parametrize(
    "result",
    [NONE + 1, 1 - NONE, NONE * 2, 3 / NONE, NONE / 3, NONE**2, NONE.log(), NONE.log2(), NONE.exp(), -NONE, abs(NONE)]
    + [NONE + Estimate(1.0, 0.1, 3), Estimate(1.0, 0.1, 3) / NONE, largest([NONE, Estimate(1.0, 0.1, 3)])],
)
def test_what_has_no_error_passes_that_on(result):
    assert math.isfinite(result.value) and math.isnan(result.stderr) and result.dof == 0
    assert result.reason == ONE_SEED and math.isnan(result.margin()) and not result.known


@pytest.mark.parametrize(
    "result",
    [
        lambda e: e + 1,
        lambda e: 1 / e,
        lambda e: e**0.5,
        lambda e: e.log(),
        lambda e: e.exp(),
        lambda e: -e,
        abs,
        lambda e: largest([Estimate.exact(3), e]),
        lambda e: average([e, Estimate.exact(1)]),
        lambda e: spread([e, Estimate.exact(1)]),
    ],
)
def test_what_has_no_value_passes_that_on(result):
    found = result(Estimate.missing("nobody came"))
    assert math.isnan(found.value) and found.reason == "nobody came" and found.dof == 0 and str(found) == "nothing"


@pytest.mark.parametrize(
    "result, reason",
    [
        (Estimate(1.0, 0.1, 2) / Estimate(0.0, 0.1, 2), "ratio to zero"),
        (1 / Estimate.exact(0), "ratio to zero"),
        (Estimate(-1.0, 0.1, 2).log(), "no logarithm"),
        (Estimate(0.0, 0.1, 2).log2(), "no logarithm"),
        (Estimate(-1.0, 0.1, 2) ** 0.5, "to the power 0.5"),
        (Estimate(0.0, 0.1, 2) ** -1, "to the power -1"),
    ],
)
def test_an_operation_without_a_value_does_not_stop(result, reason):
    assert math.isnan(result.value) and reason in result.reason


SEVERAL = {"a": Estimate(1.0, 0.1, 3), "b": Estimate(4.0, 0.2, 5), "c": Estimate(2.0, 0.3, 7)}


def test_one_of_several_keeps_its_error():
    assert (
        largest(SEVERAL) == largest(SEVERAL.values()) == SEVERAL["b"] and smallest([*SEVERAL.values()]) == SEVERAL["a"]
    )
    assert farthest(SEVERAL, from_=2.4) == SEVERAL["b"] and farthest(SEVERAL, from_=3) == SEVERAL["a"]
    assert parts(average(SEVERAL))[:2] == pytest.approx((7 / 3, math.sqrt(0.01 + 0.04 + 0.09) / 3))
    assert average([SEVERAL["a"]]) == SEVERAL["a"]


def test_the_spread_takes_the_largest_relative_error_for_both():
    found = spread(SEVERAL)
    assert parts(found) == pytest.approx((4.0, 4 * 0.15 * math.sqrt(2), 7))
    assert "positive" in spread([Estimate.exact(-1), Estimate.exact(2)]).reason
    assert parts(spread([NONE, Estimate.exact(1)]))[0] == 2.0 and spread([NONE, Estimate.exact(1)]).reason == ONE_SEED


@pytest.mark.parametrize("choose", [largest, smallest, spread, lambda e, **k: farthest(e, from_=0, **k)])
def test_one_of_none_says_what_to_do(choose):
    with pytest.raises(ValueError, match="if_empty"):
        choose({})
    assert choose([], if_empty="nobody came").reason == "nobody came"
    with pytest.raises(TypeError, match=r"write Estimate.exact\(x\)"):
        choose([1.0])


def test_selecting_biases_and_the_docstring_says_which_way():
    rng = np.random.default_rng(3)
    found = [[mean(rng.standard_normal(8)) for _ in range(4)] for _ in range(200)]
    assert np.mean([largest(each).value for each in found]) > 0.2 and "biased upwards" in largest.__doc__
    assert np.mean([smallest(each).value for each in found]) < -0.2 and "downwards" in smallest.__doc__


@pytest.mark.parametrize(
    "value, error, text",
    [
        (-0.5232, 0.0221, "-0.52 ± 0.02"),
        (0.007241, 0.00213, "0.007 ± 0.002"),
        (8192.4, 312.0, "8192 ± 300"),
        (1.0, 0.096, "1.0 ± 0.1"),
        (2.5, 0.0, "2.5 ± 0"),
        (-1e-9, 0.01, "0.00 ± 0.01"),
        (1.0, 1e-13, "1 ± 1e-13"),
        (0.5231, math.nan, "0.523 ± ?"),
        (-1.0, 0.0096, "-1.00 ± 0.01"),
    ],
)
def test_an_estimate_has_the_digits_of_its_error(value, error, text):
    assert str(Estimate(value, error, 0 if math.isnan(error) else 3)) == text
