"""Cells on the statistics that reveal synonyms: covariances of strings with a token, and clustering. JSON arguments to rows."""

import torch

from quire.hierarchy import (
    RandomHierarchy,
    clustering_error,
    first_step_response,
    parse,
    sample,
    string_token_covariance,
    synonym_clusters,
)
from quire.types import Int, Tensor

__all__ = ["clustering", "composition_grammar", "string_covariances", "threshold"]


def composition_grammar(vocab: int, num_rules: int, branching: int, depth: int, *, seed: int) -> RandomHierarchy:
    """A random grammar with as many roots as symbols; nobody is told the root."""
    return RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)


def threshold(grammar: RandomHierarchy, level: int) -> float:
    """P_l = v m^(l+2)/(1-f): data that reveal the synonyms of level-l symbols, l from 1 (the paper's ℓ is l + 1).

    >>> threshold(RandomHierarchy(16, 4, 2, 3, 16), 1)
    1365.3333333333333
    """
    return grammar.vocab * grammar.num_rules ** (level + 2) / (1 - grammar.fill)


def string_covariances(*, vocab: int, num_rules: int, branching: int, depth: int, seed: int) -> list[dict]:
    """Exact squared covariance of the string under a level-l symbol with one token whose common ancestor is of level l + 1.

    Args:
        vocab, num_rules, branching, depth: of the grammar, m < v.
        seed: of its rules.

    Returns:
        A row for every level 1 … depth - 1: the mean square ``exact`` over strings and symbols, and the ``law``.
    """
    grammar = composition_grammar(vocab, num_rules, branching, depth, seed=seed)
    rows = []
    for level in range(1, depth):
        found = string_token_covariance(grammar, (level, 0), branching**level)
        law = (1 - grammar.fill) / (vocab**3 * num_rules ** (level + 3))
        rows.append({"level": level, "exact": float(found.square().mean()), "law": law})
    return rows


def clustering(
    *, vocab: int, num_rules: int, branching: int, depth: int, seed: int, level: int, multiples: list, restarts: int
) -> list[dict]:
    """How many strings k-means puts with their synonyms, by their covariance with one token beyond, against P.

    The string is that below the first symbol of the level, in true symbols of the level below; the token is the first one
    beyond, so that their common ancestor is of level l + 1.

    Args:
        vocab, num_rules, branching, depth: of the grammar.
        seed: of its rules and data.
        level: l, from 1 to depth - 1.
        multiples: numbers of data, in units of P_l.
        restarts: of k-means.
    """
    grammar = composition_grammar(vocab, num_rules, branching, depth, seed=seed)
    unit, truth = threshold(grammar, level), torch.arange(vocab).repeat_interleave(num_rules)
    tokens = sample(grammar, round(max(multiples) * unit), seed=seed, replacement=True).tokens
    found = parse(grammar, tokens)
    strings = found.levels[level][:, 0] * num_rules + found.rules[level - 1][:, 0]
    beyond = tokens[:, branching**level].long()
    rows = []
    for multiple in multiples:
        size = max(round(multiple * unit), 1)
        token, how = beyond[:size], dict(seed=seed, restarts=restarts)
        accuracy = _accuracy(strings[:size], token, truth, vocab, **how)
        shuffled = token[torch.randperm(size, generator=_shuffle(seed))]
        chance = _accuracy(strings[:size], shuffled, truth, vocab, **how)
        rows.append({"samples": size, "scaled": size / unit, "accuracy": accuracy, "chance": chance})
    return rows


def _accuracy(
    strings: Int[Tensor, " samples"],
    beyond: Int[Tensor, " samples"],
    truth: Tensor,
    vocab: int,
    *,
    seed: int,
    restarts: int,
) -> float:
    response = first_step_response(strings, beyond, num_strings=len(truth), num_classes=vocab)
    means = response.sum(0, keepdim=True)  # of each symbol of the token, over all strings
    share = torch.bincount(strings, minlength=len(truth)).double()[:, None] / len(strings)
    ties = 1e-9 * torch.randn(
        response.shape, generator=_shuffle(seed), dtype=torch.float64
    )  # strings that were never seen
    clusters = synonym_clusters(response - share * means + ties, num_clusters=vocab, seed=seed, restarts=restarts)
    return 1 - clustering_error(clusters, truth)


def _shuffle(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
