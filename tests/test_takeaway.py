"""What a page folds, what a reader takes away, and the library as pages."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from quire.tools.pdf import pages, print_book
from quire.tools.release import release
from quire.tools.site.bibliography import bibtex_of, labels, unambiguous
from quire.tools.site.folding import folding
from quire.tools.site.library import PACKAGES, library, literature
from quire.tools.site.moved import moved
from quire.tools.site.resolving import resolved

ROOT = Path(__file__).resolve().parents[1]
BIB = """@misc{b2020x,
  author = {Doe, Ann and Roe, Bo and Poe, Cy},
  year = {2020},
  title = {One}
}

@article{b2020y,
  author = {Doe, Ann and Moe, Di and Poe, Cy},
  year   = {2020},
  title = {Two}
}

@book{c2021, author = {van den Berg, Eve}, year = {2021}, title = {Three, 2020}}
"""
CLAIM = {
    "id": "toy.a",
    "measured": "2.0 ± 0.1",
    "target": "2",
    "band": "± 0.3",
    "predicted": "2 ± 0.3",
    "verdict": "holds",
}


# --- folds


@pytest.mark.parametrize(
    ("source", "tags", "draws", "expected"),
    [
        ("rows = sweep(f, cells)", (), False, ([], "", True)),
        ("rows = sweep(f, cells)\nclaims.report('a.b', 1)", (), False, "what is reported to the ledger (1 claim)"),
        ("claims.report('a.b', 1)\nclaims.report('a.c', 1)", (), False, "what is reported to the ledger (2 claims)"),
        ("describe(rows)\ndescribe(rows[columns])", (), False, (["remove-cell"], "", True)),
        ("x = 1\ndescribe(rows)", (), False, "what is computed, and the shape of its table"),
        ("figure('a-b', d)\ndescribe(rows)", (), True, "of the figure below"),
        ("figure('a-b', d)", ("show-input",), True, ([], "", True)),
        ("import torch", ("setup",), False, "imports, and what columns are called"),
        ("claims.scoreboard('a')", (), False, "of the table below"),
        ("size = 3", ("parameters",), False, (["remove-cell"], "", True)),
        ("%matplotlib inline\nclaims.report(", (), False, ([], "", True)),
        ("f(" * 3000, (), False, ([], "", True)),
    ],
)
def test_argument_is_open_and_plumbing_is_folded(source, tags, draws, expected):
    found = folding(source, set(tags), draws=draws)
    if isinstance(expected, str):
        assert found.tags == ["hide-input"] and found.title.startswith("Code") and expected in found.title
        assert found.printed == ("describe" not in source)
    else:
        assert tuple(found) == expected


# --- the bibliography


def test_years_that_name_two_works_have_letters():
    text = unambiguous(BIB)
    assert "{2020a}" in text and "{2020b}" in text and "{2021}" in text and "Three, 2020}" in text
    assert labels(BIB) == {"b2020x": "Doe et al., 2020a", "b2020y": "Doe et al., 2020b", "c2021": "van den Berg, 2021"}
    assert unambiguous(text) == text


def test_the_book_cites_without_ambiguity():
    named = labels((ROOT / "book" / "references.bib").read_text(encoding="utf-8"))
    assert len(set(named.values())) == len(named) >= 50


def test_entries_are_given_as_bibtex():
    assert 'title = "Two"' in bibtex_of(BIB, ["b2020y", "unknown"]) and "One" not in bibtex_of(BIB, ["b2020y"])


# --- the notebook to take away


def notebook(*cells: str):
    return new_notebook(cells=[new_markdown_cell(text) for text in cells])


def written_out(*cells: str) -> list[str]:
    found = resolved(notebook(*cells), [CLAIM], library=ROOT, bibliography=BIB)
    return [cell.source for cell in found.cells]


def test_claims_become_numbers_and_citations_names():
    text, references = written_out(
        "It is {claim}`toy.a`, {claim}`toy.a:measured`, {claim}`toy.a:predicted` {cite}`c2021,b2020x`."
    )
    assert (
        text
        == "It is 2.0 ± 0.1 (predicted 2, band ± 0.3) ✓ holds, 2.0 ± 0.1, 2 ± 0.3 (van den Berg, 2021; Doe et al., 2020a)."
    )
    assert references.startswith("## References") and "c2021" in references and "b2020y" not in references


def test_a_box_is_a_quotation_under_its_title():
    [text] = written_out("Before.\n\n:::{admonition} Why $x$\n:class: dropdown\nBecause.\n\n$$ y $$\n:::\n\nAfter.")
    assert text == "Before.\n\n> **Why $x$**\n>\n> Because.\n>\n> $$ y $$\n\nAfter."


def test_an_excerpt_becomes_code_with_its_decorators():
    [text] = written_out("```{literalinclude} /lib/quire/device.py\n:language: python\n:pyobject: resolve\n```")
    assert text.startswith("```python\n# quire/device.py\ndef resolve(") and text.endswith("```")
    method = "```{literalinclude} /lib/quire/cite.py\n:pyobject: cites\n```"
    assert "def record(target: T)" in written_out(method)[0]


@pytest.mark.parametrize("target", ["nobody", "resolve.inner"])
def test_what_is_not_found_stays_as_it_was(target):
    text = f"```{{literalinclude}} /lib/quire/device.py\n:pyobject: {target}\n```"
    assert written_out(text) == [text]
    assert written_out("{claim}`toy.unknown` {cite}`nobody`")[0] == "`toy.unknown` (nobody)"


def test_code_is_not_touched():
    found = new_notebook(cells=[new_code_cell("x = '{claim}`toy.a`'")])
    assert resolved(found, [CLAIM], library=ROOT, bibliography=BIB).cells[0].source == "x = '{claim}`toy.a`'"


# --- the library


def test_every_public_routine_is_on_a_page():
    """What a package exports and defines is there, with a signature, a docstring and its source."""
    found = library(["locality"])
    assert list(found) == list(PACKAGES)
    for package, routines in found.items():
        names = [one["name"] for one in routines]
        assert names and len(set(names)) == len(names), package
        for one in routines:
            assert one["docstring"] and one["signature"].startswith(one["name"]), one["name"]
            assert f" {one['name']}" in one["source"], one["name"]
    [routine] = [one for one in found["kernels"] if one["name"] == "convolutional"]
    assert routine["module"] == "quire.kernels.convolutional_average" and routine["chapters"] == ["locality"]
    assert "filter_size: int" in routine["signature"] and "-> Float[Tensor, 'row column']" in routine["signature"]
    assert not any(one["chapters"] for one in found["mechanics"])
    grammar = next(one for one in found["hierarchy"] if one["name"] == "RandomHierarchy")
    assert grammar["papers"] == [["cagnetta2024rhm", "definition of the model"]]
    assert any(signature.startswith("num_data") for signature, _ in grammar["methods"])


def test_the_literature_of_a_chapter_is_that_of_its_routines():
    found = literature("locality")
    assert "favero2021locality" in found and "kamb2025analytic" not in found
    assert "kamb2025analytic" in literature("creativity")


# --- what moved


def test_claims_that_moved_between_two_runs_of_record(tmp_path, monkeypatch):
    """From the history of the published files; nothing without one."""
    from toy_experiments import checkout

    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    assert moved(["toy"], "book") == []
    published = root / "data" / "published" / "book" / "toy" / "claims.json"
    published.parent.mkdir(parents=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    for value in (-1.0, -2.0):
        published.write_text(json.dumps({"toy.slope": {"value": value, "stderr": 0.01, "dof": 30.0}}))
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "run"], check=True)
        if value == -1.0:
            assert moved(["toy"], "book") == []
    [one] = moved(["toy"], "book")
    assert (one["id"], one["before"]["verdict"], one["verdict"]) == ("toy.slope", "holds", "fails")


# --- releases and paper


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A rendered site of two pages."""
    build = tmp_path / "build"
    for name in ("html/chapters", "site/_data"):
        (build / name).mkdir(parents=True)
    (build / "html" / "index.html").write_text("<html>one</html>")
    (build / "html" / "chapters" / "locality.html").write_text("<html>two</html>")
    data = {
        "site": {"version": "0.1.0", "commit": "0123456789abcdef", "dirty": False, "profile": "book"},
        "runs": [{"chapter": "locality", "label": "book", "commit": "a", "started": "b", "verdicts": {"holds": 2}}],
        "map": [{"chapter": "locality", "present": True}, {"chapter": "language", "present": False}],
    }
    for name, value in data.items():
        (build / "site" / "_data" / f"{name}.json").write_text(json.dumps(value))
    monkeypatch.setenv("QUIRE_BUILD", str(build))
    return build


