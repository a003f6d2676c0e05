"""Cells and plans of the chapter on composition: rows that can be stored, exact laws, and what a short training must show."""

import math

import pytest
import torch
from known_answers import storable

from quire.diffusion import sample_any_order
from quire.experiments.composition import cells, learning_cells, plans, text_cells
from quire.experiments.composition.training_runs import Snapshots, strings_of, trained
from quire.hierarchy import log_likelihood, node_joint, sample
from quire.nets import tree_unet
from quire.training import Batch

SMALL = dict(vocab=4, num_rules=2, branching=2, depth=3, seed=0)
TRAINING = dict(width=16, steps=60, per_octave=1, batch_size=32, learning_rate=5e-3, held_out=60, generated=50)


def test_threshold_counts_levels_from_the_tokens():
    grammar = cells.composition_grammar(8, 2, 2, 3, seed=0)
    assert math.isclose(cells.threshold(grammar, 1), 8 * 2**3 / 0.75)
    assert math.isclose(cells.threshold(grammar, 2) / cells.threshold(grammar, 1), 2)


def test_string_covariances_are_those_of_the_joint_law():
    arguments = SMALL | dict(vocab=6)
    rows = cells.string_covariances(**arguments)
    storable(rows, arguments)
    grammar = cells.composition_grammar(6, 2, 2, 3, seed=0)
    joint = node_joint(grammar, (1, 0), (0, 2))  # symbol and token; each of m strings has 1/m of it
    covariance = (joint - joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)) / 2
    assert math.isclose(rows[0]["exact"], float(covariance.square().mean()), rel_tol=1e-12)
    assert [row["level"] for row in rows] == [1, 2]


def test_the_law_holds_on_average_and_one_level_off_does_not():
    grid = plans.covariance_cells(16, 4, seeds=30)
    rows = [row for one in grid for row in cells.string_covariances(**one)]
    for level in (1, 2, 3):
        some = [row for row in rows if row["level"] == level]
        ratio = sum(row["exact"] for row in some) / sum(row["law"] for row in some)
        assert 0.6 < ratio < 1.2  # a level too high or too low would be a factor four


def test_clustering_succeeds_with_many_data_and_not_with_few():
    arguments = dict(SMALL, vocab=8, level=1, multiples=[0.1, 30.0], restarts=5)
    rows = cells.clustering(**arguments)
    storable(rows, arguments)
    assert rows[1]["accuracy"] > 0.9 > rows[0]["accuracy"] + 0.2
    assert rows[1]["chance"] < 0.7


