"""Comparing runs: what moved, what cannot be compared, how much was compared."""

import json
import math
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from toy_experiments import checkout
from toy_runs import ROWS, SLOPE, changed, write_run

from quire.claims import ledger
from quire.record import RunFolder
from quire.tools.diff import Comparison, Difference, compare, compare_runs
from quire.tools.diff_page import write_page
from quire.tools.terminal import printable
from quire.tools.tolerances import Tolerance, claim_tolerance, tolerance

ROOT = Path(__file__).parents[1]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout, and in it the first run."""
    monkeypatch.setenv("QUIRE_ROOT", str(checkout(tmp_path / "toy")))
    return write_run(tmp_path / "first")


def found(first: Path, second: Path) -> list[tuple]:
    """Where and in what two runs differ."""
    return [(d.where, d.column) for d in compare(first, second).differences]


def slope(**report) -> dict:
    """The report of the one claim, changed."""
    return {"toy.slope": {**SLOPE, **report}}


# --- rows


def test_equal_runs_are_silent_whatever_their_keys_and_order(toy, tmp_path):
    moved = write_run(tmp_path / "second", dict(reversed(ROWS.items())), salt=7)
    result = compare(toy, RunFolder(moved))
    assert (
        result == Comparison([], 8, 1, ["toy"])
        and result.summary == "0 differences; compared 8 rows and 1 claims of toy"
    )
    assert found(toy, toy) == []


@pytest.mark.parametrize(
    "values, column",
    [({"y": 1 / 3 + 1e-5}, "y"), ({"y": 0.3333333}, None), ({"n": 2}, "n"), ({"s": "b"}, "s"), ({"n": 1.0}, "n"), ({"extra": 1}, "extra")],
)  # fmt: skip
def test_a_moved_value_is_found_and_rounding_is_not(toy, tmp_path, values, column):
    expected = [("toy.f(x=1)[1]", column)] if column else []
    second = write_run(tmp_path / "second", changed(1, 1, **values))
    assert [d for d in found(toy, second) if d[0] == "toy.f(x=1)[1]"] == expected


def test_infinity_and_nan_are_equal_to_themselves_only(toy, tmp_path):
    runs = [write_run(tmp_path / f"{v}", changed(1, 0, y=v)) for v in (math.nan, math.inf, -math.inf, 1.0)]
    for i, first in enumerate(runs):
        for j, second in enumerate(runs):
            assert (found(first, second) == []) == (i == j)


def test_a_row_that_one_run_lacks_is_found(toy, tmp_path):
    second = write_run(tmp_path / "second", {x: rows[: 1 if x == 2 else 2] for x, rows in ROWS.items() if x != 3})
    missing = {("toy.f(x=2)[1]", "row"), ("toy.f(x=3)[0]", "row"), ("toy.f(x=3)[1]", "row")}
    assert set(found(toy, second)) == missing == set(found(second, toy))
    assert compare(toy, second).num_rows == 5
    assert {(d.first, d.second) for d in compare(second, toy).differences} == {("missing", "present")}


def test_two_runs_without_rows_do_not_pass(toy, tmp_path):
    first, second = (write_run(tmp_path / name, {}) for name in "ab")
    assert found(first, second) == [("toy", "rows")] and compare(first, second).num_rows == 0


def test_a_row_that_a_run_has_twice_is_found(toy, tmp_path):
    second = write_run(tmp_path / "second")
    index = json.loads((second / "sweeps.json").read_text())
    index["toy.f"]["cells"][0]["arguments"] = {"x": 1}
    (second / "sweeps.json").write_text(json.dumps(index))
    assert ("toy.f(x=1)[0]", "row twice in the second run") in found(toy, second)


@pytest.mark.parametrize("sides", [("second",), ("first", "second")])
def test_a_damaged_table_is_a_difference_on_either_and_on_both_sides(toy, tmp_path, sides):
    write_run(tmp_path / "second")
    for side in sides:
        table = next((tmp_path / side / "rows").glob("toy.f.*"))
        table.write_bytes(table.read_bytes()[:-5])
    result = compare(tmp_path / "first", tmp_path / "second")
    damaged = [d for d in result.differences if d.column == "damaged table"]
    assert [d.where for d in damaged] == [f"{side} run" for side in sides] and "toy.f" in str(damaged[0])
    assert result.num_rows == 0 and len(result.differences) > len(sides)


# --- claims


@pytest.mark.parametrize(
    "second, columns",
    [
        ({"value": -1.05}, ["measured"]),
        ({"value": -1.0 - 1e-8}, []),
        ({"stderr": 0.02}, ["standard error"]),
        ({"stderr": None}, ["standard error", "verdict"]),
        ({"value": None, "reason": "one seed"}, ["measured", "verdict"]),
        ({"value": -2.0}, ["measured", "verdict"]),
    ],
)
def test_a_measurement_that_moved_is_found_also_where_the_verdict_is_the_same(toy, tmp_path, second, columns):
    report = {key: value for key, value in {**SLOPE, **second}.items() if value is not None or key == "value"}
    run = write_run(tmp_path / "second", reports={"toy.slope": report})
    assert found(toy, run) == [("toy.slope", column) for column in columns]
    assert compare(toy, run).num_claims == 1


def test_a_ranking_is_compared_name_by_name(toy, tmp_path):
    ranks = [
        {"a": [2.0, 0.1, 3.0], "b": [1.0, 0.1, 3.0]},
        {"a": [2.0, 0.1, 3.0], "b": [1.5, 0.2, 3.0]},
        {"a": [2.0, 0.1, 3.0]},
    ]
    runs = [write_run(tmp_path / f"{i}", reports={"toy.order": {"value": rank}}) for i, rank in enumerate(ranks)]
    expected = [("toy.order", "measured b"), ("toy.order", "standard error b")]
    assert found(runs[0], runs[1]) == found(runs[0], runs[2]) == expected and found(runs[0], runs[0]) == []


def test_a_report_that_one_run_lacks_is_found_and_no_report_on_both_sides_is_no_agreement(toy, tmp_path):
    silent = write_run(tmp_path / "second", reports={})
    assert ("toy.slope", "report") in found(toy, silent) and compare(toy, silent).num_claims == 0
    assert found(silent, silent) == [("toy", "claims reported")]


def test_a_report_that_says_nothing_or_is_of_another_kind_agrees_with_none(toy, tmp_path):
    for name, report in {"empty": {}, "ranking": {"value": {"a": [1.0, 0.1, 3.0]}}}.items():
        run = write_run(tmp_path / name, reports={"toy.slope": report})
        assert ("toy.slope", "report") in found(toy, run) and found(run, run) == [("toy.slope", "report")]
    missing = write_run(tmp_path / "missing", reports={"toy.slope": {"reason": "no curve crosses the level"}})
    assert found(missing, missing) == []


def test_claims_of_trained_networks_may_move_by_their_errors(toy, tmp_path):
    table = tmp_path / "toy" / "data" / "tolerances" / "toy.yml"
    table.write_text(yaml.safe_dump({"claims": {"toy.*": {"errors": 3}}}))
    assert found(toy, write_run(tmp_path / "a", reports=slope(value=-1.04, stderr=0.012))) == []
    assert found(toy, write_run(tmp_path / "b", reports=slope(value=-1.05))) == [("toy.slope", "measured")]
    assert found(toy, write_run(tmp_path / "c", reports=slope(stderr=0.037))) == [("toy.slope", "standard error")]
    assert str(compare(toy, tmp_path / "b").differences[0].allowed) == "rel 1e-06, abs 1e-12, errors 3"


# --- how the runs were made


@pytest.mark.parametrize(
    "record, column",
    [
        ({"failed": True}, "run"),
        ({"profile": "paper"}, "profile"),
        ({"chapter": "other"}, "chapter"),
        ({"parameters": {"seeds": 4, "device": "cpu"}}, "parameter seeds"),
        ({"parameters": {"device": "cpu"}}, "parameter seeds"),
        ({"parameters": {"seeds": 3, "device": "cuda"}}, None),
    ],
)
def test_runs_that_were_made_otherwise_differ(toy, tmp_path, record, column):
    second = write_run(tmp_path / "second", **record)
    named = [column for _, column in found(toy, second)]
    assert (column in named) if column else named == []
    assert (
        any(d.where == "toy" and d.column == column for d in compare(second, toy).differences)
        or not column
        or column == "chapter"
    )


def test_a_folder_without_a_run_is_said(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match="no run in .*nothing"):
        compare(toy, tmp_path / "nothing")


def test_folders_of_runs_are_compared_chapter_by_chapter(toy, tmp_path):
    left, right = tmp_path / "left", tmp_path / "right"
    for side in (left, right):
        write_run(side / "toy")
    write_run(left / "other", chapter="other")
    result = compare_runs(left, right)
    assert result.differences == [Difference("other", "run", "present", "missing")]
    assert (result.num_rows, result.num_claims, result.chapters) == (8, 1, ["toy"])
    assert compare_runs(right, left).differences == [Difference("other", "run", "missing", "present")]
    assert compare_runs(left, right, ["toy"]).differences == []
    with pytest.raises(FileNotFoundError, match="no run of absent"):
        compare_runs(left, right, ["absent"])
    with pytest.raises(ValueError, match="no chapter in .*empty"):
        compare_runs(tmp_path / "empty", tmp_path / "empty")


# --- tolerances


def test_tolerances_go_from_the_column_to_the_function_to_the_default(toy, tmp_path):
    folder = tmp_path / "toy" / "data" / "tolerances"
    assert tolerance("toy.f", "y") == Tolerance(rel=1e-6, abs=1e-12)
    (folder / "default.yml").write_text(yaml.safe_dump({"abs": 1e-9}))
    (folder / "toy.yml").write_text(yaml.safe_dump({"toy.f": {"*": {"rel": 1e-3}, "y": {"rel": 0.5, "abs": 0.0}}}))
    assert tolerance("toy.f", "y") == Tolerance(rel=0.5, abs=0.0) and tolerance("toy.f", "z") == Tolerance(
        rel=1e-3, abs=1e-9
    )
    assert tolerance("toy.g", "y") == tolerance("other.g", "y") == Tolerance(rel=1e-6, abs=1e-9)
    assert claim_tolerance("toy.slope") == Tolerance(rel=1e-6, abs=1e-9)
    assert found(toy, write_run(tmp_path / "second", changed(1, 1, y=0.5))) == []


@pytest.mark.parametrize(
    "text", ["[1]", "toy.f: 3", "toy.f: {y: {rel: -1}}", "toy.f: {y: {relative: 1}}", "toy.f: {y: {rel: .nan}}", "{"]
)
def test_a_tolerance_that_is_none_is_refused_by_file(toy, tmp_path, text):
    (tmp_path / "toy" / "data" / "tolerances" / "toy.yml").write_text(text)
    with pytest.raises(ValueError, match=r"toy\.yml"):
        tolerance("toy.f", "y")


def book_tolerances() -> dict[str, dict]:
    """The entries of the book's files, by chapter."""
    files = sorted((ROOT / "data" / "tolerances").glob("*.yml"))
    return {path.stem: yaml.safe_load(path.read_text()) for path in files}


