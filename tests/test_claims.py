"""Verdicts: by kind of claim, by degrees of freedom, and what is untested."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle
from toy_experiments import checkout

from quire import claims
from quire.claims import Claim, judge, judge_all, judge_run, verdicts
from quire.record import RunFolder, current
from quire.stats import Estimate

ORDER = {"kind": "order", "value": ["a", "b", "c"]}
Z = 1.959964  # of a known error


def claim(kind="equals", value=1.0, decidable=("book",), **changes) -> Claim:
    """A claim with a tolerance of 0.1."""
    entry = {
        "id": "toy.x",
        "chapter": "toy",
        "says": "…",
        "source": {"paper": "derived", "where": "…"},
        "why": "…",
        "predict": {"kind": kind, "value": value},
        "tolerance": {"abs": 0.1},
        "decidable": list(decidable),
    }
    return Claim(**{**entry, **changes})


def known(value, margin) -> dict:
    """The report of a value whose 95 % interval is ± margin."""
    return {"value": value, "stderr": margin / Z, "dof": "inf"}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout with two claims."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PROFILE", "book")
    return root


@pytest.mark.parametrize("kind", ["equals", "slope"])
@pytest.mark.parametrize(
    "value, margin, verdict",
    [
        (1.0, 0.0, "holds"),
        (1.1 - 1e-9, 0.0, "holds"),
        (0.95, 0.05 - 1e-9, "holds"),
        (0.95, 0.051, "inconclusive"),
        (0.9 + 1e-9, 0.099, "inconclusive"),
        (1.0, 0.099, "holds"),
        (1.0, 0.102, "inconclusive"),
        (1.12, 0.04, "inconclusive"),
        (1.0, 20.0, "inconclusive"),
        (0.85, 0.052, "inconclusive"),
        (1.1 + 1e-9, 0.0, "fails"),
        (1.2, 0.098, "fails"),
        (0.8, 0.098, "fails"),
        (1.2, 0.102, "inconclusive"),
    ],
)
def test_equals(kind, value, margin, verdict):
    assert judge(claim(kind), known(value, margin)).verdict == verdict


@pytest.mark.parametrize(
    "gap, margin, verdict",
    [
        (0.0, 0.0, "holds"),
        (-0.05, 0.05 - 1e-6, "holds"),
        (-0.05, 0.052, "inconclusive"),
        (5.0, 2.0, "holds"),
        (-0.1 - 1e-9, 0.0, "fails"),
        (-0.2, 0.098, "fails"),
        (-0.2, 0.102, "inconclusive"),
    ],
)
def test_bounds(gap, margin, verdict):
    assert judge(claim("at_least"), known(1 + gap, margin)).verdict == verdict
    assert judge(claim("at_most"), known(1 - gap, margin)).verdict == verdict


@pytest.mark.parametrize("value, verdict", [(0.0, "holds"), (-0.1, "holds"), (0.11, "fails")])
def test_identity(value, verdict):
    assert judge(claim("identity", 0.0), {"value": value}).verdict == verdict
    assert judge(claim("identity", 0.0), known(value, 0.0)).verdict == verdict
    assert judge(claim("identity", 0.0), known(value, 0.12)).verdict == "inconclusive"


@pytest.mark.parametrize(
    "a, b, c, verdict",
    [
        ((3, 0.1), (2, 0.1), (1, 0.1), "holds"),
        ((3, 0.6), (2, 0.6), (1, 0.0), "inconclusive"),
        ((2, 0), (2, 0), (1, 0), "inconclusive"),
        ((1, 0.1), (2, 0.1), (0, 0.1), "fails"),
        ((3, 0.1), (1, 0.1), (2, 0.1), "fails"),
    ],
)
def test_order(a, b, c, verdict):
    entry = {"value": {name: [value, error, "inf"] for name, (value, error) in {"a": a, "b": b, "c": c}.items()}}
    found = judge(claim(**ORDER), entry)
    assert found.verdict == verdict and bool(found.reason) == (verdict == "inconclusive")


def test_few_seeds_are_few():
    """An error that decides with many seeds leaves three of them, and neighbours of three, inconclusive."""
    for n, verdict in ((3, "inconclusive"), (30, "holds")):
        report = {"value": 1.0, "stderr": 0.045, "dof": n - 1.0}
        assert (oracle.t.ppf(0.975, n - 1) * 0.045 <= 0.1) == (verdict == "holds")
        assert judge(claim(), report).verdict == verdict
        ranked = {"value": {"a": [1.4, 0.1, n - 1.0], "b": [1.0, 0.1, n - 1.0], "c": [0.0, 0.1, n - 1.0]}}
        gap = oracle.t.ppf(0.975, 2 * (n - 1)) * math.hypot(0.1, 0.1)  # Welch: two equal errors
        assert judge(claim(**ORDER), ranked).verdict == ("holds" if gap < 0.4 else "inconclusive")
    assert judge(claim(), {"value": 1.0, "stderr": 0.045, "dof": 2.0}).reason == (
        "the 95 % interval, 0.806 to 1.19, crosses the edge of what is allowed"
    )


def test_neighbours_are_compared_by_the_degrees_of_freedom_of_their_difference():
    """One wide estimate of two seeds beside an exact one: its own t decides, not that of both."""
    wide, exact = [2.0, 0.1, 1.0], [1.0, 0.0, "inf"]
    two = claim("order", ["a", "b"])
    assert judge(two, {"value": {"a": wide, "b": exact}}).verdict == "inconclusive"  # 12.7 x 0.1 > 1
    assert judge(two, {"value": {"a": [2.0, 0.1, 9.0], "b": exact}}).verdict == "holds"


@given(st.floats(-3, 3), st.floats(0, 1), st.floats(1, 50), st.sampled_from(["equals", "at_least", "at_most"]))
def test_a_smaller_error_never_turns_a_verdict_into_its_opposite(value, stderr, dof, kind):
    reports = [
        {"value": value, "stderr": s, "dof": d} for s in (stderr, stderr / 2, 0.0) for d in (dof, 2 * dof, "inf")
    ]
    verdicts = {judge(claim(kind), report).verdict for report in reports}
    assert not {"holds", "fails"} <= verdicts and "untested" not in verdicts


@pytest.mark.parametrize(
    "entry, profile, reason",
    [
        (None, "book", "nothing was reported"),
        (known(1.0, 0.0), "smoke", "the smoke scale cannot decide it"),
        ({"value": 1.0, "dof": 0.0}, "book", "one seed has no error"),
        ({"value": 1.0, "dof": 0.0, "reason": "two points"}, "book", "two points"),
        ({"value": 1.0, "stderr": None}, "book", "one seed has no error"),
        ({"dof": 0.0, "reason": "no curve crosses 0.5"}, "book", "no curve crosses 0.5"),
        ({"value": None}, "book", "nothing was measured"),
        ({"value": {"a": [1.0, 0.1, 2.0]}}, "book", "another kind"),
    ],
)
def test_what_is_untested_says_why(entry, profile, reason):
    found = judge(claim(), entry, profile)
    assert found.verdict == "untested" and reason in found.reason


def test_a_ranking_with_a_name_too_few_or_without_error_is_untested():
    ranked = {"a": [3.0, 0.1, 2.0], "b": [2.0, None, 0.0], "c": [1.0, 0.1, 2.0]}
    assert judge(claim(**ORDER), {"value": ranked}) == ("untested", "one seed has no error")
    assert judge(claim(**ORDER), {"value": {"a": [3.0, 0.1, 2.0]}}).verdict == "untested"
    assert "another kind" in judge(claim(**ORDER), {"value": 1.0, "dof": "inf"}).reason


def test_a_report_without_degrees_of_freedom_is_one_of_a_known_error():
    assert judge(claim(), {"value": 1.0, "stderr": 0.05}).verdict == "holds"
    assert judge(claim(**ORDER), {"value": {"a": [3.0, 0.1], "b": [2.0, 0.1], "c": [1.0, 0.1]}}).verdict == "holds"


@pytest.mark.parametrize(
    "entry, message",
    [
        ({"value": "1.0"}, "toy.x, value: expected a finite number"),
        ({"value": math.nan}, "toy.x, value"),
        ({"value": True}, "toy.x, value"),
        ({"value": 1.0, "stderr": "small"}, "toy.x, stderr"),
        ({"value": 1.0, "stderr": 0.1, "dof": "many"}, "toy.x, dof"),
        ({"value": 1.0, "stderr": -0.1}, "≥ 0"),
        ({"value": 1.0, "stderr": 0.1, "dof": -1.0}, "≥ 0"),
    ],
)
def test_an_entry_that_nobody_writes_is_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        judge(claim(), entry)


@pytest.mark.parametrize(
    "part, message",
    [(1.0, r"value.b: expected \[value, stderr, dof\]"), ([1.0], "value.b"), ([1.0, "x", 2.0], "value.b, stderr")],
)
def test_a_ranking_that_nobody_writes_is_refused(part, message):
    with pytest.raises(ValueError, match=message):
        judge(claim(**ORDER), {"value": {"a": [3.0, 0.1, 2.0], "b": part, "c": [1.0, 0.1, 2.0]}})


def made(path: Path, reports: dict | str) -> RunFolder:
    """A run of the toy chapter with these reports."""
    run = RunFolder(path)
    run.write_provenance({"chapter": "toy", "profile": "book", "parameters": {}})
    (path / "claims.json").write_text(reports if isinstance(reports, str) else json.dumps(reports))
    return run


def test_a_run_is_judged_at_its_own_profile_as_strict_json(toy, tmp_path):
    run = made(tmp_path / "r", {"toy.slope": {"value": -1.01, "stderr": 0.01, "dof": 3.0}})
    first, second = judge_run(run)
    assert judge_run(run.path) == [first, second] == json.loads(json.dumps([first, second], allow_nan=False))
    expected = {
        "id": "toy.slope",
        "chapter": "toy",
        "kind": "slope",
        "predicted": "-1 ± 0.1",
        "profile": "book",
        "measured": "-1.01 ± 0.01",
        "dof": 3.0,
        "verdict": "holds",
        "reason": "",
    }
    assert expected.items() <= first.items() and first["says"] == "The error falls with the exponent."
    assert (second["verdict"], second["measured"], second["dof"]) == ("untested", None, None)
    assert second["reason"] == "nothing was reported"
    assert judge_run(tmp_path / "empty") == []


@pytest.mark.parametrize(
    "reports, message",
    [
        ("[]", "claims.json must be a mapping"),
        ("{", "not readable as JSON"),
        ({"toy.slope": 1.0}, "claims.json, toy.slope is not what a run writes"),
        ({"toy.slope": {"value": "1"}}, "claims.json, toy.slope .*value"),
        ({"toy.slope": {"value": 1.0, "extra": 1}}, "extra"),
        ({"toy.slope": {"value": {"a": 1}}}, "toy.slope .*value"),
        ('{"toy.slope": {"value": NaN}}', "toy.slope .*value"),
    ],
)
def test_a_report_file_of_another_shape_names_file_and_field(toy, tmp_path, reports, message):
    with pytest.raises(ValueError, match=message):
        judge_run(made(tmp_path / "r", reports))


def test_a_ranking_of_another_shape_names_folder_and_field(toy, tmp_path):
    path = toy / "data" / "claims" / "toy.yml"
    path.write_text(path.read_text().replace("kind: slope, value: -1.0", "kind: order, value: [a, b]"))
    run = made(tmp_path / "r", {"toy.slope": {"value": {"a": [1.0, 0.1, 2.0], "b": ["x", 0.1, 2.0]}}})
    with pytest.raises(ValueError, match=r"r: report of toy.slope, value.b, value: expected a finite number"):
        judge_run(run)


def test_measurements_in_words(toy):
    path = toy / "data" / "claims" / "toy.yml"
    text = path.read_text().replace("kind: slope, value: -1.0", "kind: order, value: [a, b]")
    path.write_text(text.replace("kind: at_least, value: 1.0", "kind: identity").replace("abs: 0.0", "abs: 0.1"))
    reports = {"toy.slope": {"value": {"b": [0.5, 0.1, 2.0], "a": [1.0, 0.1, "inf"]}}, "toy.never": {"value": 1e-12}}
    first, second = judge_all(reports, "book", ["toy"])
    assert (first["measured"], first["dof"], second["measured"], second["dof"]) == (
        "a (1) > b (0.5)",
        2.0,
        "1e-12",
        "inf",
    )
    reports = {
        "toy.slope": {"value": {"b": [0.5, 0.1, 2.0], "a": [None, None, 0.0]}, "reason": "no curve"},
        "toy.never": {},
    }
    first, second = judge_all(reports, "book")
    assert first["measured"] is second["measured"] is None and first["reason"] == "no curve"
    assert judge_all(reports, "book", []) == []


def test_from_report_to_verdict(toy):
    claims.report("toy.slope", Estimate(-1.01, 0.01, 5))
    claims.report("toy.never", Estimate(2.0, math.nan, 0))
    current().write_provenance({"chapter": "toy", "profile": "book"})
    first, second = judge_run(current())
    assert first["verdict"] == "holds" and first["dof"] == 5.0
    assert (second["verdict"], second["reason"], second["measured"]) == ("untested", "one seed has no error", "2 ± ?")


@pytest.mark.parametrize(
    "kind, value, stderr, distance",
    [
        ("equals", 1.05, 0.01, {"errors": 5.0, "tolerances": 0.5}),
        ("at_least", 1.05, 0.01, {"errors": 5.0, "tolerances": 0.5}),
        ("at_most", 1.05, 0.01, {"errors": -5.0, "tolerances": -0.5}),
        ("identity", 0.05, 0.0, {"tolerances": 0.5}),
    ],
)
def test_the_distance_is_in_errors_and_tolerances(toy, kind, value, stderr, distance):
    """On the wrong side of a bound it is negative; without an error there is none in errors."""
    entry = claim(kind=kind, value=0.0 if kind == "identity" else 1.0)
    found = verdicts._judged(entry, {"value": value, "stderr": stderr, "dof": "inf"}, "book")["distance"]
    assert found == pytest.approx(distance)
