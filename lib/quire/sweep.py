"""Run a function on a grid of arguments, once: ``rows = sweep(fn, grid(depth=[2, 3], seed=range(3)))``.

A cell of the grid is the unit of work: it is stored when it is done, found again by its key, and computed anywhere
(``QUIRE_BACKEND`` = sequential, loky or dask; ``QUIRE_JOBS``; ``QUIRE_SCHEDULER`` = address of a dask cluster). A run
that is killed loses the cells in flight. Results do not depend on order, backend or number of workers.
"""

import hashlib
import inspect
import itertools
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import joblib
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from tqdm import tqdm

from quire import device as devices
from quire import rng
from quire.provenance import fingerprint, folder, read_json, write_json
from quire.store import SCALARS, Store, as_json, key_of, read_run, write_rows

__all__ = ["Grid", "artifact", "describe", "doubling", "grid", "sweep"]

GIVEN = ("device", "generator")  # parameters that the sweep fills in; not part of a cell's key
RESERVED = {"key"}  # the column of a stored table that finds a cell again
Grid = list[dict]  # argument mappings; ``+`` concatenates


def grid(**axes) -> Grid:
    """The Cartesian product of the axes, the last one fastest. A scalar is a constant.

    Raises:
        ValueError: an axis is empty.

    >>> grid(depth=[2, 3], seed=range(2), filters=[[2, 2]])[0]
    {'depth': 2, 'seed': 0, 'filters': [2, 2]}
    """
    values = {name: list(axis) if isinstance(axis, list | tuple | range) else [axis] for name, axis in axes.items()}
    if empty := [name for name, axis in values.items() if not axis]:
        raise ValueError(f"axes {empty} of the grid are empty: give at least one value, or drop the sweep")
    return [dict(zip(values, cell, strict=True)) for cell in itertools.product(*values.values())]


def doubling(first: int, last: int) -> list[int]:
    """An axis of sizes: first, 2 first, 4 first, … up to the last.

    >>> doubling(3, 13)
    [3, 6, 12]
    """
    return [first << i for i in range(last.bit_length()) if first << i <= last]


def sweep(function, cells: Iterable[dict], *, device: str = "auto", store: Store | None = None) -> pd.DataFrame:
    """Run ``function`` on every cell that is not stored yet; return all rows, in the order of the cells.

    Args:
        function: top-level function of an importable module, JSON arguments to a mapping or a list of mappings of
            numbers, strings and booleans. A parameter ``device`` receives the device's name; a parameter ``generator``
            a torch generator seeded from the function's name and arguments.
        cells: argument mappings, see :func:`grid`.
        device: where to compute; not part of the key, since the draws are the same on every device.
        store: where cells are kept (QUIRE_STORE otherwise).

    Returns:
        One line per row: the columns of the arguments, then those of the values.

    Raises:
        TypeError: an argument is unknown, missing or not JSON, or the function is not importable.
        ValueError: a cell occurs twice, or the function returned something that is not a row.
        RuntimeError: a cell failed; its arguments and the error are named, and what was finished is kept.
    """
    name, code = _name(function), fingerprint(function)
    store, where = store or Store(), str(devices.resolve(device))
    arguments = [_arguments(function, cell) for cell in cells]
    asked = {key_of(name, cell, code): cell for cell in arguments}
    if len(asked) < len(arguments):
        raise ValueError(f"two cells of {name} have the same arguments: drop the repeated one")
    done = {key: cell for key in asked if (cell := store.load(name, key))}
    tasks = [(function, name, key, cell, where, store) for key, cell in asked.items() if key not in done]
    for key, cell in _watched(_execute(tasks), name, len(asked), len(done)):
        done[key] = cell
        if not store.path(name, key).exists():  # a worker on a machine with another disk
            store.save(name, key, cell)
    _record(name, {key: (cell, done[key]) for key, cell in asked.items()})
    return pd.DataFrame([{**cell, **row} for key, cell in asked.items() for row in done[key]["rows"]])


def artifact(function, *, device: str = "auto", store: Store | None = None, **arguments) -> dict:
    """Tensors that are worth keeping (trained weights, samples), computed once and stored as safetensors.

    The function returns a mapping from names to tensors; key, seeds and errors are those of :func:`sweep`.
    """
    name, cell, store = _name(function), _arguments(function, arguments), store or Store()
    path = store.path(name, key_of(name, cell, fingerprint(function)), "safetensors")
    if (content := store.load_bytes(path)) is None:
        made = _call(function, name, cell, str(devices.resolve(device)))
        if not isinstance(made, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in made.values()):
            raise ValueError(f"{name} must return a mapping from names to tensors, got {type(made).__name__}")
        kept = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in made.items()}
        content = save_tensors(kept)
        store.save_bytes(path, content)
    return load_tensors(content)


def describe(rows: pd.DataFrame, units: dict[str, str] | None = None) -> None:
    """Print what must not change between two runs of a chapter: columns, types, units, counts; no measured number."""
    kinds = {"i": "int", "f": "float", "b": "bool"}
    print(f"{len(rows)} rows")
    for column in rows.columns:
        kind = kinds.get(rows[column].dtype.kind, "text")
        unit = (units or {}).get(column, "")
        shown = sorted({str(value) for value in rows[column]}) if kind != "float" else []
        values = f"{{{', '.join(shown)}}}" if 0 < len(shown) <= 8 else f"{len(shown)} values" if shown else ""
        print("  ".join(part for part in (f"{column:<20}", f"{kind:<5}", unit, values) if part).rstrip())


