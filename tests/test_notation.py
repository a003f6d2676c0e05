"""data/notation.yml: names exist in the code, a symbol has one meaning per chapter, and each symbol of a chapter's formulas is there."""

import collections
import importlib
import inspect
from pathlib import Path

import pytest
import yaml
from symbols import formulas, symbols

PATH = Path(__file__).parents[1] / "data" / "notation.yml"
ENTRIES = yaml.safe_load(PATH.read_text(encoding="utf-8"))
KEYS = {"symbol", "meaning", "unit", "name", "chapters"}
CHAPTERS = sorted((PATH.parents[1] / "chapters").glob("*.py"))
EVERYWHERE = "everywhere"


def resolve(name: str):
    """The object of a dotted name as ``from package import name`` gives it, and the parameter after ":", if any.

    Raises:
        AttributeError: there is no such object.
    """
    dotted, _, parameter = name.partition(":")
    first, *rest = dotted.split(".")
    found = importlib.import_module(first)
    for part in rest:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                raise AttributeError(f"{found!r} has no attribute or submodule {part}") from None
        found = getattr(found, part)
    return found, parameter


def faults(entry: dict) -> list[str]:
    """What is wrong with an entry, in words."""
    if not isinstance(entry, dict) or not KEYS - {"unit", "name"} <= set(entry) <= KEYS:
        return [f"must have the keys {sorted(KEYS)}, got {entry!r}"]
    found = [f"{key} must be words, got {entry[key]!r}" for key in ("symbol", "meaning") if not str(entry[key]).strip()]
    if not isinstance(entry["chapters"], list) or not entry["chapters"]:
        found.append(f"chapters must be a list of names, got {entry['chapters']!r}")
    if "name" not in entry:
        return found
    if not str(entry["name"]).startswith("quire."):
        return [*found, f"name must be a dotted name of quire, got {entry['name']!r}"]
    try:
        thing, parameter = resolve(entry["name"])
    except AttributeError as error:
        return [*found, f"name {entry['name']} does not exist: {error}"]
    if parameter and parameter not in inspect.signature(thing).parameters:
        known = ", ".join(inspect.signature(thing).parameters)
        found.append(f"{entry['name']}: no parameter {parameter}; there are {known}")
    return found


def clashes(entries: list[dict]) -> list[str]:
    """Symbols that a chapter uses for two things."""
    uses = collections.Counter((chapter, str(entry["symbol"])) for entry in entries for chapter in entry["chapters"])
    return [
        f"{symbol} stands for {count} things in {chapter}" for (chapter, symbol), count in uses.items() if count > 1
    ]


def test_the_file_is_a_list_of_symbols():
    assert isinstance(ENTRIES, list) and ENTRIES, f"{PATH} must be a list of symbols"


@pytest.mark.parametrize(
    "entry", ENTRIES, ids=lambda entry: str(entry.get("symbol") if isinstance(entry, dict) else entry)
)
def test_each_symbol_has_a_name_that_exists(entry):
    assert not faults(entry)


def test_a_symbol_means_one_thing_per_chapter():
    assert not clashes(ENTRIES)


def test_each_symbol_of_a_formula_is_registered():
    """Per chapter, by letters: what a reader meets between dollars is explained on the page of notation."""
    known = collections.defaultdict(set)
    for entry in ENTRIES:
        for chapter in entry["chapters"]:
            known[chapter] |= symbols(entry["symbol"])
    missing = {path.stem: sorted(used_in(path) - known[path.stem] - known[EVERYWHERE]) for path in CHAPTERS}
    assert not {chapter: letters for chapter, letters in missing.items() if letters}


def test_chapters_of_the_notation_exist():
    named = {chapter for entry in ENTRIES for chapter in entry["chapters"]}
    assert named <= {path.stem for path in CHAPTERS} | {EVERYWHERE}


def used_in(path: Path) -> set[str]:
    """The letters of all formulas in the text of a chapter."""
    cells = path.read_text(encoding="utf-8").split("# %%")
    text = "\n".join(cell.replace("\n# ", "\n") for cell in cells if cell.startswith(" [markdown]"))
    return set().union(*(symbols(formula) for formula in formulas(text)))


GOOD = {"symbol": "s", "meaning": "seed", "unit": "1", "name": "quire.rng.generator:keys", "chapters": ["locality"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"name": "quire.kernels.convolutional:filter_size"}, None),  # the function, not the module of that name
        ({"name": "quire.kernels.Matern"}, None),
        ({"name": "quire.rng.generator:kees"}, "no parameter kees; there are keys"),
        ({"name": "quire.rng.generateur"}, "does not exist"),
        ({"name": "quire.nowhere.generator"}, "does not exist"),
        ({"name": "numpy.linalg.solve"}, "a dotted name of quire"),
        ({"chapters": "locality"}, "must be a list"),
        ({"chapters": []}, "must be a list"),
        ({"meaning": " "}, "meaning must be words"),
        ({"colour": "red"}, "must have the keys"),
    ],
)
def test_the_check_finds_faults(change, message):
    found = faults(GOOD | change)
    assert (not found) if message is None else (len(found) == 1 and message in found[0])


def test_the_check_finds_clashes():
    other = GOOD | {"meaning": "scale", "chapters": ["diffeo", "locality"]}
    assert clashes([GOOD, other]) == ["s stands for 2 things in locality"]
    assert clashes([GOOD, other | {"chapters": ["diffeo"]}]) == []
