"""Claims that can tell: each states what it would not have held for, and its run of record has the precision to see that."""

from pathlib import Path

import pytest

from quire.claims import judge, ledger, power
from quire.claims.entries import Claim
from quire.record import RunFolder

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted({claim.chapter for claim in ledger().values()})
EXACT = ("identity", "order")  # what these exclude is any other value, any other ranking


def stated(chapter: str = "") -> dict[str, Claim]:
    return {
        name: claim for name, claim in ledger().items() if claim.chapter == chapter and claim.predict.kind not in EXACT
    }


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_states_an_alternative(chapter):
    assert stated(chapter) and not [name for name, claim in stated(chapter).items() if claim.excludes is None]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_run_of_record_would_have_seen_it(chapter):
    """With the errors that were measured: a number fails for its alternative, a bound does not hold for it."""
    reports = RunFolder(ROOT / "data" / "published" / "book" / chapter).reports()
    seen = 0
    for name, claim in stated(chapter).items():
        entry = reports.get(name)
        found = power(claim, entry)
        if found is None:
            continue
        seen += 1
        assert found != "holds", (name, entry)
        if claim.predict.kind in ("equals", "slope") and judge(claim, entry).verdict == "holds":
            assert found == "fails", (name, entry)
    assert seen > len(stated(chapter)) / 2


def claim(kind="equals", alternative=3.0, tolerance=0.5) -> dict:
    return {
        "id": "toy.one", "chapter": "toy", "says": "It is one.", "source": {"paper": "derived", "where": "here"},
        "predict": {"kind": kind, "value": 1.0}, "tolerance": {"abs": tolerance}, "why": "so",
        "excludes": {"what": "another", "value": alternative}, "decidable": ["book"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [("equals", 1.4, 1.6), ("slope", 0.6, 0.4), ("at_least", 0.6, 0.5), ("at_most", 1.4, 1.5)],
)
def test_an_alternative_lies_outside_of_what_is_predicted(kind, inside, outside):
    assert Claim.model_validate(claim(kind, outside)).excludes.value == outside
    with pytest.raises(ValueError, match="is within what is predicted: no alternative"):
        Claim.model_validate(claim(kind, inside))


def test_power_is_the_verdict_on_the_alternative_with_the_measured_error():
    one = Claim.model_validate(claim())
    assert power(one, {"value": 1.0, "stderr": 0.1, "dof": 30.0}) == "fails"
    assert power(one, {"value": 1.0, "stderr": 1.0, "dof": 30.0}) == "inconclusive"
    assert power(one, {"value": 1.0, "stderr": None, "dof": 0.0, "reason": "one seed has no error"}) is None
    assert power(one, None) is None
    assert power(Claim.model_validate(claim() | {"excludes": None}), {"value": 1.0, "stderr": 0.1, "dof": 30.0}) is None
