"""Grids of arguments."""

import itertools

__all__ = ["Grid", "doubling", "grid"]

Grid = list[dict]  # argument mappings; ``+`` concatenates


def grid(**axes) -> Grid:
    """The Cartesian product of the axes, the last one fastest. A scalar is a constant.

    Raises:
        ValueError: an axis is empty.

    >>> grid(depth=[2, 3], seed=range(2), filters=[[2, 2]])[0]
    {'depth': 2, 'seed': 0, 'filters': [2, 2]}
    """
    values = {name: list(axis) if isinstance(axis, list | tuple | range) else [axis] for name, axis in axes.items()}
    empty = [name for name, axis in values.items() if not axis]
    if empty:
        raise ValueError(f"axes {empty} of the grid are empty: give at least one value, or drop the sweep")
    return [dict(zip(values, cell, strict=True)) for cell in itertools.product(*values.values())]


def doubling(first: int, last: int) -> list[int]:
    """An axis of sizes: first, 2 first, 4 first, … up to the last.

    >>> doubling(3, 13)
    [3, 6, 12]
    """
    return [first << i for i in range(last.bit_length()) if first << i <= last]
