"""Slopes against scipy, closed forms and rows whose answer is known by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from quire.stats import linear_slope, loglog_slope, slope_of_mean, slope_over_seeds, slope_within

POSITIVE = st.floats(1e-3, 1e3)
POINTS = st.lists(
    st.tuples(POSITIVE, POSITIVE, st.floats(0.01, 10)),
    min_size=3,
    max_size=12,
    unique_by=lambda p: round(math.log(p[0]), 2),
)


def curves(seeds: int, sizes=(2, 4, 8), noise: float = 0.1, exponent: float = -0.5) -> pd.DataFrame:
    """A power law with noise, for each seed."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        [{"p": p, "e": p**exponent * rng.lognormal(0, noise), "s": s} for s in range(seeds) for p in sizes]
    )


@given(POINTS)
def test_an_unweighted_slope_agrees_with_scipy(points):
    x, y, _ = zip(*points, strict=True)
    fit, other = loglog_slope(x, y), oracle.linregress(np.log(x), np.log(y))
    assert fit.value == pytest.approx(other.slope, rel=1e-7, abs=1e-7)
    assert fit.stderr == pytest.approx(other.stderr, rel=1e-5, abs=1e-6)
    half = oracle.t.ppf(0.975, len(x) - 2) * other.stderr
    assert fit.dof == len(x) - 2
    assert fit.interval() == pytest.approx((other.slope - half, other.slope + half), rel=1e-5, abs=1e-5)
    assert linear_slope(np.log(x), np.log(y)) == fit


@given(POINTS)
def test_a_weighted_slope_agrees_with_the_normal_equations(points):
    x, y, error = map(np.array, zip(*points, strict=True))
    sigma = error / y
    design = np.stack([np.log(x), np.ones_like(x)], 1) / sigma[:, None]
    covariance = np.linalg.inv(design.T @ design)
    expected = covariance @ design.T @ (np.log(y) / sigma)
    fit = loglog_slope(x, y, error)
    assert fit.value == pytest.approx(expected[0], rel=1e-4, abs=1e-4)
    assert fit.stderr == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-5)
    assert fit.dof == math.inf and fit.margin() == pytest.approx(1.959964 * fit.stderr, rel=1e-6)


def test_the_interval_of_a_slope_covers_the_truth_as_often_as_it_says():
    rng, x = np.random.default_rng(0), np.geomspace(1, 100, 6)
    fits = [loglog_slope(x, x**-0.7 * np.exp(0.2 * rng.standard_normal(6))) for _ in range(400)]
    covered = sum(fit.interval()[0] <= -0.7 <= fit.interval()[1] for fit in fits)
    assert abs(covered - 380) < 4 * math.sqrt(400 * 0.95 * 0.05)


