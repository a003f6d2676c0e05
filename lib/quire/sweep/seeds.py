"""Which seeds a sweep takes: the first so many, or as many of another block (QUIRE_SEEDS, `quire run --seeds`)."""

from quire.settings import setting

__all__ = ["replicates"]


def replicates(count: int) -> range:
    """Seeds of so many replicates, one after the other from QUIRE_SEEDS on.

    A verdict that changes with the block was decided by its seeds.

    Raises:
        ValueError: QUIRE_SEEDS is no whole number, or below zero.

    >>> replicates(3)
    range(0, 3)
    """
    first = setting("QUIRE_SEEDS")
    if not first.isdecimal():
        raise ValueError(f"QUIRE_SEEDS must be the first seed, a whole number from zero on, got {first!r}")
    return range(int(first), int(first) + count)
