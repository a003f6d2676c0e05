"""The runs that the status page lists: how each was made, what its computation took, whether it is that of the present code."""

import warnings
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quire.claims import judge_run
from quire.files import CorruptFile, folder
from quire.record import Cell, RunFolder
from quire.tools.freshness import staleness
from quire.tools.origins import computation, other_versions
from quire.tools.places import RESERVED, runs_in

__all__ = ["run_record", "run_records"]

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Shown(BaseModel):
    """What a page says of a run's record, and of which type."""

    model_config = ConfigDict(extra="ignore")
    chapter: str
    profile: str
    failed: bool = False
    edited: bool = False
    commit: str = "unknown"
    dirty: bool | None = None
    started: str = "–"
    device: str = "–"
    machine: str = "–"
    wall_seconds: Amount | None = None
    peak_memory_mb: Amount | None = None
    parameters: dict = {}
    cells: dict[str, int] = {}
    versions: dict[str, str] = {}


def run_records(shown: list[str], profile: str) -> list[dict]:
    """The record of every run of the chapters shown, here or published; those of the profile shown must be readable."""
    found = []
    for label, place in _places().items():
        for run in runs_in(place):
            if run.name not in shown:
                continue
            try:
                found.append(run_record(run, label))
            except ValueError as error:
                if label == profile:
                    raise
                found.append({"chapter": run.name, "label": label, "damaged": str(error)})
    return sorted(found, key=lambda record: shown.index(record["chapter"]))


def run_record(run: Path, label: str) -> dict:
    """What a page says of one run.

    Raises:
        ValueError: a file of it is not what a run writes.
    """
    record, sweeps = RunFolder(run).provenance(), _whole_sweeps(run)
    if record is None:
        raise ValueError(f"{run / 'provenance.json'} holds no record of a run: run the chapter again")
    if record["chapter"] != run.name:
        raise ValueError(f"{run} holds a run of the chapter {record['chapter']!r}: it must be in a folder of that name")
    reasons = staleness(run.name, record)
    verdicts = Counter(claim["verdict"] for claim in judge_run(run))
    more = {
        "label": label,
        "fresh": not reasons,
        "stale": reasons,
        "verdicts": dict(verdicts),
        "computation": computation(sweeps),
        "others": other_versions(sweeps),
    }
    return {**_shown(record, run), **more}


def _whole_sweeps(run: Path) -> dict[str, list[Cell]]:
    """The cells of a run; a table that is left out is an error, because a page must not be silent about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CorruptFile)
        try:
            return RunFolder(run).sweeps()
        except CorruptFile as damage:
            raise ValueError(f"{damage}: run the chapter again") from None


def _shown(record: dict, run: Path) -> dict:
    try:
        return _Shown.model_validate(record).model_dump()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise ValueError(
            f"{run / 'provenance.json'} is not what a run writes ({wrong}): run the chapter again"
        ) from None


def _places() -> dict[str, Path]:
    """The folders of runs by the label that the page gives them: those made here, those that failed, the published ones."""
    here, published = folder("build"), folder("published")
    places = {path.name: path for path in sorted(here.glob("[!.]*/")) if path.name not in RESERVED}
    places |= {f"failed {path.name}": path for path in sorted((here / "failed").glob("[!.]*/"))}
    return places | {f"published {path.name}": path for path in sorted(published.glob("[!.]*/"))}