def test_the_tolerances_of_the_book_are_well_formed():
    tables = book_tolerances()
    assert set(tables.pop("default")) == {"rel", "abs"} and tables
    for chapter, table in tables.items():
        for function, columns in table.items():
            if function != "claims":
                assert function.startswith(f"{chapter}.")
                assert all(tolerance(function, column).rel < 10 for column in columns)


def test_a_tolerance_belongs_to_a_function_of_a_run_of_record_or_to_a_claim():
    """An experiment that moves to another module takes its entry along."""
    indices = list(ROOT.glob("data/published/*/*/sweeps.json"))
    functions = {name for index in indices for name in json.loads(index.read_text())}
    assert functions
    for chapter, table in book_tolerances().items():
        if chapter == "default":
            continue
        assert set(table) - {"claims"} <= functions
        for pattern in table.get("claims", {}):
            known = [id for id in ledger() if fnmatch(id, pattern)]
            assert known and all(claim_tolerance(id).errors for id in known), pattern


# --- what is printed


def test_what_is_printed_has_no_control_characters(toy, tmp_path):
    second = write_run(tmp_path / "second", changed(1, 1, s="\x1b]0;owned\x07\x1b[2J\nb"))
    line = str(compare(toy, second).differences[0])
    assert line == "toy.f(x=1)[1] s: a → ]0;owned[2J b"
    assert printable("a\u202eb\x9bc") == "abc" and len(printable("x" * 1000)) == 201


def test_the_page_holds_every_difference(tmp_path):
    many = [Difference(f"f(x={i})[0]", "y", i, "<b>", "") for i in range(200)]
    write_page(tmp_path / "diff.html", "a & b", Comparison(many, 300, 4, ["toy"]))
    page = (tmp_path / "diff.html").read_text()
    assert "f(x=199)[0]" in page and "&lt;b&gt;" in page and "200 differences" in page and "<title>a &amp; b" in page
    write_page(tmp_path / "diff.html", "a & b", Comparison([], 300, 4, ["toy"]))
    page = (tmp_path / "diff.html").read_text()
    assert "0 differences; compared 300 rows and 4 claims of toy" in page and "<table>" not in page
