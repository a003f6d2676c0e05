"""The book's Sphinx extension on a project of one page: what it renders, what it refuses, what it may import."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[1] / "book"
EXTENSION = sorted((BOOK / "_ext" / "quire_book").glob("*.py"))
CONF = f"import sys\nsys.path.insert(0, {str(BOOK / '_ext')!r})\nextensions = ['myst_parser', 'quire_book']\nnumfig = True\n"
RECORD = {
    "chapter": "index", "profile": "book", "label": "book", "device": "cuda", "commit": "fedcba9876543210", "dirty": True,
    "started": "2026-01-02T03:04:05", "wall_seconds": 8000.0, "compute_seconds": 4.25, "peak_memory_mb": 512.0,
    "versions": {"torch": "2.13.0"}, "parameters": {"seeds": 8}, "cells": {"computed": 1}, "platform": "Linux",
    "fresh": False, "verdicts": {"holds": 2, "untested": 1},
}  # fmt: skip
CLAIM = {
    "id": "index.beta", "chapter": "index", "says": "*Says* it.", "source": {"paper": "derived", "where": "eq. (1)"},
    "predicted": "1 ± 0.1", "measured": "1.02 ± 0.01", "verdict": "holds", "why": "spread", "decidable": ["book"],
}  # fmt: skip
FIGURE = {
    "light": "a.svg",
    "dark": "a.dark.svg",
    "png": "a.png",
    "table": "a.csv",
    "alt": "A line.",
    "caption": "*One* line.",
}
DATA = {
    "site": {"profile": "book", "titles": {"index": "Index: a page"}, "commit": "fedcba9876543210", "year": 2026, "version": "1"},
    "claims": [CLAIM, {**CLAIM, "id": "index.gamma", "measured": None, "verdict": "untested"}],
    "figures": {"index": {"index-line": {**FIGURE, "title": "A title."}, "index-mute": {**FIGURE, "alt": " "}}},
    "runs": [RECORD],
    "parameters": {
        "index": [
            {"name": "seeds", "default": 2, "meaning": "independent *draws*", "scale": True, "profiles": {"book": 8}},
            {"name": "device", "default": "auto", "meaning": "where", "scale": False, "profiles": {}},
        ]
    },
    "notation": [{"symbol": "s", "meaning": "filter size", "unit": "pixels", "name": "a.b:c", "chapters": ["index"]}],
    "map": [
        {"chapter": "index", "title": "Index", "thesis": "Chapter 2", "papers": [], "present": True, "reason": ""},
        {"chapter": "next", "title": "Next", "thesis": "later", "papers": [], "present": False, "reason": "planned"},
    ],
}  # fmt: skip
GOOD = """# Page

```{quire-header}
```

Here {claim}`index.beta`, or {claim}`index.beta:measured` for {claim}`index.beta:predicted`; {claim}`index.gamma`.
{numref}`index-line` shows it.

```{quire-figure} index/index-line
```

```{quire-scoreboard}
```

```{quire-scoreboard} all
:totals:
```

```{quire-parameters}
```

```{quire-status}
```

```{quire-notation}
```

```{quire-map}
```

```{quire-missing}
```

```{quire-cite}
```

