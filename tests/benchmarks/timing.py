"""How long a call takes, for ratios of two calls in one process."""

import time
from collections.abc import Callable

__all__ = ["cpu_seconds"]


def cpu_seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Least processor time of some calls, after one that warms up and compiles."""
    call()
    times = []
    for _ in range(repeats):
        before = time.process_time()
        call()
        times.append(time.process_time() - before)
    return min(times)
