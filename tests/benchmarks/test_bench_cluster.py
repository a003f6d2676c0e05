"""A sweep on one worker and on two: the time of what is the same work, beside processes of this machine and one process."""

import time

import pytest
from toy_experiments import checkout, slow

from quire.sweep import grid, sweep

CELLS, SECONDS = 60, 2.0  # two minutes


def seconds(monkeypatch, tmp_path, backend: str, jobs: int) -> float:
    """Wall time of the sweep, with nothing kept before."""
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / f"{backend}-{jobs}"))
    monkeypatch.setenv("QUIRE_BACKEND", backend)
    monkeypatch.setenv("QUIRE_JOBS", str(jobs))
    start = time.perf_counter()
    sweep(slow, grid(x=range(CELLS), seconds=SECONDS))
    return time.perf_counter() - start


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_two_workers_take_half_the_time(monkeypatch, tmp_path, backend):
    """Cells that wait, so that the cores of the machine do not matter: what is measured is the machinery."""
    monkeypatch.setenv("QUIRE_ROOT", str(checkout(tmp_path / "toy")))
    alone = seconds(monkeypatch, tmp_path, "sequential", 1)
    one, two = (seconds(monkeypatch, tmp_path, backend, jobs) for jobs in (1, 2))
    print(
        f"\n{CELLS} cells of {SECONDS:.0f} s: sequential {alone:.1f} s, {backend} with one worker {one:.1f} s, with two {two:.1f} s: "
        f"{one / two:.2f} times as fast, {one - CELLS * SECONDS:.1f} s of starting and overhead with one"
    )
    assert two < 0.75 * one
