"""Cells on the statistics of one grammar: correlations, in data and exactly, and exact entropies. JSON arguments to rows."""

import math

from quire.experiments.language.grammars import last_token_grammar
from quire.hierarchy import (
    asymptotic_string_token,
    asymptotic_token_token,
    conditional_entropies,
    ensemble_token_token,
    last_token_correlations,
    lca_level,
    mean_candidates,
    sample,
    step_threshold,
    string_token_covariance,
    token_covariance,
)

__all__ = ["ensemble_correlations", "entropies", "sampled_correlations"]


def sampled_correlations(
    *, vocab: int, num_rules: int, branching: int, depth: int, seed: int, sizes: list
) -> list[dict]:
    """Correlation of the last token with the one t before: in P data, its noise floor, and exactly.

    Args:
        vocab, num_rules, branching, depth: of the grammar.
        seed: of its rules, and of the data.
        sizes: numbers P of data.

    Returns:
        A row for every P and distance: mean squared covariances ``measured``, ``floor`` and ``exact``, roots of two of them,
        and ``noise_constant``, what the data add to the exact one, in units of 1/(v² P).
    """
    grammar, last = last_token_grammar(vocab, num_rules, branching, depth, seed=seed), branching**depth - 1
    distances = range(1, last + 1)
    exact = [float(token_covariance(grammar, last - t, last).square().mean()) for t in distances]
    rows = []
    for size in sizes:
        tokens = sample(grammar, size, seed=seed, replacement=True).tokens
        found = last_token_correlations(tokens, vocab, distances=distances)
        rows += [
            {
                "samples": size,
                "distance": t,
                "level": lca_level(grammar, last - t, last),
                "measured": seen.measured,
                "floor": seen.floor,
                "exact": signal,
                "rms": seen.measured**0.5,
                "exact_rms": signal**0.5,
                "noise_constant": max(seen.measured - signal, 0.0) * vocab**2 * size,
            }
            for t, signal, seen in zip(distances, exact, found, strict=True)
        ]
    return rows


def ensemble_correlations(*, vocab: int, num_rules: int, branching: int, depth: int, seed: int) -> list[dict]:
    """Exact squared correlations of one grammar at the first distance of every plateau, with both theories.

    Of the last token with the token there, and with the string of s tokens there (from the second plateau on).

    Args:
        vocab, num_rules, branching, depth: of the grammar, which has fewer rules than there are strings for them.
        seed: of its rules.
    """
    grammar, last = last_token_grammar(vocab, num_rules, branching, depth, seed=seed), branching**depth - 1
    rows = []
    for level in range(1, depth + 1):
        t = branching ** (level - 1)
        string = math.nan
        if level > 1:
            node = (1, (last - t) // branching)
            string = float(string_token_covariance(grammar, node, last).square().mean())
        rows.append(
            {
                "level": level,
                "distance": t,
                "signal": float(token_covariance(grammar, last - t, last).square().mean()),
                "finite_size": ensemble_token_token(grammar, level),
                "asymptotic": asymptotic_token_token(grammar, level),
                "string_signal": string,
                "string_asymptotic": asymptotic_string_token(grammar, level),
                "threshold": step_threshold(grammar, level, weight_sharing=False),
            }
        )
    return rows


def entropies(
    *, vocab: int, num_rules: int, branching: int, depth: int, seed: int, contexts: list, probes: int
) -> list[dict]:
    """Exact entropy of the last token given n tokens, averaged over sampled contexts, and ln N̄ where n = s^l - 1.

    Args:
        vocab, num_rules, branching, depth: of the grammar.
        seed: of its rules, and of the contexts.
        contexts: the n.
        probes: number of contexts, two or more.

    Returns:
        A row for every n; ``level`` is l, -1 where n is between.
    """
    grammar = last_token_grammar(vocab, num_rules, branching, depth, seed=seed)
    tokens = sample(grammar, probes, seed=seed, replacement=True, split="test").tokens
    aligned = {branching**level - 1: level for level in range(depth + 1)}
    rows = []
    for context, values in zip(contexts, conditional_entropies(grammar, tokens, contexts=contexts), strict=True):
        level = aligned.get(context, -1)
        bound = math.log(mean_candidates(grammar, level)) if level >= 0 else math.nan
        rows.append(
            {
                "context": context,
                "level": level,
                "entropy": float(values.mean()),
                "entropy_error": float(values.std()) / probes**0.5,
                "bound": bound,
            }
        )
    return rows
