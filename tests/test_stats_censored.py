"""Values that are only known to lie beyond a bound."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from quire.stats import fill_censored


def drawn(seed=0, *, means=(0.0, 1.0, 2.0), deviation=0.6, each=8, bound=2.0):
    """Groups of log-normal values, those beyond a bound hidden."""
    source = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(means)), each)
    whole = np.exp(np.asarray(means)[groups] + deviation * source.normal(size=len(groups)))
    limit = np.exp(bound) * np.ones_like(whole)
    return np.where(whole < limit, whole, np.nan), limit, groups, whole


def test_the_means_are_those_of_the_largest_likelihood():
    """Against a general minimiser of the likelihood, which knows nothing of expectation and maximisation."""
    values, bounds, groups, _ = drawn()
    beyond = np.isnan(values)
    assert 2 <= beyond.sum() <= 8

    def loss(parameters):
        mean, deviation = parameters[:3][groups], np.exp(parameters[3])
        seen = norm.logpdf(np.log(values[~beyond]), mean[~beyond], deviation)
        return -seen.sum() - norm.logsf(np.log(bounds[beyond]), mean[beyond], deviation).sum()

    best = minimize(loss, np.array([0.0, 1.0, 1.8, -0.5]), method="BFGS", options={"gtol": 1e-9}).x
    logs = np.log(fill_censored(values, bounds, groups))
    means = [logs[groups == group].mean() for group in range(3)]
    assert means == pytest.approx(best[:3].tolist(), abs=1e-5)
    hazard = norm.pdf((2.0 - best[2]) / np.exp(best[3])) / norm.sf((2.0 - best[2]) / np.exp(best[3]))
    assert logs[beyond & (groups == 2)] == pytest.approx(best[2] + np.exp(best[3]) * hazard, abs=1e-5)


def test_means_are_right_where_to_drop_is_wrong():
    """Over many draws: the group of which most is hidden comes out right; what is left of it lies far below."""
    filled, left = [], []
    for seed in range(60):
        values, bounds, groups, _ = drawn(seed, each=20)
        logs = np.log(fill_censored(values, bounds, groups))
        filled.append(logs[groups == 2].mean())
        left.append(np.nanmean(np.log(values[groups == 2])))
    assert np.mean(filled) == pytest.approx(2.0, abs=0.05) and np.mean(left) < 1.7


def test_known_values_stay_and_what_is_filled_lies_beyond_its_bound():
    values, bounds, groups, whole = drawn(3)
    filled, beyond = fill_censored(values, bounds, groups), np.isnan(values)
    assert (filled[~beyond] == whole[~beyond]).all() and (filled[beyond] > bounds[beyond]).all()
    assert (fill_censored(whole, bounds, groups) == whole).all()


def test_a_group_of_which_nothing_is_known_stays_unknown():
    filled = fill_censored([1.0, 2.0, np.nan, np.nan], [9.0, 9.0, 5.0, 9.0], ["a", "a", "b", "a"])
    assert np.isnan(filled).tolist() == [False, False, True, False]
    assert np.isnan(fill_censored([np.nan], [2.0], [0])).all() and len(fill_censored([], [], [])) == 0


def test_one_value_and_one_bound_meet_at_the_bound():
    assert fill_censored([4.0, np.nan], [9.0, 4.0], [0, 0]).tolist() == [4.0, 4.0]


@pytest.mark.parametrize("values, bounds", [([-1.0], [1.0]), ([np.nan], [0.0]), ([1.0, 2.0], [1.0])])
def test_what_has_no_logarithm_or_no_partner_is_refused(values, bounds):
    with pytest.raises(ValueError, match="must be positive|one length"):
        fill_censored(values, bounds, [0])
