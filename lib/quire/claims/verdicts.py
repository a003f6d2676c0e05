"""Verdicts: what was measured against what was predicted.

A chapter only reports what it measured, value m ± standard error σ with its degrees of freedom ν. With p predicted, tol the
tolerance and e = t(0.975, ν) σ, half of the 95 % interval of Student's t (three seeds: 4.3 σ; many: 1.96 σ), one rule serves
all: a claim *holds* if the whole interval m ± e lies inside of what is allowed, and *fails* if all of it lies outside. Allowed
is

- for a number or a slope the band p ± tol;
- for ``at_least``, ``at_most`` the right side of the bound p, moved by tol;
- for ``order`` a positive difference of each neighbouring pair of the ranking (whose ν is Welch and Satterthwaite's); one
  pair that differs in the wrong sense makes it fail;
- for an ``identity`` rounding: 0 ± tol.

In between a claim is *inconclusive*. It is *untested*, and says why, without a report, at a scale that cannot decide it, or
where there is nothing to judge: one seed has no error, no curve crosses the level.
"""

import itertools
import math
from pathlib import Path
from typing import Literal, NamedTuple

from quire.claims.entries import Claim, ledger
from quire.claims.reports import measured
from quire.record import RunFolder
from quire.stats import Estimate

__all__ = ["SYMBOLS", "Judgement", "Verdict", "judge", "judge_all", "judge_run", "power"]

Verdict = Literal["holds", "fails", "inconclusive", "untested"]
SYMBOLS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "untested": "–"}


class Judgement(NamedTuple):
    """A verdict, and for one that decides nothing the reason."""

    verdict: Verdict
    reason: str


def judge(claim: Claim, entry: dict | None, profile: str = "book") -> Judgement:
    """The verdict on what a run reported (an entry of its report file) at a profile.

    Raises:
        ValueError: the entry is not one that :func:`quire.claims.report` writes.

    >>> claim = ledger()["locality.beta-s1"]
    >>> judge(claim, {"value": 1.0, "stderr": 0.01, "dof": 1.0})
    Judgement(verdict='inconclusive', reason='the 95 % interval, 0.873 to 1.13, crosses the edge of what is allowed')
    """
    if profile not in claim.decidable:
        return Judgement("untested", f"the {profile} scale cannot decide it")
    if entry is None:
        return Judgement("untested", "nothing was reported")
    found = measured(claim, entry)
    if found is None:
        return Judgement("untested", "the report is of another kind than the ledger asks for: run the chapter again")
    estimates = list(found.values()) if isinstance(found, dict) else [found]
    for estimate in estimates:
        if not estimate.known:
            return Judgement("untested", estimate.reason)
    if isinstance(found, dict):
        return _judge_order([found[name] for name in claim.predict.value])
    return _judge_number(claim, found)


def power(claim: Claim, entry: dict | None) -> Verdict | None:
    """The verdict on the alternative that a claim excludes, were it measured with the error that a run reported.

    It must not be "holds": such a run could not tell the two apart. None without an alternative, or without an error.
    """
    found = measured(claim, entry) if entry is not None and claim.excludes else None
    if not isinstance(found, Estimate) or not found.known:
        return None
    return _judge_number(claim, Estimate(claim.excludes.value, found.stderr, found.dof)).verdict


def judge_all(reports: dict[str, dict], profile: str, chapters: list[str] | None = None) -> list[dict]:
    """Every claim of the ledger (of the chapters named) with its prediction, measurement and verdict, as JSON."""
    return [
        _judged(claim, reports.get(claim.id), profile)
        for claim in ledger().values()
        if chapters is None or claim.chapter in chapters
    ]


def judge_run(run: RunFolder | Path) -> list[dict]:
    """The claims of a chapter judged by the reports in a run's folder, at the profile that the run was made with.

    Raises:
        ValueError: a file of the run has another shape than it should; the message names the file.
    """
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    made = run.provenance()
    if made is None:
        return []
    reports = run.reports()
    try:
        return judge_all(reports, made["profile"], [made["chapter"]])
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}: run the chapter again") from None


def _judge_number(claim: Claim, found: Estimate) -> Judgement:
    kind, predicted, error = claim.predict.kind, claim.predict.value, found.margin()
    if kind in ("at_least", "at_most"):
        away = predicted - found.value if kind == "at_least" else found.value - predicted
    else:
        away = abs(found.value if kind == "identity" else found.value - predicted)
    holds, fails = away + error <= claim.allowed, away - error > claim.allowed
    lower, upper = f"{found.value - error:.3g}", f"{found.value + error:.3g}"
    return _decided(holds, fails, f"the 95 % interval, {lower} to {upper}, crosses the edge of what is allowed")


def _judge_order(ranked: list[Estimate]) -> Judgement:
    gaps = [first - second for first, second in itertools.pairwise(ranked)]
    holds = all(gap.value > gap.margin() for gap in gaps)
    fails = any(gap.value < -gap.margin() for gap in gaps)
    return _decided(holds, fails, "two neighbours are closer than the 95 % interval of their difference")


def _decided(holds: bool, fails: bool, reason: str) -> Judgement:
    if holds:
        return Judgement("holds", "")
    return Judgement("fails", "") if fails else Judgement("inconclusive", reason)


def _judged(claim: Claim, entry: dict | None, profile: str) -> dict:
    verdict, reason = judge(claim, entry, profile)
    found = measured(claim, entry) if entry is not None else None
    return {
        **claim.model_dump(),
        "kind": claim.predict.kind,
        "predicted": claim.predicted,
        "target": claim.target,
        "band": claim.band,
        "basis": claim.basis,
        "profile": profile,
        "measured": _words(claim, found),
        "distance": _distance(claim, found),
        "dof": _freedom(found),
        "verdict": verdict,
        "reason": reason,
    }


def _words(claim: Claim, found: Estimate | dict[str, Estimate] | None) -> str | None:
    """What was measured, for a table."""
    if isinstance(found, dict):
        if any(math.isnan(estimate.value) for estimate in found.values()):
            return None
        ranked = sorted(found.items(), key=lambda item: -item[1].value)
        return " > ".join(f"{name} ({estimate.value:.3g})" for name, estimate in ranked)
    if found is None or math.isnan(found.value):
        return None
    if claim.predict.kind == "identity" and found.stderr == 0:
        return f"{found.value:.3g}"
    return str(found)


def _distance(claim: Claim, found: Estimate | dict[str, Estimate] | None) -> dict[str, float]:
    """How far from the prediction a number is, in standard errors and in tolerances; beyond a bound it is negative.

    Of a ranking, and where an error or a tolerance is zero or unknown, there is no such number.
    """
    if found is None or isinstance(found, dict) or math.isnan(found.value):
        return {}
    sign = {"at_least": 1, "at_most": -1}.get(claim.predict.kind)
    away = found.value - claim.predict.value
    away = abs(away) if sign is None else sign * away
    units = {"errors": found.stderr, "tolerances": claim.allowed}
    return {name: away / unit for name, unit in units.items() if unit > 0 and math.isfinite(unit)}


def _freedom(found: Estimate | dict[str, Estimate] | None) -> float | str | None:
    """The degrees of freedom, for JSON; of a ranking the fewest of its estimates."""
    if found is None:
        return None
    fewest = min(estimate.dof for estimate in found.values()) if isinstance(found, dict) else found.dof
    return "inf" if math.isinf(fewest) else fewest
