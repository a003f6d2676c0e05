"""The built site, on a checkout with one chapter that was "run" by this file: offline, accessible, complete, linked."""

import json
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_output
from toy_site import ALT, REPOSITORY, fake_checkout

from quire.environment import versions
from quire.tools import site as stager

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of one's own, to break."""
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(tmp_path / "data" / "published"))
    return fake_checkout(tmp_path)


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """The site built once, warnings being errors."""
    root = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUIRE_ROOT", str(root))
        patch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
        fake_checkout(root)
        first = stager.build()
    assert first == root / "build" / "html" / "index.html"
    return first.parent


# --- reading pages ---------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page with their attributes, the classes around them, and the text of each."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements: list[tuple[str, dict, str]] = []
        self.text, self._stack = "", []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        """Remember the element and where it is."""
        attributes = {key: value or "" for key, value in attrs}
        self.elements.append((tag, attributes, " ".join(classes for _, classes in self._stack)))
        if tag not in VOID:
            self._stack.append((tag, attributes.get("class", "")))

    def handle_endtag(self, tag):
        """Leave the element."""
        if tag in [open_tag for open_tag, _ in self._stack]:
            while self._stack.pop()[0] != tag:
                pass

    def handle_data(self, data):
        """Collect what a reader reads."""
        if not any(tag in ("script", "style") for tag, _ in self._stack):
            self.text += data.replace("\u00a0", " ")

    def all(self, tag: str, inside: str = "") -> list[dict]:
        """Attributes of the elements with a tag, inside an element of some class."""
        return [attributes for name, attributes, around in self.elements if name == tag and inside in around]


@cache
def page(path: Path) -> Page:
    """A parsed page."""
    return Page(path)


def pages(html: Path) -> list[Path]:
    """Every page of the site."""
    return sorted(path for path in html.rglob("*.html") if "_static" not in path.parts)  # there: the theme's templates


def remote(address: str) -> bool:
    """Whether a browser would ask the network for it."""
    return address.strip().startswith(("http:", "https:", "//", "ftp:"))


# --- the site --------------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_a_network(html):
    """No script, style sheet, font, picture or frame of any page or style sheet has a remote address."""
    loaded = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data", "image": "href"}
    kept_links = {
        "stylesheet",
        "preload",
        "prefetch",
        "icon",
        "shortcut",
        "modulepreload",
        "preconnect",
        "dns-prefetch",
    }
    found = []
    for path in pages(html):
        for tag, attributes, _ in page(path).elements:
            if tag == "link" and not kept_links & set(attributes.get("rel", "").split()):
                continue
            address = attributes.get(loaded.get(tag, "href" if tag == "link" else ""), "")
            if remote(address):
                found.append((path.name, tag, address))
            found += [(path.name, "style", url) for url in _urls(attributes.get("style", "")) if remote(url)]
    for path in html.rglob("*.css"):
        found += [(path.name, "css", url) for url in _urls(path.read_text()) if remote(url)]
    assert pages(html) and not found


def _urls(css: str) -> list[str]:
    return re.findall(r"""(?:url\(|@import)\s*['"]?([^'")]+)""", css)


def test_every_local_address_exists_and_is_relative(html):
    """Links, pictures, scripts and styles point to files of the site (and anchors of them), so file:// works."""
    broken = []
    for path in pages(html):
        for tag, attributes, _ in page(path).elements:
            for address in (attributes.get("href"), attributes.get("src")):
                if not address or remote(address) or address.startswith(("data:", "mailto:", "javascript:")):
                    continue
                parts = urlsplit(address)
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                target = target / "index.html" if target.is_dir() else target
                ids = {a.get("id") for _, a, _ in page(target).elements} if target.suffix == ".html" else set()
                missing = target.suffix == ".html" and parts.fragment and unquote(parts.fragment) not in ids
                if address.startswith("/") or parts.scheme or not target.exists() or missing:
                    broken.append((path.name, tag, address))
    assert not broken


def test_figures_have_numbers_alternative_text_tables_and_code(html):
    """Both versions of a figure are described; its table, picture, code cell and provenance are linked below it."""
    chapter = page(html / "chapters" / "locality.html")
    pictures = chapter.all("img", inside="quire-picture")
    assert [p["class"] for p in pictures] == ["only-light", "only-dark"] * 4  # each also at the scale of the literature
    assert all(p["alt"] == ALT for p in pictures) and chapter.text.count("The same at paper scale") == 2
    assert chapter.text.count("Figure 1.1") == 2 and chapter.text.count("Figure 1.2") == 1  # caption and {numref}
    links = [a["href"] for a in chapter.all("a", inside="quire-links")]
    for name in ("locality-curves", "locality-spectra"):
        assert {f"../downloads/locality/{name}.csv", f"../downloads/locality/{name}.png", f"#code-{name}"} <= set(links)
        assert (html / "downloads" / "locality" / f"{name}.csv").read_text().startswith("samples,error")
    assert links.count("#run-locality") == 2


