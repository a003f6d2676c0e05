"""The hierarchical n-gram against the exact law, and what must not change when synonyms or names are exchanged."""

import math

import pytest
import torch

from quire import hierarchy as h
from quire.rng import generator

GRAMMAR = h.RandomHierarchy(8, 3, 2, 3, 8, seed=0)


def data(size, split="train", grammar=GRAMMAR):
    return h.sample(grammar, size, seed=1, replacement=True, split=split).tokens


def fit(tokens, level=3, **options):
    return h.HierarchicalNgram.fit(tokens, 8, branching=2, level=level, prior_strength=1.0, **options)


def mean_divergence(model, level, grammar=GRAMMAR, size=1000):
    test = data(size, "test", grammar)
    law = h.last_token_posterior(grammar, test, context=grammar.branching**level - 1)
    return float(h.divergence(law, model.law(test).log()).mean())


@pytest.mark.parametrize("level", [1, 2, 3])
def test_known_synonyms_and_many_data_reach_the_exact_law(level):
    exact = h.exact_synonyms(GRAMMAR, levels=level - 1)
    coarse, fine = (mean_divergence(fit(data(size), level, tables=exact), level) for size in (50_000, 400_000))
    assert fine < 2e-3 and fine < 0.3 * coarse  # the sampling error falls about as 1/P


def test_inferred_synonyms_are_those_of_the_rules():
    grammar = h.RandomHierarchy(6, 2, 3, 2, 6, seed=3)  # three children
    for rules, vocab, branching, levels in ((GRAMMAR, 8, 2, 2), (grammar, 6, 3, 1)):
        tables = h.infer_synonyms(data(20_000, grammar=rules), vocab, branching=branching, levels=levels)
        symbols = data(500, "test", rules).long()
        for table, truth in zip(tables, h.parse(rules, symbols).levels[1:], strict=False):
            symbols = table[h.string_codes(symbols.unflatten(1, (-1, branching)), vocab + 1)]
            assert h.clustering_error(symbols.flatten(), truth.long().flatten()) == 0.0


def test_inferred_equals_known_when_the_groups_are_right():
    tokens, test = data(20_000), data(500, "test")
    known = fit(tokens, tables=h.exact_synonyms(GRAMMAR, levels=2))
    assert torch.allclose(fit(tokens).law(test), known.law(test), atol=1e-12)


def test_exchanging_synonyms_in_the_context_changes_nothing():
    model, trees = fit(data(20_000)), h.parse(GRAMMAR, data(300, "test")).trees
    test = h.expand(GRAMMAR, trees)[0]
    for level in (1, 2):
        redrawn = h.redraw_below(GRAMMAR, trees, level=level, change=True, generator=generator("synonyms", level))
        other = h.expand(GRAMMAR, redrawn)[0]
        off_path = torch.arange(8) < 8 - 2**level  # the path itself was changed too: keep it
        changed = torch.where(off_path, other, test)
        assert (changed != test).any(1).float().mean() > 0.9
        assert torch.allclose(model.law(changed), model.law(test), atol=1e-12)


def test_renaming_the_tokens_renames_the_prediction():
    order = torch.randperm(8, generator=generator("names"))
    tokens, test = data(3000), data(300, "test")
    law = fit(tokens).law(test)
    renamed = fit(order[tokens.long()]).law(order[test.long()])
    assert torch.allclose(renamed[:, order], law, atol=1e-12)


def test_few_data_fall_back_gracefully():
    test = data(1000, "test")
    law = h.last_token_posterior(GRAMMAR, test, context=7)
    for size in (1, 10, 100):
        model = fit(data(size))
        probabilities = model.law(test)
        assert torch.allclose(probabilities.sum(1), torch.ones(1000, dtype=torch.float64)) and (probabilities > 0).all()
        excess = float((h.divergence(law, probabilities.log()) + torch.special.entr(law).sum(-1)).mean())
        assert excess < math.log(8) + math.log(2)  # one datum, worth the prior, takes half of the probability


def test_an_unknown_string_leads_to_the_lower_levels():
    tokens = data(5000)
    model = fit(tokens)
    tables = [torch.full_like(table, 8) for table in model.tables]  # nothing is known
    blind = h.HierarchicalNgram(2, tuple(tables), model.counts)
    short = fit(tokens, level=1)
    test = data(200, "test")
    assert torch.allclose(blind.law(test), short.law(test), atol=1e-12)


def test_the_path_is_not_looked_at():
    tokens = data(50)
    tables = h.exact_synonyms(GRAMMAR, levels=2)
    reduced = h.reduced_context(tokens, tables, 8, branching=2)
    parsed = h.parse(GRAMMAR, tokens).levels
    expected = torch.stack([parsed[2][:, 0], parsed[1][:, 2], parsed[0][:, 6], parsed[0][:, 7]], 1).long()
    assert torch.equal(reduced, expected)


def test_errors():
    with pytest.raises(ValueError, match="level must be >= 1"):
        fit(data(10), level=4)
    with pytest.raises(ValueError, match="a divisor of d = 8"):
        h.infer_synonyms(data(10), 8, branching=2, levels=3)
    with pytest.raises(ValueError, match="needs 2 tables"):
        fit(data(10), tables=())
    with pytest.raises(ValueError, match="lower one of them"):
        h.infer_synonyms(torch.zeros(2, 8, dtype=torch.long), 4000, branching=2, levels=1)
