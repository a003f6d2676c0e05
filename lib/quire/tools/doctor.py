"""What is amiss here, and what to do: versions, devices, data sets, room on the disk, stale chapters and why."""

import importlib.metadata
import re
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from quire.files import folder, project_root
from quire.record import RunFolder
from quire.tools.changes import changed_definitions
from quire.tools.chapters import chapters
from quire.tools.freshness import staleness
from quire.tools.kept import overview
from quire.tools.places import run_folder

__all__ = ["Finding", "findings", "reasons"]

LITTLE = 2 * 2**30  # bytes: a book, its store and its site take about one
SHOWN = 6  # definitions that are named
MACHINERY = {
    "allocator",
    "cells",
    "claims",
    "environment",
    "figures",
    "files",
    "record",
    "schema",
    "store",
    "sweep",
    "tables",
}


class Finding(NamedTuple):
    """One line of the report: whether it is well, what was looked at, what was seen, what to do."""

    well: bool
    about: str
    seen: str
    remedy: str = ""


def findings(names: list[str] | None = None) -> Iterator[Finding]:
    """Everything that was looked at, what is well too.

    Args:
        names: the chapters that are looked at (default: all).
    """
    yield from _versions()
    yield from _devices()
    yield from _data_sets()
    yield _disk()
    yield from _store()
    for chapter in names or chapters():
        yield _chapter(chapter)


def reasons(chapter: str, provenance: dict) -> list[str]:
    """Why a run is stale, and which definitions changed since the commit that it was made with."""
    found = staleness(chapter, provenance)
    if "the code changed" not in found:
        return found
    changed = changed_definitions(chapter, str(provenance.get("commit", "")))
    if not changed:
        return found
    said = f"the code changed: {', '.join(_named(changed, chapter))}"
    return [said if one == "the code changed" else one for one in found]


def _named(changed: list[str], chapter: str) -> list[str]:
    """The chapter itself, then what computes, then what carries and draws, which moves no number."""
    own = [name for name in changed if name.startswith(f"{chapter}.")]
    rest = [name.removeprefix("quire.") for name in changed if name not in own]
    machinery = {name.split(".")[0] for name in rest} & MACHINERY
    science = [name for name in rest if name.split(".")[0] not in machinery]
    named = (["the chapter's own code"] if own else []) + science[:SHOWN]
    named += [f"{len(science) - SHOWN} more"] if len(science) > SHOWN else []
    return named + [f"{name} (which computes nothing)" for name in sorted(machinery)]


def _versions() -> Iterator[Finding]:
    """Installed packages against the lock."""
    path = project_root() / "lib" / "requirements.lock"
    if not path.exists():
        yield Finding(True, "versions", "no lock: the library is installed without a checkout")
        return
    other = []
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", path.read_text(encoding="utf-8"), re.M):
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            here = "absent"
        if here != version:
            other.append(f"{name} {here} (lock: {version})")
    remedy = "delete .venv/ready and say `make .venv/ready`; rows made with other versions stay marked with them"
    yield Finding(not other, "versions", "; ".join(other) or "those of lib/requirements.lock", remedy if other else "")


def _devices() -> Iterator[Finding]:
    import torch

    from quire.device import available_memory
    from quire.environment import cores

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none, and none is needed for the book"
    yield Finding(
        True, "cores", f"{cores()} that may be used, {available_memory('cpu') / 2**30:.1f} GiB of memory free"
    )
    yield Finding(True, "GPU", gpu)


def _data_sets() -> Iterator[Finding]:
    from quire.data import at_hand

    for name, place in at_hand().items():
        remedy = "" if place else "downloaded when it is asked for; or put it into the folder that QUIRE_DATA names"
        yield Finding(True, f"data set {name}", place or "not here; smoke and book need none", remedy)


def _disk() -> Finding:
    place = folder("build")
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    remedy = "free some, or let QUIRE_BUILD name another place" if free < LITTLE else ""
    return Finding(free >= LITTLE, "disk", f"{free / 2**30:.1f} GiB free for {folder('build')}", remedy)


def _store() -> Iterator[Finding]:
    lines = overview()
    total, unused = (sum(float(line[at]) for line in lines) for at in (2, 4))
    newest = min((line[5] for line in lines), key=lambda text: int(text.split()[0]), default="never")
    remedy = "`quire store --drop-unused` deletes what no run refers to" if unused > 100 else ""
    seen = f"{total:.0f} MB of {len(lines)} functions, {unused:.0f} MB of it unused; last written {newest}"
    yield Finding(True, "store", seen, remedy)


def _chapter(chapter: str) -> Finding:
    """The run of the book here, else the published one."""
    places = {"here": run_folder(chapter, "book"), "published": folder("published") / "book" / chapter}
    for where, path in places.items():
        record = RunFolder(path).provenance() if path.is_dir() else None
        if record is not None:
            said = reasons(chapter, record)
            remedy = f"`quire run {chapter} --profile book` computes what changed" if said else ""
            return Finding(not said, chapter, f"{where}: {'; '.join(said) or 'fresh'}", remedy)
    return Finding(False, chapter, "never run at book scale", f"`quire run {chapter} --profile book`")
