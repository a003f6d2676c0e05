"""What the learning curves of the hierarchy chapter share: sizes, networks, the training recipe, and their rows."""

from collections.abc import Sequence

import torch
from torch import nn

from quire.hierarchy import RandomHierarchy, Samples, class_threshold, horizon, sample_splits, uncorrelated_hierarchy
from quire.nets import FullyConnectedConfig, TreeConfig, fully_connected, tree_cnn
from quire.rng import generator
from quire.training import MemberData, TrainConfig, TrainResult, evaluate, train

__all__ = [
    "curve_rows",
    "draw_grammar",
    "fit",
    "generators",
    "nested_data",
    "nested_sizes",
    "network_for",
    "scales",
    "test_errors",
]


def draw_grammar(
    vocab: int, num_rules: int, branching: int, depth: int, num_classes: int, *, seed: int, rules: str
) -> RandomHierarchy:
    """A random grammar, or the uncorrelated one, "latin".

    Raises:
        ValueError: sizes for which there is no uncorrelated grammar.
    """
    if rules == "latin":
        if not (vocab == num_rules == num_classes and branching == 2):
            raise ValueError("the uncorrelated grammar needs num_rules = num_classes = vocab and branching = 2")
        return uncorrelated_hierarchy(vocab, depth, seed=seed)
    return RandomHierarchy(vocab, num_rules, branching, depth, num_classes, seed=seed)


def nested_sizes(grammar: RandomHierarchy, ratios: Sequence[float], unit: str) -> list[int]:
    """Training-set sizes in units of n_c m^L ("threshold") or of all data ("data"), up to 0.85 of all data.

    Raises:
        ValueError: another unit, or no size that leaves data for a test.
    """
    units = {"threshold": class_threshold(grammar), "data": grammar.num_data}
    if unit not in units:
        raise ValueError(f'unit must be "threshold" or "data", got {unit!r}')
    sizes = sorted({max(grammar.num_classes, round(ratio * units[unit])) for ratio in ratios})
    small = [size for size in sizes if size <= 0.85 * grammar.num_data]
    if not small:
        raise ValueError(
            f"training sets may have 0.85 of the {grammar.num_data} data that there are, got {sizes}: lower ratios"
        )
    return small


def nested_data(
    grammar: RandomHierarchy, ratios: Sequence[float], unit: str, seed: int, *, num_test: int
) -> tuple[list[int], dict[str, Samples]]:
    """The sizes, and different data for the largest of them ("train") and for the test; see :func:`nested_sizes`."""
    sizes = nested_sizes(grammar, ratios, unit)
    counts = {"train": sizes[-1], "test": min(num_test, grammar.num_data - sizes[-1])}
    return sizes, sample_splits(grammar, counts, seed=seed, replacement=False)


def scales(grammar: RandomHierarchy) -> dict:
    """What a row is measured against: chance, n_c m^L and P_max."""
    return {
        "num_classes": grammar.num_classes,
        "threshold": class_threshold(grammar),
        "num_data": float(grammar.num_data),
    }


def network_for(
    grammar: RandomHierarchy, network: str, *, width: int, members: int, seed: int, filter_size: int = 0
) -> nn.Module:
    """An ensemble of networks, each with initial weights of its own.

    Args:
        grammar: what they shall learn.
        network: "cnn" or "lcn" (matched to the tree), "shallow" (one hidden layer) or "deep" (fully connected, depth L).
        width: channels, or units, of every layer.
        members: how many networks.
        seed: of the weights.
        filter_size: of the matched networks; 0 is the branching.

    Raises:
        ValueError: another network.
    """
    sizes = dict(width=width, num_classes=grammar.num_classes, vocab=grammar.vocab)
    if network in ("cnn", "lcn"):
        patch, shared = filter_size or grammar.branching, network == "cnn"
        config = TreeConfig(filter_size=patch, depth=grammar.depth, weight_sharing=shared, **sizes)
        return tree_cnn(config, generators=generators("init", seed, members))
    depths = {"shallow": 1, "deep": grammar.depth}
    if network not in depths:
        raise ValueError(f'network must be "cnn", "lcn", "shallow" or "deep", got {network!r}')
    config = FullyConnectedConfig(num_inputs=grammar.num_tokens, depth=depths[network], **sizes)
    return fully_connected(config, generators=generators("init", seed, members))


def fit(
    net: nn.Module,
    samples: Samples,
    sizes: Sequence[int],
    *,
    seed: int,
    learning_rate: float,
    max_steps: int,
    device: str,
) -> TrainResult:
    """Train member k on the first sizes[k] samples, by stochastic gradient descent with momentum, until it fits."""
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
    data = _members(samples, sizes, device)
    return train(net.to(device), data, config=config, generators=generators("order", seed, len(sizes)))


def test_errors(net: nn.Module, samples: Samples, *, device: str) -> list[float]:
    """Fraction of the samples that each network misclassifies."""
    data = _members(samples, [len(samples.labels)] * net.members, device)
    return evaluate(net, data, loss="cross_entropy")["error"].tolist()


def curve_rows(
    sizes: Sequence[int],
    errors: Sequence[float],
    *,
    num_classes: int,
    level: float,
    result: TrainResult | None = None,
    **same: float,
) -> list[dict]:
    """One row per size: its error, also in units of 1 - 1/n_c, the P where the curve crosses that level, and how training ended.

    Args:
        level: of the crossing ``needed``, in units of the error of chance (nan where the curve does not cross it).
        result: of the training; None where nothing was trained.
        same: columns that are equal in all rows.
    """
    chance = 1 - 1 / num_classes
    needed = horizon(list(sizes), [max(error, 1e-4) for error in errors], level * chance)
    rows = [
        {"samples": size, "error": error, "relative_error": error / chance, "needed": needed, **same}
        for size, error in zip(sizes, errors, strict=True)
    ]
    if result is not None:
        for row, steps, reason in zip(rows, result.steps, result.stop_reasons, strict=True):
            row |= {"steps": int(steps), "fitted": reason == "stop_loss"}
    return rows


def generators(stream: str, seed: int, members: int) -> list[torch.Generator]:
    """One generator per network of this stream."""
    return [generator(f"hierarchy.{stream}", seed, member) for member in range(members)]


def _members(samples: Samples, sizes: Sequence[int], device: str) -> MemberData:
    return MemberData.shared(samples.tokens.to(device), samples.labels.long().to(device), sizes=sizes)