def test_equal_sites_give_equal_archives(site):
    archive, checksum, manifest = release()
    first = archive.read_bytes()
    (site / "html" / "index.html").touch()
    assert release()[0].read_bytes() == first
    digest = hashlib.sha256(first).hexdigest()
    assert checksum.read_text() == f"{digest}  quire-0.1.0-0123456789.tar.gz\n"
    said = json.loads(manifest.read_text())
    assert said["sha256"] == digest and said["chapters"]["locality"]["verdicts"] == {"holds": 2} and said["lock"]
    with tarfile.open(archive) as packed:
        assert packed.getnames() == [
            f"quire-0.1.0-0123456789/{name}" for name in ("chapters/locality.html", "index.html")
        ]


def test_without_a_site_there_is_no_release_and_no_paper(tmp_path, monkeypatch):
    monkeypatch.setenv("QUIRE_BUILD", str(tmp_path))
    for make in (release, pages):
        with pytest.raises(FileNotFoundError, match="make book"):
            make()


def test_pages_are_printed_in_the_order_of_the_contents(site, monkeypatch):
    assert pages() == ["index", "chapters/locality"]
    monkeypatch.setenv("PATH", "")
    with pytest.raises((FileNotFoundError, ModuleNotFoundError), match="install"):
        print_book()


def test_a_served_notebook_is_a_notebook():
    found = resolved(notebook("# A\n\n{cite}`c2021`"), [], library=ROOT, bibliography=BIB)
    nbformat.validate(nbformat.from_dict(json.loads(nbformat.writes(found))))
