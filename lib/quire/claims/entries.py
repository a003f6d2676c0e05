"""The ledger: every quantitative statement of a chapter, with its prediction and tolerance, in ``data/claims/<chapter>.yml``.

The entries of a file are a list; the chapter is the file's name, and every id begins with it ("locality.beta-s1").
"""

import functools
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError, model_validator

from quire.files import from_yaml, project_root, read_bytes

__all__ = ["BASES", "Basis", "Claim", "Prediction", "Source", "Tolerance", "ledger"]

Basis = Literal["blind", "prototype", "adjusted", "theorem"]
BASES: dict[Basis, str] = {
    "blind": "prediction and tolerance from the literature or a derivation, before any run",
    "prototype": "prediction or tolerance from a trial calculation with other code and other random numbers",
    "adjusted": "statement, sizes or number of seeds chosen or changed after a trial run, as the claim's note says",
    "theorem": "an identity or a theorem: only a fault of the code can make it fail",
}


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


class Alternative(_Strict):
    """What the claim would not have held for: in words, and its value in the unit of the prediction."""

    what: str
    value: float


class Claim(_Strict):
    """An entry of the ledger; ``known`` says what its basis is where the other fields do not."""

    id: str
    chapter: str
    says: str
    source: Source
    predict: Prediction
    tolerance: Tolerance = Tolerance()
    excludes: Alternative | None = None
    why: str
    decidable: list[Literal["smoke", "book", "paper"]]
    comment: str = ""
    known: Literal["", "theorem", "adjusted"] = ""

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
        if self.excludes and not self._outside(self.excludes.value):
            raise ValueError(
                f"{self.excludes.what!r}, {self.excludes.value:g}, is within what is predicted: no alternative"
            )
        return self

    def _outside(self, value: float) -> bool:
        """Whether a number, exactly known, is no confirmation; a bound itself is none."""
        kind, predicted = self.predict.kind, self.predict.value
        if kind in ("order", "identity"):
            return False
        if kind in ("at_least", "at_most"):
            return value <= predicted - self.allowed if kind == "at_least" else value >= predicted + self.allowed
        return abs(value - predicted) > self.allowed

    @property
    def allowed(self) -> float:
        """The tolerance in the unit of the prediction."""
        return self.tolerance.abs if self.tolerance.abs is not None else self.tolerance.rel * abs(self.predict.value)

    @property
    def predicted(self) -> str:
        """The prediction in words, with its tolerance."""
        return f"{self.target} {self.band}".strip()

    @property
    def target(self) -> str:
        """The prediction without its tolerance."""
        value, kind = self.predict.value, self.predict.kind
        if kind == "order":
            return " > ".join(value)
        if kind == "identity":
            return f"|error| ≤ {self.allowed:.3g}"
        return f"{dict(at_least='≥ ', at_most='≤ ').get(kind, '')}{value:.4g}"

    @property
    def band(self) -> str:
        """The tolerance on both sides of the prediction, or "" where there is none."""
        exact = self.predict.kind in ("order", "identity")
        return "" if exact or not self.allowed else f"± {self.allowed:.2g}"

    @property
    def basis(self) -> Basis:
        """What was known when the prediction and its tolerance were written; see :data:`BASES`."""
        if self.known:
            return self.known
        if self.predict.kind == "identity":
            return "theorem"
        rests = "prototype" in f"{self.source.paper} {self.source.where} {self.why}"
        return "prototype" if rests else "blind"


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
