"""Exact covariances against enumeration, ensemble formulas against ensembles, estimators against their noise."""

import itertools
from dataclasses import replace

import pytest
import torch
from test_hierarchy_inference import CASES, enumerate_data

from quire import hierarchy as h

ENSEMBLES = [((32, 8, 2, 3), 60), ((16, 4, 2, 3), 60), ((11, 8, 3, 2), 60)]


def covariance(first, second, sizes, probability):
    one = torch.nn.functional.one_hot(first.long(), sizes[0]).double()
    two = torch.nn.functional.one_hot(second.long(), sizes[1]).double()
    joint = torch.einsum("n,na,nb->ab", probability, one, two)
    return joint - joint.sum(1, keepdim=True) * joint.sum(0)


@pytest.mark.parametrize("grammar", CASES)
def test_covariances_equal_enumeration(grammar):
    levels, probability = enumerate_data(grammar)
    tokens, labels, v = levels[0], levels[-1][:, 0], grammar.vocab
    for i, j in itertools.combinations(range(grammar.num_tokens), 2):
        expected = covariance(tokens[:, i], tokens[:, j], (v, v), probability)
        assert torch.allclose(h.token_covariance(grammar, i, j), expected, atol=1e-14)
    for i in range(grammar.num_tokens):
        expected = covariance(labels, tokens[:, i], (grammar.num_classes, v), probability)
        assert torch.allclose(h.class_token_covariance(grammar, i), expected, atol=1e-14)
    rules = h.parse(grammar, tokens).rules[0]
    for patch in range(rules.shape[1]):
        strings = levels[1][:, patch].long() * grammar.num_rules + rules[:, patch]
        size = grammar.num_symbols(1) * grammar.num_rules
        expected = covariance(labels, strings, (grammar.num_classes, size), probability)
        assert torch.allclose(h.class_string_covariance(grammar, patch).flatten(1), expected, atol=1e-14)
        if patch < rules.shape[1] - 1:
            expected = covariance(strings, tokens[:, -1], (size, v), probability)
            found = h.string_token_covariance(grammar, (1, patch), grammar.num_tokens - 1).flatten(0, 1)
            assert torch.allclose(found, expected, atol=1e-14)


def test_joint_law_of_nodes_at_different_levels():
    grammar = CASES[3]
    levels, probability = enumerate_data(grammar)
    for (a, i), (b, j) in [((0, 1), (1, 3)), ((2, 0), (0, 6)), ((1, 0), (1, 1))]:
        one = torch.nn.functional.one_hot(levels[a][:, i].long(), grammar.num_symbols(a)).double()
        two = torch.nn.functional.one_hot(levels[b][:, j].long(), grammar.num_symbols(b)).double()
        expected = torch.einsum("n,na,nb->ab", probability, one, two)
        assert torch.allclose(h.node_joint(grammar, (a, i), (b, j)), expected, atol=1e-14)
    with pytest.raises(ValueError, match="lie on one branch"):
        h.node_joint(grammar, (0, 0), (1, 0))
    with pytest.raises(ValueError, match="is not a node"):
        h.node_joint(grammar, (0, 0), (0, 8))


def test_synonyms_have_the_same_covariance_with_the_class():
    grammar = h.RandomHierarchy(8, 5, 2, 3, 6, seed=0)
    strings = h.class_string_covariance(grammar, 2)
    assert float((strings - strings[..., :1]).abs().max()) < 1e-15


@pytest.mark.parametrize("vocab", [2, 4, 5])
def test_latin_squares_leave_no_correlation(vocab):
    grammar = h.uncorrelated_hierarchy(vocab, 3, seed=1)
    for position in range(8):
        assert h.class_token_covariance(grammar, position).abs().max() < 1e-15
        assert position == 7 or h.token_covariance(grammar, position, 7).abs().max() < 1e-15
    for patch in range(4):
        assert h.class_string_covariance(grammar, patch).abs().max() < 1e-15
    parents = (
        h.parse(grammar, torch.tensor(list(itertools.product(range(vocab), repeat=2)))).levels[1].view(vocab, vocab)
    )
    assert bool((parents.sort(0).values == torch.arange(vocab)[:, None]).all())
    assert bool((parents.sort(1).values == torch.arange(vocab)).all())


