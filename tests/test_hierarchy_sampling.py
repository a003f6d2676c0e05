"""Grammars, the bijection between trees and numbers, the sampler and the parser."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from quire import hierarchy as h
from quire.hierarchy.permutation import permuted


def grammar_of(vocab=4, num_rules=2, branching=2, depth=3, num_classes=4, **kwargs):
    return h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, **kwargs)


GRAMMARS = [
    grammar_of(),
    grammar_of(3, 2, 2, 2, 3, seed=1),
    grammar_of(4, 4, 2, 2, 4),  # every string
    grammar_of(3, 4, 3, 2, 2, seed=2),
    grammar_of(5, 3, 2, 3, 1, seed=3),  # a language without labels
    grammar_of(300, 2, 2, 2, 7, seed=4),  # more symbols than a byte holds
    grammar_of(300, 250, 2, 1, 300, seed=8),  # more rules than 16 bits number
    grammar_of(6, 1, 2, 3, 6, seed=5),  # one rule: six data
    grammar_of(70, 5, 4, 1, 3, seed=6),  # sorted look-up instead of a table of v^s
    grammar_of(5, 3, 2, 3, 5, seed=7, shared_rules=True),
]


def by_hand(grammar, label, choices):
    """Expand one tree with plain Python."""
    row, rest = [label], list(choices)
    for level in range(grammar.depth, 0, -1):
        row = [int(x) for symbol in row for x in grammar.rules[level - 1][symbol, rest.pop(0)]]
    return row


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_strings_are_distinct_and_dealt_evenly(grammar):
    for level, rules in enumerate(grammar.rules, start=1):
        assert rules.shape == (grammar.num_symbols(level), grammar.num_rules, grammar.branching)
        assert len({tuple(r) for r in rules.flatten(0, 1).tolist()}) == rules.shape[0] * rules.shape[1]


def test_rules_depend_on_the_seed_only():
    first, second, other = (grammar_of(seed=s).rules for s in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(first[0], first[1])  # levels are independent
    shared = grammar_of(5, 3, 2, 3, 5, shared_rules=True).rules
    assert torch.equal(shared[0], shared[2])


@pytest.mark.parametrize("grammar", [g for g in GRAMMARS if g.num_data < 5000])
def test_numbers_and_trees_are_a_bijection(grammar):
    index = torch.arange(grammar.num_data)
    trees = h.trees_from_index(grammar, index)
    assert torch.equal(h.index_from_trees(grammar, trees), index)
    tokens = h.expand(grammar, trees)[0]
    assert len(tokens.unique(dim=0)) == grammar.num_data
    for i in range(0, grammar.num_data, 1 + grammar.num_data // 50):
        assert tokens[i].tolist() == by_hand(grammar, int(trees.labels[i]), trees.choices[i].tolist())


def test_enumeration_hits_every_string_of_the_full_grammar():
    grammar = grammar_of(2, 2, 2, 2, 2)
    tokens = h.sample(grammar, 16, seed=3, replacement=False).tokens
    assert {tuple(t) for t in tokens.tolist()} == set(itertools.product(range(2), repeat=4))


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_parse_inverts_the_sampler_at_every_level(grammar, replacement):
    count = 200 if replacement else min(200, grammar.num_data)
    data = h.sample(grammar, count, seed=0, replacement=replacement)
    assert data.tokens.dtype == (torch.uint8 if grammar.vocab <= 256 else torch.int16)
    parsed = h.parse(grammar, data.tokens)
    assert torch.equal(parsed.labels, data.labels.long())
    levels = h.expand(grammar, parsed.trees)
    assert all(torch.equal(a.long(), b) for a, b in zip(levels, parsed.levels, strict=True))
    assert h.is_grammatical(grammar, data.tokens).all()
    if grammar.num_data < 2**63:
        index = h.index_from_trees(grammar, parsed.trees)
        assert torch.equal(h.expand(grammar, h.trees_from_index(grammar, index))[0], data.tokens)
        assert replacement or len(index.unique()) == count


@pytest.mark.parametrize("grammar", GRAMMARS[:3])
def test_parse_rejects_exactly_the_strings_that_are_not_data(grammar):
    strings = torch.tensor(list(itertools.product(range(grammar.vocab), repeat=grammar.branching**2)))
    small = grammar_of(grammar.vocab, grammar.num_rules, grammar.branching, 2, grammar.num_classes, seed=9)
    accepted = strings[h.is_grammatical(small, strings)]
    produced = h.expand(small, h.trees_from_index(small, torch.arange(small.num_data)))[0]
    assert {tuple(t) for t in accepted.tolist()} == {tuple(t) for t in produced.tolist()}
    fractions = h.valid_fractions(small, strings)
    assert torch.allclose(fractions[0], torch.tensor(small.fill, dtype=torch.float64))
    assert torch.allclose(fractions[1], torch.tensor(small.num_data / len(strings), dtype=torch.float64))


def test_short_strings_are_parsed_up_to_their_level():
    grammar = grammar_of()
    data = h.sample(grammar, 20, seed=0, replacement=True)
    whole, half = h.parse(grammar, data.tokens), h.parse(grammar, data.tokens[:, :4])
    assert torch.equal(half.levels[2], whole.levels[2][:, :1])


@pytest.mark.parametrize("replacement", [True, False])
def test_samples_are_nested_and_independent_of_blocks(replacement, monkeypatch):
    grammar = grammar_of(8, 4, 2, 3, 8)
    full = h.sample(grammar, 3000, seed=1, replacement=replacement)
    part = h.sample(grammar, 40, seed=1, replacement=replacement)
    late = h.sample(grammar, 500, seed=1, replacement=replacement, start=1234)
    assert torch.equal(full.tokens[:40], part.tokens) and torch.equal(full.labels[:40], part.labels)
    assert torch.equal(full.tokens[1234:1734], late.tokens)
    other = h.sample(grammar, 40, seed=2, replacement=replacement)
    assert not torch.equal(part.tokens, other.tokens)
    if not replacement:
        monkeypatch.setattr("quire.hierarchy.without_replacement.BLOCK_TOKENS", 64)
        assert torch.equal(h.sample(grammar, 3000, seed=1, replacement=False).tokens, full.tokens)


def test_splits_are_disjoint_and_keep_their_samples_when_training_grows():
    grammar = grammar_of(4, 2, 2, 3, 4)  # 512 data
    small = h.sample_splits(grammar, {"train": 30, "validation": 50, "test": 60}, seed=0, replacement=False)
    large = h.sample_splits(grammar, {"train": 402, "validation": 50, "test": 60}, seed=0, replacement=False)
    every = torch.cat([part.tokens for part in large.values()])
    assert len(every.unique(dim=0)) == 512
    assert torch.equal(small["test"].tokens, large["test"].tokens)
    assert torch.equal(small["train"].tokens, large["train"].tokens[:30])
    streams = h.sample_splits(grammar, {"train": 9, "test": 9}, seed=0, replacement=True)
    assert not torch.equal(streams["train"].tokens, streams["test"].tokens)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 2**62), seed=st.integers(0, 99))
def test_keyed_order_is_a_bijection(size, seed):
    positions = np.unique(np.linspace(0, size - 1, 300).astype(object).astype(np.int64))
    positions = positions[positions < size]
    values = permuted(positions, size, seed=seed)
    assert len(np.unique(values)) == len(positions) and values.min() >= 0 and values.max() < size


def test_large_keyed_order_is_complete_and_looks_random():
    size = 2**20 + 7
    values = permuted(np.arange(size), size, seed=0)
    assert np.array_equal(np.sort(values), np.arange(size))
    assert chisquare(np.bincount(values[: 2**16] * 64 // size, minlength=64)).pvalue > 1e-3
    steps = np.bincount((np.diff(values[: 2**16]) % size) * 64 // size, minlength=64)
    assert chisquare(steps).pvalue > 1e-3


@pytest.mark.parametrize("sizes", [(8, 8, 2, 3, 8), (6, 5, 2, 3, 3), (9, 6, 3, 2, 9), (4, 2, 2, 4, 4)])
def test_rules_are_used_evenly(sizes):
    grammar = grammar_of(*sizes)
    data = h.sample(grammar, 20_000, seed=5, replacement=True)
    parsed = h.parse(grammar, data.tokens)
    for level, rules in enumerate(parsed.rules):
        used = parsed.levels[level + 1] * grammar.num_rules + rules
        for position in (0, used.shape[1] - 1):
            counts = torch.bincount(rules[:, position], minlength=grammar.num_rules)
            assert chisquare(counts.numpy()).pvalue > 1e-3
    assert chisquare(torch.bincount(parsed.labels, minlength=grammar.num_classes).numpy()).pvalue > 1e-3
    first, last = parsed.rules[0][:, 0], parsed.rules[0][:, -1]
    pairs = torch.bincount(first * grammar.num_rules + last, minlength=grammar.num_rules**2)
    assert chisquare(pairs.numpy()).pvalue > 1e-3  # nodes choose independently


def test_laws_of_rules_and_classes_are_followed():
    law, classes = h.zipf_law(4, 1.0), (0.7, 0.2, 0.1)
    grammar = grammar_of(8, 4, 2, 3, 3, rule_law={2: law}, class_law=classes)
    data = h.sample(grammar, 20_000, seed=0, replacement=True)
    parsed = h.parse(grammar, data.tokens)
    used = torch.bincount(parsed.rules[1].flatten(), minlength=4).numpy()
    assert chisquare(used, used.sum() * np.array(law)).pvalue > 1e-3
    assert chisquare(torch.bincount(parsed.rules[0].flatten(), minlength=4).numpy()).pvalue > 1e-3
    counts = torch.bincount(parsed.labels, minlength=3).numpy()
    assert chisquare(counts, counts.sum() * np.array(classes)).pvalue > 1e-3
    assert h.zipf_law(3, float("inf")) == (1.0, 0.0, 0.0)


def test_more_data_than_integers():
    grammar = grammar_of(8, 8, 2, 5, 8)  # 2^96 data
    assert grammar.num_data == 2**96
    data = h.sample(grammar, 100, seed=0, replacement=True)
    assert h.is_grammatical(grammar, data.tokens).all()
    for call in (
        lambda: h.sample(grammar, 1, seed=0, replacement=False),
        lambda: h.trees_from_index(grammar, torch.arange(2)),
    ):
        with pytest.raises(ValueError, match="2\\*\\*63"):
            call()


def test_relabelled_symbols_and_reordered_rules_give_the_same_language():
    grammar = grammar_of(5, 3, 2, 2, 4)
    names = torch.tensor([3, 0, 4, 1, 2])
    order = torch.tensor([2, 0, 1])
    renamed = replace(grammar, rules=(names[grammar.rules[0]][:, order], grammar.rules[1]))
    data = h.sample(grammar, 100, seed=0, replacement=True)
    parsed, again = (h.parse(grammar, data.tokens), h.parse(renamed, names[data.tokens.long()]))
    assert torch.equal(parsed.labels, again.labels) and torch.equal(parsed.levels[1], again.levels[1])
    assert torch.equal(order[again.rules[0]], parsed.rules[0])


def test_whitened_tokens_and_tuples():
    tokens = torch.tensor([[0, 1, 2, 3], [3, 3, 0, 0]], dtype=torch.uint8)
    plain = h.one_hot(tokens, 4, whiten=False)
    assert torch.equal(plain.argmax(-1), tokens.long()) and bool((plain.sum(-1) == 1).all())
    masked = h.one_hot(tokens, 4, whiten=True, channels_first=True, masked=-1)
    assert masked.shape == (2, 4, 4) and bool((masked[:, :, -1] == 0).all())
    assert torch.allclose(masked[:, :, :3].square().sum(1), torch.ones(2, 3))
    assert h.as_tuples(tokens, 4, size=2).tolist() == [[1, 11], [15, 0]]
    with pytest.raises(ValueError, match="must divide"):
        h.as_tuples(tokens, 4, size=3)
    with pytest.raises(ValueError, match="below vocab"):
        h.one_hot(tokens, 3, whiten=True)


SIZES = dict(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4)
BAD = [
    (dict(branching=1), "branching must be >= 2"),
    (dict(depth=0), "depth must be >= 1"),
    (dict(vocab=1), "vocab must be >= 2"),
    (dict(num_rules=0), "num_rules must be >= 1"),
    (dict(num_classes=0), "num_classes must be >= 1"),
    (dict(num_rules=5), "so that no string has two parents, got 5"),
    (dict(depth=1, num_rules=5), "so that no string has two classes"),
    (dict(num_classes=9), "so that no string has two classes"),
    (dict(depth=20), "more than 65536"),
    (dict(vocab=2**16, branching=4, depth=1), "62 bits"),
    (dict(rule_law={1: (0.5, 0.6)}), "sum to 1"),
    (dict(rule_law={1: (1.5, -0.5)}), "non-negative"),
    (dict(rule_law={1: (1.0,)}), "must have 2 probabilities, got 1"),
    (dict(rule_law={3: (0.5, 0.5)}), "levels in 1..depth = 2, got 3"),
    (dict(class_law=(0.5, 0.5)), "class_law must have 4"),
    (dict(rules=(torch.zeros(4, 2, 2, dtype=torch.int64),)), "one tensor per level"),
    (dict(rules=(torch.zeros(4, 2, 2, dtype=torch.int64),) * 2), "one string to two parents"),
    (dict(rules=(torch.zeros(4, 3, 2, dtype=torch.int64),) * 2), "must have shape"),
    (dict(rules=(torch.full((4, 2, 2), 9),) * 2), "outside 0..3"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_impossible_grammars_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        h.RandomHierarchy(**{**SIZES, **change})


def test_impossible_samples_are_refused():
    grammar = h.RandomHierarchy(**SIZES)  # 32 data
    skewed = h.RandomHierarchy(**SIZES, rule_law={1: (0.9, 0.1)})
    cases = [
        (lambda: h.sample(grammar, 33, seed=0, replacement=False), "of 32 data"),
        (lambda: h.sample(grammar, -1, seed=0, replacement=True), "must be >= 0"),
        (lambda: h.sample(grammar, 1, seed=0, replacement=True, split="dev"), "split must be one of"),
        (lambda: h.sample(skewed, 1, seed=0, replacement=False), "equally likely"),
        (lambda: h.sample_splits(grammar, {"train": 30, "test": 3}, seed=0, replacement=False), "33 different data"),
        (lambda: h.trees_from_index(grammar, torch.tensor([32])), "index must be in"),
        (lambda: h.parse(grammar, torch.zeros(1, 3, dtype=torch.long)), "power of branching"),
        (lambda: h.parse(grammar, torch.full((1, 4), 4)), "tokens must be in"),
        (lambda: h.zipf_law(3, 0.0), "exponent > 0"),
        (lambda: permuted(np.arange(2), 2**63, seed=0), "size < 2\\*\\*63"),
        (lambda: permuted(np.array([5]), 5, seed=0), "positions must be in"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
    wrong = torch.cat([h.sample(grammar, 1, seed=0, replacement=True).tokens, torch.zeros(1, 4, dtype=torch.uint8)])
    codes = set(h.string_codes(grammar.rules[0].flatten(0, 1), 4).tolist())
    wrong[1] = torch.tensor([c for i in range(16) if i not in codes for c in (i // 4, i % 4)][:2] * 2)
    with pytest.raises(ValueError, match="1 of 2 data are not grammatical"):
        _ = h.parse(grammar, wrong).trees