def _name(function) -> str:
    return f"{function.__module__}.{function.__qualname__}".removeprefix("quire.experiments.")


def _arguments(function, cell: dict) -> dict:
    """A cell's arguments with the defaults filled in, as JSON values."""
    signature = inspect.signature(function)
    open_names = [p for p in signature.parameters if p not in GIVEN]
    if unknown := [p for p in cell if p not in open_names]:
        raise TypeError(f"{function.__name__} takes no {unknown} from a grid; its parameters are {open_names}")
    bound = signature.bind_partial(**cell)
    bound.apply_defaults()
    if missing := [p for p in open_names if p not in bound.arguments]:
        raise TypeError(f"{function.__name__} misses {missing}: add them to the grid")
    values = {p: bound.arguments[p] for p in open_names}
    for p, value in values.items():
        if signature.parameters[p].annotation in (float, "float") and type(value) is int:
            values[p] = float(value)
    return as_json(function.__name__, values)


def _call(function, name: str, arguments: dict, device: str):
    given = {"device": lambda: device, "generator": lambda: rng.generator(name, arguments)}
    given = {p: given[p]() for p in inspect.signature(function).parameters if p in GIVEN}
    try:
        return function(**arguments, **given)
    except Exception as error:
        raise RuntimeError(f"{name}({arguments}) failed: {type(error).__name__}: {error}") from error


def _compute(function, name: str, key: str, arguments: dict, device: str, store: Store) -> tuple[str, dict]:
    """Compute one cell and store it, in whichever process this runs."""
    start = time.perf_counter()
    rows = _call(function, name, arguments, device)
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{name}({arguments}) must return a mapping or a list of one or more, got {rows!r:.80}")
    for row in rows:
        wrong = {k: type(v).__name__ for k, v in row.items() if type(v) not in SCALARS}
        if wrong := wrong or sorted(set(row) & (set(arguments) | RESERVED)):
            expected = "rows of int, float, str and bool, named unlike the arguments"
            raise ValueError(f"{name} must return {expected}; got {wrong}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cell = {
        "rows": rows, "arguments": arguments, "seconds": round(time.perf_counter() - start, 3), "device": device,
        "peak_memory_mb": round(memory), "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    store.save(name, key, cell)
    return key, {**cell, "source": "computed"}


def _execute(tasks: list[tuple]):
    """Yield finished cells, in any order, from the backend that the environment names."""
    backend, jobs = os.environ.get("QUIRE_BACKEND", "sequential"), os.environ.get("QUIRE_JOBS", "0")
    if backend not in ("sequential", "loky", "dask") or not jobs.isdecimal():
        expected = '"sequential", "loky" or "dask", and a number of jobs (0: all cores)'
        raise ValueError(f"QUIRE_BACKEND, QUIRE_JOBS: expected {expected}; got {backend!r}, {jobs!r}")
    if not tasks:
        return
    with ExitStack() as opened:
        if backend == "dask":
            from distributed import Client

            here = {"n_workers": int(jobs) or os.cpu_count(), "threads_per_worker": 1, "dashboard_address": None}
            scheduler = os.environ.get("QUIRE_SCHEDULER")
            opened.enter_context(Client(scheduler) if scheduler else Client(**here))
        opened.enter_context(joblib.parallel_config(backend=backend, n_jobs=int(jobs) or -1))
        # grids tend to grow: with the last cells first, no core waits for a late, long one
        calls = [joblib.delayed(_compute)(*task) for task in (tasks if backend == "sequential" else tasks[::-1])]
        yield from joblib.Parallel(return_as="generator_unordered")(calls)


def _watched(cells: Iterable, name: str, total: int, done: int) -> Iterator:
    """Pass cells on, with a bar for a person; for ``quire run``, a small file: what is done, how long the rest may take."""
    headless, start = "QUIRE_HEADLESS" in os.environ, time.monotonic()
    hidden = headless or done == total or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    bar = tqdm(cells, name.rpartition(".")[2], total, initial=done, unit="cell", disable=hidden)
    for count, cell in enumerate(bar, done + 1):
        if headless:
            left = round((time.monotonic() - start) / (count - done) * (total - count), 1)
            progress = {"sweep": name, "done": count, "total": total, "seconds_left": left}
            write_json(folder("run") / "progress.json", progress)
        yield cell


def _record(name: str, cells: dict[str, tuple[dict, dict]]) -> None:
    """Leave the rows, and where each came from, in the run's folder: ``diff`` and ``publish`` read them."""
    run = folder("run")
    _, merged, sources = read_run(run, name).get(name, ([], {}, {}))
    merged |= {key: [{**arguments, **row} for row in cell["rows"]] for key, (arguments, cell) in cells.items()}
    sources = {k: {n: c[n] for n in ("source", "seconds", "device")} for k, (_, c) in cells.items()} | sources
    path, kinds = write_rows(run / "rows" / name, merged)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = {"file": path.name, "sha256": checksum, "columns": kinds, "cells": sources}
    entry["arguments"] = sorted({column for arguments, _ in cells.values() for column in arguments})
    write_json(run / "sweeps.json", {**read_json(run / "sweeps.json", {}), name: entry})
