"""Make a run the run of record: rows, reports, small tensors and provenance, under ``data/published/<profile>/<chapter>``.

Figures and their tables are not kept: they are drawn from the rows. Of a run with another block of seeds only the reports are kept,
under ``<profile>-<first seed>``.
"""

import shutil
import warnings
from pathlib import Path

from quire.cells import CorruptFile
from quire.files import folder, locked
from quire.record import RunFolder
from quire.store import Store, save_content
from quire.tools.freshness import staleness
from quire.tools.profiles import complete, resolve

__all__ = ["publish"]

LIMIT = 20 * 2**20
KEPT = ("claims.json", "provenance.json")
SMALL = 512 * 2**10  # bytes of tensors (those of a picture) that are published; weights are larger, and made again


def publish(run: Path, limit: int = LIMIT) -> Path:
    """Copy the small part of a run to the published folder and check that it reads back.

    Args:
        run: a folder of ``build/<profile>/<chapter>``.
        limit: bytes that all published runs together may take.

    Raises:
        ValueError: the run failed, is a smoke run, was made by other code or with other parameters, does not read back,
            or what is published would grow beyond the limit.
    """
    made = RunFolder(run)
    provenance = made.provenance()
    if provenance is None:
        raise ValueError(f"no run in {run}: `quire run` first")
    wrong = _reasons(provenance)
    if wrong:
        raise ValueError(
            f"{run} is a {' and '.join(wrong)} run: only a complete run of the present code and profile counts"
        )
    published = folder("published")
    seeds = provenance.get("seeds", 0)
    target = published / (provenance["profile"] + (f"-{seeds}" if seeds else "")) / provenance["chapter"]
    with locked(published / ".publish"):
        _switch(made, target, published, limit)
    return target


def _reasons(provenance: dict) -> list[str]:
    """What keeps a run from being the run of record."""
    chapter, profile = provenance["chapter"], provenance["profile"]
    asked = complete(chapter, resolve(chapter, profile))
    stale = staleness(chapter, provenance)
    reasons = {
        "failed": provenance["failed"],
        "smoke": profile == "smoke",
        f"stale ({', '.join(stale)})": bool(stale),
        "incomplete (`quire run` without a budget computes the rest)": bool(provenance.get("left"))
        and profile != "paper",
        "custom": {**provenance["parameters"], "device": None} != {**asked, "device": None},
    }
    return [reason for reason, so in reasons.items() if so]


def _switch(made: RunFolder, target: Path, published: Path, limit: int) -> None:
    """Fill a hidden folder, check it, and put it in the place of the last run of record."""
    hidden = f".{target.parent.name}-{target.name}"
    fresh, old = published / f"{hidden}.new", published / f"{hidden}.old"
    if old.exists() and not target.exists():  # killed between two renames
        old.rename(target)
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _copy(made, fresh)
        _check(made, fresh)
        size = sum(p.stat().st_size for p in published.rglob("*") if p.is_file() and target not in p.parents)
        if size > limit:
            raise ValueError(f"published runs would take {size:,} bytes of {limit:,}: publish smaller tables")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


def _copy(made: RunFolder, fresh: Path) -> None:
    again = bool((made.provenance() or {}).get("seeds"))
    rows = [] if again else [*made.path.glob("rows/*"), made.path / "sweeps.json"]
    for path in [*rows, *(made.path / name for name in KEPT)]:
        if path.is_file() and not path.name.startswith("."):
            kept = fresh / path.parent.relative_to(made.path)
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)
    for key, entry in ({} if again else made.tensors()).items():
        content = Store().load_tensors(entry["function"], key) if entry["bytes"] <= SMALL else None
        if content is not None:
            save_content(fresh / "tensors" / f"{key}.safetensors", content)


def _check(made: RunFolder, fresh: Path) -> None:
    """Refuse a copy that does not read back: the run was damaged after it ended, or the copy on its way."""
    copy = RunFolder(fresh)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CorruptFile)
            copy.sweeps()
    except CorruptFile as damage:
        remedy = f"run the chapter again ({damage})"
        raise ValueError(f"the rows of {made.path} do not read back as they were written: {remedy}") from None
    copy.reports()
