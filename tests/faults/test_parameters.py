"""Bad parameters: each is refused by the check, by name, before anything is touched, in bounded time and memory."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
from toy_experiments import checkout, environ

from quire.tools import profiles, values
from quire.tools.places import run_folder
from quire.tools.plan import planned

pytestmark = pytest.mark.faults

DECLARED = """samples: list = [1, 2, 4]  # scale: how many points, in [1, 100]
seeds: int = 1  # scale: how many repetitions, in [1, 10]
exponent: float = 1.0  # choice: the slope of the teacher, in [0.5, 4]
rates: list = [0.1, 0.2]  # scale: rates, in [0, 1]
filters: list = [2, 2, 2]  # choice: filter sizes, in [1, 8]
settings: list = [[8, 3], [6, 6]]  # scale: [v, m] of the networks, in [1, 64]
network: list = [8, 4]  # scale: [v, m] of the network, in [1, 64]
recipe: list = ["adam", 1e-3, 0.0]  # scale: how, one of adam|sgd, in [0, 1]
networks: list = ["fc", "vgg-bn"]  # scale: the zoo, one of fc|vgg|vgg-bn
rule: str = "repo"  # choice: modes kept, one of repo|paper
flip: bool = False  # scale: whether to reflect
device: str = "cpu"  # choice: "cpu", "cuda" or "auto"
"""
BILLION = "[&a [1,1,1,1,1,1,1,1,1], &b [*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b]]"
# what follows -p, and a part of the message
BAD = [
    # not key=value, or not a key
    ("seeds", "key=value"), ("", "key=value"), ("=1", "key=value"), ("seeds:1", "key=value"), ("see ds=1", "key=value"),
    ("1seeds=1", "key=value"), ("seeds.x=1", "key=value"), ("--seeds=1", "key=value"),
    # unknown names
    ("seed=1", "did you mean 'seeds'"), ("zzz=1", "no parameter 'zzz'"), ("Seeds=1", "did you mean 'seeds'"),
    ("chapter=toy", "no parameter 'chapter'"), ("__class__=1", "no parameter '__class__'"),
    # other types
    ("seeds=many", "seeds must be int"), ("seeds=2.5", "seeds must be int"), ("seeds=true", "seeds must be int"),
    ("seeds=", "seeds must be int"), ("seeds=null", "seeds must be int"), ("seeds=[1]", "seeds must be int"),
    ("seeds={a: 1}", "seeds must be int"), ("seeds='1'", "seeds must be int"), ("seeds=1e0", "seeds must be int"),
    ("seeds=2020-01-01", "seeds must be int"), ("seeds=!!set {a}", "seeds must be int"),
    ("exponent=steep", "exponent must be float"), ("exponent=true", "exponent must be float"),
    ("exponent=1_0e", "exponent must be float"), ("exponent=infinity", "exponent must be float"),
    ("exponent=nan", "exponent must be float"), ("exponent=[1.0]", "exponent must be float"),
    ("samples=4", "samples must be list"), ("samples=1,2", "samples must be list"), ("samples={1: 2}", "must be a name"),
    ("samples={a: 2}", "samples must be list"), ("samples=[1, two]", "samples: each value must be int"),
    ("samples=[1, 2.0]", "samples: each value must be int"), ("samples=[1, [2]]", "samples: each value must be int"),
    ("samples=[1, null]", "samples: each value must be int"), ("samples=[true]", "samples: each value must be int"),
    ("rates=[fast]", "rates: each value must be float"), ("settings=[8, 3]", "settings: each entry must be list"),
    ("settings=[[8, a]]", "settings: each value must be int"), ("settings=[[8, [3]]]", "settings: each value must be int"),
    ("rule=3", "rule must be str"), ("rule=[repo]", "rule must be str"), ("rule=no", "rule must be str"),
    ("flip=1", "flip must be bool"), ("flip=maybe", "flip must be bool"), ("device=0", "device must be str"),
    ("device=[cpu]", "device must be str"), ("recipe=[adam, fast, 0]", "recipe: each value must be float"),
    ("recipe=[0.1, 0.1, 0]", "recipe: each value must be str"),
    # empty, too long, of another length
    ("samples=[]", "needs at least one value"), ("settings=[]", "needs at least one value"),
    ("settings=[[]]", "needs at least one value"), ("network=[8]", r"must have 2 values \(v, m\)"),
    ("network=[8, 4, 2]", "must have 2 values"), ("settings=[[8, 3], [6]]", "must have 2 values"),
    ("recipe=[adam, 0.1]", "must have 3 values"), (f"samples={list(range(1, 70001))}", "characters are more than"),
    (f"rates={[i / 2000 for i in range(2000)]}", "may have 1000 values, got 2,000"),
    (f"filters={[2] * 1001}", "may have 1000 values"), (f"settings={[[1, 1]] * 501}", "may have 1000 values"),
    (f"rule={'x' * 200_000}", "characters are more than"),
    # out of range
    ("seeds=0", r"must lie in \[1, 10\], got 0"), ("seeds=-1", "must lie in"), ("seeds=11", "must lie in"),
    ("seeds=1000000000000000", "must lie in"), ("exponent=0", "must lie in"), ("exponent=1e300", "must lie in"),
    ("exponent=1e999", "must lie in|finite"), ("samples=[1, 101]", r"must lie in \[1, 100\], got 101"),
    ("samples=[0]", "must lie in"), ("rates=[1.0000001]", "must lie in"), ("filters=[1000, 1000, 1000]", "must lie in"),
    ("settings=[[8, 3], [6, 65]]", "must lie in"), ("recipe=[adam, 2, 0]", "must lie in"), ("rule=code", "must be one of repo, paper"),
    ("networks=[fc, resnet]", "must be one of fc, vgg, vgg-bn"), ("recipe=[lbfgs, 0.1, 0]", "must be one of adam, sgd"),
    ("device=gpu", "device must be"), ("device=cuda:x", "device must be"),
    # numbers that are not what they look like
    ("seeds=1:30", "1:30 is ambiguous"), ("seeds=010", "010 is ambiguous"), ("seeds=0x1", "0x1 is ambiguous"),
    ("seeds=0b1", "0b1 is ambiguous"), ("samples=[1, 1:01]", "1:01 is ambiguous"), ("exponent=1:30.0", "not a finite decimal"),
    ("exponent=.nan", "not a finite"), ("exponent=.inf", "not a finite"), ("exponent=-.inf", "not a finite"),
    ("rates=[.nan]", "not a finite"), (f"seeds={'9' * 5000}", "5000 digits"), (f"exponent={'9' * 400}", "400 digits"),
    # twice
    ("samples=[1, 1]", "samples has 1 twice"), ("settings=[[8, 3], [8, 3]]", r"settings has \[8, 3\] twice"),
    ("rates=[0.1, 0.10]", "rates has 0.1 twice"), ("networks=[fc, vgg, fc]", "networks has 'fc' twice"),
    ("seeds={a: 1, a: 2}", "the key 'a' occurs twice"),
    # YAML that is more than a value
    ("samples=&a [*a]", "anchor"), ("samples=&a [1]", "anchor"), ("samples=*a", "reference"), (f"samples={BILLION}", "anchor"),
    ("samples=" + "[" * 5000 + "]" * 5000, "nested deeper than 8"), ("samples=" + "[" * 9 + "1" + "]" * 9, "nested deeper"),
    ("samples=[1", "is not YAML"), ("samples={", "is not YAML"), ("seeds=!!python/object/apply:os.getcwd []", "is not YAML"),
    ("seeds=!x 1", "is not YAML"), ("rule=\x07", "is not YAML"), ("rule=\udcff", "is not YAML"), ("rule=a: b: c", "is not YAML"),
    ("samples={<<: {a: 1}}", "is not YAML"), ("samples=[1]\n---\n[2]", "is not YAML"), ("rule=!!binary 4pyT", "must be str"),
]  # fmt: skip


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout whose chapter ``small`` has a parameter of each kind."""
    root = checkout(tmp_path / "toy", small="x = 1")
    path = root / "chapters" / "small.py"
    text = path.read_text()
    path.write_text(text.replace(next(line for line in text.splitlines() if line.startswith("seeds")), DECLARED))
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    return root


