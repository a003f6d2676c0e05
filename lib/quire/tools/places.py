"""Where runs are kept: ``build/<label>/<chapter>/``, each put in its place when it is complete, by a rename.

While a chapter runs, its folder has another name below ``build/.running``; a lock there keeps a second run of that chapter and
label out. A run that fails goes to ``build/failed/<label>/<chapter>/``, and the previous one stays where it is.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from quire.files import folder
from quire.tools.profiles import PROFILES

__all__ = ["begin", "failed_folder", "keep", "only_run", "run_folder", "runs_in", "valid_label"]

RESERVED = ("store", "site", "html", "_build", "failed", "interactive", "nbval", "published")
LABEL = re.compile(r"\w[\w.-]{0,63}")


def run_folder(chapter: str, label: str) -> Path:
    """Where a run of a chapter is kept (QUIRE_BUILD moves all of them)."""
    return folder("build") / label / chapter


def failed_folder(chapter: str, label: str) -> Path:
    """Where the last run of a chapter is kept, if it failed."""
    return folder("build") / "failed" / label / chapter


def runs_in(place: Path) -> list[Path]:
    """The folders of the runs below a label or a folder of published runs."""
    return sorted(path.parent for path in place.glob("[!.]*/provenance.json"))


def valid_label(label: str, profile: str, changed: bool, fresh: bool, seeds: int = 0) -> str:
    """The name of a run: as asked, else "fresh", "custom" (something is overridden) or the profile's, with the first seed if not zero.

    Raises:
        ValueError: the label is a path, or a name that means something else.
    """
    if not label:
        return ("fresh" if fresh else "custom" if changed else profile) + (f"-{seeds}" if seeds else "")
    if not LABEL.fullmatch(label) or label.lower() in RESERVED:
        expected = f"letters, digits, '_', '-' and '.', at most 64, and none of {', '.join(RESERVED)}"
        raise ValueError(f"expected a label of {expected}; got {label!r:.90}")
    if label in PROFILES and (changed or seeds or label != profile):
        what = "parameters of your own" if changed else "other seeds" if seeds else f"profile {profile}"
        raise ValueError(
            f"label {label!r} is for unchanged runs of profile {label}, not for {what}: give another label"
        )
    if label == "fresh" and not fresh:
        raise ValueError("label 'fresh' is for runs that compute everything: add --fresh, or give another label")
    return label


@contextlib.contextmanager
def only_run(name: str, label: str) -> Iterator[None]:
    """Hold the right to a name (of a chapter, or "store") below a label, as long as this process lives.

    Raises:
        RuntimeError: another process has it.
    """
    place = _running(label)
    place.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(place / f"{name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        remedy = "wait for it, or give this one another --label"
        raise RuntimeError(f"another `quire run` is at work on {name} of {label!r}: {remedy}") from None
    try:
        yield
    finally:
        lock.release()


def begin(chapter: str, label: str) -> Path:
    """An empty folder for a run that starts; what a killed one left is put right. The caller is the only run."""
    place, target = _running(label), run_folder(chapter, label)
    place.mkdir(parents=True, exist_ok=True)
    old = place / f"{chapter}.old"
    if old.exists() and not target.exists():  # killed between two renames
        old.rename(target)
    for left in [old, *place.glob(f"{chapter}.new-*")]:
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{chapter}.new-", dir=place))


def keep(made: Path, chapter: str, label: str, failed: bool) -> Path:
    """Put a run that ended in its place; return it. A failed one takes the place of the last failed one only."""
    for lock in made.rglob(".*.lock"):
        lock.unlink()
    os.chmod(made, 0o755)
    target = failed_folder(chapter, label) if failed else run_folder(chapter, label)
    old = _running(label) / f"{chapter}.old"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    if not failed:
        shutil.rmtree(failed_folder(chapter, label), ignore_errors=True)
    return target


def _running(label: str) -> Path:
    return folder("build") / ".running" / label
