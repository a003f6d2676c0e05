"""Cells of the chapter on language that count: plain n-grams, and n-grams of inferred symbols."""

import torch

from quire import hierarchy as h

__all__ = ["hierarchical_ngram_curve", "ngram_curve"]


def ngram_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    level: int,
    seed: int,
    sizes: list[int],
    *,
    prior_strength: float = 1.0,
    probes: int = 1024,
) -> list[dict]:
    """Loss of a counting n-gram with n - 1 = s^l - 1 tokens of context."""
    task = _Task(vocab, num_rules, branching, depth, level, seed, max(sizes), probes)

    def model(tokens):
        return h.CountingNgram.fit(tokens, vocab, context=branching**level - 1, prior_strength=prior_strength)

    contexts = float(h.num_contexts(vocab, num_rules, branching, level=level))
    return [{"samples": size, **task.losses(model(task.train[:size])), "contexts": contexts} for size in sizes]


def hierarchical_ngram_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    level: int,
    seed: int,
    sizes: list[int],
    *,
    prior_strength: float = 1.0,
    probes: int = 1024,
) -> list[dict]:
    """Loss of the hierarchical n-gram that infers the synonyms of l-1 levels from the same data; its wrong symbols.

    Returns:
        Rows with ``symbol_error_1``, ``symbol_error_2``, …: the fraction of test nodes of a level whose symbol is wrong under
        the best naming of the groups; ``paths``: v m^l, the sequences of rules on the way to the last token;
        ``synonym_threshold``: v m³/(1-f).
    """
    task = _Task(vocab, num_rules, branching, depth, level, seed, max(sizes), probes)
    truth = h.parse(task.grammar, task.test).levels
    rows = []
    for size in sizes:
        model = h.HierarchicalNgram.fit(
            task.train[:size], vocab, branching=branching, level=level, prior_strength=prior_strength
        )
        symbols, wrong = task.test.long(), {}
        for height, table in enumerate(model.tables, start=1):
            symbols = table[h.string_codes(symbols.unflatten(1, (-1, branching)), vocab + 1)]
            wrong[f"symbol_error_{height}"] = h.clustering_error(symbols.flatten(), truth[height].long().flatten())
        rows.append(
            {
                "samples": size,
                **task.losses(model),
                **wrong,
                "paths": float(vocab * num_rules**level),
                "synonym_threshold": h.step_threshold(task.grammar, 2, weight_sharing=True),
            }
        )
    return rows


class _Task:
    """One grammar, its training and test data, and the exact law of the last token of the test data."""

    def __init__(self, vocab, num_rules, branching, depth, level, seed, size, probes):
        self.grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
        parts = h.sample_splits(self.grammar, {"train": size, "test": probes}, seed=seed, replacement=True)
        self.train, self.test = parts["train"].tokens, parts["test"].tokens
        self.exact = h.last_token_posterior(self.grammar, self.test, context=branching**level - 1)
        self.entropy = float(torch.special.entr(self.exact).sum(-1).mean())

    def losses(self, model) -> dict:
        divergence = float(h.divergence(self.exact, model.law(self.test).log()).mean())
        return {"loss": self.entropy + divergence, "entropy": self.entropy, "divergence": divergence}
