"""Where tasks run: in this process, in processes of this machine (loky), or on a cluster (dask)."""

import asyncio
import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib

from quire.environment import cores
from quire.lifeline import identity, watch
from quire.settings import setting

__all__ = ["execute"]


def execute(tasks: list) -> Iterator:
    """Run tasks and yield what they return, in any order, on the backend that the settings name.

    Raises:
        ValueError: there is no such backend, or the number of jobs is none.
        RuntimeError: the dask scheduler does not answer, is gone, or has had no worker for QUIRE_TIMEOUT seconds.
    """
    backend, jobs = setting("QUIRE_BACKEND"), setting("QUIRE_JOBS")
    if backend not in ("sequential", "loky", "dask") or not jobs.isdecimal():
        expected = '"sequential", "loky" or "dask", and a number of jobs (0: all cores)'
        raise ValueError(f"QUIRE_BACKEND, QUIRE_JOBS: expected {expected}; got {backend!r}, {jobs!r}")
    if not tasks:
        return
    # grids tend to grow: with the last cells first, no core waits for a late, long one
    order = tasks if backend == "sequential" else tasks[::-1]
    if backend == "dask":
        yield from _on_dask(order, int(jobs) or cores())
        return
    # a worker watches from its start on, and is told whom: its parent may be gone before it can ask
    watching = {"initializer": watch, "initargs": (identity(os.getpid()),)} if backend == "loky" else {}
    with joblib.parallel_config(backend=backend, n_jobs=int(jobs) or cores(), **watching):
        yield from joblib.Parallel(return_as="generator_unordered")(joblib.delayed(_run)(task) for task in order)


def _run(task):
    return task.run()


def _run_in_worker(owner: tuple[int, float], task):
    """Run a task in a process that ends with the one that started it."""
    watch(owner)
    return task.run()


def _on_dask(tasks: list, jobs: int) -> Iterator:
    from distributed import CancelledError, wait

    seconds = float(setting("QUIRE_TIMEOUT"))
    # workers of a cluster are not ours to end
    run = _run if setting("QUIRE_SCHEDULER") else functools.partial(_run_in_worker, identity(os.getpid()))
    with _client(jobs, seconds) as client:
        pending = set(client.map(run, tasks, pure=False))
        while pending:
            try:
                done, pending = wait(pending, timeout=seconds, return_when="FIRST_COMPLETED")
            except TimeoutError:
                if not client.scheduler_info()["workers"]:
                    raise _gone(f"has no worker left after {seconds:.0f} s: start workers") from None
                continue
            except CancelledError:
                raise _gone("is gone: start one") from None
            for future in done:
                yield future.result()


def _gone(what: str) -> RuntimeError:
    address = setting("QUIRE_SCHEDULER") or "this machine"
    return RuntimeError(f"the dask scheduler at {address} {what} and run again; what was finished is kept")


@contextmanager
def _client(jobs: int, seconds: float) -> Iterator:
    from distributed import Client

    address = setting("QUIRE_SCHEDULER")
    try:
        if address:
            with ThreadPoolExecutor(1) as pool:  # a notebook's own thread is busy with an event loop
                pool.submit(asyncio.run, _answers(address, seconds)).result()
            client = Client(address, timeout=seconds)
        else:
            client = Client(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
    except (OSError, ValueError) as error:
        why = str(error) or "something else is there"
        raise RuntimeError(f"no dask scheduler answers at {address} within {seconds:.0f} s: {why}") from None
    with client:
        yield client


async def _answers(address: str, seconds: float) -> None:
    """Greet a scheduler; a client of dask itself waits for ever for the greeting of what is none, or is stopped."""
    from distributed.core import connect

    comm = await asyncio.wait_for(connect(address, timeout=seconds), seconds)
    comm.abort()
