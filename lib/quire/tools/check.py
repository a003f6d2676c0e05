"""Whether published numbers are what their code computes: a few cells, drawn anew each time, are computed again and compared.

An edited number does not survive for long: each build draws other cells. What is compared may differ by the tolerance of its
column, as between two runs.
"""

import importlib
import importlib.util
import json
import os
import pkgutil
import random
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quire.cells import Cell
from quire.data import MissingData
from quire.files import folder
from quire.lifeline import watch
from quire.record import RunFolder, current
from quire.sweep import made, sweep
from quire.tools.tolerances import tolerance

__all__ = ["check_cells", "function_named"]

AFFORDABLE = 10.0  # seconds of a cell and of its tensors; a sample is drawn among those that took less,
CHEAPEST = 5  # or else among so many that took least
WINGS = "quire.experiments"


@dataclass(frozen=True)
class _Asked:
    name: str
    cell: Cell


def check_cells(
    chapter: str,
    num_cells: int,
    device: str = "cpu",
    *,
    used: set[str] | None = None,
    draw: random.Random | None = None,
) -> list[str]:
    """Compute a few of the published cells of a chapter again.

    Args:
        chapter: its name.
        num_cells: how many; quick ones are preferred.
        device: where to compute.
        used: keys of cells; no others are drawn (default: any).
        draw: which ones (default: others each time).

    Returns:
        A sentence for each value that is not what its code computes.
    """
    runs = [RunFolder(path) for path in sorted(folder("published").glob(f"*/{chapter}"))] if num_cells else []
    known = [_Asked(name, cell) for run in runs for name, cells in run.sweeps().items() for cell in cells]
    known = [asked for asked in known if used is None or asked.cell.key in used]
    quick = [asked for asked in known if _cost(asked) <= AFFORDABLE] or sorted(known, key=_cost)[:CHEAPEST]
    sample = (draw or random.Random()).sample(quick, min(num_cells, len(quick)))
    if not sample:
        return []
    fresh = _recomputed(sample, device)
    for asked, rows in zip(sample, fresh, strict=True):
        if isinstance(rows, str):
            warnings.warn(f"a published cell of {asked.name} was not computed again: {rows}", stacklevel=2)
    return [
        fault
        for asked, rows in zip(sample, fresh, strict=True)
        if not isinstance(rows, str)
        for fault in _compared(asked, rows)
    ]


def _cost(asked: _Asked) -> float:
    """Seconds that the cell took, and the tensors that it is made of."""
    return asked.cell.seconds + sum(asked.cell.made.values())


def function_named(name: str) -> Callable:
    """The experiment behind the name of its cells.

    Raises:
        ValueError: no module has it any more.
    """
    module, _, function = name.rpartition(".")
    for place in _modules(module):
        found = getattr(importlib.import_module(place), function, None)
        if callable(found):
            return found
    raise ValueError(f"no function {name}: it was renamed or removed since its cells were published")


def _modules(module: str) -> list[str]:
    """The modules in which a function called ``module.function`` may stand: those of a wing, or the module itself."""
    wing = f"{WINGS}.{module}"
    if "." in module or importlib.util.find_spec(wing) is None:
        return [module]
    package = importlib.import_module(wing)
    inner = [f"{wing}.{found.name}" for found in pkgutil.iter_modules(getattr(package, "__path__", []))]
    return [*inner, wing]


def _recomputed(sample: list[_Asked], device: str) -> list[list[dict] | str]:
    """The rows of these cells, from a process that sees neither stored nor published ones; a text where data are not at hand."""
    order = {"device": device, "cells": [{"name": one.name, "arguments": one.cell.arguments} for one in sample]}
    with tempfile.TemporaryDirectory(prefix="quire-check-") as place:
        here = {"QUIRE_STORE": f"{place}/store", "QUIRE_RUN": f"{place}/run", "QUIRE_PUBLISHED": os.devnull}
        out = Path(place) / "rows.json"
        command = [sys.executable, "-m", "quire.tools.check", str(out)]
        done = subprocess.run(
            command, input=json.dumps(order), env=os.environ | here, capture_output=True, text=True, encoding="utf-8"
        )
        if done.returncode:
            raise RuntimeError(f"published cells could not be computed again:\n{done.stderr[-2000:]}")
        return json.loads(out.read_text(encoding="utf-8"))


def _compared(asked: _Asked, rows: list[dict]) -> list[str]:
    where = f"{asked.name}({json.dumps(asked.cell.arguments)})"
    if len(rows) != len(asked.cell.rows):
        return [f"{where} is published with {len(asked.cell.rows)} rows, its code computes {len(rows)}"]
    faults = []
    for i, (kept, new) in enumerate(zip(asked.cell.rows, rows, strict=True)):
        for column in sorted(kept.keys() | new.keys()):
            if not _close(asked.name, column, kept.get(column), new.get(column)):
                what = f"{column} is published as {kept.get(column)!r}, its code computes {new.get(column)!r}"
                faults.append(f"{where}, row {i}: {what}")
    return faults


def _close(name: str, column: str, first, second) -> bool:
    if type(first) is not type(second) or type(first) not in (int, float):
        return type(first) is type(second) and first == second
    return (first != first and second != second) or tolerance(name, column).allows(first, second)


def _argument(value):
    """An argument of a cell as the experiment takes it: what names tensors becomes a handle again."""
    if isinstance(value, dict) and set(value) == {"made", "arguments"}:
        inner = {name: _argument(item) for name, item in value["arguments"].items()}
        return made(function_named(value["made"]), **inner)
    return [_argument(item) for item in value] if isinstance(value, list) else value


def _main(out: str) -> None:
    watch()
    order = json.loads(sys.stdin.read())
    rows = [_rows_now(entry, order["device"]) for entry in order["cells"]]
    Path(out).write_text(json.dumps(rows), encoding="utf-8")


def _rows_now(entry: dict, device: str) -> list[dict] | str:
    """The rows of a cell, or why data that it needs are not at hand."""
    cell = {name: _argument(value) for name, value in entry["arguments"].items()}
    try:
        sweep(function_named(entry["name"]), [cell], device=device)
    except MissingData as error:
        return str(error)
    return next(one.rows for one in current().sweeps()[entry["name"]] if one.arguments == entry["arguments"])


if __name__ == "__main__":
    _main(sys.argv[1])
