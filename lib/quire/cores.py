"""The cores of this machine: threads that take whole pieces of work, and loops compiled for the processor.

A chain of twenty cheap operations on a tensor moves its memory twenty times. Where that is what a routine costs, it has a
second form for tensors of this machine, one loop that numba compiles at its first call (a second; later processes read
it from the cache that lies beside the module). The first form, tensor code, stays: for accelerators, for gradients,
and as the oracle of the second.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch

from quire.types import Tensor

__all__ = ["arrays", "compiled", "compiled_pass", "each"]

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}  # of every compiled loop


def each(function: Callable, pieces: Iterable, *, device: torch.device) -> None:
    """Call a function on every piece: on a CPU, on as many threads as torch has; elsewhere one after another.

    Each thread computes alone: threads inside an operation would only wait for one another.

    >>> found = []
    >>> each(found.append, range(3), device=torch.device("cpu"))
    >>> sorted(found)
    [0, 1, 2]
    """
    pieces, threads = list(pieces), torch.get_num_threads() if device.type == "cpu" else 1
    if min(threads, len(pieces)) < 2:
        for piece in pieces:
            function(piece)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(function, pieces))
    finally:
        torch.set_num_threads(threads)


def arrays(*tensors: Tensor) -> list[np.ndarray] | None:
    """Views of the tensors' memory, for a compiled loop; None where tensor code must do it.

    That is, on an accelerator, and where a derivative or a batching transform follows what happens to a tensor.

    >>> [view.shape for view in arrays(torch.zeros(2, 3))], arrays(torch.zeros(2, requires_grad=True))
    ([(2, 3)], None)
    """
    try:
        return [tensor.contiguous().numpy() for tensor in tensors]
    except (RuntimeError, TypeError):  # torch's own refusals: it knows what is being followed, and what is elsewhere
        return None


def compiled(function: Callable) -> Callable:
    """Compile a loop over arrays, for each combination of their types at its first call.

    It lets other threads run, and may fuse a product and a sum (to one rounding), but reorders nothing. A cache that
    cannot be read or written (corrupt, disk full, read-only) costs the time to compile, and nothing else.
    """
    function = inspect.unwrap(function)  # a type checker may stand around it
    loop = None

    @functools.wraps(function)
    def call(*arguments):
        nonlocal loop
        try:
            loop = loop or numba.njit(function, cache=True, **OPTIONS)
            return loop(*arguments)
        except Exception:  # pickle, numba and the disk fail in many ways; a fault of the loop itself is raised again
            loop = numba.njit(function, **OPTIONS)
            return loop(*arguments)

    return call


def compiled_pass(function: Callable) -> Callable:
    """Compile a part of a loop: for other compiled loops of the same module to call, and compiled with them.

    It has to stand in the module of the loop, whose cache knows of changes in its own file only.
    """
    return numba.njit(inspect.unwrap(function), **OPTIONS)
