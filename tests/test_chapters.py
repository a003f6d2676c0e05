"""What chapters declare: parameters with their ranges, profiles, the order of the book, values from the command line."""

import ast
import re
from pathlib import Path

import pytest
from toy_experiments import checkout

from quire.tools import chapters, contents, profiles, values
from quire.tools.parameters import declared

ROOT = Path(__file__).parents[1]
REAL = sorted(path.stem for path in (ROOT / "chapters").glob("*.py"))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout with the chapters ``toy`` and ``small``."""
    root = checkout(tmp_path / "toy", small="x = 1")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    return root


def declare(root: Path, *lines: str) -> None:
    """Give ``small`` another parameters cell."""
    path = root / "chapters" / "small.py"
    path.write_text(re.sub("seeds: int.*", "\n".join(lines), path.read_text()))


def test_parameters_have_type_default_meaning_range_and_profiles(toy):
    first, second, third, device = profiles.parameters("toy")
    assert first == {
        "name": "samples",
        "type": "list",
        "default": [1, 2, 4],
        "kind": "scale",
        "scale": True,
        "meaning": "how many points, in [1, 100]",
        "range": "[1, 100]",
        "profiles": {"book": [1, 2, 4, 8]},
    }
    assert (second["default"], third["scale"], third["range"], device["kind"]) == (2, False, "[0.5, 4]", "choice")
    assert device["range"] == ""


def test_chapters_come_in_the_order_of_the_map_the_others_last(toy):
    assert chapters.chapters() == ["toy", "small"]
    entry = "    - {{chapter: {}, title: T, thesis: t, papers: []}}\n"
    names = ("small", "later", "toy")
    (toy / "book" / "map.yml").write_text("- part: P\n  chapters:\n" + "".join(map(entry.format, names)))
    assert (chapters.chapters(), chapters.listed()) == (["small", "toy"], ["small", "later", "toy"])
    (toy / "book" / "map.yml").unlink()
    assert (chapters.chapters(), chapters.listed()) == (["small", "toy"], [])


def test_the_table_of_contents_has_what_is_shown(toy):
    (toy / "book" / "map.yml").write_text(
        "- part: P\n  chapters: [{chapter: toy, title: T, thesis: t, papers: [a]}]\n"
        "- part: Q\n  chapters: [{chapter: later, title: L, thesis: t, papers: []}]\n"
        "- part: About\n  pages: [status]\n"
    )
    assert contents.toc(["toy"]) == {
        "format": "jb-book",
        "root": "index",
        "parts": [
            {"caption": "P", "numbered": 1, "chapters": [{"file": "chapters/toy"}]},
            {"caption": "About", "chapters": [{"file": "status"}]},
        ],
    }
    assert [part.caption for part in contents.contents()] == ["P", "Q", "About"]
    assert contents.contents()[0].chapters == [{"chapter": "toy", "title": "T", "thesis": "t", "papers": ["a"]}]


@pytest.mark.parametrize(
    "text, message",
    [
        ("part: P", "valid list"),
        ("- part: P\n  chapter: []", "0 → chapter: Extra inputs"),
        (
            "- part: P\n  chapters: [{chapter: ../up, title: T, thesis: t, papers: []}]",
            "chapters → 0 → chapter: String",
        ),
        ("- part: P\n  chapters: [{chapter: toy, title: T, papers: []}]", "thesis: Field required"),
        ("- {part: P, chapters: [&a {chapter: toy, title: T, thesis: t, papers: []}, *a]}", "anchor"),
        ("- part: P\n  part: Q", "the key 'part' occurs twice"),
    ],
)
def test_a_map_that_is_no_list_of_parts_is_refused_with_its_place(toy, text, message):
    (toy / "book" / "map.yml").write_text(text)
    with pytest.raises(ValueError, match=rf"map\.yml.*{message}"):
        contents.contents()


def test_a_chapter_has_one_place_in_the_map(toy):
    entry = "{chapter: toy, title: T, thesis: t, papers: []}"
    (toy / "book" / "map.yml").write_text(f"- {{part: P, chapters: [{entry}]}}\n- {{part: Q, chapters: [{entry}]}}\n")
    with pytest.raises(ValueError, match="names toy twice"):
        contents.contents()


def test_a_cell_comes_before_a_profile_before_the_user(toy):
    assert profiles.resolve("toy") == {}
    assert profiles.resolve("toy", "book") == {"samples": [1, 2, 4, 8], "seeds": 3}
    assert profiles.resolve("toy", "paper", {"seeds": 5}) == {"seeds": 5}
    given = profiles.resolve("toy", "book", {"seeds": 5, "exponent": 2})
    assert given == {"samples": [1, 2, 4, 8], "seeds": 5, "exponent": 2.0} and type(given["exponent"]) is float
    assert profiles.complete("toy", {"seeds": 5}) == {
        "samples": [1, 2, 4],
        "seeds": 5,
        "exponent": 1.0,
        "device": "cpu",
    }


@pytest.mark.parametrize("name", ["tony", "../toy", "./toy", "toy.py", "profiles/toy", "", "Toy"])
def test_unknown_chapters_and_paths_are_refused_with_the_known_ones(toy, name):
    with pytest.raises(ValueError, match=rf"no chapter {name!r}; there are \['toy', 'small'\]"):
        profiles.parameters(name)
    with pytest.raises(ValueError, match=rf"no chapter {str(toy / 'chapters' / 'toy')!r}"):
        chapters.path_of(str(toy / "chapters" / "toy"))


def test_a_profile_that_is_asked_for_must_be_written(toy):
    with pytest.raises(ValueError, match="no profile 'bok': expected one of smoke, book, paper"):
        profiles.resolve("toy", "bok")
    with pytest.raises(ValueError, match=r"chapter small has no profile paper: write it in .*small\.yml"):
        profiles.resolve("small", "paper")
    (toy / "chapters" / "profiles" / "small.yml").unlink()
    with pytest.raises(ValueError, match="chapter small has no profile book"):
        profiles.resolve("small", "book")
    assert profiles.resolve("small") == {} and profiles.parameters("small")[0]["profiles"] == {}


@pytest.mark.parametrize(
    "profile, message",
    [
        ("book: {exponent: 2.0}", "exponent is no scale"),
        ("book: {sample: [1]}", "book profile of chapter toy: no parameter 'sample', did you mean 'samples'"),
        ("book: {seeds: 11}", r"book profile of chapter toy: seeds must lie in \[1, 10\], got 11"),
        ("book: {seeds: 1, seeds: 2}", "the key 'seeds' occurs twice"),
        ("book: {}\nbook: {seeds: 2}", "the key 'book' occurs twice"),
        ("book: {1: 2}", "the key 1 must be a name"),
        ("{[1]: {}}", r"the key \[1\] must be a name"),
        ("book: &b {seeds: 1}\npaper: *b", "anchor"),
        ("bok: {}", "no profile bok: its sections are book, paper"),
        ("smoke: {seeds: 3}", "no profile smoke"),
        ("book: 3", "must be a mapping"),
        ("book:", "must be a mapping"),
        ("- toy", "must be a mapping"),
        ("", "must be a mapping"),
        ("book: {", "is not YAML"),
        ("book: {seeds: 010}", "010 is ambiguous"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(toy, profile, message):
    (toy / "chapters" / "profiles" / "toy.yml").write_text(profile)
    with pytest.raises(ValueError, match=message):
        profiles.parameters("toy")


def test_a_profile_is_read_as_utf_8(toy):
    path = toy / "chapters" / "profiles" / "toy.yml"
    path.write_bytes("book: {seeds: 3}  # größer".encode())
    assert profiles.resolve("toy", "book") == {"seeds": 3}
    path.write_bytes("book: {seeds: 3}  # größer".encode("latin-1"))
    with pytest.raises(ValueError, match=r"toy\.yml is not UTF-8"):
        profiles.resolve("toy", "book")


@pytest.mark.parametrize(
    "line, message",
    [
        ("seeds = 1  # scale: how many, in [1, 2]", "expected 'name: type = value  # scale: meaning"),
        ("seeds: int = 1", "expected 'name"),
        ("seeds: tensor = 1  # scale: x, in [1, 2]", "expected"),
        ("seeds: dict = {}  # scale: x", "expected"),
        ("seeds: int = 1  # size: x, in [1, 2]", "expected"),
        ("seeds: int = n  # scale: how many, in [1, 2]", "default of seeds must be a literal"),
        ("seeds: int = 1.5  # scale: x, in [1, 2]", "must be int"),
        ("seeds: int = 9  # scale: x, in [1, 5]", r"must lie in \[1, 5\], got 9"),
        ("seeds: int = 1  # scale: how many", r"seeds lacks its range: end the meaning with ', in \[low, high\]'"),
        ("seeds: float = 1.0  # choice: how many", "seeds lacks its range"),
        ("sizes: list = [[1, 2], [3, 4]]  # scale: sizes", "sizes lacks its range"),
        ('name: str = "a"  # choice: which', r"name lacks its values: end the meaning with ', one of a\|b\|c'"),
        ('names: list = ["a"]  # scale: which', "names lacks its values"),
        ('recipe: list = ["a", 1.0]  # scale: how, in [0, 1]', "recipe lacks its values"),
        ('name: str = "c"  # choice: which, one of a|b', "must be one of a, b, got 'c'"),
        ("seeds: int = 1  # scale: x, in [5, 1]", "the range .* is empty"),
        ("seeds: int = 1  # scale: x, in [1.1.1, 5]", "1.1.1 in the range is not a number"),
        ("seeds: int = 1  # scale: m = v, in [1, 2]", "no '=' in a meaning"),
        ("sizes: list = []  # scale: x, in [1, 2]", "needs at least one value"),
        ("sizes: list = [1, 2, 3]  # scale: [v, m] of it, in [1, 9]", r"must have 2 values \(v, m\)"),
        ("sizes: list = [[1, 2], [1]]  # scale: [v, m] of it, in [1, 9]", r"must have 2 values \(v, m\)"),
        ("sizes: list = [1, 2]  # scale: [v, m] of it, in [1, 9] [1, 9] [1, 9]", "sizes has 3 ranges for 2 places"),
        ("sizes: list = [1, 2]  # scale: sizes, in [1, 9] [1, 9]", "sizes has 2 ranges for 0 places"),
        ("sizes: list = [[1, 5]]  # scale: [v, L] of it, in [1, 9] [1, 4]", r"must lie in \[1, 4\], got 5"),
        ("seeds: int = 1  # scale: x, in [1, 2]\nseeds: int = 1  # scale: x, in [1, 2]", "declares seeds twice"),
    ],
)
def test_a_parameters_cell_that_does_not_declare_is_refused(toy, line, message):
    declare(toy, line)
    with pytest.raises(ValueError, match=f"chapter small.*{message}"):
        declared("small")


def test_a_chapter_has_one_parameters_cell(toy):
    path = toy / "chapters" / "small.py"
    path.write_text(path.read_text().replace('tags=["parameters"]', ""))
    with pytest.raises(ValueError, match="one cell tagged parameters, got 0"):
        declared("small")


@pytest.mark.parametrize(
    "line, axis, range_",
    [
        ("a: list = [1, 2]  # scale: sizes, in [1, 9]", True, "[1, 9]"),
        ("a: list = [2, 2, 2]  # choice: filter sizes, in [1, 9]", False, "[1, 9]"),
        ("a: list = [8, 4]  # scale: [v, m] of the network, in [1, 9]", False, "[1, 9]"),
        ("a: list = [[8, 4]]  # scale: [v, m] of the networks, in [1, 9]", True, "[1, 9]"),
        ('a: list = ["x", 1e-3]  # scale: how, one of x|y, in [0, 1]', False, "[0, 1], x | y"),
        ('a: list = ["x"]  # scale: which, one of x|y-1', True, "x | y-1"),
        ("a: float = 1e-3  # scale: rate, in [1e-6, 1.5]", False, "[1e-06, 1.5]"),
        ("a: bool = True  # scale: whether", False, ""),
        ("a: list = [8, 4]  # scale: [v, L] of it, in [1, 9] [2, 4]", False, "[1, 9] [2, 4]"),
        ("a: int = 1  # scale: a long\n#     meaning, in [1, 9]", False, "[1, 9]"),
        ('a: list = ["x"]  # scale: which,\n#   one of x|y\n# Not a part of it.', True, "x | y"),
    ],
)
def test_what_is_an_axis_and_what_it_may_hold(toy, line, axis, range_):
    declare(toy, line)
    (entry,) = declared("small")
    assert (entry.axis, entry.range) == (axis, range_)


def test_values_are_taken_in_the_declared_type(toy):
    declare(
        toy,
        'recipe: list = ["adam", 2e-3]  # scale: how, one of adam|sgd, in [0, 1]',
        "rates: list = [0.1, 1.0]  # scale: rates, in [0, 1]",
        "pairs: list = [[1, 2]]  # scale: [a, b] of each, in [1, 9]",
    )
    given = {"recipe": ["sgd", 1], "rates": [1, "1e-3", 0.5], "pairs": [[2, 2], [1, 2]]}
    found = profiles.resolve("small", "smoke", given)
    assert found == {"recipe": ["sgd", 1.0], "rates": [1.0, 1e-3, 0.5], "pairs": [[2, 2], [1, 2]]}
    assert {type(value) for value in found["rates"]} == {float}


@pytest.mark.parametrize(
    "text, value",
    [
        ("a=1", 1),
        ("a=-1_000", -1000),
        ("a=1.5", 1.5),
        ("a=[1, 2]", [1, 2]),
        ("a=cpu", "cpu"),
        ("a=true", True),
        ("a=b=c", "b=c"),
        ("a =  [[1, x], [2, y]]", [[1, "x"], [2, "y"]]),
    ],
)
def test_values_from_the_command_line_are_yaml(text, value):
    assert values.parse(text) == ("a", value)


def test_an_exponent_without_a_point_is_a_number(toy):
    assert profiles.resolve("toy", "smoke", dict([values.parse("exponent=1e-0")])) == {"exponent": 1.0}


@pytest.mark.parametrize("chapter", REAL)
def test_every_chapter_of_the_book_declares_well(chapter):
    names = {entry["name"] for entry in profiles.parameters(chapter)}
    assert "device" in names
    for profile in profiles.PROFILES:
        assert profiles.resolve(chapter, profile).keys() <= names


def test_profiles_name_chapters_that_exist():
    assert {path.stem for path in (ROOT / "chapters" / "profiles").glob("*.yml")} <= set(REAL)


def test_the_book_lists_every_chapter_that_is_written():
    assert set(REAL) <= set(contents.listed())
    pages = [page for part in contents.contents() for page in part.pages]
    assert pages and all((ROOT / "book" / f"{page}.md").exists() for page in pages)


@pytest.mark.parametrize("chapter", REAL)
def test_papermill_reads_every_parameter(chapter, caplog):
    import jupytext
    from papermill.inspection import _infer_parameters

    notebook = jupytext.read(ROOT / "chapters" / f"{chapter}.py")
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    found = _infer_parameters(notebook)
    assert [parameter.name for parameter in found] == [entry.name for entry in declared(chapter)]
    assert "Unable to parse" not in caplog.text


EXCERPT = re.compile(r"\{literalinclude\} (?P<path>\S+)\n(?P<options>(?:# :.*\n)*)")


def excerpts(text: str) -> list[tuple[str, str]]:
    """File and object of each excerpt of the library that a chapter shows."""
    found = []
    for one in EXCERPT.finditer(text):
        (name,) = re.findall(r":pyobject: (\S+)", one["options"])
        found.append((one["path"], name))
    return found


def object_in(path: Path, dotted: str) -> bool:
    """Whether a module defines a function, a class, or a method of this name."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for part in dotted.split("."):
        named = [one for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == part]
        if not named:
            return False
        body = named[0].body
    return True


@pytest.mark.parametrize("chapter", REAL)
def test_what_a_chapter_shows_of_the_library_is_there(chapter):
    shown = excerpts((ROOT / "chapters" / f"{chapter}.py").read_text(encoding="utf-8"))
    assert [one for one in shown if not object_in(ROOT / one[0].lstrip("/"), one[1])] == []


def test_an_excerpt_that_is_not_there_is_found(tmp_path):
    text = "# ```{literalinclude} /lib/quire/rng.py\n# :language: python\n# :pyobject: generator\n# ```\n"
    ((path, name),) = excerpts(text)
    assert (path, name) == ("/lib/quire/rng.py", "generator") and object_in(ROOT / path.lstrip("/"), name)
    assert not object_in(ROOT / "lib/quire/rng.py", "generators")
    assert not object_in(ROOT / "lib/quire/hierarchy/grammar.py", "RandomHierarchy.nothing")
