r"""Each datum at most once: the keyed order of all data, read from its start or from its end.

Sample i of the training split is the datum numbered π(i), with π the keyed order (:mod:`quire.hierarchy.permutation`); the
test split reads the order from its end. Splits are disjoint, and nothing of the size of the data set is stored.

Source: cagnetta2024rhm (training and test sets without replacement).
"""

import numpy as np
import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.permutation import permuted
from quire.hierarchy.rule_tables import gathered, strings_below
from quire.hierarchy.trees import Trees, trees_from_index

__all__ = ["fill_without_replacement"]

BLOCK_TOKENS = 2**18


def fill_without_replacement(
    grammar: RandomHierarchy, tokens: np.ndarray, labels: np.ndarray, *, seed: int, test: bool, start: int
) -> None:
    """Write the samples from ``start`` on into two arrays, a block that fits the cache at a time.

    Raises:
        ValueError: rules that are not uniform, more samples than data, or 2^63 data or more.
    """
    size = grammar.num_data
    if not grammar.is_uniform:
        raise ValueError("without replacement all data must be equally likely: drop rule_law and class_law")
    if size >= 2**63:
        raise ValueError(f"the grammar has {size:.3g} data, more than 2**63 = 9.2e18: sample with replacement")
    if start + len(tokens) > size:
        raise ValueError(
            f"samples {start}..{start + len(tokens)} of {size} data: lower num_samples, or replacement=True"
        )
    block = max(1, BLOCK_TOKENS // grammar.num_tokens) if size > 2**20 else max(1, len(tokens))
    for first in range(0, len(tokens), block):
        last = min(first + block, len(tokens))
        positions = np.arange(start + first, start + last, dtype=np.int64)
        if test:
            positions = size - 1 - positions
        trees = trees_from_index(grammar, torch.from_numpy(permuted(positions, size, seed=seed)))
        labels[first:last] = trees.labels.numpy()
        tokens[first:last] = _written(grammar, trees)


def _written(grammar: RandomHierarchy, trees: Trees) -> np.ndarray:
    """The tokens of some derivations, level by level from the root."""
    symbols, choices, node = trees.labels.numpy()[:, None], trees.choices.numpy(), 0
    for height in range(grammar.depth, 0, -1):
        width = symbols.shape[1]
        rows = symbols.astype(np.intp)
        rows *= grammar.num_rules
        rows += choices[:, node : node + width]
        symbols = gathered(strings_below(grammar, height, 1), rows)
        node += width
    return symbols
