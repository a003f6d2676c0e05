"""Means of values, groups, pairs and seeds; bootstrap; where curves cross a level."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from quire.stats import (
    ONE_SEED,
    Estimate,
    bootstrap,
    converged,
    correlation_over_seeds,
    crossing,
    crossing_over_seeds,
    crossings,
    difference,
    error_correlation,
    geometric_mean,
    geometric_mean_by,
    mean,
    mean_by,
    mean_over_seeds,
    ratio,
    table,
)

GROUPED = pd.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "x", "y", None], "v": [1.0, 3.0, 5.0, 7.0]})


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=20))
def test_a_mean_and_its_error(values):
    found = mean(values)
    assert found.value == pytest.approx(np.mean(values), abs=1e-12) and found.dof == len(values) - 1
    assert found.stderr == pytest.approx(oracle.sem(values), abs=1e-12)
    assert found == mean(np.array(values)) == mean(pd.Series(values)) == mean(iter(values))


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=20))
def test_a_geometric_mean_and_its_error(values):
    found = geometric_mean(values)
    assert found.value == pytest.approx(oracle.gmean(values)) and found.dof == len(values) - 1
    assert found.stderr == pytest.approx(found.value * oracle.sem(np.log(values)), abs=1e-9)


def test_one_seed_has_no_error():
    for found in (mean([3]), geometric_mean([3]), bootstrap([3.0], np.mean), mean_by(GROUPED, by="a", value="v")[2]):
        assert math.isfinite(found.value) and math.isnan(found.stderr) and found.dof == 0 and found.reason == ONE_SEED


@pytest.mark.parametrize("average", [mean, geometric_mean])
def test_what_has_no_mean_is_refused_or_missing_for_a_reason(average):
    with pytest.raises(ValueError, match="mean of no values.*if_empty"):
        average([])
    assert average([], if_empty="no network learned").reason == "no network learned"
    for wrong in ([1.0, math.nan], [1.0, math.inf], pd.Series([1.0, None])):
        with pytest.raises(ValueError, match="values must be finite, got .* at place 1 .1 of 2.: drop such rows"):
            average(wrong)


def test_a_factor_is_positive():
    assert "zero" in geometric_mean([1.0, 0.0]).reason
    with pytest.raises(ValueError, match="positive"):
        geometric_mean([1.0, -1.0])


def test_means_over_groups():
    means = table(GROUPED, by=["a", "b"], value="v")
    assert means["mean"].tolist() == [2.0, 5.0, 7.0] and means["n"].tolist() == [2, 1, 1]
    assert means["stderr"].tolist() == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
    assert table(GROUPED[:0], by="a", value="v").columns.tolist() == ["a", "mean", "stderr", "n"]
    by = mean_by(GROUPED, by="a", value="v")
    assert list(by) == [1, 2] and by[1] == mean([1.0, 3.0, 7.0])
    assert list(mean_by(GROUPED, by=["a", "b"], value="v"))[:2] == [(1, "x"), (2, "y")]
    assert geometric_mean_by(GROUPED, by="a", value="v")[1] == geometric_mean([1.0, 3.0, 7.0])
    with pytest.raises(ValueError, match=r"no columns \['c'\] in the rows"):
        mean_by(GROUPED, by="c", value="v")


def test_rows_of_one_seed_are_not_independent():
    rows = pd.DataFrame({"seed": [0, 0, 0, 1, 1, 1], "v": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0], "k": [0, 1, 0, 0, 1, 1]})
    assert mean_over_seeds(rows, value="v", seed="seed") == mean([1.0, 2.0])
    assert mean_over_seeds(rows, value="v", seed=["seed", "k"]) == mean([1.0, 1.0, 2.0, 2.0])
    assert mean_over_seeds(rows[:0], value="v", seed="seed", if_empty="nobody came").reason == "nobody came"


def test_pairs_are_taken_by_their_index():
    a, b = pd.Series([2.0, 6.0, 4.0], index=[0, 1, 2]), pd.Series([4.0, 1.0, 2.0], index=[2, 0, 1])
    assert ratio(a, b) == mean([2.0, 3.0, 1.0]) and difference(a, b) == mean([1.0, 4.0, 0.0])
    assert ratio([2.0, 6.0], [1.0, 2.0]) == mean([2.0, 3.0])
    assert "zero" in ratio([1.0], [0.0]).reason
    shared = np.array([1.0, 5.0, 9.0])  # what is common to a pair drops out
    assert difference(shared + 1, shared).stderr == 0 < (mean(shared + 1) - mean(shared)).stderr
    with pytest.raises(ValueError, match="one value of each for every index"):
        ratio(a, b[:2])
    with pytest.raises(ValueError, match="of one length, got 1 and 2"):
        difference([1.0], [1.0, 2.0])


def test_a_sequence_that_converges_is_known_to_its_last_step():
    assert converged([1.0, 0.5, 0.25]) == Estimate(0.25, 0.25, math.inf)
    assert "no convergence" in converged([1.0]).reason


@settings(max_examples=10)
@given(st.lists(st.floats(-10, 10), min_size=20, max_size=40), st.integers(0, 10))
def test_the_bootstrap_of_a_mean_is_the_standard_error(values, seed):
    found = bootstrap(values, np.mean, num=400, seed=seed)
    assert found.value == pytest.approx(np.mean(values), abs=1e-12) and found.dof == len(values) - 1
    assert found.stderr == pytest.approx(np.std(values) / math.sqrt(len(values)), rel=0.2, abs=1e-12)
    assert found == bootstrap(values, np.mean, num=400, seed=seed)


def test_a_bootstrap_needs_something_to_resample():
    for values, num in (([], 10), ([1.0, 2.0], 1), (3.0, 10)):
        with pytest.raises(ValueError, match="values and two resamples"):
            bootstrap(values, np.mean, num=num)
    with pytest.raises(ValueError, match="must be finite"):
        bootstrap([1.0, math.nan], np.mean)
    assert "does not exist for these" in bootstrap([1.0, 2.0], lambda v: math.nan).reason
    found = bootstrap([1.0, 2.0], lambda v: 1.0 if len(set(v)) > 1 else math.nan)
    assert found.value == 1 and "for some resamples" in found.reason


@given(st.floats(0.01, 0.99), st.permutations(range(5)))
def test_a_crossing_inverts_a_curve_that_is_linear_in_log_x(level, order):
    x = np.geomspace(1, 1e4, 5)
    y = 1 - np.log(x) / np.log(1e4)
    assert crossing(x[list(order)], y[list(order)], level) == pytest.approx(1e4 ** (1 - level), rel=1e-9)


def test_the_first_crossing_counts_and_a_touched_point_is_one():
    assert crossing([1, 2, 4, 8], [0, 1, 0, 1], 0.5) == pytest.approx(math.sqrt(2))
    assert crossing([1, 2, 4], [0, 1, 2], 1.0) == pytest.approx(2) and crossing([1, 2], [3, 3], 3.0) == 1


@pytest.mark.parametrize(
    "x, y, message",
    [
        ([1, 2], [1, 2], "does not cross 5.0"),
        ([], [], "empty"),
        ([0, 1], [0, 9], "must be positive"),
        ([1, 2], [0, math.nan], "y must be finite"),
        ([1], [0, 9], "one length"),
    ],
)
def test_a_curve_without_a_crossing_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        crossing(x, y, 5.0)


def falling(places: dict) -> pd.DataFrame:
    """For each key a curve that falls through 1/2 at a place; None: one that stays at one."""
    return pd.concat(
        [
            pd.DataFrame({"p": x, "e": 0.5 - 0.1 * np.log(x / place) if place else 1.0, "seed": key, "net": "cnn"})
            for key, place in places.items()
            for x in [np.geomspace(1, 100, 9)]
        ]
    )


def test_crossings_of_groups_and_those_without_are_left_out():
    rows = falling({0: 2.0, 1: None, 2: 8.0})
    places = crossings(rows, x="p", y="e", level=0.5, by="seed")
    assert places.to_dict() == pytest.approx({0: 2.0, 2: 8.0}) and (places.name, places.index.name) == ("p", "seed")
    own = crossings(rows, x="p", y="e", level={0: 0.5, 2: 0.5 - 0.1 * math.log(2)}, by="seed")
    assert (own / places).to_dict() == pytest.approx({0: 1.0, 2: 2.0})
    by = crossings(rows, x="p", y="e", level=0.5, by=["net", "seed"]).rename("needed").reset_index()
    assert by[["net", "seed"]].values.tolist() == [["cnn", 0], ["cnn", 2]]
    assert crossings(rows, x="p", y="e", level=9.0, by=["net", "seed"]).reset_index().columns.tolist() == [
        "net",
        "seed",
        "p",
    ]


def test_a_curve_that_only_touches_the_level_does_not_cross_it():
    rows = pd.DataFrame({"p": [1, 2, 4], "e": [1.0, 0.5, 0.6], "s": 0})
    assert crossings(rows, x="p", y="e", level=0.5, by="s").empty


@pytest.mark.parametrize("log, function", [(None, lambda x: x), ("e", math.log), (2, math.log2)])
def test_a_crossing_over_seeds(log, function):
    found = crossing_over_seeds(
        falling({0: 2.0, 1: None, 2: 8.0, 3: 4.0}), x="p", y="e", level=0.5, seed="seed", log=log
    )
    expected = mean([function(2.0), function(8.0), function(4.0)])
    assert (found.value, found.stderr, found.dof) == pytest.approx((expected.value, expected.stderr, 2))


def test_no_crossing_is_missing_and_one_has_no_error():
    options = {"x": "p", "y": "e", "seed": "seed"}
    assert crossing_over_seeds(falling({0: None}), level=0.5, **options).reason == "no curve crosses 0.5"
    assert crossing_over_seeds(falling({0: 2.0}), level={0: 9.0}, **options).reason == "no curve crosses its level"
    assert crossing_over_seeds(falling({0: 2.0, 1: None}), level=0.5, **options).reason == ONE_SEED
    with pytest.raises(ValueError, match="log must be None"):
        crossing_over_seeds(falling({0: 2.0}), level=0.5, log=10, **options)
    with pytest.raises(ValueError, match="no columns"):
        crossings(GROUPED, x="p", y="e", level=0.5, by="a")


def test_correlation_of_averages():
    stream = np.random.default_rng(0)
    stability, error = np.exp(stream.normal(size=(4, 6))), np.exp(stream.normal(size=(4, 6)))
    u, v = np.log(stability).mean(0), np.log(error.mean(0))
    assert error_correlation(stability, error, ranks=False) == pytest.approx(np.corrcoef(u, v)[0, 1])
    assert error_correlation(stability, error, ranks=True) == pytest.approx(
        np.corrcoef(oracle.rankdata(u), oracle.rankdata(v))[0, 1]
    )
    with pytest.raises(ValueError, match="three architectures"):
        error_correlation(stability[:, :2], error[:, :2], ranks=True)


@pytest.mark.parametrize("ranks", [True, False])
def test_a_correlation_is_resampled_by_seeds(ranks):
    stream = np.random.default_rng(1)
    table = np.exp(stream.normal(size=(6, 2, 5)))  # seed, quantity, architecture
    found = correlation_over_seeds(table[:, 0], table[:, 1], ranks=ranks)
    assert found == bootstrap(table, lambda draw: error_correlation(draw[:, 0], draw[:, 1], ranks=ranks))
    assert found.dof == 5 and abs(found.value) < 1
    same = correlation_over_seeds(table[:, 0], np.ones((6, 5)), ranks=ranks)
    assert same.reason == "the statistic does not exist for these values"
    assert correlation_over_seeds(table[:1, 0], table[:1, 1], ranks=ranks).reason == ONE_SEED
    assert "three architectures" in correlation_over_seeds(table[:, 0, :2], table[:, 1, :2], ranks=ranks).reason
