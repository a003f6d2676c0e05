"""Cells of the chapter on classification that train no network: one grammar and its statistics each."""

import math

import torch

from quire import hierarchy as h
from quire.rng import generator

__all__ = ["class_signal", "derivation", "first_step_clustering", "string_signal", "zipf_curve"]


def derivation(vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int) -> list[dict]:
    """Nodes of one derivation tree, from the tokens up, and whether the parser finds the symbol that was drawn."""
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    data = h.sample(grammar, 1, seed=seed, replacement=False)
    parsed = h.parse(grammar, data.tokens)
    drawn = h.expand(grammar, parsed.trees)
    rows = []
    for level, (found, symbols) in enumerate(zip(parsed.levels, drawn, strict=True)):
        for position, (symbol, expected) in enumerate(zip(found[0].tolist(), symbols[0].tolist(), strict=True)):
            centre = (position + 0.5) * branching**level - 0.5
            parent = (position // branching + 0.5) * branching ** (level + 1) - 0.5 if level < depth else centre
            rows.append(
                {"level": level, "place": centre, "parent_place": parent, "symbol": symbol, "wrong": symbol != expected}
            )
    return rows


def class_signal(
    vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int, ratios: list[float]
) -> list[dict]:
    """Class-string covariances measured in P = ratio · n_c m^L data, and the P where signal and noise are equal.

    Signal and noise are mean squares over the strings of the first patch: of the exact covariance, and of the
    difference between measured and exact.
    """
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    exact = h.class_string_covariance(grammar, 0).flatten(1)
    signal, rows = float(exact.square().mean()), []
    for ratio in ratios:
        size = max(2, round(ratio * h.class_threshold(grammar)))
        data = h.sample(grammar, size, seed=seed, replacement=True)
        strings = _strings(grammar, data.tokens)
        joint = h.pair_counts(data.labels, strings, exact.shape).double() / size
        measured = joint - joint.sum(1, keepdim=True) * joint.sum(0)
        noise = float((measured - exact).square().mean())
        rows.append(
            {
                "samples": size,
                "measured": float(measured.square().mean()),
                "signal": signal,
                "noise": noise,
                "noise_theory": 1 / (num_classes * vocab * num_rules * size),
                "signal_theory": h.ensemble_class_string(grammar),
            }
        )
    # the noise falls as 1/P: each size gives an estimate of P · noise
    level = math.exp(sum(math.log(row["samples"] * row["noise"]) for row in rows) / len(rows))
    return [row | {"crossing": level / signal, "threshold": h.class_threshold(grammar)} for row in rows]


def string_signal(vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int) -> list[dict]:
    """Class-string covariances of the first patch, by string and class, in units of their root mean square."""
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    exact = h.class_string_covariance(grammar, 0)
    exact = exact / exact.square().mean().sqrt()
    spread = float((exact - exact[..., :1]).abs().max())
    return [
        {"string": symbol * num_rules + rule, "symbol": symbol, "label": label, "covariance": value, "spread": spread}
        for label, by_symbol in enumerate(exact.tolist())
        for symbol, by_rule in enumerate(by_symbol)
        for rule, value in enumerate(by_rule)
    ]


def first_step_clustering(
    vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, seed: int, ratios: list[float]
) -> list[dict]:
    """Fraction of the strings of the first patch that k-means on the first gradient step assigns to a wrong symbol.

    P = ratio · √n_c m^L. ``relative_error`` is in units of the error with shuffled labels, and ``needed`` is the P where it
    crosses one half.
    """
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)
    scale = math.sqrt(num_classes) * num_rules**depth
    truth = torch.arange(vocab).repeat_interleave(num_rules)
    sizes = dict(num_strings=vocab * num_rules, num_classes=num_classes)
    rows = []
    for ratio in ratios:
        size = max(2, round(ratio * scale))
        data = h.sample(grammar, size, seed=seed, replacement=True)
        strings = _strings(grammar, data.tokens)
        shuffled = data.labels[torch.randperm(size, generator=generator("hierarchy.shuffle", seed))]
        found = []
        for labels in (data.labels, shuffled):
            response = h.first_step_response(strings, labels, **sizes)
            clusters = h.synonym_clusters(response, num_clusters=vocab, seed=seed, restarts=10)
            found.append(h.clustering_error(clusters, truth))
        rows.append(
            {
                "samples": size,
                "scaled_samples": size / scale,
                "clustering_error": found[0],
                "relative_error": found[0] / found[1],
            }
        )
    needed = h.horizon([row["samples"] for row in rows], [max(row["relative_error"], 1e-4) for row in rows], 0.5)
    return [row | {"needed": needed, "scale": scale} for row in rows]


def zipf_curve(exponent: float, num_rules: int, num_strings: int, ranks: list[int]) -> list[dict]:
    """Error of the learner that knows the rules of frequency above 1/P, at the P where rank K is just unknown."""
    law = h.zipf_law(num_rules, exponent)
    data = torch.tensor([1 / law[rank - 1] for rank in ranks], dtype=torch.float64) * (1 - 1e-9)
    errors = h.oracle_error(law, data, num_strings=num_strings)
    return [
        {"rank": rank, "samples": float(size), "error": float(error), "predicted_slope": -exponent / (1 + exponent)}
        for rank, size, error in zip(ranks, data, errors, strict=True)
    ]


def _strings(grammar, tokens):
    """Which of the v·m strings, symbol · m + rule, stands in the first patch."""
    parsed = h.parse(grammar, tokens[:, : grammar.branching])
    return parsed.levels[1][:, 0] * grammar.num_rules + parsed.rules[0][:, 0]
