"""Sparse and varying hierarchies, Zipf rules, n-grams, synonymic sensitivity, clustering, text."""

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from quire import hierarchy as h
from quire.rng import generator

GRAMMAR = h.RandomHierarchy(6, 3, 2, 3, 6, seed=0)


# ------------------------------------------------------------------------------------------------ sparse
@pytest.mark.parametrize("placement", ["blocks", "anywhere"])
@pytest.mark.parametrize(("branching", "depth", "num_empty"), [(2, 2, 1), (2, 3, 2), (3, 2, 1), (2, 2, 0)])
def test_sparse_data_are_the_dense_data_with_holes(placement, branching, depth, num_empty):
    grammar = h.RandomHierarchy(5, 3, branching, depth, 5, seed=1)
    sparse = h.SparseHierarchy(grammar, num_empty, placement)
    tokens, labels = h.sample_sparse(sparse, 200, seed=0)
    dense = h.sample(grammar, 200, seed=0, replacement=True)
    assert tokens.shape == (200, (branching * (num_empty + 1)) ** depth) and torch.equal(labels, dense.labels)
    assert all(torch.equal(row[row < 5], word) for row, word in zip(tokens, dense.tokens, strict=True))
    patches = (tokens < 5).unflatten(1, (-1, sparse.patch_size))
    assert set(patches.sum(-1).flatten().tolist()) <= {0, branching}  # an empty node writes nothing
    if placement == "blocks":
        blocks = (tokens < 5).unflatten(1, (-1, num_empty + 1)).sum(-1)
        assert int(blocks.max()) == 1
    fewer = h.sample_sparse(sparse, 50, seed=0)[0]
    assert torch.equal(fewer, tokens[:50])
    other = h.sample_sparse(sparse, 50, seed=0, split="test")[0]
    assert not torch.equal(fewer, other)


@pytest.mark.parametrize(("placement", "ways"), [("blocks", 4), ("anywhere", 6)])
def test_sparse_places_are_uniform(placement, ways):
    sparse = h.SparseHierarchy(h.RandomHierarchy(4, 2, 2, 1, 4), 1, placement)
    tokens, _ = h.sample_sparse(sparse, 6000, seed=0)
    counts = Counter(tuple(row) for row in (tokens < 4).tolist())
    assert len(counts) == ways and chisquare(list(counts.values())).pvalue > 1e-3


def test_empty_places_are_zero_vectors():
    tokens, _ = h.sample_sparse(h.SparseHierarchy(GRAMMAR, 1, "blocks"), 4, seed=0)
    x = h.one_hot(tokens, 6, whiten=True, empty=True, dtype=torch.float64)
    assert torch.allclose(x.square().sum(-1), (tokens < 6).double())
    for arguments, message in (((-1, "blocks"), "num_empty must be"), ((1, "random"), "placement must be")):
        with pytest.raises(ValueError, match=message):
            h.SparseHierarchy(GRAMMAR, *arguments)
    with pytest.raises(ValueError, match="more than 2\\*\\*20"):
        h.SparseHierarchy(GRAMMAR, 60, "blocks")


# ------------------------------------------------------------------------------------------------ varying trees
VARYING = h.VaryingHierarchy(4, 2, 3, depth=2, num_classes=3, binary_probability=0.6, seed=0)


def derivations(grammar, level, symbol):
    """All strings below a symbol with their probabilities, by recursion."""
    if level == 0:
        return Counter({(symbol,): 1.0})
    found = Counter()
    p = grammar.binary_probability
    for rules, weight in ((grammar.binary, p / grammar.num_binary), (grammar.ternary, (1 - p) / grammar.num_ternary)):
        for rule in rules[level - 1][symbol].tolist():
            for parts in itertools.product(*(derivations(grammar, level - 1, child).items() for child in rule)):
                string = sum((string for string, _ in parts), ())
                found[string] += weight * math.prod(q for _, q in parts)
    return found