def test_the_executed_notebook_is_served_and_reads_without_the_book(html):
    """Code and outputs are those of the run; in its prose claims are numbers, citations names, excerpts code."""
    run = html.parent / "book" / "locality"
    executed, served = (
        nbformat.read(path, as_version=4)
        for path in (run / "locality.ipynb", html / "downloads" / "locality" / "locality.ipynb")
    )
    assert [(c.source, c.outputs) for c in executed.cells if c.cell_type == "code"] == [
        (c.source, c.outputs) for c in served.cells if c.cell_type == "code"
    ]
    prose = "\n".join(cell.source for cell in served.cells if cell.cell_type == "markdown")
    assert "We find 0.331 ± 0.004 (predicted 0.3333, band ± 0.02) ✓ holds, that is 0.331 ± 0.004 where" in prose
    assert "(Jacot et al., 2018)" in prose and "@inproceedings{jacot2018ntk" in prose
    assert "{claim}" not in prose and "{cite}" not in prose and "literalinclude" not in prose
    assert "```python\n# quire/cite.py" in prose
    columns = json.loads((html / "downloads" / "locality" / "columns.json").read_text())
    assert columns["locality-curves"]["table"] == "locality-curves.csv"
    chapter = page(html / "chapters" / "locality.html")
    assert "Download the executed notebook" in chapter.text
    assert chapter.all("a", inside="quire-runline")[0]["href"] == "../downloads/locality/locality.ipynb"


def test_a_fresh_page_has_no_warning_and_no_script_that_draws_icons_again(html):
    """The theme's icons come from its style sheet; the script of 1.5 MB is neither asked for nor served."""
    for path in html.rglob("*.html"):
        assert "/fontawesome/" not in "".join(s["src"] for s in page(path).all("script") if s.get("src")), path
    assert not list(html.glob("_static/vendor/fontawesome/*/js/*"))
    assert list(html.glob("_static/vendor/fontawesome/*/css/all.min.css"))
    assert list(html.glob("_static/vendor/fontawesome/*/webfonts/fa-solid-900.woff2"))
    assert "is not what the present code makes" not in page(html / "chapters" / "locality.html").text


def test_a_chapter_has_its_anatomy(html):
    """Run line, parameters with every profile, outputs, its slice of the scoreboard, and the collapsed footer."""
    text = page(html / "chapters" / "locality.html").text
    order = ["A kernel whose filters", "computed in 1 h 03 min", "this build took 3 min 05 s", "You will see"]
    order += ["training points", "Code: imports", "The error of ridgeless", "1 holds"]
    order += ["About this run", "0123456", "1.3 GB"]
    assert sorted(order, key=text.index) == order
    assert "# Parameters" not in text and "bar" not in text.split()  # the raw cells and the progress bar are gone
    assert "[64, 16384]" in text and "(a choice, the same in every profile)" in text
    boxes = r'<details class="quire-details"(?P<open>[^>]*)><summary>(?P<summary>.*?)</summary>'
    source = (html / "chapters" / "locality.html").read_text()
    assert [box.groups() for box in re.finditer(boxes, source)] == [  # all closed
        ("", "The 3 parameters, and what each profile makes of them"),
        ("", "The 4 claims of this chapter, and what is predicted"),
        ("", "The same at paper scale"),
        ("", "The same at paper scale"),
        ("", "About this run, and how to cite it"),
    ]
    assert "from pathlib import Path" in text  # literalinclude of /lib/quire


def test_every_chapter_page_shows_outputs(html):
    """No page of a chapter is without outputs."""
    for path in (html / "chapters").glob("*.html"):
        chapter = page(path)
        shown = [a for _, a, _ in chapter.elements if "cell_output" in a.get("class", "")]
        assert shown and chapter.all("img", inside="quire-picture")


