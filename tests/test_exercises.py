"""Exercises: each command runs its own chapter with parameters that it has; what was run keeps what the text promises."""

import json

import pytest
from test_run import quire
from toy_experiments import checkout

from quire.claims import judge_run, ledger
from quire.tools.chapters import chapters, path_of
from quire.tools.exercises import exercises, promises, solutions
from quire.tools.profiles import resolve
from quire.tools.values import parse_all

ALL = [one for chapter in chapters() for one in exercises(chapter)]
PROMISED = promises()
RUN = [one for one in ALL if one.folder.is_dir()]

TRY = """

# %% [markdown]
# ## Try it
#
# 1. *Fewer.* `quire run toy --profile book
#    -p seeds=2`: `toy.slope` is still judged.
# 2. *By hand.* Change the code.
"""


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.chapter}-{one.number}")
def test_a_command_gives_a_chapter_parameters_that_it_has(one):
    resolve(one.chapter, one.profile, parse_all(one.values))


@pytest.mark.parametrize(
    ("place", "verdicts"), PROMISED.items(), ids=lambda x: "-".join(map(str, x)) if isinstance(x, tuple) else ""
)
def test_a_promise_is_about_an_exercise_and_its_claims(place, verdicts):
    """The exercise is there, its text names each claim, and the claim is in the ledger."""
    chapter, number = place
    assert place in {(one.chapter, one.number) for one in ALL}
    text = path_of(chapter).read_text(encoding="utf-8").partition("## Try it")[2]
    item = text.partition(f"\n# {number}. ")[2].partition(f"\n# {number + 1}. ")[0]
    for claim, verdict in verdicts.items():
        assert claim in ledger() and f"`{claim}`" in item
        assert verdict in ("holds", "fails", "inconclusive", "untested")


@pytest.mark.parametrize("one", RUN, ids=lambda one: f"{one.chapter}-{one.number}")
def test_what_was_run_bears_out_the_text(one):
    """Judged by the present ledger; the run was made with the parameters of the command."""
    made = json.loads((one.folder / "provenance.json").read_text(encoding="utf-8"))
    changed = parse_all(one.values)
    asked = resolve(one.chapter, one.profile, changed)
    assert {name: made["parameters"][name] for name in changed} == {name: asked[name] for name in changed}
    verdicts = {claim["id"]: claim["verdict"] for claim in judge_run(one.folder)}
    assert {claim: verdicts[claim] for claim in PROMISED[one.chapter, one.number]} == PROMISED[one.chapter, one.number]


def test_some_exercises_were_run():
    assert len(RUN) >= 3 and all(solutions(one.chapter) for one in RUN)


def test_an_exercise_is_run_and_kept(tmp_path):
    root = checkout(tmp_path / "toy")
    path = root / "chapters" / "toy.py"
    path.write_text(path.read_text() + TRY)
    (root / "data" / "exercises.yml").write_text("- {chapter: toy, number: 1, verdicts: {toy.slope: holds}}\n")
    done = quire(root, "exercise", "toy", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = root / "data" / "exercises" / "toy-1"
    assert json.loads((kept / "provenance.json").read_text())["parameters"]["seeds"] == 2
    assert "toy.slope" in json.loads((kept / "claims.json").read_text())
    assert sorted(path.name for path in kept.iterdir()) == ["claims.json", "provenance.json"]
    done = quire(root, "exercise", "toy", "2")
    assert done.returncode == 1 and "toy has the exercises [1] with a command, not 2" in done.stderr