def test_inside_probabilities_equal_enumeration_of_all_derivations():
    laws = [derivations(VARYING, 2, label) for label in range(3)]
    assert all(abs(sum(law.values()) - 1) < 1e-12 for law in laws)
    strings = {}
    for law in laws:
        for string in law:
            strings.setdefault(len(string), set()).add(string)
    assert set(strings) == set(range(4, 10))
    for group in strings.values():
        some = sorted(group)[:: 1 + len(group) // 40]
        found = h.varying_log_likelihood(VARYING, torch.tensor(some)).exp()
        expected = torch.tensor([[law[string] / 3 for law in laws] for string in some], dtype=torch.float64)
        assert torch.allclose(found, expected, atol=1e-15, rtol=1e-12)
    short = h.varying_log_likelihood(VARYING, torch.zeros(1, 3, dtype=torch.long))
    assert bool((short == -math.inf).all())


def test_varying_samples_follow_the_inside_law():
    data = h.sample_varying(VARYING, 4000, generator=generator("test", 0))
    assert int(data["lengths"].min()) >= 4 and int(data["lengths"].max()) <= 9
    inside = torch.arange(data["tokens"].shape[1]) < data["lengths"][:, None]
    assert torch.equal(data["tokens"] < VARYING.vocab, inside)
    laws = [derivations(VARYING, 2, label) for label in range(3)]
    exact = sum((q / 3) * len(string) for law in laws for string, q in law.items())  # mean length (2 p_2 + 3 p_3)^2
    assert abs(exact - 2.4**2) < 1e-9
    spread = float(data["lengths"].double().std()) / 4000**0.5
    assert abs(float(data["lengths"].double().mean()) - exact) < 4 * spread
    for length in (4, 7):
        rows = data["lengths"] == length
        logs = h.varying_log_likelihood(VARYING, data["tokens"][rows][:, :length])
        picked = logs.gather(1, data["labels"][rows][:, None])
        assert bool(torch.isfinite(picked).all())


def test_binary_only_reduces_to_the_regular_tree():
    grammar = h.VaryingHierarchy(5, 3, 1, depth=3, num_classes=4, binary_probability=1.0, seed=3)
    regular = h.RandomHierarchy(5, 3, 2, 3, 4, rules=grammar.binary)
    tokens = h.sample(regular, 20, seed=0, replacement=True).tokens
    found = h.varying_log_likelihood(grammar, tokens.long())
    evidence = h.leaf_evidence(tokens, 5)
    assert torch.allclose(found.logsumexp(1), h.log_likelihood(regular, evidence), atol=1e-12)
    assert torch.allclose(found.softmax(1), h.root_posterior(regular, evidence), atol=1e-12)


def test_varying_text_has_the_length_asked_for():
    text = h.varying_text(VARYING, 1001, generator=generator("test", 1))
    assert len(text) == 1001 and int(text.max()) < VARYING.vocab
    for arguments, message in (
        ((1, 1, 1, 1, 1, 0.5), "vocab must be >= 2"),
        ((4, 1, 1, 1, 1, 1.5), "binary_probability must be"),
        ((4, 5, 1, 2, 1, 0.5), "num_binary \\* symbols"),
        ((4, 1, 17, 2, 1, 0.5), "num_ternary \\* symbols"),
    ):
        with pytest.raises(ValueError, match=message):
            h.VaryingHierarchy(*arguments)


# ------------------------------------------------------------------------------------------------ Zipf
@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_oracle_error_decays_with_the_predicted_exponent(exponent):
    law = h.zipf_law(2**20, exponent)  # many rules, so that the rarest one is far away
    ranks = torch.logspace(math.log10(30), math.log10(300), 20, dtype=torch.float64).round()
    data = 1 / torch.tensor(law, dtype=torch.float64)[ranks.long() - 1] * (1 + 1e-9)
    errors = h.oracle_error(law, data, num_strings=1)
    slope = float((errors[-1] / errors[0]).log() / (data[-1] / data[0]).log())
    assert abs(slope + exponent / (1 + exponent)) < 0.1 * exponent / (1 + exponent) + 0.02
    more = h.oracle_error(law, data[-1:], num_strings=4)
    assert torch.allclose(more, 1 - (1 - errors[-1:]) ** 4)


# ------------------------------------------------------------------------------------------------ n-grams
def test_counting_ngram_without_prior_is_the_conditional_frequency():
    grammar = h.RandomHierarchy(3, 2, 2, 2, 3, seed=0)
    tokens = h.sample(grammar, grammar.num_data, seed=0, replacement=False).tokens
    for context in range(4):
        model = h.CountingNgram.fit(tokens, 3, context=context, prior_strength=1e-12)
        exact = h.last_token_posterior(grammar, tokens, context=context)
        assert torch.allclose(model.law(tokens), exact, atol=1e-9)


def test_unseen_contexts_fall_back_to_shorter_ones():
    tokens = torch.tensor([[0, 1, 2], [1, 1, 2], [2, 1, 0]])
    model = h.CountingNgram.fit(tokens, 3, context=2, prior_strength=0.5)
    short = h.CountingNgram.fit(tokens, 3, context=1, prior_strength=0.5)
    new = torch.tensor([[2, 2, 0]])
    unigram = h.CountingNgram.fit(tokens, 3, context=0, prior_strength=0.5).law(new)
    assert torch.allclose(model.law(new), unigram)
    seen_suffix = torch.tensor([[0, 1, 0]])
    assert torch.allclose(model.law(seen_suffix), (torch.tensor([0.0, 0, 1]) + 0.5 * short.law(seen_suffix)) / 1.5)
    assert torch.allclose(model.law(tokens).sum(1), torch.ones(3, dtype=torch.float64))
    for arguments, message in (
        (dict(context=3, prior_strength=1.0), "context must be in 0..2"),
        (dict(context=1, prior_strength=0.0), "prior_strength must be > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            h.CountingNgram.fit(tokens, 3, **arguments)
    with pytest.raises(ValueError, match="does not fit"):
        h.CountingNgram.fit(torch.zeros(1, 70, dtype=torch.long), 3, context=60, prior_strength=1.0)


def test_number_of_contexts_counts_the_strings():
    grammar = h.RandomHierarchy(3, 2, 2, 2, 3, seed=0)
    tokens = h.sample(grammar, grammar.num_data, seed=0, replacement=False).tokens
    assert len(tokens.unique(dim=0)) == h.num_contexts(3, 2, 2, level=2)


# ------------------------------------------------------------------------------------------------ sensitivity
@pytest.mark.parametrize("change", [True, False])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_redrawing_keeps_the_tree_down_to_the_level(level, change):
    trees = h.trees_from_index(GRAMMAR, torch.randint(GRAMMAR.num_data, (500,), generator=generator("t", level)))
    other = h.redraw_below(GRAMMAR, trees, level=level, change=change, generator=generator("t", level, 1))
    before, after = h.expand(GRAMMAR, trees), h.expand(GRAMMAR, other)
    assert all(torch.equal(before[k], after[k]) for k in range(level, 4))
    rules = [h.parse(GRAMMAR, x[0]).rules[level - 1] for x in (before, after)]
    kept = float((rules[0] == rules[1]).double().mean())
    assert kept == 0 if change else abs(kept - 1 / 3) < 5 * (2 / 9 / rules[0].numel()) ** 0.5
    assert not torch.equal(before[0], after[0])


def test_sensitivity_of_the_exact_parser_is_zero_up_to_its_level():
    trees = h.trees_from_index(GRAMMAR, torch.arange(0, GRAMMAR.num_data, 101))

    def layers(tokens):
        levels = h.parse(GRAMMAR, tokens).levels
        return [torch.nn.functional.one_hot(level, GRAMMAR.vocab).float() for level in levels]

    found = h.synonymic_sensitivity(GRAMMAR, trees, layers, change=True, generator=generator("t"))
    assert found.shape == (4, 3)
    for layer, level in itertools.product(range(4), (1, 2, 3)):
        value = float(found[layer, level - 1])
        assert value == 0 if level <= layer else value > 0.5
    assert 0.8 < float(found[0, 2]) < 1.2  # a whole new datum of the class is as far as another datum


def test_sensitivity_is_normalised_over_different_samples():
    x = torch.randn(400, 5, generator=generator("t"))
    y = torch.randn(400, 5, generator=generator("t", 1))
    assert abs(h.sensitivity(x, y) - 1) < 0.1
    direct = (x[:, None] - x[None]).square().sum(-1).sum() / (400 * 399)
    assert abs(h.sensitivity(x, y) - float((x - y).square().sum(1).mean() / direct)) < 1e-5
    trees = h.trees_from_index(GRAMMAR, torch.arange(3))
    with pytest.raises(ValueError, match="level must be in 1..depth"):
        h.redraw_below(GRAMMAR, trees, level=0, change=False, generator=generator("t"))
    lone = h.RandomHierarchy(6, 1, 2, 3, 6)
    with pytest.raises(ValueError, match="no synonym"):
        h.redraw_below(lone, h.trees_from_index(lone, torch.arange(3)), level=1, change=True, generator=generator("t"))


# ------------------------------------------------------------------------------------------------ first gradient step
def test_first_step_response_is_the_gradient_of_a_two_layer_network():
    strings, classes, width = 10, 4, 7
    numbers = generator("t", 5)
    x, y = (torch.randint(n, (300,), generator=numbers) for n in (strings, classes))
    readout = torch.randn(width, classes, generator=numbers, dtype=torch.float64)
    first = torch.ones(strings, width, dtype=torch.float64, requires_grad=True)
    logits = torch.relu(first[x]) @ readout * 1e-9  # mean-field: the output is negligible at the first step
    loss = torch.nn.functional.cross_entropy(logits, y)
    (gradient,) = torch.autograd.grad(loss, first)
    response = h.first_step_response(x, y, num_strings=strings, num_classes=classes)
    assert torch.allclose(-gradient * 1e9, response @ readout.T, atol=1e-6)


def test_synonyms_cluster_when_data_are_plentiful():
    grammar = h.RandomHierarchy(8, 4, 2, 2, 8, seed=0)
    parents = torch.arange(8).repeat_interleave(4)
    exact = h.class_string_covariance(grammar, 0).permute(1, 2, 0).reshape(32, 8)
    found = h.synonym_clusters(exact, num_clusters=8, seed=0, restarts=5)
    assert h.clustering_error(found, parents) == 0.0
    noise = torch.randn(32, 8, generator=generator("t"), dtype=torch.float64)
    assert h.clustering_error(h.synonym_clusters(noise, num_clusters=8, seed=0, restarts=3), parents) > 0.3


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_clustering_error_ignores_names(labels, seed):
    truth = torch.tensor(labels)
    names = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    assert h.clustering_error(names[truth], truth) == 0.0


# ------------------------------------------------------------------------------------------------ text
def test_text_correlations_are_those_of_a_markov_chain():
    flip, length = 0.2, 200_000
    changes = torch.rand(length, generator=generator("t")) < flip
    text = changes.long().cumsum(0) % 2
    full = h.text_correlations(text, 2, distances=(1, 2, 4), num_windows=None)
    for t, found in zip((1, 2, 4), full, strict=True):
        exact = ((1 - 2 * flip) ** t / 4) ** 2
        assert abs(found.corrected / exact - 1) < 0.1
        assert abs(found.norm - 2 * exact**0.5) < 0.1 * found.norm
    some = h.text_correlations(text, 2, distances=(60,), num_windows=1000, generator=generator("t", 1))[0]
    assert abs(some.floor - 1 / (4 * 4 * 1000)) < 0.1 * some.floor  # Σp(1-p)² = 1/4 over 4 entries


def test_text_and_horizon_refuse_what_they_cannot_do():
    codes, alphabet = h.encode_text("to be or not to be")
    assert "".join(alphabet[i] for i in codes) == "to be or not to be"
    with pytest.raises(ValueError, match="distances must be"):
        h.text_correlations(codes, len(alphabet), distances=(18,), num_windows=None)
    with pytest.raises(ValueError, match="need a generator"):
        h.text_correlations(codes, len(alphabet), distances=(1,), num_windows=4)
    assert math.isnan(h.horizon([1, 2], [1.0, 0.5], 0.1))
    assert math.isnan(h.horizon([1, 2], [0.1, 0.05], 0.2))