def test_claims_are_words_symbols_and_links(html):
    """In the prose a claim says prediction, measurement and verdict and leads to its row of the scoreboard."""
    chapter = page(html / "chapters" / "locality.html")
    assert "0.331 ± 0.004 (predicted 0.3333, band ± 0.02) ✓ holds" in chapter.text
    assert "../scoreboard.html#claim-locality-beta" in [a.get("href") for a in chapter.all("a")]
    board = page(html / "scoreboard.html")
    names = ["flat", "ridge", "beta", "large"]  # what fails and what is inconclusive comes first
    assert [a["id"] for a in board.all("tr") if "id" in a] == [f"claim-locality-{name}" for name in names]
    for words in ("1 holds", "1 fails", "1 inconclusive", "1 untested", "of 4 claims, judged on the book run"):
        assert words in board.text
    assert "decided at paper scale only" in board.text and "at every seed" in board.text


def test_what_is_missing_is_said(html):
    """Chapters that are not there are not in the contents, and the first page names them with the reason."""
    first = page(html / "index.html")
    assert not (html / "chapters" / "hierarchy.html").exists()
    assert "The Random Hierarchy Model: classification" in first.text and "(not written yet)" in first.text
    assert first.text.count("(not written yet)") >= 4 and "1 untested of 4 claims" in first.text


def test_runs_of_other_versions_devices_and_code_are_said(html):
    """In the footer of the page and on the status page: why a run is stale, what it mixes, which cells are of other versions."""
    said = f"1 cell was made with torch 2.0.1 (here: {versions()['torch']})"
    mixed = "its rows come from 2 different devices; its rows come from 2 different versions"
    for name in ("status.html", "chapters/locality.html"):
        text = page(html / name).text
        assert text.count(said) == text.count(mixed) == 1
    assert page(html / "status.html").text.count("the code changed; the text changed; the claims changed") == 2
    footer = page(html / "chapters" / "locality.html").text
    assert (
        "1 h 03 min in 3 cells, 900 MB at the most" in footer
        and "cpu · cuda · Linux x86_64, 2 cores · 1 thread" in footer
    )


def test_code_that_draws_is_folded(html):
    """One click away, as the imports are; other code is in sight."""
    chapter = (html / "chapters" / "locality.html").read_text()
    folded = re.findall(r"<details[^>]*above-input.*?</details>", chapter, re.S)
    assert len(folded) == 5 and sum("Code of the figure below" in block for block in folded) == 2
    assert not any("describe" in block for block in folded) and "error float64" not in chapter


def test_status_notation_and_citation_are_generated(html):
    """Every recorded run has its line; the symbols and the build's own entry are there."""
    status = page(html / "status.html").text
    words = Counter(" ".join(a["class"].split()) for a in page(html / "status.html").all("span") if "class" in a)
    assert status.count("3 min 05 s") == 3 and (words["quire-fresh"], words["quire-stale"]) == (1, 2)
    assert "published paper" in status and "2 untested" in status  # the ridge is not decidable there
    assert "filter_size" in page(html / "notation.html").text
    assert "@misc{quire" in page(html / "cite.html").text
    entries = (REPOSITORY / "book" / "references.bib").read_text().count("\n@") + 1
    references = page(html / "references.html")
    assert len([a for _, a, _ in references.elements if "citation" in a.get("class", "").split()]) == entries


def test_mathematics_uses_the_vendored_copy(html):
    """MathJax comes once per page, from the site, with its fonts and licence."""
    for name in ("index.html", "chapters/locality.html", "scoreboard.html"):
        scripts = [a["src"] for a in page(html / name).all("script") if "mathjax" in a.get("src", "").lower()]
        assert len(scripts) == 1
        assert ((html / name).parent / scripts[0].partition("?")[0]).resolve().exists()
    base = html / "_static" / "mathjax"
    assert (base / "LICENSE").exists() and list((base / "es5/output/chtml/fonts/woff-v2").glob("*.woff"))
    assert not (REPOSITORY / "book" / "_static").exists()


def test_no_identifier_occurs_twice(html):
    """An anchor leads to one place."""
    for path in set(pages(html)) - {html / "search.html"}:  # the theme's own
        counts = Counter(a["id"] for _, a, _ in page(path).elements if a.get("id"))
        assert [name for name, count in counts.items() if count > 1] == []


