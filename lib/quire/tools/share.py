"""How chapters that run side by side share the machine: the cores that are allowed, and the memory that is free.

A process that has imported the library holds three hundred megabytes before it computes. Chapters times workers never exceed
the cores that this process may use, nor what fits in the free memory; what was asked beyond is lowered, and said.
"""

from dataclasses import dataclass

import psutil

from quire.environment import cores

__all__ = ["Share", "share"]

WORKER = 400 * 2**20  # bytes of a worker before it computes


@dataclass(frozen=True)
class Share:
    """Chapters at once, workers and threads of each, and what was lowered, in words."""

    jobs: int
    workers: int
    threads: int
    said: tuple[str, ...] = ()


def share(
    jobs: int, num_chapters: int, workers: int = 0, *, allowed: int | None = None, free: int | None = None
) -> Share:
    """Divide the machine.

    Args:
        jobs: chapters side by side, as asked.
        num_chapters: how many there are.
        workers: workers of each, as asked; 0: as many as fit.
        allowed: cores (default: those that this process may use).
        free: bytes of memory (default: what is free now).

    Raises:
        ValueError: jobs or workers are no numbers of jobs or workers.

    >>> share(2, 5, allowed=8, free=2**36)
    Share(jobs=2, workers=4, threads=4, said=())
    """
    if jobs < 1 or workers < 0:
        raise ValueError(f"expected one job or more, and 0 (all cores) or more workers; got {jobs} and {workers}")
    allowed = cores() if allowed is None else allowed
    free = psutil.virtual_memory().available if free is None else free
    most = max(1, min(allowed, free // WORKER))
    why = f"{allowed} cores are allowed, {free / 2**30:.1f} GB of memory are free"
    said = []
    side_by_side = min(jobs, num_chapters)
    if side_by_side > most:
        said.append(f"{most} chapters at once instead of {jobs}: {why}")
        side_by_side = most
    elif jobs > allowed:
        said.append(f"{side_by_side} chapters at once instead of {jobs}: there are {num_chapters}, and {why}")
    each = max(1, most // side_by_side)
    if workers > each:
        said.append(f"{each} workers for each chapter instead of {workers}: {why}")
    return Share(side_by_side, min(workers or each, each), max(1, allowed // side_by_side), tuple(said))
