"""The numbers of the language chapter, on rows whose answer is known by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from known_answers import TWO_POINTS, exactly, known, missing, no_error

from quire.experiments.language import learning_measures, measures, text_measures
from quire.stats import Estimate

SIZES = [10, 100, 1000, 10_000]


# --- correlations of one grammar


def sampled(constants, *, floors=(1.0, 0.2), exact=1.0):
    """Correlations of two P, a noise constant for each grammar; the first P hides the signal, the second does not."""
    return pd.DataFrame(
        [
            {"samples": size, "seed": seed, "distance": t, "floor": floor, "exact": exact, "noise_constant": constant}
            for size, floor in zip((10, 100), floors, strict=True)
            for seed, constant in enumerate(constants)
            for t in (1, 2)
        ]
    )


def test_noise_is_measured_where_it_is_not_small_beside_the_signal():
    rows = sampled([0.8, 1.0])
    rows.loc[rows.samples == 100, "noise_constant"] = 7.0  # the floor is 0.2 of the signal: not looked at
    assert known(measures.noise_constant(rows), 0.9, 0.1, 1)


def test_noise_is_averaged_over_distances_then_over_draws():
    rows = sampled([0.8, 1.0], floors=(1.0, 1.0))
    rows.loc[(rows.samples == 10) & (rows.seed == 0), "noise_constant"] = [0.5, 0.7]
    assert known(measures.noise_constant(rows), 0.85, np.std([0.6, 0.8, 1.0, 1.0], ddof=1) / 2, 3)


def test_noise_of_one_draw_or_of_none():
    assert no_error(measures.noise_constant(sampled([0.8]).query("samples == 10")), 0.8)
    assert missing(measures.noise_constant(sampled([0.8], floors=(0.1, 0.1))), "no correlation is near its noise")


def test_plateaus_are_those_of_the_first_grammar_and_the_exact_ones():
    rows = pd.DataFrame(
        {"seed": [0, 0, 0, 1], "samples": [10, 1000, 1000, 10], "rms": [3.0, 2.0, 0.0, 9.0], "exact_rms": 1.0}
    )
    table = measures.plateau_table(rows)
    assert list(zip(table.data, table.rms, strict=True)) == [
        ("$P$ = 10", 3.0),
        ("$P$ = 1,000", 2.0),
        ("exact", 1.0),
        ("exact", 1.0),
    ]


def ensemble(factors, **columns):
    """Squared correlations that are a factor times both formulas, which fall as t^-6, for each grammar."""
    setting = dict(vocab=32, num_rules=8) | columns
    return pd.DataFrame(
        [
            {
                **setting,
                "seed": seed,
                "level": level,
                "distance": t,
                "signal": factor * t**-6.0,
                "finite_size": t**-6.0,
                "asymptotic": 2 * t**-6.0,
                "string_signal": math.nan if level == 1 else factor * t**-7.0,
                "string_asymptotic": 4 * t**-7.0,
            }
            for seed, factor in enumerate(factors)
            for level, t in ((1, 1), (2, 2), (3, 4))
        ]
    )


def test_correlations_are_compared_with_their_formulas_in_the_first_setting():
    rows = pd.concat([ensemble([0.9, 1.0, 1.1]), ensemble([5.0, 6.0], num_rules=4)])
    error = 0.1 / 3**0.5
    for level in (1, 2, 3):
        assert known(measures.correlation_ratio(rows, level=level), 1.0, error, 2)
    assert known(measures.asymptotic_ratio(rows, level=3), 0.5, error / 2, 2)
    assert known(measures.string_ratio(rows, level=2), 0.25, error / 4, 2)


def test_correlations_of_one_grammar_have_no_error():
    rows = ensemble([1.1])
    assert no_error(measures.correlation_ratio(rows, level=2), 1.1)
    assert no_error(measures.decay_exponent(rows), -3)


def test_correlations_decay_with_the_mean_slope_of_the_grammars():
    steep = ensemble([1.0]).assign(seed=1, signal=lambda rows: rows.distance**-6.4)
    assert known(measures.decay_exponent(pd.concat([ensemble([1.0]), steep])), -3.1, 0.1, 1)


def test_correlations_that_vanish_have_no_logarithm():
    rows = ensemble([1.0, 1.0])
    rows.loc[rows.level == 3, "signal"] = 0.0
    assert missing(measures.decay_exponent(rows), "a value of zero has no logarithm")
    assert list(measures.decay_table(rows).level) == [1, 2, 1, 2]


def test_decays_are_drawn_as_roots():
    table = measures.decay_table(ensemble([4.0]))
    assert set(table.setting) == {"$v$ = 32, $m$ = 8"}
    assert list(table.rms) == pytest.approx([2, 0.25, 0.03125]) and list(table.law) == pytest.approx(table.rms / 2)


# --- exact entropies


def entropies(gaps, *, depth=2, **columns):
    """Entropies that lie below ln 2^(depth - l) by a gap for each seed, at aligned contexts and one between."""
    setting = dict(vocab=4, num_rules=2, depth=depth) | columns
    rows = []
    for seed, gap in enumerate(gaps):
        for level in range(depth + 1):
            bound = (depth - level) * math.log(2)
            rows.append({**setting, "seed": seed, "context": 2**level - 1, "level": level, "bound": bound})
            rows[-1]["entropy"] = bound - gap * (level + 1)
        rows.append({**setting, "seed": seed, "context": 2, "level": -1, "bound": math.nan, "entropy": 0.0})
    return pd.DataFrame(rows)


def test_the_tightest_bound_is_the_largest_mean_gap_of_all_settings_and_levels():
    rows = pd.concat([entropies([0.1, 0.3]), entropies([0.4, 0.6], num_rules=3)])
    assert known(measures.tightest_bound(rows), -0.4, 0.2, 1)  # level one of the first setting; level zero is left out
    assert no_error(measures.tightest_bound(entropies([0.1])), -0.2)


def test_the_bound_of_a_shorter_context_is_drawn_for_a_longer():
    table = measures.entropy_table(entropies([0.0]))
    assert list(table.tokens) == [1, 2, 3, 4] and set(table.setting) == {"$v$ = 4, $m$ = 2, $L$ = 2"}
    assert list(table.bound) == pytest.approx([2 * math.log(2), math.log(2), math.log(2), 0])


def deep(ratios):
    """Entropies at depth five whose last two steps have this ratio, for each seed."""
    return pd.DataFrame(
        [
            {"depth": 5, "seed": seed, "level": level, "entropy": value}
            for seed, ratio in enumerate(ratios)
            for level, value in enumerate([9.0, 7.0, 5.0, 3.0, 2.0, 2.0 - ratio, 1.9])
            if level <= 5
        ]
    )


def test_the_last_steps_of_the_entropy_are_compared_at_depth_five():
    rows = pd.concat([deep([0.2, 0.3]), deep([0.7]).assign(depth=4), deep([0.7]).assign(level=-1)])
    assert known(measures.entropy_ratio(rows), 0.25, 0.05, 1)


def test_entropies_of_several_settings_are_averaged_for_each_seed():
    wider = deep([0.4, 0.4]).assign(entropy=lambda rows: 2 * rows.entropy)
    assert known(measures.entropy_ratio(pd.concat([deep([0.1, 0.4]), wider])), 0.35, 0.05, 1)


def test_the_ratio_of_one_grammar_of_none_and_of_a_flat_step():
    assert no_error(measures.entropy_ratio(deep([0.2])), 0.2)
    assert missing(measures.entropy_ratio(deep([0.2]).assign(depth=4)), "no tree of depth 5")
    flat = deep([0.2, 0.3]).assign(entropy=1.0)
    assert missing(measures.entropy_ratio(flat), "a ratio to zero has no value")


# --- counts


def falling(needed, *, y="loss", high=1.0, low=0.0, **columns):
    """Curves that fall from high to low over one decade on each side of a place, where they are half way, for each seed."""
    return pd.DataFrame(
        [
            {**columns, "seed": seed, "samples": size, y: value}
            for seed, place in enumerate(needed)
            for size, value in ((place / 10, high), (place, (high + low) / 2), (place * 10, low))
        ]
    )


def counting(prefactors, rules=(2, 3, 4), power=1.0):
    """P for half a nat is a prefactor times a power of the number of strings, a prefactor for each seed."""
    parts = []
    for m in rules:
        strings = 12.0 * m**3
        needed = [prefactor * strings**power for prefactor in prefactors]
        parts.append(falling(needed, y="divergence").assign(num_rules=m, contexts=strings))
    return pd.concat(parts)


def test_counting_needs_a_power_of_the_number_of_strings():
    assert known(learning_measures.counting_exponent(counting([1.0, 1.0], power=0.9)), 0.9, 0, 4)


def test_counting_has_the_error_of_the_scatter_about_its_line():
    scattered = learning_measures.counting_exponent(counting([math.exp(0.1), math.exp(-0.1)]))
    logs = np.log([12 * m**3 for m in (2, 3, 4)])
    spread = 2 * ((logs - logs.mean()) ** 2).sum()
    assert known(scattered, 1.0, math.sqrt(6 * 0.01 / 4 / spread), 4)


def test_grammars_that_do_not_come_to_half_a_nat_are_left_out():
    rows = counting([1.0, 1.0])
    rows.loc[(rows.num_rules == 4) & (rows.seed == 1), "divergence"] += 0.6
    assert known(learning_measures.counting_exponent(rows), 1.0, 0, 3)
    assert missing(learning_measures.counting_exponent(rows.assign(divergence=1.0)), "two different abscissae")
    assert no_error(learning_measures.counting_exponent(counting([1.0], rules=(2, 3))), 1.0, TWO_POINTS)
    assert missing(learning_measures.counting_exponent(counting([1.0, 2.0], rules=(2,))), "two different abscissae")


def exact(seeds, levels=(4.0, 3.0, 1.0, 0.0)):
    """Exact entropies after 0, 1, 3 and 7 tokens, for each grammar."""
    return pd.DataFrame(
        [{"seed": seed, "level": level, "entropy": h} for seed in range(seeds) for level, h in enumerate(levels)]
    )


def test_the_gain_of_inferring_is_a_power_of_the_number_of_rules():
    # half way between the entropies 1 and 0 lies 0.5, where the curves of falling() are at their place
    plain = falling([1000.0 * 3**3, 1000.0 * 3**4]).assign(level=3)
    inferred = falling([1000.0, 1000.0]).assign(num_rules=3)
    other = falling([5.0, 5.0]).assign(level=2)
    both = pd.concat([other, plain])
    assert known(learning_measures.hierarchical_gain(both, inferred, exact(2)), 3.5, 0.5, 1)


def test_the_gain_of_one_grammar_and_of_grammars_where_a_count_does_not_come_half_way():
    plain, inferred = falling([9000.0, 9000.0]).assign(level=3), falling([1000.0, 1000.0]).assign(num_rules=3)
    late = plain.assign(loss=plain.loss + 0.6 * (plain.seed == 1))
    assert no_error(learning_measures.hierarchical_gain(late, inferred, exact(2)), 2.0)
    never = plain.assign(loss=plain.loss + 0.6)
    assert missing(learning_measures.hierarchical_gain(never, inferred, exact(2)), "no grammar on which both")


def test_synonyms_are_found_at_a_multiple_of_their_threshold():
    rows = falling([200.0, 400.0], y="symbol_error_2").assign(synonym_threshold=1000.0, symbol_error_1=0.0)
    assert known(learning_measures.synonym_need(rows, level=2), 0.3, 0.1, 1)
    assert missing(learning_measures.synonym_need(rows, level=1), "no grammar on which the wrong symbols pass one half")
    assert no_error(learning_measures.synonym_need(rows[rows.seed == 0], level=2), 0.2)


def test_counts_by_name():
    plain = pd.DataFrame({"level": [1, 2, 3], "loss": [3.0, 2.0, 1.0]})
    assert list(learning_measures.gram_table(plain).grams) == ["2-gram", "4-gram", "8-gram"]
    table = learning_measures.by_counted(plain, pd.DataFrame({"loss": [0.5]}), level=3)
    assert list(zip(table.counted, table.loss, strict=True)) == [("all tokens", 1.0), ("inferred symbols", 0.5)]


def test_exact_entropies_are_averaged_for_a_figure():
    rows = pd.concat([exact(1), exact(1, (2.0, 1.0, 1.0, 0.0)).assign(seed=1)])
    assert learning_measures.mean_entropies(rows) == {0: 3.0, 1: 2.0, 3: 1.0, 7: 0.0}


# --- networks


def trained(values, *, network="cnn", samples=8192, **columns):
    """A divergence at one P for each grammar."""
    row = dict(network=network, samples=samples) | columns
    return pd.DataFrame([{**row, "seed": seed, "divergence": value} for seed, value in enumerate(values)])


def test_the_final_excess_is_that_of_the_largest_training_set():
    rows = pd.concat([trained([5.0, 5.0], samples=64), trained([0.1, 0.3]), trained([9.0], network="transformer")])
    assert known(learning_measures.final_excess(rows, network="cnn"), 0.2, 0.1, 1)
    assert no_error(learning_measures.final_excess(trained([0.1]), network="cnn"), 0.1)
    assert missing(learning_measures.final_excess(rows, network="lstm"), "no such network")


def test_networks_are_compared_at_one_training_set():
    rows = pd.concat([trained([0.1, 0.3]), trained([0.4, 0.8], network="transformer"), trained([9.0], samples=64)])
    found = learning_measures.by_network(rows, samples=8192)
    assert known(found["cnn"], 0.2, 0.1, 1) and known(found["transformer"], 0.6, 0.2, 1)
    found = learning_measures.by_network(rows, samples=64)
    assert no_error(found["cnn"], 9.0) and missing(found["transformer"], "no training set of 64 data")


def test_networks_with_and_without_shared_weights_are_compared_grammar_by_grammar():
    rows = pd.concat([trained([0.1, 0.3]), trained([0.4, 0.8], network="lcn"), trained([9.0], samples=64)])
    assert known(learning_measures.unshared_gap(rows, samples=8192), 0.4, 0.1, 1)
    assert missing(learning_measures.unshared_gap(rows, samples=64), "no pair of networks at 64 data")


def stairs(factors):
    """A loss that is 3.5, 2 and 0.5, the half-way marks of :func:`exact`, at 10, 100 and 1000 times a factor."""
    curve = ((1, 4.0), (10, 3.5), (100, 2.0), (1000, 0.5), (10_000, 0.1))
    return pd.DataFrame(
        [
            {"network": "cnn", "seed": seed, "samples": size * factor, "loss": loss}
            for seed, factor in enumerate(factors)
            for size, loss in curve
        ]
    )


def test_steps_are_passed_at_the_half_way_marks():
    rows = pd.concat([stairs([1.0, math.exp(0.2)]), stairs([50.0]).assign(network="transformer")])
    found = learning_measures.step_places(rows, exact(2), network="cnn")
    assert list(found) == ["first", "second", "third"]
    for estimate, place in zip(found.values(), (10, 100, 1000), strict=True):
        assert known(estimate, math.log(place) + 0.1, 0.1, 1)


def test_the_ratio_of_steps_is_a_power_of_the_number_of_rules():
    rows = stairs([1.0, math.exp(0.2)]).assign(num_rules=10)
    assert known(learning_measures.step_ratio(rows, exact(2), network="cnn"), 1.0, 0.1 * 2**0.5 / (2 * math.log(10)), 2)


def test_every_grammar_has_its_own_half_way_marks():
    limits = pd.concat([exact(1), exact(1, (8.0, 6.0, 2.0, 0.0)).assign(seed=1)])
    rows = stairs([1.0, 1.0])
    rows.loc[rows.seed == 1, "loss"] *= 2
    assert known(learning_measures.step_places(rows, limits, network="cnn")["third"], math.log(1000), 0, 1)


def test_steps_of_one_grammar_and_steps_that_are_not_passed():
    rows = stairs([1.0, 1.0])
    rows.loc[(rows.seed == 1) & (rows.samples >= 1000), "loss"] = 1.0
    found = learning_measures.step_places(rows, exact(2), network="cnn")
    assert known(found["second"], math.log(100), 0, 1) and no_error(found["third"], math.log(1000))
    found = learning_measures.step_places(rows[rows.seed == 1], exact(2), network="cnn")
    assert missing(found["third"], "no curve crosses its level")


def test_the_excess_of_a_context_is_that_of_the_largest_training_set():
    rows = pd.concat([trained([0.1, 0.3], context=1), trained([5.0], context=1, samples=64), trained([9.0], context=3)])
    assert known(learning_measures.excess_of_context(rows, context=1), 0.2, 0.1, 1)
    assert no_error(learning_measures.excess_of_context(rows, context=3), 9.0)
    assert missing(learning_measures.excess_of_context(rows, context=7), "no network that sees 7 tokens")
    assert set(learning_measures.context_table(rows).seen) == {"1 token", "3 tokens"}


# --- a text

PLACES = [1, 2, 4, 8, 16, 32]


def decays(exponent, *, source="shakespeare", sizes=(100, 400), seeds=2, z=None, **columns):
    """The whole text decays exactly as t^-b from two characters on; ranges grow as P^(1/z)."""
    common = dict(source=source, floor=1e-12) | columns
    rows = [
        {**common, "whole": True, "samples": 10_000, "seed": 0, "distance": t, "rms": t**-exponent if t > 1 else 9.0}
        for t in PLACES
    ]
    for size in sizes:
        for seed in range(seeds):
            drawn = {**common, "whole": False, "samples": size, "seed": seed, "rms": size**-0.5}
            drawn |= {"horizon": size ** (1 / (z or 2 * exponent)), "floor_constant": 0.9 + 0.1 * seed}
            rows += [{**drawn, "distance": t} for t in PLACES]
    table = pd.DataFrame(rows, columns=[*rows[-1]])
    return table.assign(signal=columns.get("signal", table.rms**2))


def test_the_decay_is_that_from_two_to_twenty_characters():
    rows = decays(1.4)
    rows.loc[rows.distance == 32, "rms"] = 9.0
    assert known(text_measures.decay_exponent(rows), 1.4, 0, 2)
    assert known(text_measures.dynamic_exponent(rows), 2.8, 0, 2)


def test_the_decay_has_the_error_of_the_scatter_about_its_line():
    rows = decays(1.0)
    rows.loc[rows.whole & (rows.distance == 16), "signal"] = 0.0  # below twice the floor: left out
    rows.loc[rows.whole & (rows.distance == 4), "rms"] *= math.exp(0.3)  # residuals -0.1, 0.2, -0.1: slope unchanged
    error = math.sqrt(0.06 / 1 / (2 * math.log(2) ** 2))
    assert known(text_measures.decay_exponent(rows), 1.0, error, 1)


def test_a_text_without_a_decay_has_no_exponent():
    hidden = decays(1.0, signal=0.0)
    assert missing(text_measures.decay_exponent(hidden), "two different abscissae")
    assert missing(text_measures.dynamic_exponent(hidden), "two different abscissae")
    assert missing(text_measures.dynamic_exponent(decays(-0.5, z=1.0)), "correlations do not decay")
    assert missing(text_measures.dynamic_exponent(decays(0.01, z=1.0)), "correlations do not decay")


def test_the_range_grows_with_the_exponent_of_the_decay():
    assert exactly(text_measures.horizon_exponent(decays(1.4)), 1.0)
    assert exactly(text_measures.horizon_exponent(decays(1.4, z=3.5)), 1.25)
    rows = decays(1.0)
    rows.loc[rows.seed == 1, "horizon"] *= math.exp(0.1)  # at both P: the slope stays, its scatter is ± 0.05
    slope_error = math.sqrt(4 * 0.05**2 / 2) / math.log(4)
    assert known(text_measures.horizon_exponent(rows), 1.0, slope_error / 0.5, 2)


def test_draws_without_a_range_are_left_out():
    rows = decays(1.0, sizes=(100, 400, 1600))
    rows.loc[~rows.whole & (rows.samples == 1600), "horizon"] = math.nan
    assert exactly(text_measures.horizon_exponent(rows), 1.0)
    assert missing(text_measures.horizon_exponent(rows.assign(horizon=math.nan)), "two different abscissae")
    two = decays(1.0, seeds=1)
    assert no_error(text_measures.horizon_exponent(two), 1.0, TWO_POINTS)


def test_the_floor_is_that_of_far_characters():
    rows = decays(1.0, sizes=(100,))
    rows.loc[rows.distance < 20, "floor_constant"] = 7.0
    assert known(text_measures.floor_constant(rows), 0.95, 0.05, 1)
    assert no_error(text_measures.floor_constant(decays(1.0, sizes=(100,), seeds=1)), 0.9)
    assert missing(text_measures.floor_constant(rows[rows.distance < 20]), "no distance of 20 characters or more")


def test_claims_about_shakespeare_are_not_made_of_another_text():
    rows, z = decays(1.0, source="generated"), Estimate.exact(2.0)
    other = losses([0.1], source="generated")
    for estimate in (
        text_measures.decay_exponent(rows),
        text_measures.horizon_exponent(rows),
        text_measures.floor_constant(rows),
        *text_measures.collapse_control(other, z).values(),
    ):
        assert missing(estimate, "the text is generated, and not Shakespeare's")
    assert text_measures.dynamic_exponent(rows).value == pytest.approx(2.0)


def test_correlations_are_drawn_by_number_of_windows_the_whole_text_last():
    rows = decays(1.0, sizes=(4000, 100))
    rows.loc[rows.distance == 1, "rms"] = 0.0
    table = text_measures.decay_table(rows)
    assert list(dict.fromkeys(table.data)) == ["$P$ = 100", "$P$ = 4,000", "all"] and set(table.distance) == {
        *PLACES[1:]
    }


def test_windows_are_drawn_in_units_of_floor_and_range():
    rows, z = decays(1.0), Estimate.exact(2.0)
    table = text_measures.collapsed_correlations(rows, z)
    assert set(table.scaled_rms.round(9)) == {1.0} and set(table.data) == {"$P$ = 100", "$P$ = 400"}
    assert sorted(set(table[table.samples == 400].scaled_distance)) == pytest.approx([t / 20 for t in PLACES])
    nothing = text_measures.collapsed_correlations(rows, Estimate.missing("correlations do not decay"))
    assert nothing.empty and {"scaled_distance", "scaled_rms", "data"} <= set(nothing)


Z = Estimate.exact(1.9)  # a value at which no two curves end at the same P/t^z


def losses(alphas, *, z=1.9, contexts=(1, 2, 4), kink=0.0, source="shakespeare"):
    """L = t^(-αz) (P/t^z)^(-0.3) for each seed, an exact collapse with power αz, but for a kink at the longest context."""
    rows = []
    for seed, alpha in enumerate(alphas):
        for t in contexts:
            for size in (4.0**k for k in range(2, 8)):
                factor = math.exp(kink) if t == max(contexts) else 1.0
                loss = factor * t ** (-alpha * z) * (size / t**z) ** -0.3
                rows.append({"source": source, "seed": seed, "context": t, "samples": size, "loss": loss})
    return pd.DataFrame(rows)


def test_losses_that_collapse_have_no_residual_at_the_same_range():
    rows, z = losses([0.1, 0.2]), Z
    assert known(text_measures.collapse_control(rows, z)["same P / t^z"], 0, 0, 1)
    found = text_measures.collapse_control(rows, z)
    assert list(found) == ["same P", "same P / t^z"] and known(found["same P / t^z"], 0, 0, 1)
    shown = text_measures.collapsed_losses(rows, z)
    assert list(shown.scaled_loss) == pytest.approx(list(shown.scaled_samples**-0.3), rel=1e-5)


def test_the_residual_is_the_relative_distance_of_two_curves():
    # of two contexts, a factor between the curves is a power of t and drops out; where F bends at the same P, it does not
    rows = losses([0.1, 0.1], contexts=(1, 2))
    rows.loc[rows.context == 2, "loss"] *= math.exp(0.2)
    assert known(text_measures.collapse_control(rows, Z)["same P / t^z"], 0, 0, 1)
    three = losses([0.1, 0.1], kink=0.2)
    residual = text_measures.collapse_control(three, Z)["same P / t^z"]
    # differences of ln L: 0 for (1, 2), ± 0.2 for (1, 4) and (2, 4), with lags ln 2, ln 4, ln 2; at five, four and five
    # points of six each way, and a power of t fitted
    lags, gaps = np.log(2) * np.repeat([1, 2, 1], [5, 4, 5]), np.repeat([0.0, 0.2, 0.2], [5, 4, 5])
    left = gaps - (gaps @ lags) / (lags @ lags) * lags
    assert known(residual, math.sqrt(np.mean(left**2)), 0, 1)


def test_the_control_compares_at_the_same_number_of_windows():
    rows = losses([0.1, 0.1], kink=0.2)
    same = text_measures.collapse_control(rows, Z)["same P"]
    lags, gaps = np.log(2) * np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.2, 0.2])
    left = gaps - (gaps @ lags) / (lags @ lags) * lags
    assert known(same, math.sqrt(np.mean(left**2)), 0, 1)


def test_the_table_of_the_collapse_has_mean_and_error_over_seeds():
    table = text_measures.collapse_table(losses([0.1, 0.2]), Z)
    assert list(table.index) == ["mean", "sem"]
    assert list(table.columns) == ["alpha", "at the same P / t^z", "without the factor", "at the same P"]
    assert (table.alpha["mean"], table.alpha["sem"]) == (0.15, 0.05)
    assert table["at the same P / t^z"]["mean"] == 0 < table["without the factor"]["mean"]


def test_a_collapse_of_one_seed_has_no_error():
    rows, z = losses([0.1]), Z
    assert no_error(text_measures.collapse_control(rows, z)["same P / t^z"], 0)
    assert math.isnan(text_measures.collapse_table(rows, z).alpha["sem"])


@pytest.mark.parametrize(
    ("rows", "z"),
    [
        (losses([0.1, 0.2], contexts=(3,)), Z),
        (losses([0.1, 0.2], contexts=(1, 1000)), Z),
        (losses([0.1, 0.2]), Estimate.missing("correlations do not decay")),
    ],
)
def test_curves_that_share_no_range_have_no_collapse(rows, z):
    assert missing(text_measures.collapse_control(rows, z)["same P / t^z"], "no two contexts share a range of P / t^z")
    shown = text_measures.collapsed_losses(rows, z)
    assert shown.empty and {"scaled_samples", "scaled_loss", "seen"} <= set(shown)
    assert text_measures.collapse_table(rows, z).isna().all(axis=None)


def test_curves_share_a_range_as_long_as_one_begins_before_another_ends():
    rows = losses(
        [0.1, 0.2], contexts=(1, 32)
    )  # P from 4^2 to 4^7: at z = 2 the second curve begins where the first ends
    assert text_measures.collapse_control(rows, Estimate.exact(1.99))["same P / t^z"].known
    assert missing(
        text_measures.collapse_control(rows, Estimate.exact(2.01))["same P / t^z"], "no two contexts share a range"
    )


def test_the_characters_that_a_network_sees_are_named():
    assert set(text_measures.loss_table(losses([0.1], contexts=(1, 4))).seen) == {"$t$ = 1", "$t$ = 4"}
