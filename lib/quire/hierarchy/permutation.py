"""A keyed random order of [0, n) that is evaluated point by point, in O(1) memory.

An alternating Feistel network on ceil(log2 n) bits is a bijection whatever its round function; cycle-walking (apply it
again while the value is outside) restricts it to [0, n). Sampling without replacement is then ``permuted(i)`` for
i = 0, 1, …: random access, nested prefixes and disjoint ranges come for free. Sizes up to 2^20 use an exactly uniform
permutation instead.
"""

import numpy as np

from quire.rng import seed_from

__all__ = ["permuted"]

EXACT_BELOW = 2**20
ROUNDS = 8


def permuted(positions: np.ndarray, size: int, *, seed: int) -> np.ndarray:
    """Values at some positions of the random order of [0, size) that the seed names.

    Args:
        positions: integers in [0, size).
        size: less than 2^63.
        seed: of the order.

    Returns:
        int64 values in [0, size), distinct for distinct positions.

    >>> sorted(permuted(np.arange(10), 10, seed=0).tolist()) == list(range(10))
    True
    """
    if not 1 <= size < 2**63:
        raise ValueError(f"a random order needs 1 <= size < 2**63, got {size}: sample with replacement beyond it")
    positions = np.asarray(positions, dtype=np.int64)
    if positions.size and (positions.min() < 0 or positions.max() >= size):
        raise ValueError(f"positions must be in [0, {size}), got {positions.min()}..{positions.max()}")
    if size <= EXACT_BELOW:
        return np.random.default_rng(seed_from("hierarchy.order", seed, size)).permutation(size)[positions]
    values = _feistel(positions.astype(np.uint64), size, seed)
    outside = np.flatnonzero(values >= size)
    while outside.size:  # fewer than half remain each time
        values[outside] = _feistel(values[outside], size, seed)
        outside = outside[values[outside] >= size]
    return values.astype(np.int64)


def _feistel(values: np.ndarray, size: int, seed: int) -> np.ndarray:
    bits = (size - 1).bit_length()
    low = np.uint64(bits // 2)
    mask_low, mask_high = np.uint64((1 << bits // 2) - 1), np.uint64((1 << (bits - bits // 2)) - 1)
    left, right = values >> low, values & mask_low
    for step in range(ROUNDS):
        key = np.uint64(seed_from("hierarchy.feistel", seed, size, step))
        if step % 2:
            left ^= _mix(right, key) & mask_high
        else:
            right ^= _mix(left, key) & mask_low
    return (left << low) | right


def _mix(values: np.ndarray, key: np.uint64) -> np.ndarray:
    """Two multiply-xorshift steps of the splitmix64 finaliser."""
    mixed = values + key
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