def test_snapshots_are_the_networks_of_shorter_runs():
    grammar = cells.composition_grammar(4, 2, 2, 3, seed=0)
    tokens = sample(grammar, 64, seed=0, replacement=True).tokens
    asked = dict(
        vocab=4, branching=2, depth=3, width=8, sizes=[16, 64], batch_size=8, learning_rate=1e-2, seed=0, device="cpu"
    )
    long, short = trained(tokens, steps=[3, 6], **asked), trained(tokens, steps=[3], **asked)
    for one, other in zip(long[3].parameters(), short[3].parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(long[6].enter, long[3].enter)


def test_snapshots_do_not_count_evaluations():
    watched = Snapshots(lambda net, batch: torch.zeros(1, 1), [0])
    net = tree_unet(4, branching=2, depth=1, width=4, generators=[torch.Generator()]).eval()
    watched(net, Batch(torch.zeros(1, 1), None))
    assert watched.now == 0 and not watched.kept


def test_no_datum_is_in_two_sets():
    grammar = cells.composition_grammar(4, 2, 2, 3, seed=0)
    found = strings_of(grammar, num_train=200, held_out=100, seed=0, online=False)
    together = torch.cat([found.train, found.validation, found.test])
    assert len(together.unique(dim=0)) == 400
    with pytest.raises(ValueError, match="different data"):
        strings_of(grammar, num_train=600, held_out=100, seed=0, online=False)


@pytest.mark.parametrize("online", [True, False])
def test_learning_gives_rows_with_their_exact_limits(online):
    arguments = SMALL | TRAINING | dict(sizes=[32, 128], online=online)
    rows = learning_cells.learning(**arguments)
    storable(rows, arguments)
    for row in rows:
        assert row["bayes"] < row["test"] + 0.05  # nothing beats the exact law but by chance
        assert row["valid_3"] <= row["valid_2"] <= row["valid_1"] + 1e-9
        assert math.isclose(row["valid_1"], row["given_1"])
        assert 0 <= row["copies"] <= 1 and row["seen"] == 32 * row["step"]
    first, last = [row for row in rows if row["samples"] == 128][0], [row for row in rows if row["samples"] == 128][-1]
    assert last["test"] < first["test"] and last["valid_1"] > first["valid_1"]


def test_exact_cross_entropy_is_that_of_brute_force():
    grammar = cells.composition_grammar(3, 2, 2, 2, seed=1)
    tokens = sample(grammar, 20, seed=0, replacement=True).tokens
    hidden = learning_cells.masks_of(tokens, 0)
    total, count = 0.0, 0
    for string, where in zip(tokens.long(), hidden, strict=True):
        for place in where.nonzero()[:, 0].tolist():
            evidence = torch.nn.functional.one_hot(string, 3).double()
            evidence[where] = 1.0
            known = evidence.clone()
            known[place] = torch.nn.functional.one_hot(string[place], 3).double()
            total -= float(log_likelihood(grammar, known[None]) - log_likelihood(grammar, evidence[None]))
            count += 1
    assert math.isclose(learning_cells._bayes(grammar, tokens, hidden), total / count, rel_tol=1e-10)


def test_a_set_larger_than_the_language_is_cut():
    arguments = SMALL | TRAINING | dict(sizes=[10**6], online=False, steps=8)
    assert learning_cells.learning(**arguments)[0]["samples"] == 512 - 120


def test_partly_hidden_strings_keep_what_is_seen():
    start = torch.tensor([[0, 2, 1, 2], [1, 1, 1, 1], [2, 2, 2, 2]])
    zeros = lambda tokens: torch.tensor([0.0, -torch.inf]).expand(*tokens.shape, 2)  # noqa: E731
    found = sample_any_order(zeros, (3, 4), mask=2, generator=torch.Generator(), start=start)
    assert found.tolist() == [[0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]]


def test_window_correlations_have_no_bias_from_noise():
    stream = torch.Generator().manual_seed(0)
    free = torch.randint(5, (16_000, 8), generator=stream)
    found = text_cells.window_correlations(free, 5)
    assert abs(float(found.mean())) < 4e-6  # the square of one half has 16/25 over its 50,000 pairs, 1.3e-5
    chained = free.clone()
    chained[:, 1::2] = chained[:, ::2]  # pairs of equal characters
    found = text_cells.window_correlations(chained, 5)
    assert float(found[0]) > 0.04 > float(found[2])


def test_text_learning_gives_both_views():
    asked = dict(source="generated", length=5000, width=8, steps=8, batch_size=8, learning_rate=1e-3)
    looks = dict(originals=4, draws=4, generated=10)
    (arguments,) = plans.text_cells(seeds=1, **asked, **looks)
    rows = text_cells.text_learning(**arguments)
    storable(rows, arguments)
    assert {row["view"] for row in rows} == {"change", "correlation"}
    assert len([row for row in rows if row["view"] == "change"]) == len(plans.TIMES) * 32


def test_plans_ask_for_each_setting_once():
    assert len(plans.clustering_cells(4, [3, 7, 9], seeds=2)) == 4
    asked = {name: value for name, value in TRAINING.items() if name != "per_octave"}
    assert len(plans.finite_cells(8, [3, 4], seeds=3, sizes=[64], **asked)) == 6
