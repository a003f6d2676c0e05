"""The ledger: every quantitative statement has a prediction and a tolerance that stand in ``data/claims.yml`` before a run.

A chapter only reports what it measured, value ± standard error; :func:`judge` gives the verdict. With m measured, p
predicted, tol the tolerance and e = 2·stderr: *holds* if |m - p| ≤ tol and e ≤ tol; *fails* if |m - p| > tol + e;
*inconclusive* otherwise; *untested* without a report. ``at_least``, ``at_most``: holds if the whole interval m ± e lies on
the right side of the bound (moved by tol), fails if all of it lies on the wrong side. ``order``: each neighbouring pair of
the ranking must differ by more than twice the error of its difference, in the right sense. ``identity``: |m| ≤ tol.
"""

import difflib
import functools
import itertools
import math
import os
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError, model_validator

from quire.provenance import folder, from_yaml, project_root, read_json, write_json

__all__ = ["Claim", "Verdict", "expected", "judge", "judge_all", "judge_run", "ledger", "report", "scoreboard"]

Verdict = Literal["holds", "fails", "inconclusive", "untested"]
SYMBOLS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "untested": "–"}


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
        kind, value, ranking = self.predict.kind, self.predict.value, isinstance(self.predict.value, list)
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


def ledger(path: Path | None = None) -> dict[str, Claim]:
    """All claims by id.

    Raises:
        ValueError: an entry does not follow the schema, or an id occurs twice.
    """
    path = path or project_root() / "data" / "claims.yml"
    return _ledger(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _ledger(path: Path, _mtime: int) -> dict[str, Claim]:
    claims: dict[str, Claim] = {}
    for entry in from_yaml(path.read_text(), path) or []:
        try:
            claim = Claim.model_validate(entry)
        except ValidationError as error:
            name = entry.get("id", entry) if isinstance(entry, dict) else entry
            raise ValueError(f"{path}: {name}: expected the keys {list(Claim.model_fields)}; {error}") from None
        if claim.id in claims:
            raise ValueError(f"{path}: the id {claim.id} occurs twice")
        claims[claim.id] = claim
    return claims


def report(id: str, value: float | dict[str, tuple[float, float]], stderr: float | None = None) -> None:
    """Report what was measured for a claim; the verdict is not the chapter's business.

    Args:
        id: an id of ``data/claims.yml``.
        value: the measured number; for a ranking a mapping from each name to (value, standard error).
        stderr: its standard error; only an identity (to rounding) may leave it out.

    Raises:
        LookupError: no such claim.
        ValueError: the report does not fit the kind of the claim.
    """
    claims = ledger()
    if id not in claims:
        near = difflib.get_close_matches(id, claims, 3) or sorted(claims)
        raise LookupError(f"no claim {id!r} in data/claims.yml; the nearest are {near}: predict first, then run")
    kind, names = claims[id].predict.kind, claims[id].predict.value
    ranked = isinstance(value, dict)
    if ranked != (kind == "order") or (ranked and set(value) != set(names)):
        expected = f"a (value, stderr) for each of {names}" if kind == "order" else "one number"
        raise ValueError(f"{id} is of kind {kind}: report {expected}, got {value}")
    if kind not in ("order", "identity") and stderr is None:
        raise ValueError(f"{id} ({kind}) needs a standard error: a number without one cannot be judged")
    pairs = {k: (float(v), float(e)) for k, (v, e) in (value if ranked else {id: (value, stderr or 0.0)}).items()}
    if not all(math.isfinite(v) and math.isfinite(e) and e >= 0 for v, e in pairs.values()):
        raise ValueError(f"{id}: a report must be finite, with an error ≥ 0, got {pairs}")
    entry = {"value": pairs if ranked else pairs[id][0], "stderr": None if stderr is None else float(stderr)}
    path = folder("run") / "claims.json"
    write_json(path, {**read_json(path, {}), id: entry})


def judge(claim: Claim, measured: dict | None, profile: str = "book") -> Verdict:
    """The verdict on a report ``{"value": …, "stderr": …}`` at a profile; see the module's docstring."""
    if measured is None or profile not in claim.decidable:
        return "untested"
    value, error = measured["value"], 2 * (measured["stderr"] or 0.0)
    kind, predicted = claim.predict.kind, claim.predict.value
    if kind == "order":
        neighbours = itertools.pairwise(value[name] for name in predicted)
        gaps = [(a - b, 2 * math.hypot(error_a, error_b)) for (a, error_a), (b, error_b) in neighbours]
        holds, fails = all(gap > e for gap, e in gaps), any(gap < -e for gap, e in gaps)
    elif kind in ("at_least", "at_most"):
        margin = (value - predicted if kind == "at_least" else predicted - value) + claim.allowed
        holds, fails = margin >= error, margin < -error
    else:
        distance = abs(value if kind == "identity" else value - predicted)
        holds, fails = max(distance, error) <= claim.allowed, distance > claim.allowed + error
    return "holds" if holds else "fails" if fails else "inconclusive"


def judge_all(reports: dict[str, dict], profile: str, chapters: list[str] | None = None) -> list[dict]:
    """Every claim of the ledger (of the chapters named) with its prediction, measurement and verdict, as JSON."""
    return [
        {
            **claim.model_dump(), "kind": claim.predict.kind, "predicted": claim.predicted, "profile": profile,
            "measured": _measured(reports.get(claim.id)), "verdict": judge(claim, reports.get(claim.id), profile),
        }
        for claim in ledger().values()
        if chapters is None or claim.chapter in chapters
    ]  # fmt: skip


def judge_run(run: Path) -> list[dict]:
    """The claims of a chapter judged by the reports in a run's folder, at the profile that the run was made with."""
    if (made := read_json(run / "provenance.json")) is None:
        return []
    return judge_all(read_json(run / "claims.json", {}), made["profile"], [made["chapter"]])


def expected(chapter: str) -> None:
    """Print a chapter's claims with their predictions: what is fixed before the run."""
    for claim in ledger().values():
        if claim.chapter == chapter:
            print(f"{claim.id:<40} {claim.predict.kind:<9} {claim.predicted}  {claim.predict.unit}".rstrip())


def scoreboard(chapter: str) -> None:
    """Display a chapter's claims, predicted against measured; the book draws it from the same numbers."""
    from IPython import get_ipython
    from IPython.display import display

    rows = judge_all(read_json(folder("run") / "claims.json", {}), os.environ.get("QUIRE_PROFILE", "smoke"), [chapter])
    board = [(f"{SYMBOLS[r['verdict']]} {r['verdict']}", r["says"], r["predicted"], r["measured"] or "–") for r in rows]
    table = pd.DataFrame(board, columns=["verdict", "claim", "predicted", "measured"])
    text = "\n".join(f"{b[0]}: {r['id']}: predicted {b[2]}, measured {b[3]}" for r, b in zip(rows, board, strict=True))
    if get_ipython() is None:
        print(text)
        return
    marker = {"application/vnd.quire.scoreboard+json": {"chapter": chapter}}
    display({"text/plain": text, "text/html": table.to_html(index=False, border=0), **marker}, raw=True)


def _measured(measured: dict | None) -> str | None:
    if measured is None:
        return None
    value, error = measured["value"], measured["stderr"]
    if isinstance(value, dict):
        return " > ".join(f"{name} ({v:.3g})" for name, (v, _) in sorted(value.items(), key=lambda item: -item[1][0]))
    if not error:
        return f"{value:.3g}" if error is None else f"{value:.4g} ± 0"
    decimals = max(0, -math.floor(math.log10(float(f"{error:.1g}"))))  # as many as the first digit of the error
    return f"{value:.{decimals}f} ± {float(f'{error:.1g}'):.{decimals}f}"
