"""Cells that count: plain n-grams, and n-grams of inferred symbols. JSON arguments to rows."""

import torch

from quire.experiments.language.grammars import last_token_grammar
from quire.hierarchy import (
    CountingNgram,
    HierarchicalNgram,
    clustering_error,
    divergence,
    last_token_posterior,
    num_contexts,
    parse,
    sample_splits,
    step_threshold,
    string_codes,
)
from quire.types import Tensor

__all__ = ["hierarchical_ngram_curve", "ngram_curve"]


def ngram_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    level: int,
    seed: int,
    sizes: list,
    prior_strength: float = 1.0,
    probes: int = 1024,
) -> list[dict]:
    """Loss of a counting n-gram with n - 1 = s^l - 1 tokens of context.

    Args:
        vocab, num_rules, branching, depth: of the grammar.
        level: l.
        seed: of its rules, and of the data.
        sizes: numbers P of data.
        prior_strength: κ, how many observations the shorter context is worth.
        probes: test contexts.

    Returns:
        A row for every P; ``contexts`` is the number of strings of s^l tokens.
    """
    task = _Task(vocab, num_rules, branching, depth, level, seed, max(sizes), probes)
    contexts = float(num_contexts(vocab, num_rules, branching, level=level))
    rows = []
    for size in sizes:
        asked = dict(context=branching**level - 1, prior_strength=prior_strength)
        model = CountingNgram.fit(task.train[:size], vocab, **asked)
        rows.append({"samples": size, **task.losses(model), "contexts": contexts})
    return rows


def hierarchical_ngram_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    level: int,
    seed: int,
    sizes: list,
    prior_strength: float = 1.0,
    probes: int = 1024,
) -> list[dict]:
    """Loss of the hierarchical n-gram that infers the synonyms of l-1 levels from the same data; its wrong symbols.

    Args:
        vocab, num_rules, branching, depth, level, seed, sizes, prior_strength, probes: as for :func:`ngram_curve`; there are
            fewer rules than strings for them.

    Returns:
        Rows with ``symbol_error_1``, ``symbol_error_2``, …: the fraction of test nodes of a level whose symbol is wrong under
        the best naming of the groups; ``paths``: v m^l, the sequences of rules on the way to the last token;
        ``synonym_threshold``: v m³/(1-f).
    """
    task = _Task(vocab, num_rules, branching, depth, level, seed, max(sizes), probes)
    rows = []
    for size in sizes:
        asked = dict(branching=branching, level=level, prior_strength=prior_strength)
        model = HierarchicalNgram.fit(task.train[:size], vocab, **asked)
        rows.append(
            {
                "samples": size,
                **task.losses(model),
                **task.symbol_errors(model),
                "paths": float(vocab * num_rules**level),
                "synonym_threshold": step_threshold(task.grammar, 2, weight_sharing=True),
            }
        )
    return rows


class _Task:
    """One grammar, its training and test data, and the exact law of the last token of the test data."""

    def __init__(
        self, vocab: int, num_rules: int, branching: int, depth: int, level: int, seed: int, size: int, probes: int
    ):
        self.grammar = last_token_grammar(vocab, num_rules, branching, depth, seed=seed)
        parts = sample_splits(self.grammar, {"train": size, "test": probes}, seed=seed, replacement=True)
        self.train, self.test = parts["train"].tokens, parts["test"].tokens
        self.exact: Tensor = last_token_posterior(self.grammar, self.test, context=branching**level - 1)
        self.entropy = float(torch.special.entr(self.exact).sum(-1).mean())
        self.symbols = parse(self.grammar, self.test).levels

    def losses(self, model: CountingNgram | HierarchicalNgram) -> dict:
        """Loss, exact entropy, and their difference."""
        excess = float(divergence(self.exact, model.law(self.test).log()).mean())
        return {"loss": self.entropy + excess, "entropy": self.entropy, "divergence": excess}

    def symbol_errors(self, model: HierarchicalNgram) -> dict:
        """How many symbols of each level the model's tables get wrong."""
        vocab, branching = self.grammar.vocab, self.grammar.branching
        symbols, wrong = self.test.long(), {}
        for height, table in enumerate(model.tables, start=1):
            symbols = table[string_codes(symbols.unflatten(1, (-1, branching)), vocab + 1)]
            wrong[f"symbol_error_{height}"] = clustering_error(symbols.flatten(), self.symbols[height].long().flatten())
        return wrong
