r"""Independent data: a counter-based generator keyed by (seed, split) draws them in blocks of a fixed size.

So sample i does not depend on how many are asked for. Two samples coincide with probability 1/num_data, so that
P²/(2 num_data) pairs of P samples do on average.
"""

import numpy as np

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.rule_tables import gathered, num_combinations, strings_below, table_spans
from quire.rng import seed_from

__all__ = ["fill_with_replacement"]

BLOCK_TOKENS = 2**18


def fill_with_replacement(
    grammar: RandomHierarchy, tokens: np.ndarray, labels: np.ndarray, *, seed: int, test: bool, start: int
) -> None:
    """Write the samples from ``start`` on into two arrays: blocks of a fixed size, each from a counter of its own."""
    block = max(1, BLOCK_TOKENS // grammar.num_tokens)
    key = np.array([seed_from("hierarchy.sample", seed), int(test)], dtype=np.uint64)
    spans, done = table_spans(grammar), 0
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
    """Classes and tokens of ``count`` data, from the root down, several levels at once."""
    labels, symbols, spans = _first_symbols(grammar, spans, count, numbers)
    for height, span in spans:
        law = grammar.rule_law.get(height) if grammar.rule_law else None
        combinations = num_combinations(grammar, span)
        narrow = _narrow(combinations * grammar.num_symbols(height))
        rows = symbols.astype(narrow)
        rows *= narrow(combinations)
        rows += _choose(numbers, law, combinations, symbols.shape).astype(narrow, copy=False)
        symbols = gathered(strings_below(grammar, height, span), rows.astype(np.intp))
    return labels[:, 0], symbols


def _first_symbols(grammar, spans, count, numbers):
    """The classes, the symbols that are drawn with them and the tables that remain.

    Uniform classes and the uniform rules of the first table are one draw.
    """
    height, span = spans[0]
    if grammar.class_law is not None or height in (grammar.rule_law or {}):
        labels = _choose(numbers, grammar.class_law, grammar.num_classes, (count, 1))
        return labels, labels, spans
    combinations = num_combinations(grammar, span)
    entries = combinations * grammar.num_symbols(height)
    narrow = _narrow(entries)
    rows = _choose(numbers, None, entries, (count, 1)).astype(narrow)
    symbols = gathered(strings_below(grammar, height, span), rows.astype(np.intp))
    return rows // narrow(combinations), symbols, spans[1:]


def _narrow(entries):
    """An integer type for rows of a table: narrow ones are several times faster."""
    return np.uint16 if entries <= 2**16 else np.intp


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
