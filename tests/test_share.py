"""How chapters share the machine."""

import os

import pytest

from quire.environment import cores
from quire.tools.share import WORKER, Share, share

PLENTY = 2**40


@pytest.mark.parametrize(
    "asked, expected",
    [
        (dict(jobs=1, num_chapters=5), Share(1, 8, 8)),
        (dict(jobs=2, num_chapters=5), Share(2, 4, 4)),
        (dict(jobs=3, num_chapters=5), Share(3, 2, 2)),
        (dict(jobs=4, num_chapters=2), Share(2, 4, 4)),
        (dict(jobs=1, num_chapters=1, workers=2), Share(1, 2, 8)),
    ],
)
def test_chapters_times_workers_are_at_most_the_cores(asked, expected):
    assert share(**asked, allowed=8, free=PLENTY) == expected


@pytest.mark.parametrize("jobs, workers", [(2, 8), (8, 0), (100, 100), (10**9, 10**9), (1, 9)])
@pytest.mark.parametrize("free", [0, WORKER, 3 * WORKER, PLENTY])
def test_neither_cores_nor_memory_are_exceeded_and_what_is_lowered_is_said(jobs, workers, free):
    found = share(jobs, 10, workers, allowed=4, free=free)
    assert found.jobs * found.workers <= max(1, min(4, free // WORKER)) and found.jobs * found.threads <= 4
    lowered = found.jobs < min(jobs, 10) or jobs > 4 or found.workers < workers
    assert bool(found.said) == lowered and all(
        "instead of" in line and "cores are allowed" in line for line in found.said
    )


@pytest.mark.parametrize("jobs, workers", [(0, 0), (-1, 0), (1, -1)])
def test_no_jobs_are_refused(jobs, workers):
    with pytest.raises(ValueError, match="expected one job or more"):
        share(jobs, 1, workers)


def test_cores_that_are_allowed_count_not_those_that_are_there():
    assert share(1, 1, free=PLENTY).workers == cores() <= (os.cpu_count() or 1)
