"""A chapter that runs: its process, how it is started, stopped, and put in its place when it has ended."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from quire.files import folder, project_root
from quire.lifeline import end, end_marked, identity
from quire.record import RunFolder
from quire.tools.order import Order
from quire.tools.origins import other_versions
from quire.tools.places import begin, failed_folder, keep
from quire.tools.plan import Plan

__all__ = ["Running", "ended", "settings_of", "start"]


@dataclass
class Running:
    """A chapter's process, the folder that it fills, and since when it runs."""

    chapter: str
    process: subprocess.Popen
    folder: Path
    since: float = field(default_factory=time.monotonic)

    def stop(self) -> None:
        """End the process, with its kernel and that one's workers; harmless where it has ended."""
        if self.process.poll() is None:
            end(self.process.pid)
            self.process.wait()
        end_marked("QUIRE_RUN", str(self.folder))

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.since

    @property
    def progress(self) -> str:
        """One line for a person who waits."""
        try:
            now = RunFolder(self.folder).progress()
            name, left = now["sweep"].rpartition(".")[2], f"about {now['seconds_left']:.0f} s left"
            return f"{self.chapter}  {now['done']}/{now['total']} cells of {name}, {self.seconds:.0f} s, {left}"
        except (TypeError, KeyError, ValueError, AttributeError, OSError):  # not there, or unreadable
            return f"{self.chapter}  runs since {self.seconds:.0f} s"


def start(chapter: str, plan: Plan) -> Running:
    """Start the process of a chapter in an empty folder."""
    made = begin(chapter, plan.label)
    order = Order(
        chapter=chapter,
        profile=plan.profile,
        values=plan.values[chapter],
        changed=plan.changed,
        check=plan.check,
        shown=str(failed_folder(chapter, plan.label)),
        partial=plan.partial,
        parent=identity(os.getpid()),
    )
    settings = settings_of(plan) | {"QUIRE_RUN": str(made)}
    with (made / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "quire.tools.execute"],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    with suppress(BrokenPipeError):  # it died at once: its log says why
        process.stdin.write(order.text().encode() + b"\n")
        process.stdin.close()
    return Running(chapter, process, made)


def ended(one: Running, plan: Plan, status: int) -> list[str]:
    """Put a run that ended in its place; what there is to say about it, line by line."""
    one.stop()  # what a dead kernel left behind
    verb = "failed after" if status else "done in"
    lines = [f"{one.chapter:<18} {plan.profile:<6} {verb} {one.seconds:.0f} s"]
    run = RunFolder(keep(one.folder, one.chapter, plan.label, failed=bool(status)))
    if status:
        text = (run.path / "log.txt").read_text(encoding="utf-8", errors="replace")
        return [*lines, text or f"exit status {status}"]
    record = run.provenance() or {}
    lines += [
        f"{one.chapter}: {gone} of {total} cells of {name} are left: give it more time"
        for name, (gone, total) in record.get("left", {}).items()
    ]
    if record.get("edited"):
        lines.append(f"{one.chapter}: code, text or claims were edited while it ran: run it again")
    return lines + [f"{one.chapter}: {said}" for said in other_versions(run.sweeps())]


def settings_of(plan: Plan) -> dict[str, str]:
    """What a process that computes for a plan is told, with paths that hold in any folder."""
    settings = {
        "QUIRE_ROOT": str(project_root()),
        "QUIRE_BUILD": str(folder("build")),
        "QUIRE_STORE": str(plan.store),
        "QUIRE_PUBLISHED": os.devnull if plan.fresh else str(folder("published")),
        "QUIRE_PROFILE": plan.profile,
        "QUIRE_SEEDS": str(plan.seeds),
        "QUIRE_HEADLESS": "1",
        "QUIRE_JOBS": str(plan.share.workers),
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "default,ignore:IProgress not found",  # a bar of widgets, which a book cannot show
    }
    if plan.share.jobs > 1:  # chapters side by side share the cores
        settings["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(plan.share.threads))
    return settings
