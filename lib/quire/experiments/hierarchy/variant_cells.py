"""Networks on other data, and trained in another way: rules of Zipf frequencies, symbols among empty places, an annealed
learning rate. JSON arguments, rows of numbers."""

import torch

from quire.experiments.hierarchy.fitting import (
    curve_rows,
    draw_grammar,
    fit,
    generators,
    nested_data,
    network_for,
    scales,
    test_errors,
)
from quire.hierarchy import (
    RandomHierarchy,
    Samples,
    SparseHierarchy,
    oracle_error,
    sample_sparse,
    sample_splits,
    zipf_law,
)
from quire.training import MemberData, TrainConfig, train

__all__ = ["annealed_curve", "sparse_curve", "zipf_network_curve"]

NUM_TEST = 8192


def annealed_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    rules: str,
    width: int,
    seed: int,
    ratios: list,
    learning_rate: float,
    max_epochs: int,
    schedule_period: float,
    stop_loss: float,
    device: str = "cpu",
) -> list[dict]:
    """Test error of the convolutional network trained as the published code of cagnetta2024rhm does by default.

    Its learning rate follows a cosine to zero, and a number of passes over the data ends the training, fitted or not; there are
    no biases here, and tokens are one-hot vectors of mean zero and norm one.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        rules: "random" or "latin".
        width: channels of every layer.
        ratios: P / P_max.
        learning_rate: at the beginning, in mean-field units.
        max_epochs: passes over the training set.
        schedule_period: fraction of them until the rate is zero; after it the rate climbs back.
        stop_loss: training loss at which a network stops earlier.
        device: where they are trained.

    Returns:
        One row per size, with the training loss that it ends with.
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules=rules)
    sizes, data = nested_data(grammar, ratios, "data", seed, num_test=4096)
    net = network_for(grammar, "cnn", width=width, members=len(sizes), seed=seed).to(device)
    config = TrainConfig(
        learning_rate=learning_rate,
        max_epochs=max_epochs,
        batch_size=128,
        optimizer="momentum",
        schedule="cosine",
        schedule_period=schedule_period,
        stop_loss=stop_loss,
        checkpoints_per_decade=1,
        on_divergence="stop",
    )
    there = MemberData.shared(data["train"].tokens.to(device), data["train"].labels.long().to(device), sizes=sizes)
    result = train(net, there, config=config, generators=generators("order", seed, len(sizes)))
    errors = test_errors(result.net, data["test"], device=device)
    rows = curve_rows(sizes, errors, level=0.1, result=result, **scales(grammar))
    return [row | {"train_loss": loss} for row, loss in zip(rows, result.train_loss.tolist(), strict=True)]


def sparse_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_empty: int,
    placement: str,
    network: str,
    width: int,
    seed: int,
    sizes: list,
    level: float,
    learning_rate: float = 0.25,
    max_steps: int = 20_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error on the sparse hierarchy (n_c = v) of networks whose filters cover a patch.

    The two networks see the same grammar and the same data.

    Args:
        vocab, num_rules, branching, depth, seed: of the grammar.
        num_empty: s_0, empty places per symbol.
        placement: "blocks" or "anywhere".
        network: "cnn", or "lcn" with other weights at every place.
        width: channels of every layer.
        sizes: P, increasing.
        level: of the threshold, as a fraction of the error 1 - 1/n_c of chance.
        learning_rate, max_steps, device: of the training.

    Returns:
        One row per size, with needed: the P at which the error crosses the level (nan where it does not).
    """
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
    sparse = SparseHierarchy(grammar, num_empty, placement)
    train = Samples(*sample_sparse(sparse, max(sizes), seed=seed), True, "train", 0)
    test = Samples(*sample_sparse(sparse, 2048, seed=seed, split="test"), True, "test", 0)
    net = network_for(grammar, network, width=width, members=len(sizes), seed=seed, filter_size=sparse.patch_size)
    result = fit(net, train, sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, test, device=device)
    return curve_rows(sizes, errors, num_classes=vocab, level=level, result=result)


def zipf_network_curve(
    *,
    vocab: int,
    num_rules: int,
    num_classes: int,
    exponent: float,
    width: int,
    seed: int,
    ratios: list,
    prefactor: float = 2.5,
    learning_rate: float = 0.25,
    max_steps: int = 200_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error of the tree-matched network of depth two when the rules of the lowest level follow k^-(1+a), s = 2.

    Data are drawn with replacement, as the law gives them; the network is trained until it fits.

    Args:
        vocab, num_rules, num_classes, seed: of the grammar.
        exponent: a.
        width: channels of every layer.
        ratios: P in units of n_c m, the data that a rule of frequency one needs.
        prefactor: of the ideal learner beside it, which knows a rule from ``prefactor`` n_c m / f_k data on.
        learning_rate, max_steps, device: of the training.

    Returns:
        One row per size; ideal is the probability that the ideal learner meets a rule that it does not know.
    """
    law = zipf_law(num_rules, exponent)
    grammar = RandomHierarchy(vocab, num_rules, 2, 2, num_classes, seed=seed, rule_law={1: law})
    unit = num_classes * num_rules
    sizes = sorted({round(ratio * unit) for ratio in ratios})
    data = sample_splits(grammar, {"train": sizes[-1], "test": NUM_TEST}, seed=seed, replacement=True)
    net = network_for(grammar, "cnn", width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, data["test"], device=device)
    scaled = torch.tensor(sizes, dtype=torch.float64) / unit
    ideal = oracle_error(law, scaled / prefactor, num_strings=2).tolist()
    rows = curve_rows(sizes, errors, num_classes=num_classes, level=0.1, result=result)
    return [row | {"scaled_samples": float(x), "ideal": y} for row, x, y in zip(rows, scaled, ideal, strict=True)]
