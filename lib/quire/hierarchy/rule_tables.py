"""What a symbol becomes some levels below, in one table that fits the cache, and how rows of it are gathered.

Rules of several levels are composed: a row is one combination of rules of all the nodes below a symbol. The tokens that a row
writes are gathered as one machine word where they fit one.
"""

from functools import lru_cache

import numpy as np

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.trees import smallest_dtype

__all__ = ["gathered", "num_combinations", "strings_below", "table_spans"]

TABLE_ENTRIES = 2**16


def num_combinations(grammar: RandomHierarchy, span: int) -> int:
    """Choices of rules below one node, ``span`` levels down."""
    return grammar.num_rules ** ((grammar.branching**span - 1) // (grammar.branching - 1))


def table_spans(grammar: RandomHierarchy) -> list[tuple[int, int]]:
    """(height, number of levels) of the tables used, from the root down: as many levels at once as fit the cache."""
    spans, height = [], 0
    while height < grammar.depth:
        span = 1
        while height + span < grammar.depth and _composable(grammar, height, span + 1):
            span += 1
        height += span
        spans.append((height, span))
    return spans[::-1]


@lru_cache(maxsize=32)
def strings_below(grammar: RandomHierarchy, height: int, span: int) -> np.ndarray:
    """Strings that a symbol of level ``height`` becomes ``span`` levels below, one row per combination of rules."""
    rows = np.arange(grammar.num_symbols(height))[:, None]
    for level in range(height, height - span, -1):
        count, width = rows.shape
        choices = np.indices((grammar.num_rules,) * width).reshape(width, -1).T
        rules = grammar.rules[level - 1].numpy()
        rows = rules[rows[:, None, :], choices[None]].reshape(count * len(choices), width * grammar.branching)
    return np.ascontiguousarray(rows.astype(smallest_dtype(grammar.vocab)))


def gathered(words: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """words[rows] for a matrix of row numbers, side by side; each row is moved as one machine word if it is one."""
    samples, width = rows.shape
    bytes_per_row = words.shape[1] * words.itemsize
    if bytes_per_row in (2, 4, 8):
        packed = words.view(f"u{bytes_per_row}")[:, 0]
        return np.take(packed, rows, mode="clip").view(words.dtype)
    return np.take(words, rows, axis=0, mode="clip").reshape(samples, width * words.shape[1])


def _composable(grammar: RandomHierarchy, height: int, span: int) -> bool:
    """Whether the rules of the ``span`` levels above ``height`` are uniform and their table is small enough."""
    entries = grammar.num_symbols(height + span) * num_combinations(grammar, span)
    laws = grammar.rule_law or {}
    return entries <= TABLE_ENTRIES and not any(level in laws for level in range(height + 1, height + span + 1))
