"""What chapters declare: parameters, profiles, values from the command line."""

import re
from pathlib import Path

import pytest
import yaml
from toy_experiments import checkout

from quire.tools import chapters

ROOT = Path(__file__).parents[1]
REAL = sorted(path.stem for path in (ROOT / "chapters").glob("*.py"))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout with the chapters ``toy`` and ``small``."""
    root = checkout(tmp_path / "toy", small="x = 1")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    return root


def test_parameters_have_type_default_meaning_and_profiles(toy):
    first, second, third, device = chapters.parameters("toy")
    assert first == {"name": "samples", "type": "list", "default": [1, 2, 4], "kind": "scale", "scale": True, "meaning": "how many points, in [1, 100]", "profiles": {"book": [1, 2, 4, 8]}}  # fmt: skip
    assert (second["default"], third["scale"], device["kind"]) == (2, False, "choice")


def test_chapters_come_in_the_order_of_the_book(toy):
    assert chapters.chapters() == ["small", "toy"]
    (toy / "book" / "_toc.yml").write_text("parts:\n- chapters:\n  - file: chapters/toy\n")
    assert chapters.chapters() == ["toy", "small"]


def test_a_cell_comes_before_a_profile_before_the_user(toy):
    assert chapters.resolve("toy") == {}
    assert chapters.resolve("toy", "book") == {"samples": [1, 2, 4, 8], "seeds": 3}
    assert chapters.resolve("toy", "paper", {"seeds": 5}) == {"seeds": 5}
    assert chapters.resolve("toy", "book", {"seeds": 5, "exponent": 2}) == {"samples": [1, 2, 4, 8], "seeds": 5, "exponent": 2.0}  # fmt: skip


@pytest.mark.parametrize(
    "overrides, message",
    [
        (
            {"seed": 1},
            r"no parameter 'seed', did you mean 'seeds'\?; it has \['samples', 'seeds', 'exponent', 'device'\]",
        ),
        ({"zzz": 1}, "no parameter 'zzz'; it has"),
        ({"seeds": "many"}, r"seeds must be int, like 2, got 'many' \(str\)"),
        ({"seeds": 2.5}, r"seeds must be int, like 2, got 2.5 \(float\)"),
        ({"seeds": True}, r"seeds must be int, like 2, got True \(bool\)"),
        ({"exponent": "steep"}, "exponent must be float"),
        ({"samples": 4}, r"samples must be list, like \[1, 2, 4\], got 4"),
        ({"samples": []}, "samples needs at least one value"),
        ({"samples": [1, "two"]}, "samples: each value must be int"),
        ({"samples": [1, 101]}, r"samples must lie in \[1, 100\], got 101"),
        ({"samples": [0]}, r"samples must lie in \[1, 100\], got 0"),
        ({"device": 0}, "device must be str"),
    ],
)
def test_unknown_mistyped_and_out_of_range_values_are_refused(toy, overrides, message):
    with pytest.raises(ValueError, match=message):
        chapters.resolve("toy", "book", overrides)


def test_unknown_chapters_and_profiles_are_refused_with_the_known_ones(toy):
    with pytest.raises(ValueError, match=r"no chapter 'tony'; there are \['small', 'toy'\]"):
        chapters.parameters("tony")
    with pytest.raises(ValueError, match="no profile 'bok': expected one of smoke, book, paper"):
        chapters.resolve("toy", "bok")


@pytest.mark.parametrize(
    "profile, message",
    [("toy: {exponent: 2.0}", "exponent is no scale"), ("toy: {sample: [1]}", "book profile of chapter toy: no parameter 'sample', did you mean"),
     ("toy: 3", "must be a mapping"), ("- toy", "must be a mapping"), ("toy: {", "is not YAML")],
)  # fmt: skip
def test_a_profile_that_does_not_fit_is_refused(toy, profile, message):
    (toy / "chapters" / "profiles" / "book.yml").write_text(profile)
    with pytest.raises(ValueError, match=message):
        chapters.parameters("toy")


@pytest.mark.parametrize(
    "line, message",
    [("seeds = 1  # scale: how many", "expected 'name: type = value  # kind: meaning'"), ("seeds: int = 1", "expected 'name"), ("seeds: tensor = 1  # scale: x", "expected"),
     ("seeds: int = n  # scale: how many", "default of seeds must be a literal"), ("seeds: int = 1.5  # scale: x", "must be int"), ("seeds: int = 9  # scale: in [1, 5]", "must lie in")],
)  # fmt: skip
def test_a_parameters_cell_that_does_not_declare_is_refused(toy, line, message):
    path = toy / "chapters" / "small.py"
    path.write_text(re.sub("seeds: int.*", line, path.read_text()))
    with pytest.raises(ValueError, match=message):
        chapters.parameters("small")
    path.write_text(path.read_text().replace('tags=["parameters"]', ""))
    with pytest.raises(ValueError, match="one cell tagged parameters, got 0"):
        chapters.parameters("small")


@pytest.mark.parametrize(
    "text, value",
    [
        ("a=1", 1),
        ("a=1.5", 1.5),
        ("a=[1, 2]", [1, 2]),
        ("a=cpu", "cpu"),
        ("a=true", True),
        ("a=b=c", "b=c"),
        ("a={k: 1}", {"k": 1}),
    ],
)
def test_values_from_the_command_line_are_yaml(text, value):
    assert chapters.parse(text) == ("a", value)


def test_an_exponent_without_a_point_is_a_number(toy):
    assert chapters.resolve("toy", "smoke", dict([chapters.parse("exponent=1e-3")])) == {"exponent": 1e-3}


@pytest.mark.parametrize("text, message", [("seeds", "key=value"), ("a=[1", "is not YAML")])
def test_what_is_no_value_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        chapters.parse(text)


@pytest.mark.parametrize("chapter", REAL)
def test_every_chapter_of_the_book_declares_well(chapter):
    names = {entry["name"] for entry in chapters.parameters(chapter)}
    assert "device" in names
    for profile in chapters.PROFILES:
        assert chapters.resolve(chapter, profile).keys() <= names


def test_profiles_name_chapters_that_exist():
    for path in (ROOT / "chapters" / "profiles").glob("*.yml"):
        assert path.stem in chapters.PROFILES
        assert set(yaml.safe_load(path.read_text()) or {}) <= set(REAL)
