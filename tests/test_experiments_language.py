"""Cells of the language chapter: rows that can be stored, and the exact limits that they must keep."""

import math

import pytest
import torch
from test_experiments_hierarchy import check_rows

from quire.experiments import language as cells
from quire.experiments import language_ngrams as counts

SMALL = dict(vocab=8, num_rules=3, branching=2, depth=2, seed=0)


def test_sampled_correlations_sit_on_signal_plus_floor():
    arguments = SMALL | dict(sizes=[500, 20_000])
    rows = cells.sampled_correlations(**arguments)
    check_rows(rows, arguments)
    assert [r["level"] for r in rows[:3]] == [1, 2, 2]
    assert all(r["measured"] > 0 and r["floor"] <= 1 / (64 * r["samples"]) * 1.001 for r in rows)
    large = [r for r in rows if r["samples"] == 20_000]
    assert all(abs(r["measured"] - r["exact"]) < 5 * (r["floor"] + (r["exact"] * r["floor"]) ** 0.5) for r in large)


def test_ensemble_correlations_decay_by_level():
    rows = cells.ensemble_correlations(16, 4, 2, 3, 0)
    check_rows(rows, SMALL | {"num_rules": 0})
    assert rows[0]["signal"] > rows[1]["signal"] > rows[2]["signal"]
    assert [r["distance"] for r in rows] == [1, 2, 4]


def test_entropies_decrease_and_stay_below_the_bound():
    arguments = SMALL | dict(contexts=[0, 1, 2, 3], probes=400)
    rows = cells.entropies(**arguments)
    check_rows(rows, arguments)
    assert all(a["entropy"] > b["entropy"] for a, b in zip(rows, rows[1:], strict=False))
    assert all(r["level"] == -1 or r["entropy"] < r["bound"] + 3 * r["entropy_error"] for r in rows)
    assert math.isnan(rows[2]["bound"])


@pytest.mark.parametrize("network", ["cnn", "transformer"])
def test_predictors_do_not_beat_the_exact_law(network):
    arguments = SMALL | dict(depth=3, network=network, width=32, context=3, sizes=[16, 512], probes=200, max_steps=200)
    rows = cells.last_token_curve(**arguments)
    check_rows(rows, arguments)
    assert all(r["divergence"] >= 0 and r["loss"] >= r["entropy"] for r in rows)
    assert rows[1]["loss"] < rows[0]["loss"] < math.log(8) + 0.3
    assert rows[1]["best_step"] <= rows[1]["steps"]


def test_no_datum_is_in_two_sets():
    arguments = SMALL | dict(network="cnn", width=8, context=3, sizes=[100])  # 216 data in all
    with pytest.raises(ValueError, match="different data"):
        cells.last_token_curve(**arguments)


def test_a_short_context_saturates_at_its_own_entropy():
    arguments = SMALL | dict(depth=3, network="cnn", width=32, context=1, sizes=[2048], probes=200, max_steps=400)
    (row,) = cells.last_token_curve(**arguments)
    whole = cells.entropies(**SMALL | {"depth": 3}, contexts=[1, 3], probes=1000)
    assert abs(row["loss"] - whole[0]["entropy"]) < 0.15 and row["loss"] > whole[1]["entropy"] + 0.1


def test_counting_ngram_converges_to_the_exact_law():
    arguments = SMALL | dict(level=2, sizes=[16, 256, 20_000], probes=300)
    rows = counts.ngram_curve(**arguments)
    check_rows(rows, arguments)
    assert rows[0]["divergence"] > rows[1]["divergence"] > rows[2]["divergence"] and rows[2]["divergence"] < 0.05
    assert rows[0]["contexts"] == 8 * 3**3


def test_hierarchical_ngram_needs_fewer_data_than_counting():
    arguments = SMALL | dict(depth=3, level=3, sizes=[50, 3000], probes=300)
    rows = counts.hierarchical_ngram_curve(**arguments)
    check_rows(rows, arguments)
    assert rows[0]["symbol_error_1"] > 0.2 and rows[1]["symbol_error_1"] == rows[1]["symbol_error_2"] == 0
    assert rows[1]["divergence"] < 0.1 < 0.3 < counts.ngram_curve(**arguments)[1]["divergence"]
    assert rows[0]["paths"] == 8 * 3**3 and rows[0]["synonym_threshold"] == pytest.approx(8 * 3**3 / (1 - 3 / 8))


def test_decay_of_a_text_and_its_horizon():
    text = cells.varying_codes(8, 2, 2, 4, 0.5, 40_000, 0)["text"]
    assert text.shape == (40_000,) and torch.equal(text, cells.varying_codes(8, 2, 2, 4, 0.5, 40_000, 0)["text"])
    rows = cells.text_decay(text, 8, distances=[1, 2, 4, 8, 16], sizes=[1000], seeds=2)
    check_rows(rows, {})
    whole = [r for r in rows if r["whole"]]
    assert len(whole) == 5 and whole[0]["signal"] > whole[-1]["signal"]
    assert len(rows) == 5 + 2 * 5 and {r["horizon"] for r in rows if r["seed"] == 1}
