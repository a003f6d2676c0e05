"""Execute chapters: parameters from a profile, papermill in a process of its own, one line of progress for each chapter.

A run leaves everything in ``build/<profile>/<chapter>/``: the executed notebook, rows, figures and their tables, reported
claims, provenance. A cell that raises is shown; the notebook up to it stays.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import jupytext
import papermill
from papermill.exceptions import PapermillExecutionError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from quire import device as devices
from quire.claims import judge_all
from quire.provenance import environment, fingerprint_file, folder, project_root, read_json, write_json
from quire.tools.chapters import path_of, resolve

__all__ = ["is_fresh", "judged", "run", "run_folder"]


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
    """
    plans = [(name, resolve(name, profile, overrides)) for name in names]  # every parameter is checked before any run
    label, waiting, running, failed = label or ("custom" if overrides else profile), list(plans), {}, []
    state = {name: "waits" for name in names}
    console = Console()
    with Live(_board(state), console=console, refresh_per_second=2, transient=True) as live:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, values = waiting.pop(0)
                running[name] = (_start(name, profile, values, run_folder(name, label)), time.monotonic())
            for name, (process, start) in list(running.items()):
                elapsed = time.monotonic() - start
                if process.poll() is None:
                    state[name] = _progress(run_folder(name, label), elapsed)
                    continue
                del running[name]
                state[name] = f"done in {elapsed:.0f} s" if process.returncode == 0 else f"failed after {elapsed:.0f} s"
                console.print(f"{name:<18} {profile:<6} {state[name]}")
                if process.returncode:
                    failed.append(name)
                    console.print((run_folder(name, label) / "error.txt").read_text(), markup=False, highlight=False)
            live.update(_board(state))
            time.sleep(0.2)
    write_json(run_folder(names[0], label).parent / "claims.json", judged(label, profile))
    return failed


def judged(label: str, profile: str = "") -> list[dict]:
    """The ledger judged by the reports of a run, in the order of the ledger."""
    reports, chapters = {}, []
    for path in sorted(run_folder("x", label).parent.glob("*/provenance.json")):
        chapters.append(path.parent.name)
        profile = profile or read_json(path)["profile"]
        reports |= read_json(path.parent / "claims.json", {})
    return judge_all(reports, profile or "book", chapters)


def _start(chapter: str, profile: str, values: dict, out: Path) -> subprocess.Popen:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    settings = {"QUIRE_RUN": str(out), "QUIRE_PROFILE": profile, "QUIRE_HEADLESS": "1", "PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "quire.tools.run", chapter, profile, json.dumps(values)]
    with (out / "error.txt").open("w") as log:
        return subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)


def _execute(chapter: str, profile: str, values: dict) -> int:
    """Run one chapter in this process and write its provenance; the exit status."""
    out, start, began = folder("run"), time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    notebook = jupytext.read(path_of(chapter))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source = out / f"{chapter}.source.ipynb"
    jupytext.write(notebook, source)
    status, target = 0, out / f"{chapter}.ipynb"
    try:
        papermill.execute_notebook(
            source,
            target,
            values,
            kernel_name="python3",
            progress_bar=False,
            cwd=path_of(chapter).parent,
            log_output=False,
        )
    except PapermillExecutionError as error:
        print(
            f"{chapter}: cell {error.exec_count} raised\n\n{error.source}\n\n{error.ename}: {error.evalue}\n\nthe notebook up to there: {target}"
        )
        status = 1
    source.unlink()
    (out / "progress.json").unlink(missing_ok=True)
    cells = [cell for block in read_json(out / "sweeps.json", {}).get("cells", {}).values() for cell in block.values()]
    write_json(
        out / "provenance.json",
        {
            **environment(str(devices.resolve(str(values.get("device", "auto"))))), "chapter": chapter, "profile": profile,
            "parameters": values, "started": began, "wall_seconds": round(time.monotonic() - start, 1),
            "compute_seconds": round(sum(cell["seconds"] for cell in cells), 1), "failed": bool(status),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
            "cells": {source: sum(cell["source"] == source for cell in cells) for source in ("computed", "store", "published")},
            "source_key": source_key(chapter),
        },
    )  # fmt: skip
    return status


def _progress(out: Path, elapsed: float) -> str:
    try:
        now = json.loads((out / "progress.json").read_text())
    except (OSError, ValueError):
        return f"runs since {elapsed:.0f} s"
    name = now["sweep"].rpartition(".")[2]
    return f"{now['done']}/{now['total']} cells of {name}, {elapsed:.0f} s, about {now['seconds_left']:.0f} s left"


def _board(state: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in state.items():
        if not text.startswith(("done", "failed")):
            table.add_row(name, text)
    return table


if __name__ == "__main__":
    sys.exit(_execute(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
