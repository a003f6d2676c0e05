"""Cells of the chapter on classification that train networks: nested training sets of one grammar, in one batch."""

import torch

from quire import hierarchy as h
from quire.nets import FullyConnectedConfig, TreeConfig, activations, fully_connected, tree_cnn
from quire.regression import NestedRegression
from quire.rng import generator
from quire.training import MemberData, TrainConfig, evaluate, train

__all__ = ["layer_sensitivity", "lazy_curve", "learning_curve", "sparse_curve"]


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
    grammar = _grammar(vocab, num_rules, branching, depth, num_classes, seed, rules)
    sizes = _sizes(grammar, ratios, unit)
    data = h.sample_splits(
        grammar, {"train": sizes[-1], "test": min(4096, grammar.num_data - sizes[-1])}, seed=seed, replacement=False
    )
    net = _network(grammar, network, width, len(sizes), seed)
    result = _fit(net, data["train"], sizes, seed, learning_rate, max_steps, device)
    found = evaluate(
        result.net, _shared(data["test"], [len(data["test"].labels)] * len(sizes), device), loss="cross_entropy"
    )
    chance, errors = 1 - 1 / num_classes, found["error"].tolist()
    needed = h.horizon(sizes, [max(e, 1e-4) for e in errors], level * chance)
    return [
        {
            "samples": size,
            "error": error,
            "relative_error": error / chance,
            "needed": needed,
            "threshold": h.class_threshold(grammar),
            "num_data": float(grammar.num_data),
            "steps": int(steps),
            "fitted": reason == "stop_loss",
        }
        for size, error, steps, reason in zip(sizes, errors, result.steps, result.stop_reasons, strict=True)
    ]


def lazy_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    network: str,
    seed: int,
    ratios: list[float],
    unit: str,
    level: float,
    ridge: float = 1e-8,
) -> list[dict]:
    """Test error of kernel regression on one-hot labels with the tangent kernel of the "cnn", or "shallow", network."""
    grammar = _grammar(vocab, num_rules, branching, depth, num_classes, seed, "random")
    sizes = _sizes(grammar, ratios, unit)
    data = h.sample_splits(
        grammar, {"train": sizes[-1], "test": min(1024, grammar.num_data - sizes[-1])}, seed=seed, replacement=False
    )
    train_tokens, test_tokens = data["train"].tokens, data["test"].tokens
    filter_size = branching if network == "cnn" else grammar.num_tokens
    gram, cross = (
        h.tree_tangent_kernel(train_tokens, other, vocab=vocab, branching=filter_size)
        for other in (train_tokens, test_tokens)
    )
    targets = torch.nn.functional.one_hot(data["train"].labels.long(), num_classes).double() - 1 / num_classes
    outputs = NestedRegression(gram, cross, ridge=ridge).predictions(targets, sizes=sizes)
    errors = (outputs.argmax(-1) != data["test"].labels.long()).double().mean(1).tolist()
    chance = 1 - 1 / num_classes
    needed = h.horizon(sizes, [max(e, 1e-4) for e in errors], level * chance)
    return [
        {
            "samples": size,
            "error": error,
            "relative_error": error / chance,
            "needed": needed,
            "threshold": h.class_threshold(grammar),
            "num_data": float(grammar.num_data),
        }
        for size, error in zip(sizes, errors, strict=True)
    ]


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
    grammar = _grammar(vocab, num_rules, branching, depth, num_classes, seed, "random")
    sizes = _sizes(grammar, ratios, "threshold")
    data = h.sample_splits(grammar, {"train": sizes[-1], "test": probes}, seed=seed, replacement=True)
    net = _network(grammar, "cnn", width, len(sizes), seed)
    result = _fit(net, data["train"], sizes, seed, learning_rate, max_steps, device)
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


def sparse_curve(
    vocab: int,
    branching: int,
    depth: int,
    num_empty: int,
    placement: str,
    network: str,
    width: int,
    seed: int,
    sizes: list[int],
    level: float,
    *,
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error on the sparse hierarchy (n_c = v, m = v^(s-1)) of a "cnn" or "lcn" whose filters cover a patch."""
    grammar = h.RandomHierarchy(vocab, vocab ** (branching - 1), branching, depth, vocab, seed=seed)
    sparse = h.SparseHierarchy(grammar, num_empty, placement)
    train_set = h.sample_sparse(sparse, max(sizes), seed=seed)
    test_set = h.sample_sparse(sparse, 2048, seed=seed, split="test")
    config = TreeConfig(
        filter_size=sparse.patch_size,
        depth=depth,
        width=width,
        num_classes=vocab,
        vocab=vocab,
        weight_sharing=network == "cnn",
    )
    net = tree_cnn(config, generators=_generators("init", seed, len(sizes)))
    result = _fit(net, h.Samples(*train_set, True, "train", 0), sizes, seed, learning_rate, max_steps, device)
    test = _shared(h.Samples(*test_set, True, "test", 0), [2048] * len(sizes), device)
    errors = evaluate(result.net, test, loss="cross_entropy")["error"].tolist()
    chance = 1 - 1 / vocab
    needed = h.horizon(sizes, [max(e, 1e-4) for e in errors], level * chance)
    return [
        {
            "samples": size,
            "error": error,
            "relative_error": error / chance,
            "needed": needed,
            "fitted": reason == "stop_loss",
        }
        for size, error, reason in zip(sizes, errors, result.stop_reasons, strict=True)
    ]


def _grammar(vocab, num_rules, branching, depth, num_classes, seed, rules):
    if rules == "latin":
        if not (vocab == num_rules == num_classes and branching == 2):
            raise ValueError("the uncorrelated grammar needs num_rules = num_classes = vocab and branching = 2")
        return h.uncorrelated_hierarchy(vocab, depth, seed=seed)
    return h.RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)


def _sizes(grammar, ratios, unit):
    scale = {"threshold": h.class_threshold(grammar), "data": grammar.num_data}[unit]
    sizes = sorted({max(grammar.num_classes, round(ratio * scale)) for ratio in ratios})
    return [size for size in sizes if size <= 0.85 * grammar.num_data]


def _network(grammar, network, width, members, seed):
    generators = _generators("init", seed, members)
    sizes = dict(width=width, num_classes=grammar.num_classes, vocab=grammar.vocab)
    if network in ("cnn", "lcn"):
        config = TreeConfig(
            filter_size=grammar.branching, depth=grammar.depth, weight_sharing=network == "cnn", **sizes
        )
        return tree_cnn(config, generators=generators)
    depth = {"shallow": 1, "deep": grammar.depth}[network]
    config = FullyConnectedConfig(num_inputs=grammar.num_tokens, depth=depth, **sizes)
    return fully_connected(config, generators=generators)


def _fit(net, samples, sizes, seed, learning_rate, max_steps, device):
    config = TrainConfig(
        learning_rate=learning_rate,
        max_steps=max_steps,
        batch_size=128,
        optimizer="momentum",
        momentum=0.9,
        stop_loss=3e-3,
        checkpoints_per_decade=1,
        on_divergence="stop",
    )
    orders = _generators("order", seed, len(sizes))
    return train(net.to(device), _shared(samples, sizes, device), config=config, generators=orders)


def _shared(samples, sizes, device):
    return MemberData.shared(samples.tokens.to(device), samples.labels.long().to(device), sizes=sizes)


def _generators(stream, seed, members):
    return [generator(f"hierarchy.{stream}", seed, member) for member in range(members)]
