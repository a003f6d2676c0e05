"""The ledger, the reports of a chapter, and the tables that it displays."""

import json
import math
import multiprocessing
import re
from pathlib import Path

import numpy as np
import pytest
from toy_experiments import checkout

from quire import claims
from quire.claims import Claim, ledger
from quire.record import current
from quire.stats import Estimate

ROOT = Path(__file__).parents[1]
INF = math.inf
ENTRY = {
    "id": "toy.x",
    "chapter": "toy",
    "says": "…",
    "source": {"paper": "derived", "where": "…"},
    "why": "…",
    "predict": {"kind": "equals", "value": 1.0},
    "tolerance": {"abs": 0.1},
    "decidable": ["book"],
}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout with two claims."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PROFILE", "book")
    return root


def test_a_relative_tolerance_is_of_the_prediction():
    relative = Claim(**{**ENTRY, "predict": {"kind": "equals", "value": -2.0}, "tolerance": {"rel": 0.1}})
    assert relative.allowed == pytest.approx(0.2) and relative.predicted == "-2 ± 0.2"


@pytest.mark.parametrize(
    "predict, tolerance, words",
    [
        ({"kind": "at_least", "value": 1.0}, {"abs": 0.0}, "≥ 1"),
        ({"kind": "at_most", "value": 1.0}, {"abs": 0.1}, "≤ 1 ± 0.1"),
        ({"kind": "order", "value": ["a", "b"]}, {}, "a > b"),
        ({"kind": "identity"}, {"abs": 0.1}, "|error| ≤ 0.1"),
    ],
)
def test_a_prediction_in_words(predict, tolerance, words):
    assert Claim(**{**ENTRY, "predict": predict, "tolerance": tolerance}).predicted == words


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": {}},
        {"tolerance": {"abs": 0.1, "rel": 0.1}},
        {"tolerance": {"abs": 0.0}},
        {"tolerance": {"abs": -1.0}},
        {"predict": {"kind": "equals", "value": 0.0}, "tolerance": {"rel": 0.1}},
        {"predict": {"kind": "equals", "value": INF}},
        {"predict": {"kind": "equals", "value": ["a", "b"]}},
        {"predict": {"kind": "order", "value": 1.0}},
        {"extra": 1},
        {"predict": {"kind": "order", "value": ["a"]}},
        {"predict": {"kind": "order", "value": ["a", "a"]}},
        {"predict": {"kind": "about", "value": 1.0}},
        {"decidable": ["today"]},
        {"source": {"paper": "x"}},
        {"why": None},
        {"tolerance": {"abs": INF}},
        {"predict": {"kind": "at_least", "value": 1.0}, "tolerance": {"abs": -0.1}},
        {"id": "other.x"},
        {"id": "toy."},
        {"id": "toyx"},
    ],
)
def test_an_entry_against_the_schema_is_refused(changes):
    with pytest.raises(ValueError, match="validation error"):
        Claim(**{**ENTRY, **changes})


@pytest.mark.parametrize(
    "text, message",
    [
        ("- {id: a", "toy.yml is not YAML"),
        ("- {id: toy.b}", r"toy.b: expected the keys \['id', 'says'"),
        ("- text", "text: expected the keys"),
        ("- 1", "1: expected"),
        ("id: toy.x", "must hold a list of claims"),
        ("- {id: toy.b, chapter: toy}", "the chapter is the name of the file"),
        ("- {1: toy.b}", "expected the keys"),
        ("- {id: [a]}", "expected the keys"),
    ],
)
def test_a_ledger_that_cannot_be_read_says_where(toy, text, message):
    (toy / "data" / "claims" / "toy.yml").write_text(text)
    with pytest.raises(ValueError, match=message):
        ledger()


def test_an_id_stands_once_and_an_edit_is_seen(toy):
    path = toy / "data" / "claims" / "toy.yml"
    assert list(ledger()) == ["toy.slope", "toy.never"] and ledger()["toy.slope"].chapter == "toy"
    path.write_text(path.read_text().replace("toy.never", "toy.slope"))
    with pytest.raises(ValueError, match="toy.slope occurs twice"):
        ledger()
    path.write_text("")
    assert ledger() == {}
    (path.parent / "second.yml").write_text("")
    assert ledger(path.parent) == {}


def test_an_id_belongs_to_the_file_of_its_chapter(toy):
    folder = toy / "data" / "claims"
    (folder / "toy.yml").rename(folder / "other.yml")
    with pytest.raises(ValueError, match=r"(?s)other.yml: toy.slope: .*the id must be other.<name>"):
        ledger()


