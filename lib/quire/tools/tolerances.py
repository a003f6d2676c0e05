"""How far two runs of the same code may differ: ``data/tolerances/default.yml``, and a file for each chapter.

The default is for float64 results of direct solves. A function whose results are trained has an entry of its own, and so
have the claims that are made of them: ``claims: {<pattern of ids>: {errors: 3}}`` allows three standard errors of the
difference, because a training elsewhere is another draw of the same ensemble.
"""

import fnmatch
import functools
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quire.files import from_yaml, project_root

__all__ = ["Tolerance", "claim_tolerance", "tolerance"]

Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Limits(BaseModel):
    """An entry of a file; what it leaves out comes from a wider one."""

    model_config = ConfigDict(extra="forbid")
    rel: Number | None = None
    abs: Number | None = None
    errors: Number | None = None


class Tolerance(BaseModel):
    """Two values agree if they differ by at most max(rel·max(|a|, |b|), abs, errors × standard error of the difference)."""

    model_config = ConfigDict(frozen=True)
    rel: float = 1e-6
    abs: float = 1e-12
    errors: float = 0.0

    def allows(self, first: float | int, second: float | int, error: float = 0.0) -> bool:
        """Whether two finite numbers agree; ``error`` is the standard error of their difference."""
        scale = self.rel * max(abs(first), abs(second))
        return abs(first - second) <= max(scale, self.abs, self.errors * error)

    def __str__(self) -> str:
        kept = {name: value for name, value in self.model_dump().items() if value}
        return ", ".join(f"{name} {value:g}" for name, value in kept.items())


def tolerance(function: str, column: str) -> Tolerance:
    """The tolerance of a column of a function's rows: the entry of the column, of its function ("*"), or the default."""
    own = _entries(function.partition(".")[0]).get(function, {})
    return _merged(_default(), own.get("*"), own.get(column))


def claim_tolerance(id: str) -> Tolerance:
    """The tolerance of what was measured for a claim: of the patterns of its chapter, the last that fits, or the default."""
    own = _entries(id.partition(".")[0]).get("claims", {})
    return _merged(_default(), *(limits for pattern, limits in own.items() if fnmatch.fnmatchcase(id, pattern)))


def _merged(*entries: _Limits | None) -> Tolerance:
    given = [entry.model_dump(exclude_none=True) for entry in entries if entry is not None]
    return Tolerance(**{name: value for entry in given for name, value in entry.items()})


def _default() -> _Limits:
    path = project_root() / "data" / "tolerances" / "default.yml"
    return _limits(_read(path, _stamp(path)), path, "default")


def _entries(chapter: str) -> dict[str, dict[str, _Limits]]:
    path = project_root() / "data" / "tolerances" / f"{chapter}.yml"
    return _parsed(path, _stamp(path))


@functools.lru_cache(maxsize=64)
def _parsed(path: Path, stamp: int) -> dict[str, dict[str, _Limits]]:
    found = {}
    for name, columns in _read(path, stamp).items():
        if not isinstance(columns, dict):
            raise ValueError(f"{path}: {name} must map columns (or ids of claims) to limits, got {columns!r}")
        found[name] = {column: _limits(entry, path, f"{name}, {column}") for column, entry in columns.items()}
    return found


def _limits(entry: object, path: Path, where: str) -> _Limits:
    try:
        return _Limits.model_validate(entry)
    except ValidationError as error:
        raise ValueError(f"{path}: {where} must be {{rel: …, abs: …, errors: …}}, numbers ≥ 0; {error}") from None


@functools.lru_cache(maxsize=64)
def _read(path: Path, stamp: int) -> dict:
    """The mapping in a file; an absent one is empty."""
    found = from_yaml(path.read_text(encoding="utf-8"), path) if stamp else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path} must be a mapping, got {type(found).__name__}")
    return found


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
