"""Statistics against scipy and numpy."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from quire.stats import bootstrap, crossing, loglog_slope, mean_over, slope_of_mean, slope_over_seeds

POSITIVE = st.floats(1e-3, 1e3)
POINTS = st.lists(st.tuples(POSITIVE, POSITIVE, st.floats(0.01, 10)), min_size=3, max_size=12, unique_by=lambda p: round(math.log(p[0]), 2))  # fmt: skip


@given(POINTS)
def test_an_unweighted_slope_agrees_with_scipy(points):
    x, y, _ = zip(*points, strict=True)
    fit, other = loglog_slope(x, y), oracle.linregress(np.log(x), np.log(y))
    assert fit.value == pytest.approx(other.slope, rel=1e-7, abs=1e-7)
    assert fit.stderr == pytest.approx(other.stderr, rel=1e-5, abs=1e-6)
    assert fit.intercept == pytest.approx(other.intercept, rel=1e-7, abs=1e-6)
    half = oracle.t.ppf(0.975, len(x) - 2) * other.stderr
    assert (fit.low, fit.high) == pytest.approx((other.slope - half, other.slope + half), rel=1e-5, abs=1e-5)


@given(POINTS)
def test_a_weighted_slope_agrees_with_the_normal_equations(points):
    x, y, error = map(np.array, zip(*points, strict=True))
    sigma = error / y
    design = np.stack([np.log(x), np.ones_like(x)], 1) / sigma[:, None]
    covariance = np.linalg.inv(design.T @ design)
    expected = covariance @ design.T @ (np.log(y) / sigma)
    fit = loglog_slope(x, y, error)
    assert (fit.value, fit.intercept) == pytest.approx(tuple(expected), rel=1e-4, abs=1e-4)
    assert fit.stderr == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-5)
    assert fit.high - fit.value == pytest.approx(1.959964 * fit.stderr, rel=1e-6)


def test_the_interval_of_a_slope_covers_the_truth_as_often_as_it_says():
    rng, x = np.random.default_rng(0), np.geomspace(1, 100, 6)
    fits = [loglog_slope(x, x**-0.7 * np.exp(0.2 * rng.standard_normal(6))) for _ in range(400)]
    covered = sum(fit.low <= -0.7 <= fit.high for fit in fits)
    assert abs(covered - 380) < 4 * math.sqrt(400 * 0.95 * 0.05)


@pytest.mark.parametrize(
    "x, y, stderr, message",
    [
        ([1, 2], [1, 2], None, "three points"),
        ([1, 2, 3], [1, 2], None, "one length"),
        ([1, 2, 0], [1, 2, 3], None, "positive finite"),
        ([1, 2, 3], [1, 2, float("nan")], None, "positive finite"),
        ([2, 2, 2], [1, 2, 3], None, "two different abscissae"),
        ([1, 2, 3], [1, 2, 3], [1, 0, 1], "errors must be positive"),
        ([1, 2, 3], [1, 2, 3], [1, 1], "one for each y"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, y, stderr, message):
    with pytest.raises(ValueError, match=message):
        loglog_slope(x, y, stderr)


def test_a_slope_over_seeds_is_the_mean_of_the_slopes():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame([{"p": p, "e": p**-0.5 * rng.lognormal(0, 0.1), "s": s} for s in range(5) for p in (8, 2, 4)])
    each = [loglog_slope(g["p"], g["e"]).value for _, g in rows.groupby("s")]
    fit = slope_over_seeds(rows, x="p", y="e", seed="s")
    assert fit.value == pytest.approx(np.mean(each)) and fit.stderr == pytest.approx(oracle.sem(each))
    assert (fit.low, fit.high) == pytest.approx(oracle.t.interval(0.95, 4, np.mean(each), oracle.sem(each)))
    two = rows[rows["p"] > 2]
    assert math.isfinite(slope_over_seeds(two, x="p", y="e", seed="s").stderr)
    with pytest.raises(ValueError, match="two seeds"):
        slope_over_seeds(rows[rows["s"] == 0], x="p", y="e", seed="s")
    with pytest.raises(ValueError, match="two different abscissae"):
        slope_over_seeds(rows[rows["p"] == 2], x="p", y="e", seed="s")


def test_the_slope_of_a_mean_resamples_whole_seeds():
    rng = np.random.default_rng(2)
    scale = rng.lognormal(0, 1.0, 12)  # common to a seed: moves its curve, not its slope
    rows = pd.DataFrame([{"p": p, "e": scale[s] * p**-0.5, "s": s} for s in range(12) for p in (2, 4, 8)])
    assert slope_of_mean(rows, x="p", y="e", seed="s") == pytest.approx((-0.5, 0.0), abs=1e-12)
    noisy = rows.assign(e=rows["e"] * rng.lognormal(0, 0.2, len(rows)))
    value, error = slope_of_mean(noisy, x="p", y="e", seed="s")
    assert value == pytest.approx(loglog_slope([2, 4, 8], noisy.groupby("p")["e"].mean()).value) and 0.01 < error < 0.5


def test_means_over_groups():
    rows = pd.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "x", "y", None], "v": [1.0, 3.0, 5.0, 7.0]})
    mean = mean_over(rows, by=["a", "b"], value="v")
    assert mean["mean"].tolist() == [2.0, 5.0, 7.0] and mean["n"].tolist() == [2, 1, 1]
    assert mean["stderr"].tolist() == pytest.approx([1.0, 0.0, 0.0])


@settings(max_examples=10)
@given(st.lists(st.floats(-10, 10), min_size=20, max_size=40), st.integers(0, 10))
def test_the_bootstrap_of_a_mean_is_the_standard_error(values, seed):
    value, error = bootstrap(values, np.mean, num=400, seed=seed)
    assert value == pytest.approx(np.mean(values), abs=1e-12)
    assert error == pytest.approx(np.std(values) / math.sqrt(len(values)), rel=0.2, abs=1e-12)
    assert (value, error) == bootstrap(values, np.mean, num=400, seed=seed)


def test_a_bootstrap_needs_something_to_resample():
    with pytest.raises(ValueError, match="two values"):
        bootstrap([1.0], np.mean)


@given(st.floats(0.01, 0.99), st.permutations(range(5)))
def test_a_crossing_inverts_a_curve_that_is_linear_in_log_x(level, order):
    x = np.geomspace(1, 1e4, 5)
    y = 1 - np.log(x) / np.log(1e4)
    assert crossing(x[list(order)], y[list(order)], level) == pytest.approx(1e4 ** (1 - level), rel=1e-9)


def test_the_first_crossing_counts_and_a_touched_point_is_one():
    assert crossing([1, 2, 4, 8], [0, 1, 0, 1], 0.5) == pytest.approx(math.sqrt(2))
    assert crossing([1, 2, 4], [0, 1, 2], 1.0) == pytest.approx(2) and crossing([1, 2], [3, 3], 3.0) == 1


@pytest.mark.parametrize("x, y", [([1, 2], [1, 2]), ([], []), ([0, 1], [0, 9]), ([1, 2], [0, math.nan]), ([1], [0, 9])])
def test_a_curve_without_a_crossing_is_refused(x, y):
    with pytest.raises(ValueError, match="crosses|crossing|does not cross"):
        crossing(x, y, 5.0)