def test_a_ledger_that_is_not_there_says_where_to_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="no ledger at .*write what is predicted to .*<chapter>.yml"):
        ledger(tmp_path / "claims")


def test_what_a_caller_changes_in_the_ledger_stays_with_him(toy):
    ledger().clear()
    assert len(ledger()) == 2


def test_reports_are_kept_as_strict_json(toy):
    claims.report("toy.slope", Estimate(-1.01, 0.01, 5))
    claims.report("toy.never", Estimate.exact(2))
    path = current().path / "claims.json"
    found = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found["toy.slope"] == {"value": -1.01, "stderr": 0.01, "dof": 5.0, "reason": ""}
    assert (found["toy.never"]["stderr"], found["toy.never"]["dof"]) == (0.0, "inf")
    claims.report("toy.never", Estimate.missing("no curve crosses"))
    claims.report("toy.slope", Estimate(-1.0, math.nan, 0))
    reports = current().reports()
    assert reports["toy.slope"]["value"] == -1.0 and "stderr" not in reports["toy.slope"]
    assert "value" not in reports["toy.never"] and reports["toy.never"]["reason"] == "no curve crosses"


@pytest.mark.parametrize("value", [1.0, np.float64(1.0), None, "1", (1.0, 0.1), {"a": Estimate.exact(1)}])
def test_a_number_without_an_error_is_refused(toy, value):
    with pytest.raises(TypeError, match=r"toy.slope is of kind slope: report an Estimate.*Estimate.exact\(x\)"):
        claims.report("toy.slope", value)
    assert not (current().path / "claims.json").exists()


def test_rankings_and_identities_are_reported(toy):
    path = toy / "data" / "claims" / "toy.yml"
    text = path.read_text().replace("kind: slope, value: -1.0", "kind: order, value: [a, b]")
    path.write_text(text.replace("kind: at_least, value: 1.0", "kind: identity").replace("abs: 0.0", "abs: 0.1"))
    claims.report("toy.slope", {"b": Estimate(0.5, 0.1, 2), "a": Estimate.exact(1)})
    for value in (np.float64(1e-12), 1e-12, 0, Estimate.exact(1e-12)):
        claims.report("toy.never", value)
    assert current().reports()["toy.slope"]["value"] == {"a": [1.0, 0.0, "inf"], "b": [0.5, 0.1, 2.0]}
    claims.report("toy.slope", {"a": Estimate(0.5, math.nan, 0), "b": Estimate.missing("no curve")})
    ranked = current().reports()["toy.slope"]
    assert (
        ranked["value"] == {"a": [0.5, None, 0.0], "b": [None, None, 0.0]}
        and ranked["reason"] == "one seed has no error"
    )
    for wrong in (1.0, Estimate.exact(1), {"a": (1.0, 0.1), "b": Estimate.exact(1)}, {"a": 1.0, "b": 2.0}):
        with pytest.raises(TypeError, match=r"report an Estimate for each of \['a', 'b'\]"):
            claims.report("toy.slope", wrong)
    with pytest.raises(ValueError, match=r"for each of \['a', 'b'\], got \['a'\]"):
        claims.report("toy.slope", {"a": Estimate.exact(1)})
    for wrong, kind, message in [
        (math.nan, ValueError, "finite"),
        (INF, ValueError, "finite"),
        (True, TypeError, "a number, or an Estimate"),
    ]:
        with pytest.raises(kind, match=message):
            claims.report("toy.never", wrong)


def test_an_unknown_id_names_the_nearest(toy):
    with pytest.raises(LookupError, match="no claim 'toy.slop'.*toy.slope") as caught:
        claims.report("toy.slop", Estimate.exact(1))
    assert not str(caught.value).startswith("'")


def _report_many(first: int) -> None:
    for number in range(first, first + 12):
        claims.report(f"toy.c{number}", Estimate.exact(number))