@pytest.mark.parametrize(
    "x, y, stderr, message",
    [
        ([1, 2, 3], [1, 2], None, "one length"),
        ([1, 2, 0], [1, 2, 3], None, "must be positive"),
        ([1, 2, 3], [1, 2, -3], None, "y must be positive to have a logarithm"),
        ([1, 2, 3], [1, 2, float("nan")], None, "y must be finite, got nan at place 2"),
        ([1, 2, float("inf")], [1, 2, 3], None, "x must be finite"),
        ([1, 2, 3], [1, 2, 3], [1, 0, 1], "errors must be positive"),
        ([1, 2, 3], [1, 2, 3], [1, 1], "one for each y"),
        ([1, 2, 3], [1, 2, 3], [1, 1, float("nan")], "standard errors must be finite"),
        ([1, 2], ["a", "b"], None, "y must be numbers"),
        ([[1, 2]], [[1, 2]], None, "one list of numbers"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, y, stderr, message):
    with pytest.raises(ValueError, match=message):
        loglog_slope(x, y, stderr)


@pytest.mark.parametrize("x", [[], [2], [2, 2, 2]])
def test_without_two_abscissae_there_is_no_slope(x):
    rows = pd.DataFrame({"p": x, "e": [1.0] * len(x), "s": [0] * len(x)})
    found = [loglog_slope(x, rows.e), loglog_slope(x, rows.e, rows.e), linear_slope(x, rows.e)]
    found += [slope_over_seeds(rows, x="p", y="e", seed="s"), slope_within(rows, x="p", y="e", group="s")]
    found += [slope_of_mean(rows, x="p", y="e", seed="s")]
    assert all(math.isnan(fit.value) and "two different abscissae" in fit.reason for fit in found)


def test_a_zero_has_no_logarithm_and_stops_nothing():
    rows = pd.DataFrame({"p": [1, 2, 4] * 2, "e": [4, 2, 0, 4, 2, 1.0], "s": [0] * 3 + [1] * 3})
    found = [loglog_slope(rows.p, rows.e), slope_over_seeds(rows, x="p", y="e", seed="s")]
    found += [slope_of_mean(rows, x="p", y="e", seed="s"), slope_within(rows, x="p", y="e", group="s")]
    assert all(math.isnan(fit.value) and fit.reason == "a value of zero has no logarithm" for fit in found)


def test_two_points_fix_a_line_and_leave_no_error():
    for fit in (loglog_slope([1, 2], [8, 4]), linear_slope([0, 1], [0, -1])):
        assert fit.value == pytest.approx(-1) and math.isnan(fit.stderr) and "two points" in fit.reason
    known = loglog_slope([1, math.e], [1, math.e], [0.3, 0.4 * math.e])
    assert (known.value, known.stderr, known.dof) == pytest.approx((1.0, 0.5, math.inf))


def test_a_slope_over_seeds_is_the_mean_of_the_slopes():
    rows = curves(5, sizes=(8, 2, 4))
    each = [loglog_slope(g["p"], g["e"]).value for _, g in rows.groupby("s")]
    fit = slope_over_seeds(rows, x="p", y="e", seed="s")
    assert fit.value == pytest.approx(np.mean(each)) and fit.stderr == pytest.approx(oracle.sem(each))
    assert fit.dof == 4 and fit.interval() == pytest.approx(oracle.t.interval(0.95, 4, np.mean(each), oracle.sem(each)))


def test_seeds_without_a_slope_are_left_out_and_one_seed_has_no_error():
    rows = curves(3)
    lonely = rows[(rows.s < 2) | (rows.p == 2)]
    assert slope_over_seeds(lonely, x="p", y="e", seed="s") == slope_over_seeds(
        rows[rows.s < 2], x="p", y="e", seed="s"
    )
    one = slope_over_seeds(rows[rows.s == 0], x="p", y="e", seed="s")
    assert (
        one.value == pytest.approx(loglog_slope([2, 4, 8], rows.e[:3]).value) and one.reason == "one seed has no error"
    )
    assert slope_over_seeds(rows[:0], x="p", y="e", seed="s", if_empty="nobody came").reason == "nobody came"


def test_the_slope_of_a_mean_resamples_whole_seeds():
    rng = np.random.default_rng(2)
    scale = rng.lognormal(0, 1.0, 12)  # common to a seed: moves its curve, not its slope
    rows = pd.DataFrame([{"p": p, "e": scale[s] * p**-0.5, "s": s} for s in range(12) for p in (2, 4, 8)])
    fit = slope_of_mean(rows, x="p", y="e", seed="s")
    assert (fit.value, fit.stderr, fit.dof) == pytest.approx((-0.5, 0.0, 11), abs=1e-12)
    noisy = rows.assign(e=rows["e"] * rng.lognormal(0, 0.2, len(rows)))
    fit = slope_of_mean(noisy, x="p", y="e", seed="s")
    assert fit.value == pytest.approx(loglog_slope([2, 4, 8], noisy.groupby("p")["e"].mean()).value)
    assert 0.01 < fit.stderr < 0.5
    one = slope_of_mean(noisy[noisy.s == 0], x="p", y="e", seed="s")
    assert math.isfinite(one.value) and one.reason == "one seed has no error"


@pytest.mark.parametrize(
    "change, message",
    [({"e": math.nan}, "e must be finite"), ({"e": -1.0}, "e must be positive"), ({"p": 3}, "same values of p")],
)
def test_a_mean_curve_needs_whole_curves(change, message):
    rows = curves(2)
    rows.loc[5, list(change)] = list(change.values())
    with pytest.raises(ValueError, match=message):
        slope_of_mean(rows, x="p", y="e", seed="s")


def test_a_slope_within_groups_is_that_of_a_regression_with_dummies():
    rng = np.random.default_rng(4)
    rows = pd.DataFrame(
        [{"x": x, "s": s, "y": 3.0**s * x**2 * rng.lognormal(0, 0.2)} for s in range(3) for x in (1, 2, 3)]
    )
    design = np.column_stack([np.log(rows.x), *(rows.s == s for s in range(3))]).astype(float)
    coefficients, squares, *_ = np.linalg.lstsq(design, np.log(rows.y), rcond=None)
    covariance = np.linalg.inv(design.T @ design) * squares[0] / (9 - 4)
    fit = slope_within(rows, x="x", y="y", group="s")
    assert (fit.value, fit.stderr) == pytest.approx((coefficients[0], covariance[0, 0] ** 0.5)) and fit.dof == 5
    pairs = slope_within(rows[rows.s == 0][:2], x="x", y="y", group="s")
    assert math.isfinite(pairs.value) and pairs.dof == 0 and "leave no error" in pairs.reason


@pytest.mark.parametrize(
    "slope",
    [
        lambda rows: slope_over_seeds(rows, x="size", y="e", seed="s"),
        lambda rows: slope_of_mean(rows, x="size", y="e", seed="s"),
        lambda rows: slope_within(rows, x="size", y="e", group="s"),
    ],
)
def test_a_lost_column_is_named(slope):
    with pytest.raises(ValueError, match=r"no columns \['size'\].*\['p', 'e', 's'\]"):
        slope(curves(2))
