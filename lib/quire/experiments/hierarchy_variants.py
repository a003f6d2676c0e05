"""Cells of the chapter on classification with other data: rules of Zipf frequencies, and symbols among empty places."""

import torch

from quire import hierarchy as h
from quire.experiments.hierarchy_fit import curve_rows, fit, network_for, test_errors

__all__ = ["sparse_curve", "zipf_network_curve"]

NUM_TEST = 8192


def sparse_curve(
    vocab: int,
    num_rules: int,
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
    """Test error on the sparse hierarchy (n_c = v) of a "cnn" or "lcn" whose filters cover a patch.

    The two networks see the same grammar and the same data.
    """
    grammar = h.RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
    sparse = h.SparseHierarchy(grammar, num_empty, placement)
    train = h.Samples(*h.sample_sparse(sparse, max(sizes), seed=seed), True, "train", 0)
    test = h.Samples(*h.sample_sparse(sparse, 2048, seed=seed, split="test"), True, "test", 0)
    net = network_for(grammar, network, width=width, members=len(sizes), seed=seed, filter_size=sparse.patch_size)
    result = fit(net, train, sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, test, device=device)
    return curve_rows(sizes, errors, num_classes=vocab, level=level, result=result)


def zipf_network_curve(
    vocab: int,
    num_rules: int,
    num_classes: int,
    exponent: float,
    width: int,
    seed: int,
    ratios: list[float],
    *,
    prefactor: float = 2.5,
    learning_rate: float = 0.25,
    max_steps: int = 200_000,
    device: str = "cpu",
) -> list[dict]:
    """Test error of the tree-matched network of depth two, trained until it fits, when the rules of the lowest level follow k^-(1+a), s = 2.

    Data are drawn with replacement, as the law gives them.

    Args:
        exponent: a.
        ratios: P in units of n_c m, the data that a rule of frequency one needs.
        prefactor: of the ideal learner beside it, which knows a rule from ``prefactor`` n_c m / f_k data on.

    Returns:
        One row per size; ``ideal`` is the probability that the ideal learner meets a rule that it does not know.
    """
    law = h.zipf_law(num_rules, exponent)
    grammar = h.RandomHierarchy(vocab, num_rules, 2, 2, num_classes, seed=seed, rule_law={1: law})
    unit = num_classes * num_rules
    sizes = sorted({round(ratio * unit) for ratio in ratios})
    data = h.sample_splits(grammar, {"train": sizes[-1], "test": NUM_TEST}, seed=seed, replacement=True)
    net = network_for(grammar, "cnn", width=width, members=len(sizes), seed=seed)
    result = fit(net, data["train"], sizes, seed=seed, learning_rate=learning_rate, max_steps=max_steps, device=device)
    errors = test_errors(result.net, data["test"], device=device)
    scaled = torch.tensor(sizes, dtype=torch.float64) / unit
    ideal = h.oracle_error(law, scaled / prefactor, num_strings=2).tolist()
    rows = curve_rows(sizes, errors, num_classes=num_classes, level=0.1, result=result)
    return [row | {"scaled_samples": float(x), "ideal": y} for row, x, y in zip(rows, scaled, ideal, strict=True)]