@pytest.mark.parametrize("vocab", [2, 3])
def test_latin_squares_make_every_string_of_every_level_equally_likely_in_every_class(vocab):
    grammar = h.uncorrelated_hierarchy(vocab, 3, seed=2)
    data = h.sample(grammar, grammar.num_data, seed=0, replacement=False)
    labels, levels = data.labels.long(), h.parse(grammar, data.tokens).levels
    for level in (0, 1):  # the pair of level-2 symbols is the class's own rule
        symbols = levels[level]
        for patch in range(symbols.shape[1] // 2):
            strings = symbols[:, 2 * patch] * vocab + symbols[:, 2 * patch + 1]
            counts = (labels * vocab**2 + strings).bincount(minlength=vocab**3)
            assert len(counts) == vocab**3 and bool((counts == counts[0]).all())
    code = labels  # and the class is independent of any seven of the eight tokens
    for token in data.tokens[:, 1:].long().T:
        code = code * vocab + token
    assert bool((code.bincount(minlength=vocab**8) == 1).all())


def test_full_grammar_has_class_correlations_only_through_strings():
    grammar = h.RandomHierarchy(4, 4, 2, 3, 4, seed=0)
    assert max(float(h.token_covariance(grammar, i, 7).abs().max()) for i in range(7)) < 1e-15
    assert float(h.class_string_covariance(grammar, 0).square().mean()) > 1e-8


def test_names_of_symbols_do_not_matter():
    grammar = h.RandomHierarchy(6, 3, 2, 2, 6, seed=0)
    names = torch.tensor([5, 2, 0, 1, 4, 3])
    top = names[grammar.rules[1]]
    bottom = torch.empty_like(grammar.rules[0])
    bottom[names] = grammar.rules[0]
    renamed = replace(grammar, rules=(bottom, top))  # hidden symbols renamed
    for t in (1, 2, 3):
        assert torch.allclose(h.token_covariance(grammar, 3 - t, 3), h.token_covariance(renamed, 3 - t, 3), atol=1e-15)
    spelled = replace(grammar, rules=(names[grammar.rules[0]], grammar.rules[1]))  # tokens renamed
    moved = h.token_covariance(spelled, 0, 3)[names][:, names]
    assert torch.allclose(moved, h.token_covariance(grammar, 0, 3), atol=1e-15)


@pytest.mark.parametrize(("sizes", "count"), ENSEMBLES)
def test_ensemble_means(sizes, count):
    grammars = [h.RandomHierarchy(*sizes, num_classes=sizes[0], seed=seed) for seed in range(count)]
    some, last = grammars[0], grammars[0].num_tokens - 1

    def ratio(measure, formula):
        values = torch.stack([measure(g).square().mean() for g in grammars]) / formula
        return float(values.mean()), float(values.std()) / count**0.5

    checks = [
        (lambda g: h.class_token_covariance(g, 0), h.ensemble_class_token(some), 0.10),
        (lambda g: h.class_string_covariance(g, 0), h.ensemble_class_string(some), 0.10),
    ]
    for level in range(1, some.depth + 1):
        distance = some.branching ** (level - 1)
        checks.append(
            (lambda g, t=distance: h.token_covariance(g, last - t, last),) + (h.ensemble_token_token(some, level), 0.10)
        )
    for measure, formula, band in checks:
        value, error = ratio(measure, formula)
        assert abs(value - 1) < band + 2 * error
    if sizes[0] >= 32:
        for level in (1, 2, 3):
            value, error = ratio(
                lambda g, t=2 ** (level - 1): h.token_covariance(g, last - t, last),
                h.asymptotic_token_token(some, level),
            )
            assert abs(value - 1) < 0.25 + 2 * error
        value, error = ratio(lambda g: h.string_token_covariance(g, (1, 2), 7), h.asymptotic_string_token(some, 2))
        assert abs(value - 1) < 0.10 + 2 * error
        value, error = ratio(lambda g: h.class_token_covariance(g, 0), h.asymptotic_class_token(some))
        assert abs(value - 0.89) < 0.1 + 2 * error


def test_zipf_rules_enter_through_their_participation():
    law = {1: h.zipf_law(8, 1.0)}
    grammars = [h.RandomHierarchy(32, 8, 2, 3, 32, seed=seed, rule_law=law) for seed in range(60)]
    values = torch.stack([h.class_token_covariance(g, 0).square().mean() for g in grammars])
    assert abs(float(values.mean()) / h.ensemble_class_token(grammars[0]) - 1) < 0.1
    values = torch.stack([h.token_covariance(g, 5, 7).square().mean() for g in grammars])
    assert 0.85 < float(values.mean()) / h.ensemble_token_token(grammars[0], 2) < 1.1


def test_measured_correlation_is_signal_plus_floor():
    grammar = h.RandomHierarchy(32, 8, 2, 3, 32, seed=0)
    for samples in (2_000, 50_000):
        tokens = h.sample(grammar, samples, seed=0, replacement=True).tokens
        for t, found in zip((1, 2, 4), h.last_token_correlations(tokens, 32, distances=(1, 2, 4)), strict=True):
            signal = float(h.token_covariance(grammar, 7 - t, 7).square().mean())
            spread = 5 * (2 / 1024) ** 0.5 * found.floor + 5 * 2 * (signal * found.floor / 1024) ** 0.5
            assert abs(found.corrected - signal) < spread
            assert 0.8 < found.floor * 32**2 * samples <= 1.0
            assert found.norm**2 <= 32**2 * found.measured * (1 + 1e-9)


def test_thresholds():
    grammar = h.RandomHierarchy(16, 4, 2, 3, 10, seed=0)
    assert h.class_threshold(grammar) == 10 * 4**3
    assert [round(h.step_threshold(grammar, level, weight_sharing=True)) for level in (1, 2, 3)] == [85, 1365, 5461]
    candidates = [h.mean_candidates(grammar, level) for level in range(4)]
    assert candidates == [16.0, 5.0, 2.25, 1.5625]
    with pytest.raises(ValueError, match="no correlations"):
        h.step_threshold(h.RandomHierarchy(4, 4, 2, 2, 4), 1, weight_sharing=False)
    with pytest.raises(ValueError, match="at least one observation"):
        h.pair_correlation(torch.empty(0), torch.empty(0), (2, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda g: h.lca_level(g, -1, 3),
        lambda g: h.lca_level(g, 0, 99),
        lambda g: h.symbol_marginal(g, 1, 77),
        lambda g: h.symbol_marginal(g, 1, -1),
        lambda g: h.symbol_marginal(g, 9, 0),
        lambda g: h.class_token_covariance(g, -1),
        lambda g: h.class_string_covariance(g, 99),
    ],
)
def test_nodes_that_are_not_in_the_tree_are_refused(call):
    with pytest.raises(ValueError, match="is not a node"):
        call(h.RandomHierarchy(vocab=4, num_rules=3, branching=2, depth=3, num_classes=4, seed=0))
