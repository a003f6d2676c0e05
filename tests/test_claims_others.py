"""Verdicts beside those of other published runs: a verdict that lives on its seeds is none."""

import os

import pytest
from toy_experiments import checkout

from quire.claims import beside_published, judge_all
from quire.files import write_json
from quire.tools.run import held_in_record


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Write a published run of the toy chapter, whose slope is this."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
    monkeypatch.syspath_prepend(os.path.dirname(__file__))

    def write(label, slope, *, profile="book", seeds=0):
        run = root / "data" / "published" / label / "toy"
        write_json(run / "claims.json", reports(slope))
        write_json(run / "provenance.json", {"chapter": "toy", "profile": profile, "seeds": seeds, "failed": False})
        return root / "data" / "published"

    return write


def reports(slope):
    return {"toy.slope": {"value": slope, "stderr": 0.01, "dof": 9.0, "reason": ""}}


def beside(slope, place):
    judged = judge_all(reports(slope), "book", ["toy"])
    return {claim["id"]: claim for claim in beside_published(judged, profile="book", published=place)}["toy.slope"]


def test_a_run_alone_is_as_it_was(published):
    found = beside(-1.0, published("book", -1.0))
    assert (found["verdict"], found["others"]) == ("holds", [])


def test_another_scale_is_shown_and_decides_nothing(published):
    found = beside(-1.0, published("paper", -2.0, profile="paper"))
    assert found["verdict"] == "holds"
    assert found["others"] == [{"label": "paper scale", "verdict": "fails", "measured": "-2.00 ± 0.01"}]


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (-1.0, -1.02, "holds"),
        (-1.0, -2.0, "inconclusive"),
        (-1.0, -1.1, "inconclusive"),
        (-2.0, -1.0, "inconclusive"),
        (-2.0, -2.0, "fails"),
        (-1.1, -1.0, "inconclusive"),
    ],
)
def test_another_block_of_seeds_must_agree(published, first, second, verdict):
    found = beside(first, published("book-1000", second, seeds=1000))
    assert found["verdict"] == verdict and found["others"][0]["label"] == "seeds from 1000 on"
    assert ("another" in found["reason"]) == (verdict == "inconclusive" and first != -1.1)


def test_what_another_block_contradicts_does_not_count_as_held(published):
    published("book", -1.0)
    assert held_in_record({"toy": "book"}) == {"toy.slope"}
    published("book-1000", -2.0, seeds=1000)
    assert held_in_record({"toy": "book"}) == set()
