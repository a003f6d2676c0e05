"""Figures on the rendered page: folded code that a link opens, files one click away, captions that are text."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

BOOK = Path(__file__).resolve().parents[1] / "book"
CONF = f"import sys\nsys.path.insert(0, {str(BOOK / '_ext')!r})\nextensions = ['myst_nb', 'quire_book']\nnb_execution_mode = 'off'\nnumfig = True\n"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
FILES = {"light": "a.svg", "dark": "a.dark.svg", "png": "a.png", "table": "a.csv"}
CAPTION = "A <script>alert(1)</script> & <b>bold</b> law, $e < p^{-1}$, *steep*, n_c = m_d, `a < b`, [link](https://x.org), {eval-rst}`x`."
FIGURES = {
    "index-line": {**FILES, "alt": 'A "line" <i>that</i> falls.', "caption": CAPTION, "number": 1},
    "index-two": {
        **FILES,
        "pixels": "a.npz",
        "alt": "Another line that falls.",
        "caption": "Two of one cell.",
        "number": 2,
    },
    "index-bare": {
        **FILES,
        "table": "a.parquet",
        "alt": "A line without code.",
        "caption": "No code before it.",
        "number": 3,
    },
}


def show(name: str):
    """A cell of a page that shows a figure."""
    return new_markdown_cell(f"```{{quire-figure}} index/{name}\n```")


SAID = dict.fromkeys(("code_prompt_show", "code_prompt_hide"), "Code of the figure below")
CELLS = [
    new_markdown_cell("# Page"),
    new_markdown_cell("## Before any code"),
    show("index-bare"),
    new_markdown_cell("## Folded"),
    new_code_cell("figure('index-line')", metadata={"tags": ["hide-input"], "mystnb": SAID}),
    show("index-line"),
    show("index-two"),
    new_markdown_cell("## The setup is folded too, by another name"),
    new_code_cell("import quire", metadata={"tags": ["hide-input"]}),
]


def render(folder: Path, cells: list, figures: dict, *options: str) -> tuple[subprocess.CompletedProcess, str]:
    """Build a project of one notebook; the process and the page."""
    source = folder / "source"
    for name in ("_data", "figures/index"):
        (source / name).mkdir(parents=True)
    (source / "conf.py").write_text(CONF)
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), source / "index.ipynb")
    for picture in ("a.svg", "a.dark.svg"):
        drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
        (source / "figures" / "index" / picture).write_text(drawing)
    (source / "_data" / "figures.json").write_text(json.dumps({"index": figures}))
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", *options, source, folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    page = folder / "out" / "index.html"
    return done, page.read_text() if page.exists() else ""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """A notebook with figures, built with warnings as errors."""
    done, text = render(tmp_path_factory.mktemp("page"), CELLS, FIGURES, "-W")
    assert done.returncode == 0, done.stderr
    return text


def boxes(page: str) -> list[str]:
    """What is folded."""
    return re.findall(r"<details.*?</details>", page, flags=re.S)


def test_the_code_of_a_figure_is_folded_and_its_links_lead_into_the_fold(page):
    """Both figures of the cell; the anchor is inside of the box, so that a browser opens it; other folds keep their name."""
    code, setup = boxes(page)
    assert "Code of the figure below" in code and "Code of the figure below" not in setup
    assert page.count("quire-code") >= 2
    for name in ("index-line", "index-two"):
        assert code.count(f'id="code-{name}"') == page.count(f'id="code-{name}"') == 1
        assert f'href="#code-{name}"' in page
    inside = code[code.index("</summary>") :]
    assert 'id="code-index-line"' in inside and re.sub("<[^>]+>", "", inside).strip() == "figure('index-line')"


def test_a_script_opens_the_fold_where_the_browser_does_not(page):
    """It is part of the page: no network, no file beside it."""
    [script] = [text for text in re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.S) if "DETAILS" in text]
    assert "hashchange" in script and "DOMContentLoaded" in script and ".open = true" in script


def test_without_code_there_is_no_link_to_it(page):
    """The rest of the line stays whole."""
    assert "code-index-bare" not in page
    [line] = [line for line in links(page) if "a.parquet" in line]
    assert re.sub("<[^>]+>", "", line) == "table (PARQUET) · picture (PNG) · columns (JSON) · provenance"


def links(page: str) -> list[str]:
    """The lines of links below the figures."""
    return re.findall(r'<p class="quire-links">(.*?)</p>', page, flags=re.S)


def test_table_pixels_picture_code_and_provenance_are_one_click_away(page):
    """With the kinds of their files."""
    texts = [re.sub("<[^>]+>", "", line) for line in links(page)]
    assert texts[1] == "table (CSV) · picture (PNG) · columns (JSON) · code · provenance"
    assert texts[2] == "table (CSV) · pixels (NPZ) · picture (PNG) · columns (JSON) · code · provenance"
    for target in ("downloads/index/a.csv", "downloads/index/a.npz", "downloads/index/a.png", "#run-index"):
        assert f'href="{target}"' in links(page)[2]


def test_a_caption_is_text(page):
    """TeX, emphasis and code are understood; what looks like HTML, a link or a directive is shown as it is written."""
    [caption] = [text for text in re.findall(r"<figcaption>(.*?)</figcaption>", page, flags=re.S) if "steep" in text]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;bold&lt;/b&gt; law" in caption
    assert "<script" not in caption and "<b>" not in caption and 'href="https://x.org"' not in caption
    assert (
        r"\(e &lt; p^{-1}\)" in caption and "<em>steep</em>" in caption and "n<sub>c</sub> = m<sub>d</sub>" in caption
    )
    assert "[link](https://x.org)" in caption and "a &lt; b" in re.sub("</?span[^>]*>", "", caption)
    assert 'alt="A &quot;line&quot; &lt;i&gt;that&lt;/i&gt; falls."' in page


@pytest.mark.parametrize("kind", ["light", "table", "pixels"])
def test_files_elsewhere_are_not_named(tmp_path, kind):
    """A figure of a stranger's run names files of its own."""
    figures = {"index-line": {**FIGURES["index-line"], kind: "../../secret.txt"}}
    done, text = render(tmp_path, CELLS[:1] + [show("index-line")], figures, "-W", "--keep-going")
    assert done.returncode != 0 and "expected bare names" in done.stderr
    assert "secret.txt" not in re.sub("<[^>]+>", "", text) and 'href="../' not in text
