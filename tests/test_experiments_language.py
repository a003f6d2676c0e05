"""Cells and plans of the language chapter: rows that can be stored, and the exact limits that they must keep."""

import math

import pytest
from known_answers import fits, storable

from quire.experiments.language import cells, counting_cells, loss_cells, network_cells, plans, text_cells
from quire.experiments.language.grammars import last_token_grammar

SMALL = dict(vocab=8, num_rules=3, branching=2, depth=2, seed=0)


def test_a_grammar_of_last_tokens_has_as_many_roots_as_symbols():
    grammar = last_token_grammar(8, 3, 2, 2, seed=0)
    assert (grammar.num_classes, grammar.vocab, grammar.num_rules, grammar.depth) == (8, 8, 3, 2)


def test_sampled_correlations_sit_on_signal_plus_floor():
    arguments = SMALL | dict(sizes=[500, 20_000])
    rows = cells.sampled_correlations(**arguments)
    storable(rows, arguments)
    assert [r["level"] for r in rows[:3]] == [1, 2, 2]
    assert all(r["measured"] > 0 and r["floor"] <= 1 / (64 * r["samples"]) * 1.001 for r in rows)
    large = [r for r in rows if r["samples"] == 20_000]
    assert all(abs(r["measured"] - r["exact"]) < 5 * (r["floor"] + (r["exact"] * r["floor"]) ** 0.5) for r in large)


def test_ensemble_correlations_decay_by_level():
    arguments = dict(vocab=16, num_rules=4, branching=2, depth=3, seed=0)
    rows = cells.ensemble_correlations(**arguments)
    storable(rows, arguments)
    assert rows[0]["signal"] > rows[1]["signal"] > rows[2]["signal"]
    assert [r["distance"] for r in rows] == [1, 2, 4]


def test_entropies_decrease_and_stay_below_the_bound():
    arguments = SMALL | dict(contexts=[0, 1, 2, 3], probes=400)
    rows = cells.entropies(**arguments)
    storable(rows, arguments)
    assert all(a["entropy"] > b["entropy"] for a, b in zip(rows, rows[1:], strict=False))
    assert all(r["level"] == -1 or r["entropy"] < r["bound"] + 3 * r["entropy_error"] for r in rows)
    assert math.isnan(rows[2]["bound"])


@pytest.mark.parametrize("network", ["cnn", "lcn", "transformer"])
def test_predictors_do_not_beat_the_exact_law(network):
    arguments = SMALL | dict(depth=3, network=network, width=32, context=3, sizes=[16, 512], probes=200, max_steps=200)
    rows = network_cells.last_token_curve(**arguments)
    storable(rows, arguments)
    assert all(r["divergence"] >= 0 and r["loss"] >= r["entropy"] for r in rows)
    assert rows[1]["loss"] < rows[0]["loss"] < math.log(8) + 0.3
    assert rows[1]["best_step"] <= rows[1]["steps"]


def test_no_datum_is_in_two_sets():
    arguments = SMALL | dict(network="cnn", width=8, context=3, sizes=[100])  # 216 data in all
    with pytest.raises(ValueError, match="different data"):
        network_cells.last_token_curve(**arguments)


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="network must be one of .'cnn', 'lcn', 'transformer'., got 'lstm'"):
        network_cells.last_token_curve(**SMALL, network="lstm", width=8, context=3, sizes=[100])


def test_a_short_context_saturates_at_its_own_entropy():
    arguments = SMALL | dict(depth=3, network="cnn", width=32, context=1, sizes=[2048], probes=200, max_steps=400)
    (row,) = network_cells.last_token_curve(**arguments)
    whole = cells.entropies(**SMALL | {"depth": 3}, contexts=[1, 3], probes=1000)
    assert abs(row["loss"] - whole[0]["entropy"]) < 0.15 and row["loss"] > whole[1]["entropy"] + 0.1


def test_counting_ngram_converges_to_the_exact_law():
    arguments = SMALL | dict(level=2, sizes=[16, 256, 20_000], probes=300)
    rows = counting_cells.ngram_curve(**arguments)
    storable(rows, arguments)
    assert rows[0]["divergence"] > rows[1]["divergence"] > rows[2]["divergence"] and rows[2]["divergence"] < 0.05
    assert rows[0]["contexts"] == 8 * 3**3


