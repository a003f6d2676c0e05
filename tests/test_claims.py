"""The ledger: schema, reports, verdicts."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_experiments import checkout

from quire import claims
from quire.claims import Claim, judge, judge_all, ledger
from quire.provenance import folder, read_json

ROOT = Path(__file__).parents[1]
ORDER = {"kind": "order", "value": ["a", "b", "c"]}
INF = math.inf


def claim(kind="equals", value=1.0, decidable=("book",), **changes) -> Claim:
    """A claim with a tolerance of 0.1."""
    entry = {
        "id": "toy.x", "chapter": "toy", "says": "…", "source": {"paper": "derived", "where": "…"}, "why": "…",
        "predict": {"kind": kind, "value": value}, "tolerance": {"abs": 0.1}, "decidable": list(decidable),
    }  # fmt: skip
    return Claim(**{**entry, **changes})


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout with two claims."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    return root


@pytest.mark.parametrize("kind", ["equals", "slope"])
@pytest.mark.parametrize(
    "value, stderr, verdict",
    [
        (1.0, 0.0, "holds"), (1.1 - 1e-9, 0.0, "holds"), (0.9 + 1e-9, 0.05, "holds"), (1.0, 0.05, "holds"),
        (1.0, 0.051, "inconclusive"), (1.12, 0.02, "inconclusive"), (1.0, 10.0, "inconclusive"), (0.85, 0.026, "inconclusive"),
        (1.1 + 1e-9, 0.0, "fails"), (1.2, 0.049, "fails"), (0.8, 0.049, "fails"), (1.2, 0.051, "inconclusive"),
    ],
)  # fmt: skip
def test_equals(kind, value, stderr, verdict):
    assert judge(claim(kind), {"value": value, "stderr": stderr}) == verdict


@pytest.mark.parametrize(
    "gap, stderr, verdict",
    [(0.0, 0.0, "holds"), (-0.05, 0.025 - 1e-9, "holds"), (-0.05, 0.026, "inconclusive"), (5.0, 1.0, "holds"),
     (-0.1 - 1e-9, 0.0, "fails"), (-0.2, 0.049, "fails"), (-0.2, 0.051, "inconclusive")],
)  # fmt: skip
def test_bounds(gap, stderr, verdict):
    assert judge(claim("at_least"), {"value": 1 + gap, "stderr": stderr}) == verdict
    assert judge(claim("at_most"), {"value": 1 - gap, "stderr": stderr}) == verdict


@pytest.mark.parametrize(
    "value, stderr, verdict",
    [
        (0.0, None, "holds"),
        (-0.1, None, "holds"),
        (0.11, None, "fails"),
        (0.05, 0.06, "inconclusive"),
        (0.05, 0.05, "holds"),
    ],
)
def test_identity(value, stderr, verdict):
    assert judge(claim("identity", 0.0), {"value": value, "stderr": stderr}) == verdict


@pytest.mark.parametrize(
    "a, b, c, verdict",
    [((3, 0.1), (2, 0.1), (1, 0.1), "holds"), ((3, 0.5), (2, 0.5), (1, 0.0), "inconclusive"), ((2, 0), (2, 0), (1, 0), "inconclusive"),
     ((1, 0.1), (2, 0.1), (0, 0.1), "fails"), ((3, 0.1), (1, 0.1), (2, 0.1), "fails")],
)  # fmt: skip
def test_order(a, b, c, verdict):
    assert judge(claim(**ORDER), {"value": {"a": a, "b": b, "c": c}, "stderr": None}) == verdict


@given(st.floats(-3, 3), st.floats(0, 1), st.sampled_from(["equals", "at_least", "at_most"]))
def test_a_smaller_error_never_turns_a_verdict_into_its_opposite(value, stderr, kind):
    verdicts = {judge(claim(kind), {"value": value, "stderr": s}) for s in (stderr, stderr / 2, 0.0)}
    assert not {"holds", "fails"} <= verdicts and "untested" not in verdicts


def test_what_is_not_reported_or_not_decidable_is_untested():
    assert judge(claim(), None) == "untested"
    assert judge(claim(), {"value": 1.0, "stderr": 0.0}, "smoke") == "untested"
    assert judge(claim(decidable=["smoke"]), {"value": 1.0, "stderr": 0.0}, "smoke") == "holds"


def test_a_relative_tolerance_is_of_the_prediction():
    assert claim(value=-2.0, tolerance={"rel": 0.1}).allowed == pytest.approx(0.2)
    assert claim(value=-2.0, tolerance={"rel": 0.1}).predicted == "-2 ± 0.2"
    assert claim("at_least", tolerance={"abs": 0.0}).predicted == "≥ 1" and claim(**ORDER).predicted == "a > b > c"
    assert claim("identity", 0.0).predicted == "|error| ≤ 0.1" and claim("at_most").predicted == "≤ 1 ± 0.1"


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": {}}, {"tolerance": {"abs": 0.1, "rel": 0.1}}, {"tolerance": {"abs": 0.0}}, {"tolerance": {"abs": -1.0}},
        {"predict": {"kind": "equals", "value": 0.0}, "tolerance": {"rel": 0.1}}, {"predict": {"kind": "equals", "value": INF}},
        {"predict": {"kind": "equals", "value": ["a", "b"]}}, {"predict": {"kind": "order", "value": 1.0}}, {"extra": 1},
        {"predict": {"kind": "order", "value": ["a"]}}, {"predict": {"kind": "order", "value": ["a", "a"]}},
        {"predict": {"kind": "about", "value": 1.0}}, {"decidable": ["today"]}, {"source": {"paper": "x"}}, {"why": None},
        {"tolerance": {"abs": INF}}, {"predict": {"kind": "at_least", "value": 1.0}, "tolerance": {"abs": -0.1}},
    ],
)  # fmt: skip
def test_an_entry_against_the_schema_is_refused(changes):
    with pytest.raises(ValueError, match="validation error"):
        claim(**changes)


@pytest.mark.parametrize(
    "text, message",
    [("- {id: a", "is not YAML"), ("- {id: a.b}", "a.b: expected the keys .*chapter"), ("- text", "text: expected the keys"), ("- 1", "1: expected")],
)  # fmt: skip
def test_a_ledger_that_cannot_be_read_says_where(toy, text, message):
    (toy / "data" / "claims.yml").write_text(text)
    with pytest.raises(ValueError, match=message):
        ledger()


def test_an_id_stands_once_and_an_edit_is_seen(toy):
    path = toy / "data" / "claims.yml"
    assert list(ledger()) == ["toy.slope", "toy.never"]
    path.write_text(path.read_text().replace("toy.never", "toy.slope"))
    with pytest.raises(ValueError, match="toy.slope occurs twice"):
        ledger()
    path.write_text("")
    assert ledger(path) == {}


def test_a_report_is_kept_and_judged(toy):
    claims.report("toy.slope", -1.01, 0.01)
    claims.report("toy.never", 2.0, 0.1)
    assert read_json(folder("run") / "claims.json")["toy.slope"] == {"value": -1.01, "stderr": 0.01}
    reports = json.loads(json.dumps(read_json(folder("run") / "claims.json")))
    first, second = judge_all(reports, "book", ["toy"])
    assert (first["verdict"], first["measured"], first["predicted"]) == ("holds", "-1.01 ± 0.01", "-1 ± 0.1")
    assert second["verdict"] == "holds" and judge_all(reports, "book", []) == []
    assert [c["verdict"] for c in judge_all(reports, "paper")] == ["holds", "untested"]
    json.dumps([first, second])


@pytest.mark.parametrize(
    "value, stderr, message",
    [(1.0, None, "needs a standard error"), (1.0, -0.1, "error ≥ 0"), (INF, 0.1, "finite"), (1.0, math.nan, "finite"), ({"a": (1.0, 0.1)}, None, "report one number")],
)  # fmt: skip
def test_a_report_that_cannot_be_judged_is_refused(toy, value, stderr, message):
    with pytest.raises(ValueError, match=message):
        claims.report("toy.slope", value, stderr)
    assert not (folder("run") / "claims.json").exists()


def test_rankings_and_identities_are_reported(toy):
    path = toy / "data" / "claims.yml"
    text = path.read_text().replace("kind: slope, value: -1.0", "kind: order, value: [a, b]").replace("kind: at_least, value: 1.0", "kind: identity").replace("abs: 0.0", "abs: 0.1")  # fmt: skip
    path.write_text(text)
    claims.report("toy.slope", {"a": (1.0, 0.1), "b": (0.5, 0.1)})
    claims.report("toy.never", 1e-12)
    first, second = judge_all(read_json(folder("run") / "claims.json"), "book")
    assert first["verdict"] == second["verdict"] == "holds" and first["measured"] == "a (1) > b (0.5)"
    assert second["measured"] == "1e-12"
    for wrong in ({"a": (1.0, 0.1)}, 1.0):
        with pytest.raises(ValueError, match=r"\(value, stderr\) for each of \['a', 'b'\]"):
            claims.report("toy.slope", wrong)


def test_an_unknown_id_names_the_nearest(toy):
    with pytest.raises(LookupError, match="no claim 'toy.slop'.*toy.slope") as caught:
        claims.report("toy.slop", 1.0, 0.1)
    assert not str(caught.value).startswith("'")


def test_what_is_expected_is_static_text(toy, capsys):
    claims.expected("toy")
    claims.expected("other")
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"toy.slope +slope +-1 ± 0.1", first) and re.fullmatch(r"toy.never +at_least +≥ 1", second)


def test_the_scoreboard_shows_the_slice_of_a_chapter(toy, capsys, monkeypatch):
    monkeypatch.setenv("QUIRE_PROFILE", "book")
    claims.report("toy.slope", -2.0, 0.01)
    claims.scoreboard("toy")
    out = capsys.readouterr().out
    assert "✗ fails: toy.slope: predicted -1 ± 0.1, measured -2.00 ± 0.01" in out and "– untested: toy.never" in out
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    claims.scoreboard("toy")
    assert shown[0]["application/vnd.quire.scoreboard+json"] == {"chapter": "toy"}
    assert "<td>The error falls with the exponent.</td>" in shown[0]["text/html"] and "✗ fails" in shown[0]["text/html"]


def test_the_ledger_of_the_book_is_valid():
    book = ledger(ROOT / "data" / "claims.yml") if (ROOT / "data" / "claims.yml").exists() else {}
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text(), re.MULTILINE))
    chapters = {path.stem for path in (ROOT / "chapters").glob("*.py")}
    for entry in book.values():
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9.-]+", entry.id), entry.id
        assert entry.chapter in chapters or re.fullmatch(r"[a-z_]+", entry.chapter), entry.id
        assert entry.id.startswith(f"{entry.chapter}."), entry.id
        assert entry.source.paper in keys | {"derived", "prototype"}, (entry.id, entry.source.paper)
        assert entry.says.endswith(".") and entry.why and entry.decidable, entry.id


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(-0.5232, 0.0221, "-0.52 ± 0.02"), (0.007241, 0.00213, "0.007 ± 0.002"), (8192.4, 312.0, "8192 ± 300"),
     (1.0, 0.096, "1.0 ± 0.1"), (2.5, 0.0, "2.5 ± 0"), (3.9e-17, None, "3.9e-17")],
)  # fmt: skip
def test_a_measurement_has_the_digits_of_its_error(value, error, text):
    assert claims._measured({"value": value, "stderr": error}) == text