def test_two_notebooks_in_one_run_lose_no_report(toy):
    entry = "- {{id: toy.c{}, says: x., source: {{paper: derived, where: x}}, predict: {{kind: equals, value: 1}}, tolerance: {{abs: 1}}, why: x, decidable: [book]}}\n"
    (toy / "data" / "claims" / "toy.yml").write_text("".join(entry.format(i) for i in range(24)))
    processes = [multiprocessing.get_context("fork").Process(target=_report_many, args=(first,)) for first in (0, 12)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(current().reports()) == 24


def test_what_is_expected_is_the_same_text_everywhere(toy, capsys):
    claims.expected("toy")
    claims.expected("other")
    assert capsys.readouterr().out == "toy.slope: -1 ± 0.1\ntoy.never: ≥ 1\nno claims\n"


@pytest.fixture
def shown(monkeypatch):
    """What is displayed in a notebook."""
    bundles = []
    monkeypatch.setattr("IPython.get_ipython", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_what_is_expected_is_a_table_in_a_notebook(toy, shown):
    path = toy / "data" / "claims" / "toy.yml"
    path.write_text(path.read_text().replace("value: -1.0", 'value: -1.0, unit: "log per log"'))
    claims.expected("toy")
    assert shown[0]["text/plain"] == "toy.slope: -1 ± 0.1 (log per log)\ntoy.never: ≥ 1"
    assert shown[0]["application/vnd.quire.expected+json"] == {"chapter": "toy"}
    assert (
        "The error falls with the exponent.</td>" in shown[0]["text/html"] and "(log per log)" in shown[0]["text/html"]
    )


def test_the_scoreboard_shows_the_slice_of_a_chapter(toy, capsys):
    claims.report("toy.slope", Estimate(-2.0, 0.01, 4))
    claims.scoreboard("toy")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "✗ fails: toy.slope: predicted -1 ± 0.1, measured -2.00 ± 0.01"
    assert second == "– untested: nothing was reported: toy.never: predicted ≥ 1, measured –"


def test_the_scoreboard_is_a_table_in_a_notebook(toy, shown):
    claims.report("toy.slope", Estimate(-2.0, math.nan, 0))
    claims.scoreboard("toy")
    assert shown[0]["application/vnd.quire.scoreboard+json"] == {"chapter": "toy"}
    assert "– untested: one seed has no error</td>" in shown[0]["text/html"]


def test_a_long_sentence_is_not_cut(toy, shown):
    path = toy / "data" / "claims" / "toy.yml"
    path.write_text(path.read_text().replace("The error falls", "The error " + "really " * 40 + "falls"))
    for show in (claims.expected, claims.scoreboard):
        show("toy")
    assert all("really " * 40 + "falls" in bundle["text/html"] for bundle in shown)


def test_what_others_wrote_is_text(toy, shown):
    path = toy / "data" / "claims" / "toy.yml"
    evil = r'"<script>alert(1)</script>\e[31m \u202e & $a < b$"'
    text = path.read_text().replace('"The error falls with the exponent."', evil)
    path.write_text(text.replace("value: -1.0", f"value: -1.0, unit: {evil}"))
    claims.report("toy.slope", Estimate.missing("<b>\x1b[0m why"))
    for show in (claims.expected, claims.scoreboard):
        show("toy")
    for bundle in shown:
        assert "<script" not in bundle["text/html"] and "<b>" not in bundle["text/html"]
        assert "&lt;script&gt;" in bundle["text/html"] and "$a &lt; b$" in bundle["text/html"]
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", bundle["text/html"] + bundle["text/plain"])


def test_the_ledger_of_the_book_is_valid():
    book = ledger(ROOT / "data" / "claims")
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text(), re.MULTILINE))
    planned = set(re.findall(r"chapter: (\w+)", (ROOT / "book" / "map.yml").read_text()))
    assert {path.stem for path in (ROOT / "chapters").glob("*.py")} <= planned >= {c.chapter for c in book.values()}
    for entry in book.values():
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9.-]+", entry.id), entry.id
        assert entry.source.paper in keys | {"derived", "prototype"}, (entry.id, entry.source.paper)
        assert entry.says.endswith(".") and entry.why and entry.decidable, entry.id


@pytest.mark.parametrize(
    "changes, basis",
    [
        ({}, "blind"),
        ({"source": {"paper": "prototype", "where": "a trial"}}, "prototype"),
        ({"why": "band of a prototype"}, "prototype"),
        ({"known": "adjusted", "source": {"paper": "prototype", "where": "a trial"}}, "adjusted"),
        ({"predict": {"kind": "identity"}, "tolerance": {"abs": 0.1}}, "theorem"),
    ],
)
def test_the_basis_of_a_claim_says_what_was_known(changes, basis):
    assert Claim(**{**ENTRY, **changes}).basis == basis


def test_a_claim_whose_note_speaks_of_a_trial_is_counted_as_adjusted():
    """What was chosen or changed after a run had been seen is not blind."""
    spoken = re.compile(
        r"trial run|first run|was raised|were raised|after (it|the answer|the figure|a trial)|[Ii]nconclusive (in|with)"
    )
    hidden = [claim.id for claim in ledger().values() if spoken.search(claim.comment) and not claim.known]
    assert not hidden
    assert len([claim for claim in ledger().values() if claim.basis == "adjusted"]) >= 50