def test_hierarchical_ngram_needs_fewer_data_than_counting():
    arguments = SMALL | dict(depth=3, level=3, sizes=[50, 3000], probes=300)
    rows = counting_cells.hierarchical_ngram_curve(**arguments)
    storable(rows, arguments)
    assert rows[0]["symbol_error_1"] > 0.2 and rows[1]["symbol_error_1"] == rows[1]["symbol_error_2"] == 0
    assert rows[1]["divergence"] < 0.1 < 0.3 < counting_cells.ngram_curve(**arguments)[1]["divergence"]
    assert rows[0]["paths"] == 8 * 3**3 and rows[0]["synonym_threshold"] == pytest.approx(8 * 3**3 / (1 - 3 / 8))


# --- plans


def test_a_grammar_has_fewer_rules_than_strings_for_them():
    assert plans.setting(8, 8, 2)["num_rules"] == 7 and plans.setting(8, 7, 2)["num_rules"] == 7
    (cell, _) = plans.correlation_cells(2, 32, sizes=[10])
    assert (cell["num_rules"], cell["sizes"]) == (1, [10]) and fits(cells.sampled_correlations, [cell])


def test_settings_that_become_the_same_are_asked_for_once():
    assert len(plans.ensemble_cells([[4, 3], [4, 9], [8, 3]], seeds=2)) == 4
    assert fits(cells.ensemble_correlations, plans.ensemble_cells([[4, 3]], seeds=2))
    assert len(plans.entropy_cells([[4, 3, 6], [4, 9, 6]], seeds=1, probes=2)) == 1


def test_entropies_are_asked_for_short_contexts_and_for_whole_subtrees():
    (deep,) = plans.entropy_cells([[4, 3, 6]], seeds=1, probes=2)
    assert deep["contexts"] == [*range(16), 31, 63] and deep["depth"] == 6
    (flat,) = plans.entropy_cells([[4, 3, 1]], seeds=1, probes=2)
    assert flat["contexts"] == [0, 1] and fits(cells.entropies, [deep, flat])


def test_strings_are_counted_around_their_number():
    asked = plans.counting_cells([2, 3])
    assert [cell["sizes"] for cell in asked[::2]] == [[24, 48, 96, 192, 384, 768], [81, 162, 324, 648, 1296, 2592]]
    assert fits(counting_cells.ngram_curve, asked)


def test_networks_leave_data_for_validation_and_test():
    grammars = plans.learned(4, 3, seeds=2)
    assert grammars == {"vocab": 4, "num_rules": 3, "branching": 2, "depth": 3, "seed": range(2)}
    cnn = plans.learner("cnn", width=8, sizes=[100, 7000, 10**6], learning_rate=1.0)
    transformer = plans.learner("transformer", width=8, sizes=[50])
    asked = plans.curve_cells(grammars, cnn, transformer, context=[1, 3], max_steps=5)
    assert len(asked) == 8 and fits(network_cells.last_token_curve, asked)
    assert {(cell["network"], tuple(cell["sizes"])) for cell in asked} == {
        ("cnn", (100, 4 * 3**7 - 2048)),
        ("transformer", (50,)),
    }
    assert {cell["learning_rate"] for cell in asked} == {1.0, None}


def test_a_text_is_one_cell_and_its_transformers_have_four_heads():
    (cell,) = plans.decay_cells("generated", length=1000, sizes=[10], seeds=2)
    assert max(cell["distances"]) < 1000 and fits(text_cells.character_correlations, [cell])
    training = dict(depth=1, learning_rate=0.01, max_steps=5)
    drawn = dict(length=1000, contexts=[1, 3], sizes=[10], seeds=2, probes=2)
    asked = plans.loss_cells("generated", **drawn, width=5, **training)
    assert len(asked) == 4 and fits(loss_cells.character_losses, asked)
    assert {(cell["reach"], cell["width"]) for cell in asked} == {(3, 8)}
    assert plans.loss_cells("generated", **drawn, width=64, **training)[0]["width"] == 64