def test_there_are_enough_of_them():
    assert len({text for text, _ in BAD}) == len(BAD) >= 80


@pytest.mark.parametrize("text, message", BAD, ids=[f"{i}-{text:.20}" for i, (text, _) in enumerate(BAD)])
def test_a_bad_parameter_is_refused_by_the_check(toy, text, message):
    with pytest.raises(ValueError, match=message):
        planned(["small"], "smoke", values.parse_all([text]), 1, "", False, 0)
    assert not (toy / "build").exists()


GOOD = ["seeds=10", "exponent=2", "exponent=1e-0", "samples=[100]", "rates=[0, 1]", "filters=[3, 3]", "settings=[[1, 1]]",
        "network=[4, 4]", "recipe=[sgd, 1, 0]", "networks=[vgg]", "rule=paper", "flip=true", "device=auto"]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_good_one_is_not(toy, text):
    plan = planned(["small"], "smoke", values.parse_all([text]), 1, "", False, 0)
    assert list(plan.values["small"]) == [text.partition("=")[0]]


def test_a_parameter_that_is_given_twice_is_refused():
    with pytest.raises(ValueError, match="-p seeds is given twice"):
        values.parse_all(["seeds=1", "exponent=1", "seeds=2"])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["toy", "--jobs", "0"], "one job or more"),
        (["toy", "--jobs", "-3"], "one job or more"),
        (["toy", "--check", "-1"], "cells to check"),
        (["../toy"], "no chapter '../toy'"),
        (["{root}/chapters/toy"], "no chapter"),
        (["toy", "--label", ".."], "expected a label"),
        (["toy", "--label", "{root}/other"], "expected a label"),
        (["toy", "--label", "a/b"], "expected a label"),
        (["toy", "--label", "store"], "expected a label"),
        (["toy", "--label", "Store"], "expected a label"),
        (["toy", "--label", ".hidden"], "expected a label"),
        (["toy", "--label", "-x"], "expected a label"),
        (["toy", "--label", "x" * 65], "expected a label"),
        (["toy", "--label", "a\nb"], "expected a label"),
        (["toy", "--label", "published"], "expected a label"),
        (["toy", "--label", "book"], "label 'book' is for unchanged runs of profile book, not for profile smoke"),
        (["toy", "--label", "book", "--profile", "book", "-p", "seeds=1"], "not for parameters of your own"),
        (["toy", "--label", "fresh"], "add --fresh"),
        (["toy", "--fresh", "-p", "sed=1"], "did you mean 'seeds'"),
        (["toy", "--fresh", "--label", "{root}/other"], "expected a label"),
        (["toy", "--fresh", "--label", ".."], "expected a label"),
        (["toy", "--profile", "bok"], "no profile 'bok'"),
        (["small", "--profile", "paper"], "chapter small has no profile paper"),
    ],
)
def test_nothing_is_destroyed_by_a_command_that_is_refused(toy, monkeypatch, arguments, message):
    places = [toy / "other" / "store", toy / "build" / "fresh" / "store", toy / "build" / "book" / "toy", toy / "store"]
    for place in places:
        place.mkdir(parents=True)
        (place / "precious").write_text("")
    command = [sys.executable, "-m", "quire", "run", *(a.format(root=toy) for a in arguments)]
    done = subprocess.run(command, env=environ(toy), capture_output=True, text=True, cwd=toy)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert all((place / "precious").exists() for place in places)


