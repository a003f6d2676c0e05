"""Make a run the run of record: its rows, figure tables, reports and provenance under ``data/published/<profile>/<chapter>``."""

import shutil
from pathlib import Path

from quire.provenance import folder, read_json
from quire.store import read_run
from quire.tools.chapters import parameters, resolve
from quire.tools.run import is_fresh

__all__ = ["publish"]

LIMIT = 20 * 2**20


def publish(run: Path, limit: int = LIMIT) -> Path:
    """Copy the small, textual part of a run to the published folder and check that it reads back.

    Args:
        run: a folder of ``build/<profile>/<chapter>``.
        limit: bytes that all published runs together may take.

    Raises:
        ValueError: the run failed, is a smoke run, was made by other code or with other parameters, does not read back,
            or what is published would grow beyond the limit.
    """
    provenance = read_json(run / "provenance.json")
    if provenance is None:
        raise ValueError(f"no run in {run}: `quire run` first")
    chapter, profile = provenance["chapter"], provenance["profile"]
    asked = {entry["name"]: entry["default"] for entry in parameters(chapter)} | resolve(chapter, profile)
    reasons = {
        "failed": provenance["failed"],
        "smoke": profile == "smoke",
        "stale": not is_fresh(chapter, provenance),
        "custom": {**provenance["parameters"], "device": None} != {**asked, "device": None},
    }
    if wrong := " and ".join(reason for reason, so in reasons.items() if so):
        raise ValueError(f"{run} is a {wrong} run: only a complete run of the present code and profile counts")
    published = folder("published")
    target, hidden = published / profile / chapter, published / f".{profile}-{chapter}"
    fresh, old = Path(f"{hidden}.new"), Path(f"{hidden}.old")
    reports = [run / f"{name}.json" for name in ("claims", "sweeps", "provenance")]
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for path in filter(Path.is_file, [*run.glob("*.csv"), *run.glob("rows/*"), *reports]):
            kept = fresh / ("figures" if path.parent == run and path.suffix == ".csv" else path.parent.relative_to(run))
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)
        if read_run(fresh).keys() != read_json(run / "sweeps.json", {}).keys():
            raise ValueError(f"the rows of {run} do not read back as they were written: run the chapter again")
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
    return target
