"""One grammar and its statistics, without networks: JSON arguments, rows of numbers."""

import math

import torch

from quire.hierarchy import (
    RandomHierarchy,
    class_string_covariance,
    class_threshold,
    clustering_error,
    ensemble_class_string,
    expand,
    first_step_response,
    horizon,
    oracle_error,
    pair_counts,
    parse,
    sample,
    synonym_clusters,
    zipf_law,
)
from quire.rng import generator
from quire.types import Shaped, Tensor

__all__ = ["class_signal", "derivation", "first_step_clustering", "string_signal", "zipf_curve"]

ROUNDING = 1e-20  # of a squared covariance in units of a typical one


def derivation(*, vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int) -> list[dict]:
    """Nodes of one derivation tree, from the tokens up, and whether the parser finds the symbol that was drawn.

    Returns:
        level, place, parent_place (in units of tokens, from the left), symbol, and whether it was read wrongly, one row each.
    """
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    parsed = parse(grammar, sample(grammar, 1, seed=seed, replacement=False).tokens)
    rows = []
    for level, (found, symbols) in enumerate(zip(parsed.levels, expand(grammar, parsed.trees), strict=True)):
        for position, (symbol, drawn) in enumerate(zip(found[0].tolist(), symbols[0].tolist(), strict=True)):
            centre = (position + 0.5) * branching**level - 0.5
            parent = (position // branching + 0.5) * branching ** (level + 1) - 0.5 if level < depth else centre
            place = {"level": level, "place": centre, "parent_place": parent}
            rows.append({**place, "symbol": symbol, "wrong": symbol != drawn})
    return rows


def class_signal(
    *, vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int, ratios: list
) -> list[dict]:
    """Class-string covariances measured in P = ratio · n_c m^L data, and the P where signal and noise are equal.

    Signal and noise are mean squares over the strings of the first patch: of the exact covariance, and of the
    difference between measured and exact.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        ratios: P in units of n_c m^L.

    Returns:
        samples, measured, signal, noise, their theories, crossing and threshold (n_c m^L), one row for each size.
    """
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    exact = class_string_covariance(grammar, 0).flatten(1)
    signal, threshold, rows = float(exact.square().mean()), class_threshold(grammar), []
    for ratio in ratios:
        size = max(2, round(ratio * threshold))
        data = sample(grammar, size, seed=seed, replacement=True)
        joint = pair_counts(data.labels, _strings(grammar, data.tokens), exact.shape).double() / size
        measured = joint - joint.sum(1, keepdim=True) * joint.sum(0)
        rows.append(
            {
                "samples": size,
                "measured": float(measured.square().mean()),
                "signal": signal,
                "noise": float((measured - exact).square().mean()),
                "noise_theory": 1 / (num_classes * vocab * num_rules * size),
                "signal_theory": ensemble_class_string(grammar),
            }
        )
    return [row | {"crossing": _crossing(rows, signal), "threshold": threshold} for row in rows]


def string_signal(*, vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int) -> list[dict]:
    """Class-string covariances of the first patch, by string and class, in units of their root mean square.

    Returns:
        string, its symbol, label, covariance and spread (the largest difference between synonyms), one row each.
    """
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    exact = class_string_covariance(grammar, 0)
    exact = exact / exact.square().mean().sqrt()
    spread = float((exact - exact[..., :1]).abs().max())
    return [
        {"string": symbol * num_rules + rule, "symbol": symbol, "label": label, "covariance": value, "spread": spread}
        for label, by_symbol in enumerate(exact.tolist())
        for symbol, by_rule in enumerate(by_symbol)
        for rule, value in enumerate(by_rule)
    ]


def first_step_clustering(
    *, vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int, ratios: list
) -> list[dict]:
    """Fraction of the strings of the first patch that k-means on the first gradient step assigns to a wrong symbol.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        ratios: P in units of √n_c m^L.

    Returns:
        One row for each size; relative_error is in units of the error with shuffled labels (nan where that is zero), and
        needed is the P where it crosses one half (nan where it does not).
    """
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    scale, rows = math.sqrt(num_classes) * num_rules**depth, []
    for ratio in ratios:
        size = max(2, round(ratio * scale))
        data = sample(grammar, size, seed=seed, replacement=True)
        strings = _strings(grammar, data.tokens)
        shuffled = data.labels[torch.randperm(size, generator=generator("hierarchy.shuffle", seed))]
        found, chance = (_misplaced(grammar, strings, labels, seed) for labels in (data.labels, shuffled))
        relative = found / chance if chance else math.nan
        row = {"samples": size, "scaled_samples": size / scale, "clustering_error": found}
        rows.append({**row, "relative_error": relative})
    needed = horizon([row["samples"] for row in rows], [max(row["relative_error"], 1e-4) for row in rows], 0.5)
    return [row | {"needed": needed, "scale": scale} for row in rows]


def zipf_curve(*, exponent: float, num_rules: int, num_strings: int, ranks: list) -> list[dict]:
    """Error of the learner that knows the rules of frequency above 1/P, at the P where rank K is just unknown.

    Args:
        exponent: a of the law k^-(1+a).
        num_rules: rules of the law.
        num_strings: strings of a datum that must all be known.
        ranks: K.

    Returns:
        rank, samples, error and predicted_slope, one row for each rank.
    """
    law = zipf_law(num_rules, exponent)
    data = torch.tensor([1 / law[rank - 1] for rank in ranks], dtype=torch.float64) * (1 - 1e-9)
    errors = oracle_error(law, data, num_strings=num_strings)
    return [
        {"rank": rank, "samples": float(size), "error": float(error), "predicted_slope": -exponent / (1 + exponent)}
        for rank, size, error in zip(ranks, data, errors, strict=True)
    ]


def _strings(grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"]) -> Shaped[Tensor, "samples"]:
    """Which of the v·m strings, symbol · m + rule, stands in the first patch."""
    parsed = parse(grammar, tokens[:, : grammar.branching])
    return parsed.levels[1][:, 0] * grammar.num_rules + parsed.rules[0][:, 0]


def _crossing(rows: list[dict], signal: float) -> float:
    """The P where signal and noise are equal, from each size, since the noise falls as 1/P; nan without a signal."""
    if signal < ROUNDING * rows[0]["signal_theory"] or not all(row["noise"] for row in rows):
        return math.nan
    return math.exp(sum(math.log(row["samples"] * row["noise"]) for row in rows) / len(rows)) / signal


def _misplaced(
    grammar: RandomHierarchy, strings: Shaped[Tensor, "samples"], labels: Shaped[Tensor, "samples"], seed: int
) -> float:
    """Fraction of the strings that clusters of the first gradient step put with wrong synonyms."""
    sizes = dict(num_strings=grammar.vocab * grammar.num_rules, num_classes=grammar.num_classes)
    clusters = synonym_clusters(
        first_step_response(strings, labels, **sizes), num_clusters=grammar.vocab, seed=seed, restarts=10
    )
    return clustering_error(clusters, torch.arange(grammar.vocab).repeat_interleave(grammar.num_rules))
