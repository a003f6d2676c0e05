"""Freed memory is used again: the system hands out far fewer pages, and the numbers stay what they were."""

import platform
import subprocess
import sys

import pytest

WORK = """
import resource, sys, torch
from quire.allocator import reuse_freed_memory
if sys.argv[1] == "reuse":
    assert reuse_freed_memory() and reuse_freed_memory()
torch.set_num_threads(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
total = 0.0
for step in range(30):
    blocks = [torch.full((2**21,), 1.0 + i) for i in range(8)]  # 8 MB each, all freed at the end of a step
    total += sum(float(block.mean()) for block in blocks)
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, total)
"""


def faults(mode: str) -> tuple[int, str]:
    """Pages that were handed out in thirty steps with eight blocks of eight megabytes, and the sum of their means."""
    done = subprocess.run([sys.executable, "-c", WORK, mode], capture_output=True, text=True, check=True)
    pages, total = done.stdout.split()
    return int(pages), total


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these thresholds")
def test_blocks_that_were_freed_are_used_again():
    (plain, first), (kept, second) = faults("plain"), faults("reuse")
    assert first == second
    assert kept < plain / 5


def test_other_c_libraries_are_left_alone(monkeypatch):
    from quire import allocator

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert allocator.reuse_freed_memory.__wrapped__() is False
