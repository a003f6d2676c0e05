"""The ledger: every quantitative statement of a chapter, with its prediction and tolerance, in ``data/claims/<chapter>.yml``.

The entries of a file are a list; the chapter is the file's name, and every id begins with it ("locality.beta-s1").
"""

import functools
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError, model_validator

from quire.files import from_yaml, project_root, read_bytes

__all__ = ["Claim", "Prediction", "Source", "Tolerance", "ledger"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Strict):
    """Where the prediction comes from: a bibliography key (or "derived", "prototype") and the place in it."""

    paper: str
    where: str


class Prediction(_Strict):
    """What is predicted: a number, a bound, a ranking (largest first), or an identity."""

    kind: Literal["equals", "slope", "at_least", "at_most", "order", "identity"]
    value: float | list[str] = 0.0
    unit: str = ""


class Tolerance(_Strict):
    """How far a measurement may lie from the prediction: absolute, or relative to it."""

    abs: NonNegativeFloat | None = None
    rel: NonNegativeFloat | None = None


class Claim(_Strict):
    """An entry of the ledger."""

    id: str
    chapter: str
    says: str
    source: Source
    predict: Prediction
    tolerance: Tolerance = Tolerance()
    why: str
    decidable: list[Literal["smoke", "book", "paper"]]
    comment: str = ""

    @model_validator(mode="after")
    def _consistent(self):
        kind, value = self.predict.kind, self.predict.value
        ranking = isinstance(value, list)
        if not self.id.removeprefix(f"{self.chapter}.") or not self.id.startswith(f"{self.chapter}."):
            raise ValueError(f"the id must be {self.chapter}.<name>, as the file is called")
        if ranking != (kind == "order") or (ranking and len(set(value)) < max(2, len(value))):
            raise ValueError("kind order, and only it, predicts a list of two names or more (largest first)")
        if not ranking and (self.tolerance.abs is None) == (self.tolerance.rel is None):
            raise ValueError("give exactly one tolerance: abs or rel")
        if kind in ("equals", "slope", "identity") and not self.allowed:
            raise ValueError("the tolerance must be positive (rel: of a number ≠ 0)")
        return self

    @property
    def allowed(self) -> float:
        """The tolerance in the unit of the prediction."""
        return self.tolerance.abs if self.tolerance.abs is not None else self.tolerance.rel * abs(self.predict.value)

    @property
    def predicted(self) -> str:
        """The prediction in words, for a table."""
        value, kind = self.predict.value, self.predict.kind
        if kind == "order":
            return " > ".join(value)
        if kind == "identity":
            return f"|error| ≤ {self.allowed:.3g}"
        sign = {"at_least": "≥ ", "at_most": "≤ "}.get(kind, "")
        return f"{sign}{value:.4g} ± {self.allowed:.2g}" if self.allowed else f"{sign}{value:.4g}"


def ledger(folder: Path | None = None) -> dict[str, Claim]:
    """All claims by id, chapter by chapter.

    Args:
        folder: where the files are (default: ``data/claims`` of the checkout).

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file is not YAML, or an entry does not follow the schema, or an id occurs twice.
    """
    folder = folder or project_root() / "data" / "claims"
    if not folder.is_dir():
        raise FileNotFoundError(f"no ledger at {folder}: write what is predicted to {folder / '<chapter>.yml'}")
    files = sorted(folder.glob("*.yml"))
    return dict(_ledger(tuple((file, file.stat().st_mtime_ns) for file in files)))


@functools.lru_cache(maxsize=8)
def _ledger(files: tuple[tuple[Path, int], ...]) -> dict[str, Claim]:
    claims: dict[str, Claim] = {}
    for file, _ in files:
        entries = from_yaml(read_bytes(file).decode("utf-8"), file) or []
        if not isinstance(entries, list):
            raise ValueError(
                f"{file} must hold a list of claims, got {type(entries).__name__}: begin each with `- id:`"
            )
        for entry in entries:
            claim = _claim(entry, file)
            if claim.id in claims:
                raise ValueError(f"{file}: the id {claim.id} occurs twice")
            claims[claim.id] = claim
    return claims


def _claim(entry: object, file: Path) -> Claim:
    keys = [name for name in Claim.model_fields if name != "chapter"]
    name = entry.get("id", entry) if isinstance(entry, dict) else entry
    if not isinstance(entry, dict) or "chapter" in entry:
        raise ValueError(f"{file}: {name}: expected the keys {keys}; the chapter is the name of the file")
    try:
        return Claim.model_validate({**entry, "chapter": file.stem})
    except (ValidationError, TypeError) as error:
        raise ValueError(f"{file}: {name}: expected the keys {keys}; {error}") from None