def test_more_jobs_than_cores_are_lowered_and_said(toy):
    plan = planned(["small", "toy"], "smoke", {}, 10**9, "", False, 0)
    assert plan.share.jobs <= 2 and "instead of 1000000000" in plan.share.said[0]


def test_a_value_longer_than_a_command_line_reaches_the_chapter(toy):
    """Values travel through a pipe: this one is short for the check, and the pipe holds far more."""
    long = list(range(1, 101))
    assert len(json.dumps(long)) < values.LONGEST < os.sysconf("SC_ARG_MAX")
    text = (toy / "chapters" / "small.py").read_text().replace("x = 1", "print('got', samples)")
    (toy / "chapters" / "small.py").write_text(text)
    with contextlib.chdir(toy):
        done = subprocess.run(
            [sys.executable, "-m", "quire", "run", "small", "-p", f"samples={long}"],
            env=environ(toy), capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"got {long}" in json.dumps(json.loads((run_folder("small", "custom") / "small.ipynb").read_text()))


def test_profiles_are_checked_like_the_command_line(toy):
    (toy / "chapters" / "profiles" / "small.yml").write_text("book: {settings: [[8, 3], [8, 3]]}")
    with pytest.raises(ValueError, match=r"book profile of chapter small: settings has \[8, 3\] twice"):
        profiles.resolve("small", "book")
