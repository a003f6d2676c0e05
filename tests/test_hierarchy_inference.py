"""Exact inference against brute-force enumeration of small grammars, in float64."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire import hierarchy as h

CASES = [
    h.RandomHierarchy(3, 2, 2, 2, 3, seed=0),
    h.RandomHierarchy(3, 2, 2, 2, 2, seed=1, rule_law={1: (0.8, 0.2), 2: (0.3, 0.7)}, class_law=(0.9, 0.1)),
    h.RandomHierarchy(2, 2, 3, 1, 2, seed=2),
    h.RandomHierarchy(2, 2, 2, 3, 2, seed=3),  # every string of 8 bits
    h.RandomHierarchy(4, 3, 2, 2, 1, seed=4),
    h.RandomHierarchy(2, 1, 2, 3, 2, seed=5),
]


def enumerate_data(grammar):
    """All symbols by level and the probability of every datum, from the definition."""
    trees = h.trees_from_index(grammar, torch.arange(grammar.num_data))
    probability = grammar.class_probabilities[trees.labels.long()]
    node = 0
    for level in range(grammar.depth, 0, -1):
        for _ in range(grammar.branching ** (grammar.depth - level)):
            probability = probability * grammar.rule_probabilities[level - 1][trees.choices[:, node].long()]
            node += 1
    return h.expand(grammar, trees), probability


def random_evidence(grammar, samples, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (samples, grammar.num_tokens, grammar.vocab)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def joint(grammar, evidence):
    """(P, data): prior times evidence of every datum."""
    levels, probability = enumerate_data(grammar)
    picked = evidence[:, torch.arange(grammar.num_tokens), levels[0].long()]  # samples data tokens
    return levels, probability * picked.prod(-1)


@pytest.mark.parametrize("grammar", CASES)
@pytest.mark.parametrize("budget_bytes", [1, 2**27])
def test_soft_evidence_equals_enumeration(grammar, budget_bytes):
    evidence = random_evidence(grammar, 5, 0)
    levels, weights = joint(grammar, evidence)
    value = h.log_likelihood(grammar, evidence, budget_bytes=budget_bytes)
    assert torch.allclose(value, weights.sum(1).log(), rtol=1e-12, atol=1e-12)
    posterior = weights / weights.sum(1, keepdim=True)
    marginals = h.node_marginals(grammar, evidence, budget_bytes=budget_bytes)
    for level, found in enumerate(marginals):
        one_hot = torch.nn.functional.one_hot(levels[level].long(), grammar.num_symbols(level)).double()
        assert torch.allclose(found, torch.einsum("bn,npv->bpv", posterior, one_hot), atol=1e-12)
    assert torch.equal(marginals[0], h.leaf_marginals(grammar, evidence, budget_bytes=budget_bytes))
    root = h.root_posterior(grammar, evidence, budget_bytes=budget_bytes)
    assert torch.allclose(root, marginals[-1][:, 0], atol=1e-12)


def scaled_evidence(grammar, samples, seed, dtype, largest):
    """Evidence with entries in [0.1, 1), and the same times a power of ten of its own at each leaf, up to ``largest``."""
    evidence = 0.1 + 0.9 * random_evidence(grammar, samples, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    powers = torch.randint(-largest, largest + 1, (samples, grammar.num_tokens), generator=generator)
    powers[0], powers[1] = -largest, largest  # every leaf of one sample at each end
    return evidence, powers, (evidence * 10.0 ** powers[..., None].double()).to(dtype)


@pytest.mark.parametrize("grammar", CASES)
@pytest.mark.parametrize(
    ("dtype", "largest", "error"), [(torch.float64, 300, 1e-12), (torch.float32, 36, 2e-6), (torch.float64, 22, 1e-12)]
)
def test_a_leaf_may_have_any_scale(grammar, dtype, largest, error):
    """Against enumeration: the posterior does not see the scale of a leaf, and the log-likelihood is given it back."""
    evidence, powers, given = scaled_evidence(grammar, 6, 0, dtype, largest)
    levels, weights = joint(grammar, evidence)
    exact = weights.sum(1).log() + powers.sum(1).double() * math.log(10)
    found = h.log_likelihood(grammar, given)
    assert found.dtype == dtype
    assert torch.allclose(found.double(), exact, rtol=error, atol=10 * error)
    posterior = weights / weights.sum(1, keepdim=True)
    for level, marginals in enumerate(h.node_marginals(grammar, given)):
        one_hot = torch.nn.functional.one_hot(levels[level].long(), grammar.num_symbols(level)).double()
        expected = torch.einsum("bn,npv->bpv", posterior, one_hot)
        assert torch.allclose(marginals.double(), expected, atol=10 * error)
    assert torch.allclose(h.root_posterior(grammar, given).double(), marginals[:, 0].double(), atol=10 * error)
    drawn, plain = (
        h.sample_posterior(grammar, part, generator=torch.Generator().manual_seed(0)) for part in (given, evidence)
    )
    assert torch.equal(drawn.labels, plain.labels) and torch.equal(drawn.choices, plain.choices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_leaf_without_any_symbol_excludes_every_datum(dtype):
    grammar = CASES[0]
    evidence = random_evidence(grammar, 3, 0).to(dtype)
    evidence[1, 2] = 0
    assert torch.isneginf(h.log_likelihood(grammar, evidence)).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="evidence of 1 of 3 data excludes every datum"):
        h.leaf_marginals(grammar, evidence)


@pytest.mark.parametrize("wrong", [-0.1, math.inf, math.nan])
@pytest.mark.parametrize("function", [h.log_likelihood, h.root_posterior, h.node_marginals, h.sample_posterior])
def test_evidence_that_is_no_likelihood_is_refused(function, wrong):
    options = {"generator": torch.Generator()} if function is h.sample_posterior else {}
    evidence = random_evidence(CASES[0], 2, 0)
    with pytest.raises(ValueError, match=r"shape \(samples, 4, 3\), got \(2, 3, 3\)"):
        function(CASES[0], evidence[:, :3], **options)
    evidence[1, 2, 0] = wrong
    with pytest.raises(ValueError, match=r"≥ 0 and finite, got .* at \(sample, position, symbol\) \(1, 2, 0\)"):
        function(CASES[0], evidence, **options)


@pytest.mark.parametrize("grammar", CASES)
def test_no_evidence_gives_the_prior(grammar):
    evidence = torch.ones(1, grammar.num_tokens, grammar.vocab, dtype=torch.float64)
    assert h.log_likelihood(grammar, evidence).abs().max() < 1e-12
    for level, found in enumerate(h.node_marginals(grammar, evidence)):
        for position in range(found.shape[1]):
            assert torch.allclose(found[0, position], h.symbol_marginal(grammar, level, position), atol=1e-12)


@pytest.mark.parametrize("grammar", CASES)
def test_last_token_law_equals_enumeration_for_every_context(grammar):
    (tokens, *_), probability = enumerate_data(grammar)
    for context in range(grammar.num_tokens):
        law = h.last_token_posterior(grammar, tokens, context=context)
        seen = tokens[:, grammar.num_tokens - 1 - context : -1].long()
        same = (seen[:, None] == seen[None]).all(-1).double() * probability
        last = torch.nn.functional.one_hot(tokens[:, -1].long(), grammar.vocab).double()
        expected = same @ last
        assert torch.allclose(law, expected / expected.sum(1, keepdim=True), atol=1e-12)


def test_look_up_equals_message_passing_on_deeper_trees():
    grammar = h.RandomHierarchy(8, 3, 2, 3, 8, seed=0, rule_law={2: h.zipf_law(3, 1.0)})
    tokens = h.sample(grammar, 40, seed=0, replacement=True).tokens
    for height in (1, 2, 3):
        context = 2**height - 1
        observed = torch.zeros(8, dtype=torch.bool)
        observed[7 - context : 7] = True
        evidence = h.leaf_evidence(tokens, 8, observed=observed.expand(tokens.shape))
        general = h.leaf_marginals(grammar, evidence)[:, -1]
        assert torch.allclose(h.last_token_posterior(grammar, tokens, context=context), general, atol=1e-12)


def test_conditional_entropies_are_exact_on_an_enumeration_and_decrease():
    grammar = h.RandomHierarchy(3, 2, 2, 2, 3, seed=0)
    (tokens, *_), _ = enumerate_data(grammar)
    entropies = h.conditional_entropies(grammar, tokens, contexts=range(4)).mean(1)
    for context, value in enumerate(entropies):
        words = [tuple(t) for t in tokens[:, 3 - context :].tolist()]
        rest = [w[:-1] for w in words]
        chain = sum(
            -math.log(words.count(w) / rest.count(w[:-1])) / len(words) for w in words
        )  # H(X_4 | context) from counts
        assert abs(chain - float(value)) < 1e-12
    assert bool((entropies.diff() < 1e-12).all())


@pytest.mark.parametrize("sizes", [(16, 4, 2, 3), (12, 4, 2, 4), (11, 8, 3, 2)])
def test_entropies_stay_below_the_number_of_candidates(sizes):
    grammar = h.RandomHierarchy(*sizes, num_classes=sizes[0], seed=0)
    tokens = h.sample(grammar, 300, seed=0, replacement=True).tokens
    contexts = [grammar.branching**level - 1 for level in range(grammar.depth + 1)]
    values = h.conditional_entropies(grammar, tokens, contexts=contexts)
    for level, value in enumerate(values):
        bound = math.log(h.mean_candidates(grammar, level))
        assert float(value.mean()) <= bound + 2 * float(value.std()) / len(value) ** 0.5 + 1e-12


def test_every_string_is_grammatical_means_nothing_is_predicted():
    grammar = h.RandomHierarchy(4, 4, 2, 3, 4, seed=0)
    tokens = h.sample(grammar, 20, seed=0, replacement=True).tokens
    values = h.conditional_entropies(grammar, tokens, contexts=range(8))
    assert torch.allclose(values, torch.full_like(values, math.log(4)), atol=1e-12)
    assert h.mean_candidates(grammar, 3) == 4.0


def test_divergence_is_the_excess_of_the_cross_entropy():
    grammar = h.RandomHierarchy(6, 2, 2, 2, 6, seed=0)
    tokens = h.sample(grammar, 30, seed=0, replacement=True).tokens
    law = h.last_token_posterior(grammar, tokens, context=3)
    assert h.divergence(law, law.log()).abs().max() < 1e-12
    uniform = torch.full_like(law, -math.log(6))
    assert torch.allclose(h.divergence(law, uniform), math.log(6) - torch.special.entr(law).sum(-1))


def test_posterior_samples_follow_the_posterior():
    grammar = h.RandomHierarchy(3, 2, 2, 2, 3, seed=0, rule_law={1: (0.8, 0.2)})
    evidence = random_evidence(grammar, 1, 3)
    draws = 20_000
    trees = h.sample_posterior(grammar, evidence.expand(draws, -1, -1), generator=torch.Generator().manual_seed(0))
    index = h.index_from_trees(grammar, trees)
    _, weights = joint(grammar, evidence)
    expected = weights[0] / weights.sum()
    counts = torch.bincount(index, minlength=grammar.num_data)
    z = (counts - draws * expected) / (draws * expected * (1 - expected)).sqrt()
    assert float(z.abs().max()) < 4.5 and float(z.square().mean()) < 1.5
    observed = torch.tensor([True, True, True, False]).expand(50, -1)
    tokens = h.sample(grammar, 50, seed=0, replacement=True).tokens
    trees = h.sample_posterior(
        grammar, h.leaf_evidence(tokens, 3, observed=observed), generator=torch.Generator().manual_seed(1)
    )
    assert torch.equal(h.expand(grammar, trees)[0][:, :3], tokens[:, :3])


@settings(max_examples=25, deadline=None)
@given(
    vocab=st.integers(2, 4),
    branching=st.integers(2, 3),
    depth=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    data=st.data(),
)
def test_marginals_are_laws_and_scale_with_the_evidence(vocab, branching, depth, seed, data):
    num_rules = data.draw(st.integers(1, min(4, vocab ** (branching - 1))))
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
    evidence = random_evidence(grammar, 2, seed) + 0.01
    marginals = h.node_marginals(grammar, evidence)
    for level in marginals:
        assert torch.allclose(level.sum(-1), torch.ones_like(level[..., 0])) and bool((level >= 0).all())
    louder = h.log_likelihood(grammar, 1e-3 * evidence) - h.log_likelihood(grammar, evidence)
    assert torch.allclose(louder, torch.full_like(louder, grammar.num_tokens * math.log(1e-3)))


def test_single_precision_agrees_and_long_data_do_not_underflow():
    grammar = h.RandomHierarchy(4, 2, 2, 8, 4, seed=0)  # 256 tokens
    evidence = random_evidence(grammar, 3, 0) * 1e-3
    value, single = (h.log_likelihood(grammar, evidence), h.log_likelihood(grammar, evidence.float()))
    assert torch.isfinite(value).all() and torch.allclose(value.float(), single, rtol=1e-4)
    assert torch.allclose(
        h.leaf_marginals(grammar, evidence).float(), h.leaf_marginals(grammar, evidence.float()), atol=1e-4
    )


def test_impossible_evidence_and_contexts_are_refused():
    grammar = h.RandomHierarchy(3, 1, 2, 2, 3, seed=0)  # three data of four tokens
    data = h.sample(grammar, 3, seed=0, replacement=False).tokens
    known = {tuple(t) for t in data[:, :3].tolist()}
    wrong = torch.tensor([s for s in itertools.product(range(3), repeat=4) if s[:3] not in known][:3])
    evidence = h.leaf_evidence(wrong, 3)
    assert bool((h.log_likelihood(grammar, evidence) == -math.inf).all())
    cases = [
        (lambda: h.root_posterior(grammar, evidence), "excludes every datum"),
        (lambda: h.node_marginals(grammar, evidence), "excludes every datum"),
        (lambda: h.last_token_posterior(grammar, wrong, context=3), "not grammatical"),
        (lambda: h.last_token_posterior(grammar, data, context=4), "context must be in 0..3"),
        (lambda: h.root_posterior(grammar, evidence[:, :2]), "evidence must have shape"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
