"""The numbers of the hierarchy chapter, on rows whose answer is known by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from known_answers import TWO_POINTS, known, missing, no_error
from matplotlib.figure import Figure

from quire.experiments.hierarchy import drawings, grammar_measures, network_measures, variant_measures
from quire.stats import fill_censored

SPREAD = 1.2
BOTH = [[8, 8, 8, 2], [4, 4, 4, 3]]


def grammars(values, settings=BOTH, repeats=2, **columns):
    """For each setting one grammar per value, which says it in several rows; ``columns`` are functions of the setting."""
    rows = []
    for setting, own in zip(settings, values, strict=True):
        vocab, rules, classes, depth = setting
        sizes = {"vocab": vocab, "num_rules": rules, "num_classes": classes, "depth": depth}
        more = {name: column(*setting) if callable(column) else column for name, column in columns.items()}
        for seed, value in enumerate(own):
            rows += [{**sizes, **more, "seed": seed, "value": value, "place": place} for place in range(repeats)]
    return pd.DataFrame(rows)


def threshold(vocab, rules, classes, depth):
    """n_c m^L."""
    return classes * rules**depth


# --- one grammar


def test_wrong_symbols_are_counted_and_the_largest_spread_is_the_worst():
    assert grammar_measures.wrong_symbols(pd.DataFrame({"wrong": [False, True, True]})) == 2
    assert grammar_measures.largest_spread(pd.DataFrame({"spread": [1e-16, 3e-16, 2e-16]})) == 3e-16


def test_a_setting_is_named_and_a_grammar_counts_once():
    rows = grammars([[1.0, 2.0], [3.0, math.nan]])
    assert list(dict.fromkeys(grammar_measures.with_setting(rows).setting)) == ["8, 8, 8, 2", "4, 4, 4, 3"]
    assert grammar_measures.one_per_grammar(rows, "value").value.tolist() == [1.0, 2.0, 3.0]


def test_signal_ratio_weighs_settings_alike():
    rows = grammars([[1.0, 2.0, 3.0], [8.0, 12.0]], signal_theory=lambda v, m, n, depth: 1.0 if depth == 2 else 5.0)
    found = grammar_measures.signal_ratio(rows.rename(columns={"value": "signal"}))
    first, second = 1 / 3**0.5, 0.4  # standard errors of 1, 2, 3 and of 1.6, 2.4
    variances = first**2 / 4, second**2 / 4
    dof = sum(variances) ** 2 / (variances[0] ** 2 / 2 + variances[1] ** 2 / 1)
    assert known(found, 2.0, math.hypot(first, second) / 2, dof)


def test_crossing_ratio_is_in_units_of_the_threshold_and_leaves_out_grammars_without_signal():
    rows = grammars([[512.0, 1024.0, math.nan], [256.0, 512.0]], threshold=threshold)
    found = grammar_measures.crossing_ratio(rows.rename(columns={"value": "crossing"}))
    assert known(found, 1.5, 0.5 / 2**0.5, 2)


def test_ratios_of_one_grammar_and_of_none():
    rows = grammars([[2.0]], BOTH[:1], signal_theory=1.0).rename(columns={"value": "signal"})
    assert no_error(grammar_measures.signal_ratio(rows), 2.0)
    rows = grammars([[math.nan]], BOTH[:1], threshold=threshold).rename(columns={"value": "crossing"})
    assert missing(grammar_measures.crossing_ratio(rows), "no grammar whose class is correlated")


def test_signal_table_has_units_and_theory_and_no_points_without_a_logarithm():
    columns = dict(threshold=threshold, signal_theory=0.5, noise_theory=0.25, samples=51.2)
    rows = grammars([[1.0, 0.0]], BOTH[:1], repeats=1, **columns).rename(columns={"value": "measured"})
    shown = grammar_measures.signal_table(rows)
    assert shown[["setting", "scaled_samples", "over_signal", "prediction"]].to_dict("records") == [
        {"setting": "8, 8, 8, 2", "scaled_samples": 0.1, "over_signal": 2.0, "prediction": 1.5}
    ]


def clusters(factors, settings=BOTH):
    """The P where half of the strings are misplaced, in units of √n_c m^L."""
    rows = grammars(factors, settings, scale=lambda v, m, n, depth: n**0.5 * m**depth, samples=4096.0)
    return rows.assign(needed=rows.value * rows.scale)


def test_clustering_exponent_is_the_mean_of_one_slope_for_each_seed():
    rows = clusters([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    for seed, slope in enumerate((0.9, 1.0, 1.1)):
        rows.loc[rows.seed == seed, "needed"] = rows.scale**slope
    assert known(grammar_measures.clustering_exponent(rows), 1.0, 0.1 / 3**0.5, 2)
    assert no_error(grammar_measures.clustering_exponent(rows[rows.seed == 0]), 0.9)
    one = rows[rows.depth == 2]
    assert missing(grammar_measures.clustering_exponent(one), "no seed has two settings whose curves cross")
    assert missing(grammar_measures.clustering_exponent(rows.assign(needed=math.nan)), "no seed has two settings")


def test_class_exponent_is_the_slope_against_the_classes_alone():
    rows = clusters([[1.0, 1.0], [1.0, 1.0]], [(16, 8, 4, 2), (16, 8, 16, 2)])
    rows["needed"] = 7.0 * rows.num_classes**0.5
    assert known(grammar_measures.class_exponent(rows), 0.5, 0, 1)
    assert missing(grammar_measures.class_exponent(rows[rows.num_classes == 4]), "no seed has two numbers of classes")


def test_clustering_table_averages_grammars_where_the_error_has_a_unit():
    rows = grammars([[0.2, 0.4, math.nan]], BOTH[:1], repeats=1, scaled_samples=2.832)
    shown = grammar_measures.clustering_table(rows.rename(columns={"value": "relative_error"}))
    (row,) = shown.to_dict("records")
    assert (row["setting"], row["scaled_samples"], row["n"]) == ("8, 8, 8, 2", 2.8, 2)
    assert (row["mean"], row["stderr"]) == pytest.approx((0.3, 0.1))
    assert grammar_measures.clustering_table(rows.assign(relative_error=math.nan)).empty


def test_zipf_slope_is_that_of_its_exponent():
    sizes = [10.0, 100.0, 1000.0]
    rows = pd.DataFrame([{"exponent": a, "samples": x, "error": x**-a} for a in (0.5, 1.0) for x in sizes])
    assert known(grammar_measures.zipf_slope(rows, exponent=0.5), -0.5, 0.0, 1)
    bent = rows.assign(error=rows.error * [1, math.exp(0.3), 1, 1, 1, 1])  # residuals -0.1, 0.2, -0.1
    error = math.sqrt(0.06 / (2 * math.log(10) ** 2))
    assert known(grammar_measures.zipf_slope(bent, exponent=0.5), -0.5, error, 1)


def test_zipf_slope_of_two_ranks_of_one_and_of_a_learner_who_knows_all():
    rows = pd.DataFrame({"exponent": 1.0, "samples": [10.0, 100.0], "error": [0.1, 0.01]})
    assert no_error(grammar_measures.zipf_slope(rows, exponent=1.0), -1.0, TWO_POINTS)
    assert missing(grammar_measures.zipf_slope(rows[:1], exponent=1.0), "two different abscissae")
    assert missing(grammar_measures.zipf_slope(rows.assign(error=[0.1, 0.0]), exponent=1.0), "zero has no logarithm")


# --- trained networks


def needing(values, settings, **columns):
    """Rows of learning curves with the P* of every grammar."""
    columns = {"samples": 4096.0, "num_data": lambda v, m, n, d: n * m ** (2**d - 1)} | columns
    rows = grammars(values, settings, threshold=threshold, **columns)
    return rows.rename(columns={"value": "needed"})


SQUARES = [[v, v, v, 2] for v in (2, 4, 8)]


def test_shallow_exponent_is_the_slope_against_all_data():
    rows = needing([[4.0, 4.0], [32.0, 32.0], [256.0, 256.0]], SQUARES)  # P_max = 16, 256, 4096: slope 3/4
    assert known(network_measures.shallow_exponent(rows), 0.75, 0.0, 4)
    factors = {0: math.exp(0.1), 1: math.exp(-0.1)}
    scattered = rows.assign(needed=rows.needed * rows.seed.map(factors))
    variance = 2 * 2 * math.log(16) ** 2
    assert known(network_measures.shallow_exponent(scattered), 0.75, math.sqrt(6 * 0.01 / 4 / variance), 4)


def test_shallow_exponent_of_one_vocabulary_or_of_curves_that_do_not_cross():
    assert missing(network_measures.shallow_exponent(needing([[4.0, 5.0]], SQUARES[:1])), "two different abscissae")
    assert missing(network_measures.shallow_exponent(needing([[math.nan]], SQUARES[:1])), "two different abscissae")
    assert no_error(network_measures.shallow_exponent(needing([[4.0], [64.0]], SQUARES[:2])), 1.0, TWO_POINTS)


def test_sample_complexity_goes_through_the_means_of_the_settings():
    rows = needing([[8.0, 24.0], [128.0], [1024.0, 1024.0]], SQUARES)  # n_c m^L = 8, 64, 512
    assert known(network_measures.sample_complexity(rows), 1.0, 0.0, 1)  # means 16, 128, 1024
    bent = rows.assign(needed=rows.needed * rows.vocab.map({2: 1, 4: math.exp(0.3), 8: 1}))
    error = math.sqrt(0.06 / (2 * math.log(8) ** 2))
    assert known(network_measures.sample_complexity(bent), 1.0, error, 1)


def test_curves_that_do_not_come_down_are_bounds():
    """What they need is expected beyond their last P, from the scatter of all settings; nothing is known of a setting without any."""
    values = [[8.0, 8.0 * SPREAD], [64.0, math.nan, 64.0 / SPREAD], [math.nan, math.nan]]
    rows = needing(values, SQUARES, samples=lambda v, m, n, d: {2: 16.0, 4: 70.0, 8: 2000.0}[v])
    found = grammar_measures.data_needed(rows).set_index(["vocab", "seed"]).needed
    assert list(found.index) == [(2, 0), (2, 1), (4, 0), (4, 1), (4, 2)]
    logs = fill_censored([8.0, 8.0 * SPREAD, 64.0, math.nan, 64.0 / SPREAD], [70.0] * 5, [0, 0, 1, 1, 1])
    assert found.tolist() == pytest.approx(logs.tolist()) and found[4, 1] > 70.0
    shown = grammar_measures.uncrossed_table({"deep": rows, "all": rows[rows.vocab == 2]})
    assert shown.to_dict("records") == [
        {"curves": "deep", "setting": "4, 4, 4, 2", "grammars": 3, "missing": 1},
        {"curves": "deep", "setting": "8, 8, 8, 2", "grammars": 2, "missing": 2},
    ]
    line = network_measures.sample_complexity(rows)
    low, high = found[2].mean(), found[4].mean()
    assert line.value == pytest.approx(math.log(high / low) / math.log(8))


def test_sample_complexity_tells_settings_of_one_threshold_apart():
    settings = [[8, 8, 8, 2], [4, 4, 32, 2], [4, 4, 4, 2]]  # n_c m^L = 512, 512, 64
    rows = needing([[512.0] * 3, [512.0], [64.0]], settings)
    assert network_measures.sample_complexity(rows).dof == 1


def test_sample_complexity_of_few_settings():
    assert no_error(network_measures.sample_complexity(needing([[8.0], [64.0]], SQUARES[:2])), 1.0, TWO_POINTS)
    assert missing(network_measures.sample_complexity(needing([[8.0]], SQUARES[:1])), "two different abscissae")
    assert missing(network_measures.sample_complexity(needing([[math.nan]], SQUARES[:1])), "two different abscissae")


def test_prefactor_is_the_mean_of_all_grammars_of_depth_two():
    rows = needing([[16.0, 24.0], [128.0], [1.0, 1.0]], [*SQUARES[:2], [4, 4, 4, 3]])  # 2, 3, 2 and depth three
    assert known(network_measures.prefactor(rows), 7 / 3, 1 / 3, 2)
    assert no_error(network_measures.prefactor(rows[(rows.vocab == 4) & (rows.depth == 2)]), 2.0)
    assert missing(network_measures.prefactor(rows[rows.depth == 3]), "no network reaches its level at depth two")
    assert missing(network_measures.prefactor(rows.assign(needed=math.nan)), "no network reaches its level")


def test_vocabulary_exponent_is_the_slope_against_v():
    settings = [[v, 4, 6, 2] for v in (6, 24, 96)]
    rows = needing([[100.0, 100.0], [200.0, 200.0], [400.0, 400.0]], settings)
    assert known(network_measures.vocabulary_exponent(rows), 0.5, 0.0, 4)
    assert missing(network_measures.vocabulary_exponent(rows[rows.vocab == 6]), "two different abscissae")
    assert no_error(network_measures.vocabulary_exponent(rows[(rows.seed == 0) & (rows.vocab < 96)]), 0.5, TWO_POINTS)


def test_curve_and_needed_tables():
    rows = needing([[16.0, math.nan]], SQUARES[:1], samples=3)
    shown = network_measures.curve_table(rows)
    assert set(shown.scaled_samples) == {0.38} and set(shown.share) == {0.19} and set(shown.setting) == {"2, 2, 2, 2"}
    assert network_measures.needed_table(rows).needed.tolist() == [16.0]
    assert {"setting", "threshold", "depth"} <= set(network_measures.needed_table(rows.assign(needed=math.nan)))


def curve(network, errors, samples=(32, 64, 128)):
    columns = {"network": network, "threshold": 64.0}
    return pd.DataFrame(
        [
            {**columns, "seed": seed, "samples": size, "relative_error": error if size == max(samples) else 9.0}
            for seed, error in enumerate(errors)
            for size in samples
        ]
    )


def test_regimes_are_named_and_compared_at_the_largest_training_set():
    trained = pd.concat([curve("shallow", [0.5, 0.7]), curve("cnn", [0.0, 0.1])])
    both = network_measures.regimes(trained, curve("cnn", [0.4]))
    assert set(both.kind) == {"shallow, trained", "deep, trained", "deep, lazy"}
    assert set(both.scaled_samples) == {0.5, 1.0, 2.0}
    found = network_measures.error_at_most_data(
        both, {"a": "shallow, trained", "b": "deep, trained", "c": "deep, lazy"}
    )
    assert list(found) == ["a", "b", "c"]
    assert known(found["a"], 0.6, 0.1, 1) and known(found["b"], 0.05, 0.05, 1) and no_error(found["c"], 0.4)


def test_a_curve_that_ends_early_is_not_compared():
    both = network_measures.regimes(curve("cnn", [0.1, 0.2]), curve("cnn", [0.4], samples=(32, 64)))
    found = network_measures.error_at_most_data(both, {"lazy": "deep, lazy", "deep": "deep, trained"})
    assert missing(found["lazy"], "no curve of this kind reaches the largest") and found["deep"].known


def sensitivities(crossings, layers=(1, 2, 3)):
    """The second layer crosses one half at these P / (n_c m^L); the first keeps 0.9 and 0.8, the output falls at once."""
    rows = []
    for seed, place in enumerate(crossings):
        for x in (0.25, 1.0, 4.0):
            second = 0.5 - 0.1 * math.log(x / place)
            values = {1: 0.9 if x < 4 else 0.8 + 0.02 * seed, 2: second, 3: 0.1}
            for layer in layers:
                at = {"seed": seed, "samples": round(64 * x), "scaled_samples": x, "layer": layer}
                rows += [{**at, "level": level, "sensitivity": values[layer] / level} for level in (1, 2)]
    return pd.DataFrame(rows)


def test_half_insensitive_is_the_mean_logarithm_of_the_crossing():
    assert known(network_measures.half_insensitive(sensitivities([0.5, 1.0, 2.0])), 0.0, 1 / 3**0.5, 2)
    assert no_error(network_measures.half_insensitive(sensitivities([2.0])), 1.0)


def test_half_insensitive_leaves_out_what_does_not_cross_or_does_not_exist():
    rows = sensitivities([1.0, 2.0, 100.0])  # the last is above one half everywhere
    assert known(network_measures.half_insensitive(rows), 0.5, 0.5, 1)
    assert missing(network_measures.half_insensitive(sensitivities([100.0])), "no curve crosses 0.5")
    gone = rows.assign(sensitivity=rows.sensitivity.where(rows.seed == 0))
    assert no_error(network_measures.half_insensitive(gone), 0.0)


def test_first_layer_is_taken_at_the_largest_training_set():
    assert known(network_measures.first_layer(sensitivities([1.0, 1.0, 1.0])), 0.82, 0.02 / 3**0.5, 2)
    assert no_error(network_measures.first_layer(sensitivities([1.0])), 0.8)
    constant = sensitivities([1.0]).assign(sensitivity=math.nan)
    assert missing(network_measures.first_layer(constant), "does not tell data apart")


def test_layers_and_synonyms_in_words():
    rows = sensitivities([1.0]).assign(scaled_samples=1.23456)
    shown = network_measures.sensitivity_table(rows)
    assert shown.groupby("layer").layer_name.unique().map(list).to_dict() == {
        1: ["layer 1"],
        2: ["layer 2"],
        3: ["output"],
    }
    assert set(shown.synonyms) == {"synonyms of level 1", "synonyms of level 2"} and set(shown.scaled_samples) == {1.23}


def uncorrelated(errors, vocab, depth, rules="latin"):
    rows = curve("cnn", errors).assign(vocab=vocab, depth=depth, rules=rules, num_data=256.0)
    return rows.drop(columns="network")


def test_annealed_networks_are_read_at_their_largest_training_set():
    rows = pd.DataFrame(
        {"samples": [10, 10, 99, 99], "relative_error": [1.0, 1.0, 0.8, 1.0], "train_loss": [0, 0, 0.4, 0.6]}
    )
    assert known(variant_measures.annealed(rows, quantity="relative_error"), 0.9, 0.1, 1)
    assert known(variant_measures.annealed(rows, quantity="train_loss"), 0.5, 0.1, 1)


def test_latin_error_is_that_of_its_tree_at_its_largest_training_set():
    rows = pd.concat(
        [
            uncorrelated([0.2, 0.4], 4, 2),
            uncorrelated([0.0, 0.0], 4, 2, rules="random"),
            uncorrelated([1.4], 3, 2),
            uncorrelated([0.1], 4, 3).assign(samples=lambda rows: 10 * rows.samples),
        ]
    )
    assert known(network_measures.latin_error(rows, vocab=4, depth=2), 0.3, 0.1, 1)
    assert no_error(network_measures.latin_error(rows, vocab=3, depth=2), 1.4)
    assert missing(network_measures.latin_error(rows, vocab=5, depth=2), "no uncorrelated grammar of this size")
    shown = network_measures.latin_table(rows)
    assert list(dict.fromkeys(shown.tree)) == ["v = 4, L = 3", "v = 4, L = 2", "v = 3, L = 2"]
    assert set(shown[shown.tree == "v = 4, L = 2"].share) == {0.125, 0.25, 0.5}


# --- other data


def zipf(slopes, exponent):
    return pd.DataFrame(
        [
            {"exponent": exponent, "seed": seed, "samples": x, "scaled_samples": x / 8, "error": x**slope, "ideal": 0.5}
            for seed, slope in enumerate(slopes)
            for x in (32, 64, 128)
        ]
    )


def test_zipf_exponent_is_the_mean_of_one_slope_for_each_grammar():
    rows = pd.concat([zipf([-0.4, -0.5, -0.6], 1.0), zipf([-0.7], 2.0)])
    assert known(variant_measures.zipf_exponent(rows, exponent=1.0), -0.5, 0.1 / 3**0.5, 2)
    assert no_error(variant_measures.zipf_exponent(rows, exponent=2.0), -0.7)
    one = rows[rows.samples == 32]
    assert missing(variant_measures.zipf_exponent(one, exponent=1.0), "fewer than two training sets")
    learned = rows.assign(error=0.0)
    assert missing(variant_measures.zipf_exponent(learned, exponent=1.0), "zero has no logarithm")


def test_learners_stand_below_one_another_without_errors_of_zero():
    rows = zipf([-1.0], 1.0)
    rows.loc[rows.samples == 128, "error"] = 0.0
    shown = variant_measures.learners(rows)
    assert shown[shown.learner == "network"].test_error.tolist() == [1 / 32, 1 / 64]
    assert shown[shown.learner == "learner of rules"].test_error.tolist() == [0.5] * 3
    assert set(shown) == {"exponent", "seed", "scaled_samples", "learner", "test_error"}


def sparse(factors, exponent, network="cnn", depth=2, empty=(0, 1, 3)):
    """P* = factor · (s_0 + 1)^exponent for each seed, said in two rows each."""
    return pd.DataFrame(
        [
            {
                "depth": depth,
                "network": network,
                "num_empty": places,
                "seed": seed,
                "needed": factor * (places + 1) ** exponent,
            }
            for seed, factor in enumerate(factors)
            for places in empty
            for _ in range(2)
        ]
    )


def test_sparse_exponent_has_a_prefactor_for_each_grammar():
    rows = pd.concat([sparse([10.0, 1000.0], 2), sparse([10.0], 3, network="lcn"), sparse([1.0], 1, depth=3)])
    assert known(variant_measures.sparse_exponent(rows, network="cnn", depth=2), 2.0, 0.0, 3)
    bent = sparse([10.0], 2)
    bent.loc[bent.num_empty == 1, "needed"] *= math.exp(0.3)
    error = math.sqrt(0.06 / (2 * math.log(2) ** 2))
    assert known(variant_measures.sparse_exponent(bent, network="cnn", depth=2), 2.0, error, 1)


def test_sparse_exponent_of_few_points():
    two = sparse([10.0], 2, empty=(0, 1))
    assert no_error(
        variant_measures.sparse_exponent(two, network="cnn", depth=2),
        2.0,
        "as many lines as pairs of points leave no error",
    )
    one = sparse([10.0, 20.0], 2, empty=(0,))
    assert missing(variant_measures.sparse_exponent(one, network="cnn", depth=2), "two different abscissae")
    assert missing(variant_measures.sparse_exponent(two, network="lcn", depth=2), "two different abscissae")
    never = two.assign(needed=math.nan)
    assert missing(variant_measures.sparse_exponent(never, network="cnn", depth=2), "two different abscissae")


def test_sparse_table_has_a_row_for_each_grammar_that_crosses():
    rows = pd.concat([sparse([10.0], 2, empty=(0, 1)), sparse([math.nan], 2, network="lcn", depth=3)])
    shown = variant_measures.sparse_table(rows)
    assert shown[["tree", "kind", "stretch", "needed"]].to_dict("list") == {
        "tree": ["depth 2"] * 2,
        "kind": ["convolutional"] * 2,
        "stretch": [1, 2],
        "needed": [10.0, 40.0],
    }
    assert {"tree", "kind", "stretch"} <= set(variant_measures.sparse_table(rows.assign(needed=math.nan)))


# --- drawings


def test_the_tree_names_every_node_and_joins_it_to_its_parent():
    nodes = [
        {"level": 0, "place": 0.0, "parent_place": 0.5, "symbol": 2},
        {"level": 0, "place": 1.0, "parent_place": 0.5, "symbol": 0},
        {"level": 1, "place": 0.5, "parent_place": 0.5, "symbol": 1},
    ]
    axes = np.array([[Figure().subplots()]])
    drawings.tree(axes, pd.DataFrame(nodes))
    ax = axes[0, 0]
    assert [(text.get_text(), *text.get_position()) for text in ax.texts] == [("c", 0, 0), ("a", 1, 0), ("b", 0.5, 1)]
    assert [line.get_xydata().tolist() for line in ax.lines[:2]] == [[[0, 0], [0.5, 1]], [[1, 0], [0.5, 1]]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["tokens", "class"]
