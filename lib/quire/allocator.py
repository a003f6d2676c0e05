"""Memory that was freed is used again, instead of being given back and asked for anew.

By default glibc maps every large block on its own and unmaps it when it is freed, and a training step frees and takes the
same few megabytes a hundred times: the system clears each page again and again. Training small networks spends a fifth of
its time on that. Here blocks up to 32 MB (the most that glibc allows) come from a heap that keeps up to half a gigabyte.
"""

import ctypes
import functools
import platform

__all__ = ["reuse_freed_memory"]

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # of malloc.h
MEGABYTE = 2**20


@functools.cache
def reuse_freed_memory() -> bool:
    """Set the thresholds of this process once; False where the C library is not glibc, which is left as it is."""
    if platform.libc_ver()[0] != "glibc":
        return False
    sizes = {MMAP_THRESHOLD: 32 * MEGABYTE, TRIM_THRESHOLD: 512 * MEGABYTE, TOP_PAD: 64 * MEGABYTE}
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, size) for name, size in sizes.items())