```{quire-footer}
```
"""
EMPTY = "# Page\n\n" + "".join(
    f"```{{quire-{name}}}\n```\n\n" for name in ["scoreboard", "status", "notation", "missing"]
)


def render(folder: Path, text: str, data: dict, *options: str) -> tuple[subprocess.CompletedProcess, str]:
    """Build a one-page project; the process and the page."""
    source = folder / "source"
    for name in ("_data", "figures/index"):
        (source / name).mkdir(parents=True)
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(text)
    for picture in ("a.svg", "a.dark.svg"):
        (source / "figures" / "index" / picture).write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
        )
    for name, value in data.items():
        (source / "_data" / f"{name}.json").write_text(json.dumps(value))
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", *options, source, folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    page = folder / "out" / "index.html"
    return done, re.sub(r"\s+", " ", page.read_text().replace("\u00a0", " ")) if page.exists() else ""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """A page with every role and directive, built with warnings as errors."""
    done, text = render(tmp_path_factory.mktemp("good"), GOOD, DATA, "-W")
    assert done.returncode == 0, done.stderr
    return text


def words(html: str) -> str:
    """What a reader reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_claim_says_prediction_measurement_and_verdict(page):
    """The role's three forms; a claim without a measurement says so; colour is never alone."""
    text = words(page)
    assert "predicted 1 ± 0.1, measured 1.02 ± 0.01, ✓ holds" in text
    assert "or 1.02 ± 0.01 for 1 ± 0.1 ;" in text
    assert "measured nothing yet, – untested" in text
    assert 'class="quire-verdict quire-holds"' in page


def test_the_scoreboard_lists_claims_and_counts(page):
    """A row per claim with its id as an anchor, formatted text, tolerance and source; the totals line alone."""
    text = words(page)
    assert 'id="claim-index-beta"' in page and "<em>Says</em> it." in page
    assert "tolerance: spread" in text and "derived: eq. (1)" in text
    assert text.count("✓ 1 holds – 1 untested of 2 claims, judged on the book run.") == 2


def test_a_figure_has_two_pictures_a_caption_and_links(page):
    """Light and dark with the same alt text, hidden by the theme; number, title, caption; table, picture, provenance."""
    pictures = re.findall(r'<img [^>]*class="only-[^>]*>', page)
    assert [re.search(r"only-\w+", p)[0] for p in pictures] == ["only-light", "only-dark"]
    assert all('alt="A line."' in p for p in pictures)
    assert "Fig. 1" in page and "<strong>A title.</strong> <em>One</em> line." in page
    assert 'href="downloads/index/a.csv"' in page and 'href="#run-index"' in page
    assert "#code-index-line" not in page  # no code cell stands before the figure here


def test_runs_parameters_and_footer_are_tables(page):
    """Times and sizes in words, stale runs named so, profile values once, edits confessed."""
    text = words(page)
    assert "2 h 13 min" in text and "512 MB" in text and "4.2 s" in text and "fedcba9 with local edits" in text
    assert 'class="quire-stale"' in page and "✓ 2 hold – 1 untested" in text
    assert "seeds independent draws 2 8 2" in text and "'auto' · ·" in text
    assert '<details class="quire-details">' in page and 'id="run-index"' in page


def test_a_run_that_failed_is_not_called_fresh(tmp_path):
    """However new its code and rows are."""
    runs = [{**RECORD, "fresh": True, "failed": True}]
    done, text = render(tmp_path, GOOD, {**DATA, "runs": runs}, "-W")
    assert done.returncode == 0, done.stderr
    assert 'class="quire-failed"' in text and 'class="quire-fresh"' not in text


def test_prose_pages_are_generated(page):
    """Map, what is missing, notation, and the entry to cite."""
    text = words(page)
    assert "Chapter 2" in text and "Next : later" in text and "(planned)" in text
    assert "filter size pixels a.b:c index" in text
    assert "version 1, commit fedcba9876" in text


def test_empty_data_make_sentences(tmp_path):
    """Before the first run the pages say so; nothing breaks."""
    done, text = render(tmp_path, EMPTY, {}, "-W")
    assert done.returncode == 0, done.stderr
    for sentence in (
        "no claims yet",
        "No chapter has been run yet.",
        "No symbol",
        "Every planned strand has its chapter.",
    ):
        assert sentence in text


