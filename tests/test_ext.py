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
    "versions": {"torch": "2.13.0"}, "parameters": {"seeds": 8}, "cells": {"computed": 1}, "machine": "Linux",
    "fresh": False, "stale": ["the code changed"], "verdicts": {"holds": 2, "untested": 1},
    "computation": {
        "cells": 12, "seconds": 3661.0, "peak_memory_mb": 2048.0, "devices": ["cpu", "cuda"], "machines": ["Linux x86_64, 2 cores"], "threads": [1],
        "versions": [{"torch": "2.12.0"}, {"torch": "2.13.0"}],
    },
    "others": ["4 cells were made with torch 2.12.0 (here: 2.13.0)"],
}  # fmt: skip
CLAIM = {
    "id": "index.beta", "chapter": "index", "says": "*Says* it.", "source": {"paper": "derived", "where": "eq. (1)"},
    "predicted": "1 ± 0.1", "target": "1", "band": "± 0.1", "measured": "1.02 ± 0.01", "verdict": "holds", "why": "spread", "decidable": ["book"],
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
    "settings": [
        {"name": "QUIRE_JOBS", "meaning": "number of workers", "default": "0"},
        {"name": "QUIRE_ROOT", "meaning": "the checkout", "default": ""},
    ],
    "solutions": {"index": [{"number": 2, "command": "quire run index -p seeds=3", "day": "2026-01-02", "commit": "fedcba98", "minutes": 2.5, "claims": [CLAIM]}]},
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

```{quire-solutions} index
```

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

```{quire-settings}
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
    assert "1.02 ± 0.01 (predicted 1, band ± 0.1) ✓ holds" in text
    assert "or 1.02 ± 0.01 for 1 ± 0.1 ;" in text
    assert "nothing yet (predicted 1, band ± 0.1) – untested" in text
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
    assert "2 h 13 min" in text and "512 MB" in text and "fedcba9 with local edits" in text
    assert 'class="quire-stale"' in page and "✓ 2 hold – 1 untested" in text
    assert "seeds independent draws 2 8 2" in text and "'auto' · ·" in text
    assert '<details class="quire-details">' in page and 'id="run-index"' in page


def test_what_exercises_gave_is_a_closed_table(page):
    """The claim as a link to the scoreboard, its verdict, and when, with which code and in which time it was found."""
    text = words(page)
    assert "What the exercises gave when they were run" in text
    assert re.search(r'href="[^"]*#claim-index-beta"', page)
    assert "2026-01-02, fedcba9, 2 min 30 s" in text


def test_a_page_of_a_stale_run_says_so_at_its_top(page):
    """With the reason and the command that helps, before the text begins."""
    text = words(page)
    assert "What this page shows is not what the present code makes: " in text and " makes it anew." in text
    assert all(reason in text for reason in RECORD["stale"]) and "quire run index --profile book" in text
    assert text.index("makes it anew") < text.index("Here ")


def test_what_the_computation_took_is_told_apart_from_this_build(page):
    """In the run line, the footer and the status: the sum over cells, and the time of the run that made the page."""
    text = words(page)
    assert "book run · cpu, cuda · computed in 1 h 01 min · this build took 2 h 13 min" in text
    assert (
        "Computation 1 h 01 min in 12 cells, 2.0 GB at the most … on cpu · cuda · Linux x86_64, 2 cores · 1 thread"
        in text
    )
    assert "This build 2 h 13 min, 512 MB at the most" in text
    assert "torch 2.12.0 · and torch 2.13.0" in text


def test_reservations_are_said_where_the_run_is_named(page):
    """Why it is stale, that it mixes devices and versions, and whose versions are not those of here: twice."""
    text = words(page)
    said = (
        "the code changed; its rows come from 2 different devices; its rows come from 2 different versions; "
        "4 cells were made with torch 2.12.0 (here: 2.13.0)"
    )
    assert text.count(said) == 2


@pytest.mark.parametrize(
    "run, expected",
    [
        ({"commit": "0123456789", "dirty": False}, "0123456"),
        ({"commit": "0123456789", "dirty": True}, "0123456 with local edits"),
        ({"commit": "0123456789", "dirty": None}, "0123456 (local edits unknown)"),
        ({"commit": "unknown", "dirty": None}, "unknown"),
        ({"commit": "unknown", "dirty": False}, "unknown"),
    ],
)
def test_local_edits_and_an_unknown_commit_are_told_apart(run, expected):
    """A tree that git refuses is not a clean one."""
    code = f"import sys; sys.path.insert(0, {str(BOOK / '_ext')!r}); from quire_book.runs import commit; print(commit({run!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    "change, word, said",
    [
        ({"fresh": True, "stale": [], "failed": True}, "failed", ""),
        ({"fresh": False, "stale": [], "edited": True}, "stale", "something was edited while it ran"),
        ({"damaged": "claims.json, toy: <b>no</b>"}, "unreadable", "claims.json, toy: &lt;b&gt;no&lt;/b&gt;"),
    ],
)
def test_a_run_that_is_not_to_be_trusted_is_not_called_fresh(tmp_path, change, word, said):
    """However new its code and rows are."""
    done, text = render(tmp_path, "# Page\n\n```{quire-status}\n```\n", {**DATA, "runs": [{**RECORD, **change}]}, "-W")
    assert done.returncode == 0, done.stderr
    assert f'class="quire-{word}"' in text and 'class="quire-fresh"' not in text and said in text


def test_settings_are_a_table(page):
    """Name, meaning and default."""
    text = words(page)
    assert "QUIRE_JOBS number of workers 0" in text and "QUIRE_ROOT the checkout –" in text


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](../secret.png) {download}`x`"
)


def test_texts_of_others_are_text(tmp_path):
    """HTML, links, pictures and other roles in every text that a run, the ledger or a chapter brings along."""
    claim = {**CLAIM, "says": HOSTILE, "why": HOSTILE, "comment": HOSTILE, "predict": {"unit": HOSTILE}}
    claim |= {"predicted": HOSTILE, "measured": HOSTILE, "source": {"paper": "derived", "where": HOSTILE}}
    site = {**DATA["site"], "titles": {"index": HOSTILE}}
    run = {**RECORD, "device": HOSTILE, "machine": HOSTILE, "stale": [HOSTILE], "parameters": {"x": HOSTILE}}
    figure = {**FIGURE, "alt": HOSTILE + '" onload="x', "caption": HOSTILE, "title": HOSTILE}
    parameter = {"name": HOSTILE, "default": HOSTILE, "meaning": HOSTILE, "scale": True, "profiles": {}}
    entry = {"symbol": "s", "meaning": HOSTILE, "unit": HOSTILE, "name": HOSTILE, "chapters": [HOSTILE]}
    plan = {"chapter": "index", "title": HOSTILE, "thesis": HOSTILE, "papers": [], "present": True, "reason": HOSTILE}
    data = {
        **DATA,
        "site": site,
        "claims": [claim, {**CLAIM, "id": "index.gamma"}],
        "runs": [run],
        "parameters": {"index": [parameter]},
        "figures": {"index": {"index-line": figure}},
        "notation": [entry],
        "map": [plan, {**plan, "chapter": "next", "present": False}],
        "settings": [{"name": HOSTILE, "meaning": HOSTILE, "default": HOSTILE}],
    }
    done, text = render(tmp_path, GOOD, data, "-W")
    assert done.returncode == 0, done.stderr
    body = text[text.index('<div class="body"') :]
    assert body.count("&lt;script&gt;") >= 15 and body.count("{download}") >= 15
    assert "<script>alert" not in text and "<img src=x" not in text and 'href="javascript' not in text
    assert not re.search(r'<[^>"]*("[^"]*"[^>"]*)*\bonload=', body) and not list((tmp_path / "out").rglob("secret*"))


def test_a_text_has_mathematics_code_emphasis_and_citations():
    """What the ledger uses becomes nodes; a lonely sign stays one."""
    code = f"""
import sys; sys.path.insert(0, {str(BOOK / "_ext")!r})
from docutils import nodes
from quire_book.text import inline
print([(type(n).__name__, n.astext()) for n in inline("*a b*, **c $x$**, `d*e`, $m^*$, {{cite}}`k1,k2`, 5 $ or 3 * 4, {{raw}}`g`",
       lambda role: [nodes.inline(role, role)])])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = ast.literal_eval(done.stdout)
    kinds = [kind for kind, _ in found if kind != "Text"]
    assert kinds == ["emphasis", "strong", "literal", "math", "inline", "literal"]
    assert ("math", "m^*") in found and ("inline", "{cite}`k1,k2`") in found
    assert any(kind == "Text" and "5 $ or 3 * 4, {raw}" in text for kind, text in found)


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
    "```{quire-settings}\n```": r"no settings are staged",
}


def test_every_mistake_is_named_with_what_would_be_right(tmp_path):
    """All mistakes of a page are reported, each with its line."""
    typo = {**CLAIM, "id": "typo.beta", "chapter": "typo", "says": "The exponent $\beta$."}
    done, _ = render(
        tmp_path, "# Page\n\n" + "\n\n".join(MISTAKES), {**DATA, "settings": [], "claims": [*DATA["claims"], typo]}
    )
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
            "misc": "eprint",
            "book": "publisher",
        }
        assert {"author", "title", "year", where[kind]} <= fields, key
        assert fields & {"doi", "note", "url", "pages", "eprint"}, key


def test_every_source_that_code_and_ledger_name_is_in_the_bibliography():
    """Keys of @cites(…) in the library, of the ledger and of the map are entries of references.bib."""
    known = set(re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text(), re.M))
    library = "".join(path.read_text() for path in (BOOK.parent / "lib" / "quire").rglob("*.py"))
    used = set(re.findall(r"^\s*@cites\(\s*\"(\w+)\"", library, re.M))
    ledger = "".join(path.read_text() for path in (BOOK.parent / "data").glob("claims*/*.yml"))
    assert ledger
    used |= set(re.findall(r"paper: (\w+)", ledger))
    for keys in re.findall(r"papers: \[(.*?)\]", (BOOK / "map.yml").read_text()):
        used |= set(keys.split(", "))
    assert used - known <= {"derived", "prototype"}
