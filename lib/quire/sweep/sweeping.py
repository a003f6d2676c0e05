"""The sweep: what is stored is served, what is missing is computed, everything is recorded in the run's folder."""

import warnings
from collections.abc import Iterable

import pandas as pd

from quire import device as devices
from quire.cells import Cell
from quire.fingerprint import fingerprint, loaded_differences, unfollowable
from quire.record import current
from quire.store import Store, key_of
from quire.sweep.backends import execute
from quire.sweep.calls import arguments_of, name_of
from quire.sweep.compute import MakeTask, Task
from quire.sweep.handles import Handle, all_handles, columns, handles_in, keyed, plain
from quire.sweep.progress import watched

__all__ = ["sweep"]


def sweep(function, cells: Iterable[dict], *, device: str = "auto", store: Store | None = None) -> pd.DataFrame:
    """Run ``function`` on every cell that is not stored yet; return all rows, in the order of the cells.

    Args:
        function: top-level function of an importable module, from JSON arguments and handles to a mapping or a list of
            mappings of numbers, strings and booleans. A parameter ``device`` receives the device's name; a parameter
            ``generator`` a torch generator seeded from the function's name and arguments.
        cells: argument mappings, see :func:`grid`.
        device: where to compute; not part of the key, since the draws are the same on every device.
        store: where cells are kept (QUIRE_STORE otherwise).

    Returns:
        One line per row: the columns of the arguments (those of a handle in its place), then those of the values.

    Raises:
        TypeError: an argument is unknown, missing or not JSON, or the function is not importable.
        ValueError: a cell occurs twice, or the function returned something that is not a row.
        StaleCode: a worker has loaded other code than was asked for.
        Exception: that of a cell, with its type; the message names the cell, and what was finished is kept.
    """
    name, code = name_of(function), fingerprint(function)
    store, where = store or Store(), str(devices.resolve(device))
    asked = _keyed_cells(function, name, code, cells)
    changed = _said_differences(function, name, asked.values())
    found = {} if changed else _stored(store, name, asked)
    missing = {key: cell for key, cell in asked.items() if key not in found}
    if not changed:
        _make_first(missing.values(), where, store)
    tasks = [Task(function, name, k, cell, where, store, None if changed else code) for k, cell in missing.items()]
    for cell in watched(execute(tasks), name, len(asked), len(found)):
        found[cell.key] = cell
        if not changed and not store.path(name, cell.key).exists():  # a worker on a machine with another disk
            store.save(name, cell, "")
    done = [found[key] for key in asked]
    if not changed:
        current().add_cells(name, done)
    return pd.DataFrame([{**columns(cell.arguments), **row} for cell in done for row in cell.rows])


def _keyed_cells(function, name: str, code: str, cells: Iterable[dict]) -> dict[str, dict]:
    arguments = [arguments_of(function, cell) for cell in cells]
    for cell in arguments:
        columns(plain(cell))
    asked = {key_of(name, keyed(cell), code): cell for cell in arguments}
    if len(asked) < len(arguments):
        raise ValueError(f"two cells of {name} have the same arguments: drop the repeated one")
    return asked


def _said_differences(function, name: str, cells: Iterable[dict]) -> list[str]:
    """Why rows cannot be kept under the key of the files: what is loaded and not in them, what they cannot say; said once."""
    functions = {function, *(handle.function for cell in cells for handle in all_handles(cell))}
    changed = sorted({what for one in functions for what in loaded_differences(one)})
    if changed:
        warnings.warn(
            f"{name} is computed and not stored: {', '.join(changed[:5])} is not what the files say (edited since it was "
            "loaded, or replaced by hand); restart the kernel for rows that are kept",
            stacklevel=3,
        )
    unseen = sorted({what for one in functions for what in unfollowable(one)})
    if unseen:
        warnings.warn(
            f"{name} is computed and not stored: no key says what it depends on ({'; '.join(unseen[:5])}); pass it as an "
            "argument",
            stacklevel=3,
        )
    return changed + unseen


def _stored(store: Store, name: str, asked: dict[str, dict]) -> dict[str, Cell]:
    loaded = {key: store.load(name, key, plain(cell)) for key, cell in asked.items()}
    return {key: cell for key, cell in loaded.items() if cell is not None}


def _make_first(cells: Iterable[dict], device: str, store: Store) -> None:
    """Make the tensors that these cells need, each once, those that others depend on first."""
    waves: list[dict[str, Handle]] = []

    def place(handle: Handle) -> int:
        depth = max((place(inner) + 1 for inner in handles_in(handle.arguments)), default=0)
        waves.extend({} for _ in range(depth + 1 - len(waves)))
        waves[depth][handle.key] = handle
        return depth

    for cell in cells:
        for handle in handles_in(cell):
            place(handle)
    for wave in waves:
        absent = [h for key, h in wave.items() if store.load_tensors(h.name, key) is None]
        for _ in watched(
            execute([MakeTask(h, device, store) for h in absent]), "tensors", len(wave), len(wave) - len(absent)
        ):
            pass