def test_a_browser_renders_the_mathematics_from_disk(html, tmp_path):
    """A real browser, without a network, typesets the page's formulas."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update"]
    command += ["--disable-background-networking", "--virtual-time-budget=15000", f"--user-data-dir={tmp_path}"]
    address = (html / "chapters" / "locality.html").as_uri()
    done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("<mjx-container") >= 4
    assert 'data-theme="light"' in done.stdout and "<mjx-merror" not in done.stdout


# --- what can be wrong -----------------------------------------------------------------------------------------------


def test_staging_refuses_a_chapter_without_a_run_and_says_how_to_run_it(checkout):
    """Strict: an error with the command. Not strict: the chapter is left out and the first page will say so."""
    (checkout / "chapters" / "hierarchy.py").write_text("")
    with pytest.raises(FileNotFoundError, match="quire run hierarchy --profile book"):
        stager.stage()
    site = stager.stage(strict=False)
    plan = {item["chapter"]: item for item in json.loads((site / "_data" / "map.json").read_text())}
    assert plan["hierarchy"]["reason"] == "not run in profile book" and not plan["hierarchy"]["present"]
    assert plan["locality"]["title"] == "Locality: filters, not dimension, set the exponent"


def test_staging_refuses_a_chapter_that_the_contents_do_not_list(checkout):
    """A chapter is never dropped in silence."""
    (checkout / "chapters" / "surprise.py").write_text("")
    with pytest.raises(ValueError, match="surprise.*map.yml"):
        stager.stage()


def test_staging_refuses_a_figure_that_lost_its_table(checkout):
    """Every file of a figure must be there."""
    (checkout / "build" / "book" / "locality" / "locality-curves.csv").unlink()
    with pytest.raises(FileNotFoundError, match="locality-curves.csv"):
        stager.stage()


@pytest.mark.parametrize("broken", ["empty", "error"])
def test_staging_refuses_a_notebook_that_was_not_executed_to_the_end(checkout, broken):
    """A notebook without outputs, or one that stopped, makes no page."""
    path = checkout / "build" / "book" / "locality" / "locality.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            stopped = new_output("error", ename="ValueError", evalue="filter too large", traceback=[])
            cell.outputs = [] if broken == "empty" else [stopped]
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match="no outputs" if broken == "empty" else "filter too large"):
        stager.stage()


def test_a_chapter_keeps_the_parts_that_it_has_itself(checkout):
    """Header, parameters and footer are added only where the chapter does not place them."""
    path = checkout / "build" / "book" / "locality" / "locality.ipynb"
    notebook = nbformat.read(path, as_version=4)
    own = ["```{quire-footer}\n```", "```{quire-parameters}\n```", "```{quire-header}\n```"]
    notebook.cells += [new_markdown_cell(source) for source in own]
    nbformat.write(notebook, path)
    staged = nbformat.read(stager.stage() / "chapters" / "locality.ipynb", as_version=4)
    prose = "\n".join(cell.source for cell in staged.cells if cell.cell_type == "markdown")
    assert all(prose.count(f"{{quire-{name}}}") == 1 for name in ("header", "parameters", "footer"))


def test_files_beside_the_runs_are_no_runs(checkout):
    """`quire diff` leaves its page in build/."""
    (checkout / "build" / "diff.html").write_text("<p>no difference</p>")
    runs = json.loads((stager.stage() / "_data" / "runs.json").read_text())
    assert "book" in {run["label"] for run in runs} and "diff.html" not in {run["label"] for run in runs}


def test_a_build_that_warns_fails_with_the_warnings(checkout):
    """An unknown claim in the prose is an error of the build, and the message names it."""
    path = checkout / "build" / "book" / "locality" / "locality.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_markdown_cell("We find {claim}`locality.betta`."))
    nbformat.write(notebook, path)
    with pytest.raises(RuntimeError, match=r"locality\.betta.*locality\.beta"):
        stager.build()


def test_with_a_repository_each_chapter_opens_on_a_server(tmp_path, monkeypatch):
    """The commented lines of _config.yml, switched on: Binder opens the script of the chapter as a notebook; there is no dead button."""
    root = tmp_path / "checkout"
    root.mkdir()
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
    fake_checkout(root)
    config = (root / "_config.yml").read_text()
    (root / "_config.yml").unlink()
    switched = re.sub(r"^# (repository|launch_buttons): ", r"\1: ", config, flags=re.MULTILINE).replace(
        "OWNER/NAME", "me/quire"
    )
    (root / "_config.yml").write_text(switched)
    html = stager.build().parent
    chapter = page(html / "chapters" / "locality.html")
    targets = [link["href"] for link in chapter.all("a") if link.get("href")]
    servers = [target for target in targets if "mybinder" in target or "colab" in target]
    place = "lab/tree/chapters/locality.py%3Ffactory%3DJupytext%2520Notebook"
    assert set(servers) == {f"https://mybinder.org/v2/gh/me/quire/main?urlpath={place}"}
    ours = [target for target in targets if target.startswith("https://github.com/me/quire")]
    assert ours and not [target for target in ours if target.endswith(".ipynb")]
    assert not [link for link in page(html / "notation.html").all("a") if "mybinder" in (link.get("href") or "")]
