"""Make a run the run of record: its rows, figure tables, reports and provenance under ``data/published/<profile>/<chapter>``."""

import shutil
from pathlib import Path

from quire.provenance import folder, read_json
from quire.store import read_rows
from quire.tools.run import is_fresh

__all__ = ["publish"]

LIMIT = 20 * 2**20


def publish(run: Path, limit: int = LIMIT) -> Path:
    """Copy the small, textual part of a run to the published folder and check that it reads back.

    Args:
        run: a folder of ``build/<profile>/<chapter>``.
        limit: bytes that all published runs together may take.

    Raises:
        ValueError: the run failed, is a smoke run, was made by other code, or what is published would grow beyond the limit.
    """
    provenance = read_json(run / "provenance.json")
    if provenance is None:
        raise ValueError(f"no run in {run}: `quire run` first")
    chapter, profile = provenance["chapter"], provenance["profile"]
    if provenance["failed"] or profile == "smoke" or not is_fresh(chapter, provenance):
        raise ValueError(
            f"{run} is a {'failed' if provenance['failed'] else 'smoke' if profile == 'smoke' else 'stale'} run: only a complete "
            "run of the present code, at book or paper scale, can be the run of record"
        )
    target = folder("published") / profile / chapter
    fresh = target.with_name(f".{chapter}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(run / "rows", fresh / "rows") if (run / "rows").exists() else fresh.mkdir(parents=True)
    (fresh / "figures").mkdir()
    for path in run.glob("*.csv"):
        shutil.copy2(path, fresh / "figures")
    for name in ("claims.json", "sweeps.json", "provenance.json"):
        if (run / name).exists():
            shutil.copy2(run / name, fresh)
    sweeps = read_json(fresh / "sweeps.json", {"columns": {}})
    for name, kinds in sweeps["columns"].items():
        for path in (fresh / "rows").glob(f"{name}.*"):
            read_rows(path, kinds)
    others = [p for p in folder("published").rglob("*") if p.is_file() and not p.is_relative_to(target)]
    size = sum(path.stat().st_size for path in others)
    if size > limit:
        shutil.rmtree(fresh)
        raise ValueError(
            f"published runs would take {size / 2**20:.1f} MB of {limit / 2**20:.0f} MB: publish smaller tables"
        )
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target
