r"""A datum is its class and one rule per node: the bijection between trees and integers, and what a tree writes.

With all data equally likely, a tree is the mixed-radix number whose most significant digit is the class and whose other
digits, in base m, are the rules of the nodes in breadth-first order. So [0, n_c m^((d-1)/(s-1))) numbers the data.

Source: cagnetta2024rhm (number of data).
"""

from dataclasses import dataclass

import numpy as np
import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.types import Int, Shaped, Tensor

__all__ = ["Trees", "expand", "index_from_trees", "smallest_dtype", "trees_from_index"]


@dataclass(frozen=True)
class Trees:
    """Derivations: classes (P,), and the rule of every node (P, (s^L-1)/(s-1)) in breadth-first order from the root."""

    labels: Shaped[Tensor, "samples"]
    choices: Shaped[Tensor, "samples nodes"]


def trees_from_index(grammar: RandomHierarchy, index: Int[Tensor, "samples"]) -> Trees:
    """The derivations with these numbers.

    Args:
        grammar: with fewer than 2^63 data.
        index: integers in [0, num_data).

    Raises:
        ValueError: numbers out of range, or a grammar with more data than 63 bits can number.
    """
    _check_countable(grammar)
    values = index.cpu().long().clone().numpy()
    if values.size and (values.min() < 0 or values.max() >= grammar.num_data):
        raise ValueError(f"index must be in [0, {grammar.num_data}), got {values.min()}..{values.max()}")
    base, count = grammar.num_rules, grammar.num_choices
    choices = np.empty((count, len(values)), dtype=smallest_dtype(base))
    shift = base.bit_length() - 1 if base & (base - 1) == 0 else None
    for node in range(count - 1, -1, -1):
        if shift is not None:
            choices[node] = values & (base - 1)
            values >>= shift
        else:
            quotient = values // base
            choices[node] = values - quotient * base
            values = quotient
    labels = values.astype(smallest_dtype(grammar.num_classes))
    return Trees(labels=torch.from_numpy(labels), choices=torch.from_numpy(choices).T)


def index_from_trees(grammar: RandomHierarchy, trees: Trees) -> Int[Tensor, "samples"]:
    """The numbers of some derivations: the inverse of :func:`trees_from_index`."""
    _check_countable(grammar)
    values = trees.labels.long()
    for node in range(grammar.num_choices):
        values = values * grammar.num_rules + trees.choices[:, node].long()
    return values


def expand(grammar: RandomHierarchy, trees: Trees, *, level: int = 0) -> tuple[Shaped[Tensor, "samples symbols"], ...]:
    """Symbols that a derivation writes at every level, from the root down to ``level``.

    Returns:
        Symbols by level, the deepest first: entry i has shape (P, s^(L-level-i)); the last entry is the class.
    """
    symbols = trees.labels.long()[:, None]
    levels, first = [symbols], 0
    for height in range(grammar.depth, level, -1):
        width = symbols.shape[1]
        rules = grammar.rules[height - 1].to(symbols.device)
        symbols = rules[symbols, trees.choices[:, first : first + width].long()].flatten(1)
        first += width
        levels.append(symbols)
    return tuple(s.to(torch.from_numpy(np.empty(0, smallest_dtype(grammar.vocab))).dtype) for s in levels[::-1])


def smallest_dtype(size: int) -> type:
    """The narrowest integer type of the symbols 0..size-1: uint8, then int16, then int64."""
    if size <= 2**8:
        return np.uint8
    return np.int16 if size <= 2**15 else np.int64


def _check_countable(grammar: RandomHierarchy) -> None:
    if grammar.num_data >= 2**63:
        raise ValueError(
            f"the grammar has {grammar.num_data:.3g} data, more than 2**63 = 9.2e18 numbers: "
            "sample with replacement, or lower depth or num_rules"
        )