MISTAKES = {
    "{claim}`index.betta`": r"unknown claim 'index.betta'.*index\.beta",
    "{claim}`index.beta:meazured`": r"part 'meazured' of claim 'index.beta'",
    "```{quire-figure} index/other\n```": r"unknown figure 'other'.*index-line",
    "```{quire-figure} index/index-mute\n```": r"'index-mute'.*no alt text",
    "```{quire-scoreboard} typo\n```": r"control character.*single quotes",
    "```{quire-parameters} other\n```": r"no parameters are known for chapter 'other'",
    "```{quire-footer} other\n```": r"no run is recorded for chapter 'other'",
}


def test_every_mistake_is_named_with_what_would_be_right(tmp_path):
    """All mistakes of a page are reported, each with its line."""
    typo = {**CLAIM, "id": "typo.beta", "chapter": "typo", "says": "The exponent $\beta$."}
    done, _ = render(tmp_path, "# Page\n\n" + "\n\n".join(MISTAKES), {**DATA, "claims": [*DATA["claims"], typo]})
    for expected in MISTAKES.values():
        assert re.search(rf"index\.md:\d+: .*{expected}", done.stderr)


def test_an_unknown_claim_fails_the_build(tmp_path):
    """With warnings as errors, as the book is built."""
    done, _ = render(tmp_path, "# Page\n\n{claim}`index.betta`\n", DATA, "-W")
    assert done.returncode != 0 and "index.betta" in done.stderr


def test_the_extension_imports_neither_torch_nor_quire():
    """Only docutils, Sphinx and the standard library; and in a fresh process nothing heavy is loaded."""
    allowed = set(sys.stdlib_module_names) | {"docutils", "sphinx", "yaml"}
    for path in EXTENSION:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {name.partition(".")[0] for name in names} <= allowed, path.name
    code = f"import sys; sys.path.insert(0, {str(BOOK / '_ext')!r}); import quire_book; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "quire_book.claims" in loaded and not {"torch", "quire", "numpy", "pandas"} & set(loaded)


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_verdict_badges_have_enough_contrast(theme):
    """At least 4.5 : 1 between a badge's text and its background, in both themes."""
    blocks = re.findall(
        r"(:root|html\[data-theme=\"dark\"\]) \{(.*?)\}", (BOOK / "assets" / "quire.css").read_text(), re.S
    )
    colours = dict(re.findall(r"--quire-([\w-]+): (#\w{6})", blocks[theme == "dark"][1]))
    for verdict in ("holds", "fails", "inconclusive", "untested"):
        light, dark = sorted((luminance(colours[verdict]), luminance(colours[f"{verdict}-back"])))[::-1]
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_references_are_complete():
    """Every entry has authors, title, year, and where it appeared; no key occurs twice."""
    entries = re.findall(r"@(\w+)\{(\w+),(.*?)\n\}", (BOOK / "references.bib").read_text(), re.S)
    keys = [key for _, key, _ in entries]
    assert len(keys) == len(set(keys)) >= 21
    for kind, key, body in entries:
        fields = set(re.findall(r"^  (\w+)\s*=", body, re.M))
        where = {
            "article": "journal",
            "inproceedings": "booktitle",
            "phdthesis": "school",
            "misc": "note",
            "book": "publisher",
        }
        assert {"author", "title", "year", where[kind]} <= fields, key
        assert fields & {"doi", "note", "url", "pages"}, key


def test_every_source_that_code_and_ledger_name_is_in_the_bibliography():
    """Keys of @cites(…) in the library, of the ledger and of the map are entries of references.bib."""
    known = set(re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text(), re.M))
    library = "".join(path.read_text() for path in (BOOK.parent / "lib" / "quire").rglob("*.py"))
    used = set(re.findall(r"^\s*@cites\(\s*\"(\w+)\"", library, re.M))
    ledger = BOOK.parent / "data" / "claims.yml"
    used |= set(re.findall(r"paper: (\w+)", ledger.read_text() if ledger.exists() else ""))
    for keys in re.findall(r"papers: \[(.*?)\]", (BOOK / "map.yml").read_text()):
        used |= set(keys.split(", "))
    assert used - known <= {"derived", "prototype"}
