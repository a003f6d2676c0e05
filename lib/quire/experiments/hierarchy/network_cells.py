"""Trained networks on nested training sets of one grammar, in one batch: JSON arguments, rows of numbers."""

from collections.abc import Callable

import torch
from torch import nn

from quire.experiments.hierarchy.fitting import (
    curve_rows,
    draw_grammar,
    fit,
    nested_data,
    nested_sizes,
    network_for,
    scales,
    test_errors,
)
from quire.hierarchy import class_threshold, parse, sample_splits, synonymic_sensitivity
from quire.nets import activations
from quire.rng import generator
from quire.types import Tensor

__all__ = ["layer_sensitivity", "learning_curve"]


def learning_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    network: str,
    width: int,
    seed: int,
    ratios: list,
    unit: str,
    level: float,
    rules: str = "random",
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error of networks trained on nested sets of P data, drawn without replacement, until they fit.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        network: "cnn" or "lcn" (matched to the tree), "shallow" (one hidden layer) or "deep" (fully connected, depth L).
        width: channels, or units, of every layer.
        ratios: P in units of ``unit``.
        unit: "threshold" (n_c m^L) or "data" (all P_max of them).
        level: of the threshold, as a fraction of the error 1 - 1/n_c of chance.
        rules: "random", or "latin" (the uncorrelated grammar, which needs m = n_c = v).
        learning_rate: of stochastic gradient descent with momentum.
        max_steps: longest training.
        device: where they are trained.

    Returns:
        One row per size, with needed: the P at which the error crosses the level (nan where it does not).
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules=rules)
    sizes, data = nested_data(grammar, ratios, unit, seed, num_test=4096)
    net = network_for(grammar, network, width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, data["test"], device=device)
    return curve_rows(sizes, errors, level=level, result=result, **scales(grammar))


def layer_sensitivity(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    width: int,
    seed: int,
    ratios: list,
    probes: int = 512,
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Synonymic sensitivity of every layer of the tree-matched network, after training on P = ratio · n_c m^L data.

    Every level-l symbol is made to change its rule, so that a layer that ignores the hierarchy has sensitivity one.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        width: channels of every layer.
        ratios: P in units of n_c m^L.
        probes: data on which the activations are compared.
        learning_rate, max_steps, device: as in :func:`learning_curve`.

    Returns:
        samples, scaled_samples, layer, level, sensitivity, and whether the layer should be invariant, one row each.
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules="random")
    sizes = nested_sizes(grammar, ratios, "threshold")
    data = sample_splits(grammar, {"train": sizes[-1], "test": probes}, seed=seed, replacement=True)
    net = network_for(grammar, "cnn", width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    trees = parse(grammar, data["test"].tokens).trees
    rows = []
    for member, size in enumerate(sizes):
        layers, same = _layers(result.net.select([member])), generator("hierarchy.sensitivity", seed)
        table = synonymic_sensitivity(grammar, trees, layers, change=True, generator=same).tolist()
        at = {"samples": size, "scaled_samples": size / class_threshold(grammar)}
        for layer, values in enumerate(table, start=1):
            for level, value in enumerate(values, start=1):
                place = {"layer": layer, "level": level}
                rows.append({**at, **place, "sensitivity": value, "invariant": layer > level})
    return rows


def _layers(net: nn.Module) -> Callable[[Tensor], list[Tensor]]:
    """The function from tokens to the activations of every layer of an ensemble of one."""

    def represent(tokens: Tensor) -> list[Tensor]:
        with torch.no_grad():
            found = activations(net, tokens.to(next(net.parameters()).device))
        return [found[name][0].cpu() for name in net.layer_names]

    return represent
