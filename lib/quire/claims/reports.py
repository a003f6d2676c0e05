"""What a chapter reports, value ± error, as it is written to the folder of its run and read back.

A number is ``{"value", "stderr", "dof"}``, a ranking ``{"value": {name: [value, stderr, dof]}}``. JSON has no infinity and no
nan: the degrees of freedom of a known error are "inf", what does not exist is null or absent, with a ``reason``.
"""

import difflib
import math
from collections.abc import Mapping
from numbers import Real

from quire.claims.entries import Claim, ledger
from quire.record import current
from quire.stats import ONE_SEED, Estimate

__all__ = ["measured", "report", "untested"]


def report(id: str, value: object) -> None:
    """Report what was measured for a claim; the verdict is not the chapter's business.

    Args:
        id: an id of the ledger.
        value: an :class:`quire.stats.Estimate`; for an identity (to rounding) a number; for a ranking a mapping from each
            name to its estimate. An estimate without error or value leaves the claim untested, for its reason.

    Raises:
        LookupError: no such claim.
        TypeError: the report does not fit the kind of the claim.
        ValueError: a ranking of other names, or a number that is not finite.
    """
    claims = ledger()
    if id not in claims:
        near = difflib.get_close_matches(id, claims, 3) or sorted(claims)[:3]
        raise LookupError(f"no claim {id!r} in data/claims; the nearest are {near}: predict first, then run")
    current().report(id, _entry(claims[id], value))


def untested(id: str, reason: str) -> None:
    """Report that nothing was measured for a claim, and why.

    Raises:
        LookupError: no such claim.
    """
    nothing = Estimate.missing(reason)
    claim = ledger().get(id)
    report(id, {name: nothing for name in claim.predict.value} if claim and claim.predict.kind == "order" else nothing)


def measured(claim: Claim, entry: dict) -> Estimate | dict[str, Estimate] | None:
    """The estimate, or for a ranking the estimates by name, that an entry of a report file holds.

    An entry of a number without degrees of freedom was written before they were kept; its error is taken as known.

    Returns:
        None if the entry is not of the kind that the claim asks for now.

    Raises:
        ValueError: the entry is not what :func:`report` writes; the message names the id and the field.
    """
    value, names = entry.get("value"), claim.predict.value
    if isinstance(value, dict) != isinstance(names, list):
        return None
    reason = entry.get("reason", "")
    if not isinstance(value, dict):
        if claim.predict.kind == "identity" and entry.get("stderr") is None and value is not None:
            return _read(claim.id, value, 0.0, "inf", reason)
        return _read(claim.id, value, entry.get("stderr"), entry.get("dof", "inf"), reason)
    if set(value) != set(names):
        return None
    found = {}
    for name in names:
        if not isinstance(value[name], list) or not 2 <= len(value[name]) <= 3:
            raise ValueError(
                f"report of {claim.id}, value.{name}: expected [value, stderr, dof], got {value[name]!r:.80}"
            )
        number, error, *dof = value[name]
        found[name] = _read(f"{claim.id}, value.{name}", number, error, dof[0] if dof else "inf", reason)
    return found


def _entry(claim: Claim, value: object) -> dict:
    kind, names = claim.predict.kind, claim.predict.value
    if kind == "order":
        return _ranking(claim.id, names, value)
    if kind == "identity" and isinstance(value, Real) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{claim.id}: an identity must be finite, got {value}")
        return {"value": float(value)}
    if not isinstance(value, Estimate):
        expected = "a number, or an Estimate" if kind == "identity" else "an Estimate (of quire.stats)"
        remedy = "a number without an error cannot be judged; Estimate.exact(x) is one that has none"
        raise TypeError(f"{claim.id} is of kind {kind}: report {expected}, got {value!r:.80}: {remedy}")
    number, error, dof = _written(value)
    return {"value": number, "stderr": error, "dof": dof, "reason": value.reason}


def _ranking(id: str, names: list[str], value: object) -> dict:
    if not isinstance(value, Mapping) or not all(isinstance(part, Estimate) for part in value.values()):
        raise TypeError(f"{id} is of kind order: report an Estimate for each of {names}, got {value!r:.200}")
    if set(value) != set(names):
        raise ValueError(f"{id} is of kind order: report an Estimate for each of {names}, got {list(value)}")
    reasons = [value[name].reason for name in names if value[name].reason]
    return {"value": {name: _written(value[name]) for name in names}, "reason": reasons[0] if reasons else ""}


def _written(estimate: Estimate) -> list:
    numbers = (estimate.value, estimate.stderr)
    return [None if math.isnan(x) else x for x in numbers] + ["inf" if math.isinf(estimate.dof) else estimate.dof]


def _read(where: str, value: object, error: object, dof: object, reason: str) -> Estimate:
    for field, number in {"value": value, "stderr": error, "dof": None if dof == "inf" else dof}.items():
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number)
        ):
            raise ValueError(f"report of {where}, {field}: expected a finite number or null, got {number!r:.80}")
    if value is None:
        return Estimate.missing(reason or "nothing was measured")
    if error is None or not dof:
        return Estimate(value, math.nan, 0.0, reason or ONE_SEED)
    if error < 0 or (dof != "inf" and dof < 0):
        raise ValueError(f"report of {where}: an error and its degrees of freedom are ≥ 0, got {error} and {dof}")
    return Estimate(value, error, math.inf if dof == "inf" else dof)
