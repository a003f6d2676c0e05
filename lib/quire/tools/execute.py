"""The process of one chapter: papermill, then the record of the run. Started by :mod:`quire.tools.run`, ends with it."""

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import jupytext
import nbformat
import papermill

from quire import device as devices
from quire.claims import ledger, untested
from quire.environment import commit, origin, peak_memory_mb
from quire.lifeline import watch
from quire.record import RunFolder, current
from quire.settings import setting
from quire.tools.chapters import path_of
from quire.tools.check import check_cells
from quire.tools.freshness import keys
from quire.tools.order import Order
from quire.tools.origins import computation
from quire.tools.planning import Asked, asked_by, because, statements, without
from quire.tools.planning import left as still_left
from quire.tools.profiles import complete

__all__ = ["execute"]

NONE = {"computed": 0, "store": 0, "published": 0}


def execute(order: Order) -> bool:
    """Run a chapter in the folder of the present run and write its provenance; whether all went well."""
    run, start, began = current(), time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    values, before = complete(order.chapter, order.values), keys(order.chapter)
    notebook, asked = _chapter(order, values)
    left = still_left(asked)
    passed = _notebook(order, run, values, notebook)
    _begun(run, asked)
    _untested(order.chapter, run, left)
    run.write_progress(None)
    sweeps = run.sweeps()
    used = {cell.key for cells in sweeps.values() for cell in cells}
    faults = check_cells(order.chapter, order.check, values.get("device", "auto"), used=used) if passed else []
    for fault in faults:
        print(f"{order.chapter}: {fault}")
    took = computation(sweeps)
    cells = [cell for block in sweeps.values() for cell in block]
    run.write_provenance(
        {
            **commit(),
            **origin(str(devices.resolve(values.get("device", "auto")))),
            **before,
            "edited": keys(order.chapter) != before,
            "chapter": order.chapter,
            "profile": order.profile,
            "seeds": int(setting("QUIRE_SEEDS")),
            "parameters": values,
            "changed": sorted(order.changed),
            **({"left": left} if left else {}),
            "failed": bool(faults) or not passed,
            "started": began,
            "wall_seconds": round(time.monotonic() - start, 1),
            "peak_memory_mb": peak_memory_mb(children=True),
            "compute_seconds": round(took["seconds"], 1),
            "computation": took,
            "cells": NONE | Counter(cell.source for cell in cells),
        }
    )
    return passed and not faults


def _chapter(order: Order, values: dict) -> tuple[nbformat.NotebookNode, list[Asked]]:
    """The notebook, without what depends on cells that are missing and shall not be computed; the sweeps, where there may be such."""
    source = path_of(order.chapter)
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), "py:percent")
    if not order.partial:
        return notebook, []
    asked, failed = asked_by(order.chapter, values)
    return without(notebook, statements(source), asked, set(failed)), asked


def _begun(run: RunFolder, asked: list[Asked]) -> None:
    """Record the cells of sweeps that were begun: they are published, and serve the sitting that goes on with them."""
    for one in asked:
        if one.missing and one.found:
            run.add_cells(one.name, list(one.found.values()))


def _untested(chapter: str, run: RunFolder, left: dict) -> None:
    """Say of the claims that were left out with their cells why there is nothing."""
    for claim in ledger().values() if left else ():
        if claim.chapter == chapter and claim.id not in run.reports():
            untested(claim.id, because(left))


def _notebook(order: Order, run: RunFolder, values: dict, notebook: nbformat.NotebookNode) -> bool:
    """Execute the notebook; say which cell failed, and keep what there is."""
    source, target = path_of(order.chapter), run.notebook(order.chapter)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    options = {"kernel_name": "python3", "progress_bar": False, "log_output": False, "cwd": source.parent}
    options["extra_arguments"] = ["--IPKernelApp.log_level=ERROR"]  # else how it talks to this process is in each log
    if order.parent is not None:  # in the kernel too: it must not wait for this process to say that all is over
        line = f"__import__('quire.lifeline').lifeline.watch({tuple(order.parent)})"
        options["extra_arguments"].append(f"--IPKernelApp.exec_lines={line}")
    error = None
    try:
        papermill.execute_notebook(notebook, target, values, **options)
    except Exception as failure:  # a cell raised, or the kernel died (killed, out of memory)
        error = failure
    if target.exists():  # papermill notes paths of this machine, which a reader's download must not carry
        executed = nbformat.read(target, 4)
        if error is not None:
            print(_failure(order, executed.cells, error))
        executed.metadata.pop("papermill", None)
        nbformat.write(executed, target)
    elif error is not None:
        print(_failure(order, [], error))
    return error is None


def _failure(order: Order, cells: list, error: Exception) -> str:
    """The cell that failed and why, for a person."""
    started = [c for c in cells if c.cell_type == "code" and c.metadata.get("papermill", {}).get("start_time")]
    source = started[-1].source if started else ""
    what = f"{type(error).__name__}: {error}"
    place = Path(order.shown) / f"{order.chapter}.ipynb"
    return f"{order.chapter}: this cell failed\n\n{source}\n\n{what}\nthe notebook so far: {place}"


def _main() -> int:
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    if order.parent is not None:
        watch(tuple(order.parent))
    return 0 if execute(order) else 1


if __name__ == "__main__":
    sys.exit(_main())
