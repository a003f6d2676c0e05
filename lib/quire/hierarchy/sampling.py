r"""Data of a grammar, with or without replacement, reproducible sample by sample.

*Without replacement*: sample i of the training split is the datum numbered π(i), with π the keyed order of all data
(:mod:`quire.hierarchy.permutation`); the test split reads the order from its end. Splits are disjoint, the first P of
P' > P samples are the same, and nothing of the size of the data set is stored.

*With replacement*: a counter-based generator keyed by (seed, split) draws samples in fixed blocks, so that sample i does
not depend on how many are asked for. Rules of several levels are composed in one table that fits the cache, and the
tokens that a rule writes are gathered as one machine word. Two samples coincide with probability 1/num_data, so that
P²/(2 num_data) pairs of P samples do on average.

Source: cagnetta2024rhm (training and test sets without replacement).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.permutation import permuted
from quire.hierarchy.trees import smallest_dtype, trees_from_index
from quire.rng import seed_from
from quire.types import Shaped, Tensor

__all__ = ["Samples", "sample", "sample_splits"]

TABLE_ENTRIES = 2**16
BLOCK_TOKENS = 2**18
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
    fill = _draw if replacement else _permute
    fill(grammar, tokens, labels, seed=seed, split=split, start=start)
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


def _permute(grammar, tokens, labels, *, seed, split, start):
    size = grammar.num_data
    if not grammar.is_uniform:
        raise ValueError("without replacement all data must be equally likely: drop rule_law and class_law")
    if size >= 2**63:
        raise ValueError(f"the grammar has {size:.3g} data, more than 2**63 = 9.2e18: sample with replacement")
    if start + len(tokens) > size:
        raise ValueError(
            f"samples {start}..{start + len(tokens)} of {size} data: lower num_samples, or replacement=True"
        )
    step = max(1, BLOCK_TOKENS // grammar.num_tokens) if size > 2**20 else max(1, len(tokens))
    for first in range(0, len(tokens), step):
        last = min(first + step, len(tokens))
        positions = np.arange(start + first, start + last, dtype=np.int64)
        if split == "test":
            positions = size - 1 - positions
        trees = trees_from_index(grammar, torch.from_numpy(permuted(positions, size, seed=seed)))
        labels[first:last] = trees.labels.numpy()
        symbols, choices, node = trees.labels.numpy()[:, None], trees.choices.numpy(), 0
        for height in range(grammar.depth, 0, -1):
            width = symbols.shape[1]
            rows = symbols.astype(np.intp)
            rows *= grammar.num_rules
            rows += choices[:, node : node + width]
            symbols = _gather(_words(grammar, height, 1), rows)
            node += width
        tokens[first:last] = symbols


def _draw(grammar, tokens, labels, *, seed, split, start):
    block = max(1, BLOCK_TOKENS // grammar.num_tokens)
    key = np.array([seed_from("hierarchy.sample", seed), SPLITS.index(split)], dtype=np.uint64)
    spans, done = _spans(grammar), 0
    while done < len(tokens):
        number, offset = divmod(start + done, block)
        count = min(block - offset, len(tokens) - done)
        counter = np.array([0, 0, 0, number], dtype=np.uint64)
        numbers = np.random.Generator(np.random.Philox(key=key, counter=counter))
        block_labels, block_tokens = _draw_block(grammar, spans, block, numbers)
        tokens[done : done + count] = block_tokens[offset : offset + count]
        labels[done : done + count] = block_labels[offset : offset + count]
        done += count


def _draw_block(grammar, spans, count, numbers):
    symbols = labels = None
    for height, span in spans:
        law = grammar.rule_law.get(height) if grammar.rule_law else None
        combinations = _combinations(grammar, span)
        entries = combinations * grammar.num_symbols(height)
        narrow = np.uint16 if entries <= 2**16 else np.intp  # narrow integers are several times faster
        if symbols is None and law is None and grammar.class_law is None:  # class and first rules in one draw
            rows = _choose(numbers, None, entries, (count, 1)).astype(narrow)
            labels = rows // narrow(combinations)
        else:
            if symbols is None:
                symbols = labels = _choose(numbers, grammar.class_law, grammar.num_classes, (count, 1))
            rows = symbols.astype(narrow)
            rows *= narrow(combinations)
            rows += _choose(numbers, law, combinations, symbols.shape).astype(narrow, copy=False)
        symbols = _gather(_words(grammar, height, span), rows.astype(np.intp))
    return labels[:, 0], symbols


def _choose(numbers, law, size, shape):
    """Exactly distributed integers in [0, size)."""
    if law is not None:
        return np.searchsorted(np.cumsum(law)[:-1], numbers.random(shape), side="right")
    if size > 2**16:
        return numbers.integers(0, size, size=shape)
    if size & (size - 1) == 0:  # the low bits of random bits
        width = np.uint8 if size <= 2**8 else np.uint16
        count = int(np.prod(shape)) * np.dtype(width).itemsize
        words = numbers.integers(0, 2**64, size=-(-count // 8), dtype=np.uint64)
        return words.view(np.uint8)[:count].view(width).reshape(shape) & width(size - 1)
    return numbers.integers(0, size, size=shape, dtype=np.uint16)


def _combinations(grammar, span):
    """Choices of rules below one node, ``span`` levels down."""
    return grammar.num_rules ** ((grammar.branching**span - 1) // (grammar.branching - 1))


def _spans(grammar):
    """(height, number of levels) of the tables used, from the root down: as many levels at once as fit the cache."""
    laws, spans, height = grammar.rule_law or {}, [], 0
    while height < grammar.depth:
        span = 1
        while height + span < grammar.depth:
            levels = range(height + 1, height + span + 2)
            entries = grammar.num_symbols(height + span + 1) * _combinations(grammar, span + 1)
            if any(level in laws for level in levels) or entries > TABLE_ENTRIES:
                break
            span += 1
        height += span
        spans.append((height, span))
    return spans[::-1]


@lru_cache(maxsize=32)
def _words(grammar, height, span):
    """Strings that a symbol of level ``height`` becomes ``span`` levels below, one row per combination of rules."""
    rows = np.arange(grammar.num_symbols(height))[:, None]
    for level in range(height, height - span, -1):
        count, width = rows.shape
        choices = np.indices((grammar.num_rules,) * width).reshape(width, -1).T
        rules = grammar.rules[level - 1].numpy()
        rows = rules[rows[:, None, :], choices[None]].reshape(count * len(choices), width * grammar.branching)
    return np.ascontiguousarray(rows.astype(smallest_dtype(grammar.vocab)))


def _gather(words, rows):
    """words[rows] for a matrix of row numbers, side by side; each row is moved as one machine word if it is one."""
    samples, width = rows.shape
    bytes_per_row = words.shape[1] * words.itemsize
    if bytes_per_row in (2, 4, 8):
        packed = words.view(f"u{bytes_per_row}")[:, 0]
        return np.take(packed, rows, mode="clip").view(words.dtype)
    return np.take(words, rows, axis=0, mode="clip").reshape(samples, width * words.shape[1])
