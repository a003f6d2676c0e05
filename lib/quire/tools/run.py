"""Execute chapters: parameters from a profile, papermill in a process of its own, one line of progress for each chapter.

A run leaves everything in ``build/<profile>/<chapter>/``: the executed notebook, rows, figures and their tables, reported
claims, provenance. A cell that raises is shown; the notebook up to it stays.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import jupytext
import nbformat
import papermill
import psutil
from rich.progress import Progress, TextColumn

from quire import device as devices
from quire.claims import judge_run, ledger
from quire.provenance import environment, fingerprint_file, folder, project_root, read_json, write_json
from quire.tools.chapters import parameters, path_of, resolve

__all__ = ["is_fresh", "judged", "run", "run_folder"]


RESERVED = ("store", "site", "html", "_build")  # folders of build/ that hold something else


def run_folder(chapter: str, profile: str) -> Path:
    """Where a run of a chapter at a profile is kept (QUIRE_BUILD moves all of them)."""
    return Path(os.environ.get("QUIRE_BUILD") or project_root() / "build") / profile / chapter


def source_key(chapter: str) -> str:
    """Changes when the chapter's code, or the code that it can reach, changes."""
    return fingerprint_file(path_of(chapter), chapter)


def is_fresh(chapter: str, provenance: dict) -> bool:
    """Whether a run was made by the code that stands here now."""
    return provenance.get("source_key") == source_key(chapter)


def run(
    names: list[str], profile: str = "smoke", overrides: dict | None = None, jobs: int = 1, label: str = ""
) -> list[str]:
    """Execute chapters side by side; returns the names of those that failed.

    Args:
        names: chapters.
        profile: "smoke", "book" or "paper".
        overrides: values that win over the profile's.
        jobs: how many at once.
        label: the run's name below ``build/``; the profile's, or "custom" where something is overridden.

    Raises:
        ValueError: there is nothing to run, or a chapter, profile, parameter, device, label or number of jobs is wrong.
    """
    if not names or jobs < 1 or not re.fullmatch(r"[\w-][\w.-]*|", label) or label in RESERVED:
        expected = f"a chapter, one job or more, a label not in {RESERVED}"
        raise ValueError(f"expected {expected}; got {names}, {jobs}, {label!r}")
    waiting = {name: resolve(name, profile, overrides) for name in names}  # everything is checked before anything runs
    for values in waiting.values():
        devices.resolve(values.get("device", "auto"))
    label, running, failed = label or ("custom" if overrides else profile), {}, []
    with ExitStack() as stopped, Progress(TextColumn("{task.description}"), transient=True) as board:
        lines = {name: board.add_task(f"{name} waits") for name in waiting}
        while waiting or running:
            while waiting and len(running) < jobs:
                name = next(iter(waiting))
                process = _start(name, profile, waiting.pop(name), run_folder(name, label), jobs)
                running[name] = (process, time.monotonic())
                stopped.callback(_stop, process)
            for name, (process, start) in list(running.items()):
                out, elapsed, status = run_folder(name, label), time.monotonic() - start, process.poll()
                board.update(lines[name], description=f"{name}  {_progress(out, elapsed)}", visible=status is None)
                if status is None:
                    continue
                del running[name]
                verb = "failed after" if status else "done in"
                board.console.print(f"{name:<18} {profile:<6} {verb} {elapsed:.0f} s")
                if status:
                    failed.append(name)
                    text = (out / "log.txt").read_text() or f"exit status {status}"
                    board.console.print(text, markup=False, highlight=False)
            time.sleep(0.2)
    write_json(run_folder(names[0], label).parent / "claims.json", judged(label))
    return failed


def judged(label: str) -> list[dict]:
    """The ledger judged by the reports of a run, each chapter at its own profile, in the order of the ledger."""
    runs = run_folder("x", label).parent.glob("*/")
    found = {claim["id"]: claim for run in runs for claim in judge_run(run)}
    return [found[id] for id in ledger() if id in found]


def _start(chapter: str, profile: str, values: dict, out: Path, jobs: int) -> subprocess.Popen:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    settings = {"QUIRE_RUN": str(out), "QUIRE_PROFILE": profile, "QUIRE_HEADLESS": "1"}
    settings["PYTHONWARNINGS"] = "default,ignore:IProgress not found"  # a bar of widgets, which a book cannot show
    if jobs > 1:  # chapters side by side share the cores
        settings["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(max(1, os.cpu_count() // jobs)))
    command = [sys.executable, "-m", "quire.tools.run", chapter, profile, json.dumps(values)]
    with (out / "log.txt").open("w") as log:
        return subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True)


def _stop(process: subprocess.Popen) -> None:
    """End a chapter that still runs, with its kernel and that one's workers."""
    if process.poll() is None:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _execute(chapter: str, profile: str, values: dict) -> int:
    """Run one chapter in this process and write its provenance; the exit status."""
    out, start, began = folder("run"), time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    values = {entry["name"]: entry["default"] for entry in parameters(chapter)} | values
    notebook = jupytext.read(path_of(chapter))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    target, failed = out / f"{chapter}.ipynb", False
    options = {"kernel_name": "python3", "progress_bar": False, "log_output": False, "cwd": path_of(chapter).parent}
    try:
        papermill.execute_notebook(notebook, target, values, **options)
    except Exception as error:  # a cell raised, or the kernel died (killed, out of memory)
        failed = True
        cells = nbformat.read(target, 4).cells if target.exists() else []
        started = [c for c in cells if c.cell_type == "code" and c.metadata.get("papermill", {}).get("start_time")]
        cell, what = started[-1].source if started else "", f"{type(error).__name__}: {error}"
        print(f"{chapter}: this cell failed\n\n{cell}\n\n{what}\nthe notebook so far: {target}")
    if target.exists():  # papermill notes paths of this machine, which a reader's download must not carry
        executed = nbformat.read(target, 4)
        executed.metadata.pop("papermill", None)
        nbformat.write(executed, target)
    (out / "progress.json").unlink(missing_ok=True)
    cells = [cell for sweep in read_json(out / "sweeps.json", {}).values() for cell in sweep["cells"].values()]
    record = {
        **environment(str(devices.resolve(values.get("device", "auto")))), "chapter": chapter, "profile": profile,
        "parameters": values, "started": began, "wall_seconds": round(time.monotonic() - start, 1), "failed": failed,
        "compute_seconds": round(sum(cell["seconds"] for cell in cells), 1), "source_key": source_key(chapter),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "cells": {"computed": 0, "store": 0, "published": 0} | Counter(cell["source"] for cell in cells),
    }  # fmt: skip
    write_json(out / "provenance.json", record)
    return int(failed)


def _progress(out: Path, elapsed: float) -> str:
    try:
        now = json.loads((out / "progress.json").read_text())
    except (OSError, ValueError):  # not there yet, or unreadable: no reason to stop what runs
        return f"runs since {elapsed:.0f} s"
    name = now["sweep"].rpartition(".")[2]
    return f"{now['done']}/{now['total']} cells of {name}, {elapsed:.0f} s, about {now['seconds_left']:.0f} s left"


if __name__ == "__main__":
    sys.exit(_execute(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
