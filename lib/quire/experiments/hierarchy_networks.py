"""Cells of the chapter on classification that train networks: nested training sets of one grammar, in one batch."""

import torch

from quire import hierarchy as h
from quire.experiments.hierarchy_fit import (
    curve_rows,
    draw_grammar,
    fit,
    nested_data,
    nested_sizes,
    network_for,
    scales,
    test_errors,
)
from quire.nets import activations
from quire.rng import generator

__all__ = ["layer_sensitivity", "learning_curve"]


def learning_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    network: str,
    width: int,
    seed: int,
    ratios: list[float],
    unit: str,
    level: float,
    *,
    rules: str = "random",
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error of networks trained on nested sets of P data, drawn without replacement, until they fit.

    Args:
        network: "cnn" or "lcn" (matched to the tree), "shallow" (one hidden layer) or "deep" (fully connected, depth L).
        ratios: P in units of ``unit``.
        unit: "threshold" (n_c m^L) or "data" (all P_max of them).
        level: of the threshold, as a fraction of the error 1 - 1/n_c of chance.
        rules: "random", or "latin" (the uncorrelated grammar, which needs m = n_c = v).

    Returns:
        One row per size, with ``needed``: the P at which the error crosses the level (nan where it does not).
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules=rules)
    sizes, data = nested_data(grammar, ratios, unit, seed, num_test=4096)
    net = network_for(grammar, network, width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, data["test"], device=device)
    return curve_rows(sizes, errors, level=level, result=result, **scales(grammar))


def layer_sensitivity(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    width: int,
    seed: int,
    ratios: list[float],
    *,
    probes: int = 512,
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Synonymic sensitivity of every layer of the tree-matched network, after training on P = ratio · n_c m^L data.

    Every level-l symbol is made to change its rule, so that a layer that ignores the hierarchy has sensitivity one.
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules="random")
    sizes = nested_sizes(grammar, ratios, "threshold")
    data = h.sample_splits(grammar, {"train": sizes[-1], "test": probes}, seed=seed, replacement=True)
    net = network_for(grammar, "cnn", width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    trees = h.parse(grammar, data["test"].tokens).trees
    rows = []
    for member, size in enumerate(sizes):
        single = result.net.select([member])

        def layers(tokens, single=single):
            with torch.no_grad():
                found = activations(single, tokens.to(next(single.parameters()).device))
            return [found[name][0].cpu() for name in single.layer_names]

        table = h.synonymic_sensitivity(
            grammar, trees, layers, change=True, generator=generator("hierarchy.sensitivity", seed)
        )
        rows += [
            {
                "samples": size,
                "scaled_samples": size / h.class_threshold(grammar),
                "layer": layer + 1,
                "level": level + 1,
                "sensitivity": float(table[layer, level]),
                "invariant": layer > level,
            }
            for layer in range(depth + 1)
            for level in range(depth)
        ]
    return rows
