r"""Data of a grammar, with or without replacement, reproducible sample by sample.

A stream of data is fixed by the grammar, a seed, the split and whether data may repeat: sample i does not depend on how
many are asked for, so that the first P of P' > P samples are the same. How a stream is made is the business of
:mod:`quire.hierarchy.with_replacement` and :mod:`quire.hierarchy.without_replacement`.

Source: cagnetta2024rhm (training and test sets without replacement).
"""

from dataclasses import dataclass

import numpy as np
import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.trees import smallest_dtype
from quire.hierarchy.with_replacement import fill_with_replacement
from quire.hierarchy.without_replacement import fill_without_replacement
from quire.types import Shaped, Tensor

__all__ = ["Samples", "sample", "sample_splits"]

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Samples:
    """Tokens (P, d) and classes (P,) in the narrowest integer type, and how they were drawn."""

    tokens: Shaped[Tensor, "samples tokens"]
    labels: Shaped[Tensor, "samples"]
    replacement: bool
    split: str
    start: int


def sample(
    grammar: RandomHierarchy,
    num_samples: int,
    *,
    seed: int,
    replacement: bool,
    split: str = "train",
    start: int = 0,
) -> Samples:
    """Samples start .. start + num_samples - 1 of an endless (or, without replacement, complete) stream.

    The latent levels follow from the tokens: see :func:`quire.hierarchy.parse`.

    Args:
        grammar: the language.
        num_samples: P.
        seed: of the stream, apart from the grammar's.
        replacement: draw data independently, or each at most once.
        split: "train", or "test": another stream, disjoint from the first without replacement.
        start: position of the first sample in the stream.

    Raises:
        ValueError: without replacement, more samples than there are data, rules that are not uniform, or a grammar with
            2^63 data or more.

    >>> grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4, seed=0)
    >>> everything = sample(grammar, grammar.num_data, seed=0, replacement=False)
    >>> len(everything.tokens.unique(dim=0)) == grammar.num_data == 32
    True
    """
    if num_samples < 0 or start < 0:
        raise ValueError(f"num_samples and start must be >= 0, got {num_samples} and {start}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}: use start= for further disjoint sets")
    tokens = np.empty((num_samples, grammar.num_tokens), dtype=smallest_dtype(grammar.vocab))
    labels = np.empty(num_samples, dtype=smallest_dtype(grammar.num_classes))
    fill = fill_with_replacement if replacement else fill_without_replacement
    fill(grammar, tokens, labels, seed=seed, test=split == "test", start=start)
    return Samples(torch.from_numpy(tokens), torch.from_numpy(labels), replacement, split, start)


def sample_splits(
    grammar: RandomHierarchy, sizes: dict[str, int], *, seed: int, replacement: bool
) -> dict[str, Samples]:
    """Named sets of one stream: "train", then the others after one another on the test stream.

    Without replacement they are disjoint, and each keeps its samples when the training set grows.

    Raises:
        ValueError: without replacement, more samples in all than there are data.
    """
    total = sum(sizes.values())
    if not replacement and total > grammar.num_data:
        raise ValueError(
            f"the sets ask for {total} different data ({sizes}), and the grammar has {grammar.num_data}: "
            "lower them, or draw with replacement"
        )
    result, start = {}, 0
    for name, size in sizes.items():
        if name == "train":
            result[name] = sample(grammar, size, seed=seed, replacement=replacement)
        else:
            result[name] = sample(grammar, size, seed=seed, replacement=replacement, split="test", start=start)
            start += size
    return result
