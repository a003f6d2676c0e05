"""What is staged is data: prose, outputs, drawings and names of a run that somebody else made."""

import base64
import re
from pathlib import Path

import pytest
import yaml

from quire.tools.site.dressing import dressed, title_of
from quire.tools.site.notebooks import Notebook, read_notebook
from quire.tools.site.pictures import figure_file, whole_file
from quire.tools.site.prose import EXTENSIONS, WITHOUT, check_prose, check_tex
from quire.tools.site.sanitize import sanitized

ROOT = Path(__file__).parents[1]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(9)


# --- prose -----------------------------------------------------------------------------------------------------------

HARMLESS = [
    "# A title with $a < b$, `x <= y` and a -> b",
    "# Title\n\nText with $x^2$, `code`, *emphasis*, a [link](hierarchy.ipynb), [another](../scoreboard.md#claim-x), <https://a.b/c>.",
    "We find {claim}`a.b` {cite}`x2021y,z2022w`, {cite:t}`x`, {numref}`a-b`, {eq}`decay`.",
    "```{literalinclude} /lib/quire/kernels/gram.py\n:language: python\n:pyobject: gram\n```",
    ":::{admonition} Where it comes from\n:class: dropdown\nA line with $x$.\n:::",
    "$$\nx\n$$ (decay)\n\n```{math}\n:label: eq-a\nx\n```",
    ":::{note} A title\nwith {cite}`x`\n:::",
    "```python\nopen('/etc/passwd')\n```\n\n    {download}`indented code`",
    "[not a link](file:///etc/passwd), [nor this](javascript:alert(1)), ```{include} /etc/passwd``` is code",
    "<b>HTML is text</b>, {{ braces }} too, and so is `{download}` in code",
    "(anchor)=\n## Section\n\n- [ ] task[^1]\n\n[^1]: note\n\n| a | b |\n|---|---|\n| 1 | {cite}`x` |",
    "```{quire-figure} locality/locality-curves\n```\n\n```{quire-scoreboard} all\n:totals:\n```",
]
DIRECTIVES = (
    "include literalinclude raw csv-table list-table figure image eval-rst code-cell code-block math-block toctree download "
    "glue jupyter-execute mermaid parsed-literal only ifconfig automodule quire-status quire-other"
).split()
HOSTILE = [
    *(f"```{{{name}}} /etc/passwd\n```" for name in DIRECTIVES),
    "~~~{include} ../../data/claims.yml\n~~~",
    ":::{include} /etc/passwd\n:::",
    "> - ```{include} /etc/passwd\n>   ```",
    "```{note}\n```{include} /etc/passwd\n```",
    "````{note}\n```{include} /etc/passwd\n```\n````",
    ":::{note} {download}`/etc/passwd`\n:::",
    ":::{note}\n:class: x\n{download}`/etc/passwd`\n:::",
    "::: plain\n{download}`/etc/passwd`\n:::",
    "```{literalinclude} /lib/quire/../../data/claims.yml\n```",
    "```{literalinclude} ../lib/quire/cite.py\n```",
    "```{literalinclude} /lib/quire/cite.py\n:diff: /etc/passwd\n```",
    "```{literalinclude} /lib/quire/cite.py\n:caption: {download}`/etc/passwd`\n```",
    "```{literalinclude} /lib/quire/cite.py\n---\ndiff: /etc/passwd\n---\n```",
    "```{csv-table}\n:file: /etc/passwd\n```",
    "~~~{quire-figure} a`b\n~~~",
    "```{quire-scoreboard} all\n:file: x\n```",
    "{download}`/etc/passwd`",
    "{raw}`<script>`",
    "{eval}`1 + 1`",
    "{glue}`x`",
    "| a |\n|---|\n| {download}`x` |",
    "x[^1]\n\n[^1]: {download}`x`",
    "![p](../../secret.png)",
    "![p](https://somewhere.else/beacon.png)",
    "[x](/etc/passwd)",
    "[x](../../secret.md)",
    "[x](a/../../../secret.md)",
    "[x](../data.csv)",
    "[x](path:../x)",
    "<project:../../x>",
    "[x](inv:#y)",
    "[x][y]\n\n[y]: ../../../secret",
    "# A <script>alert(1)</script>",
    "A <b>\n=====",
    "> # A &lt;img src=x onerror=alert(1)&gt;",
    "# $a<img src=x onerror=alert(1)>$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\mmlToken{mi}[href='javascript:alert(1)']{x}$",
    r"$\require{html}$",
    r"$$\style{position:fixed}{x}$$",
]


def test_what_chapters_use_is_allowed():
    """Each alone, and all together."""
    for source in HARMLESS:
        check_prose([source], "it")
    check_prose(HARMLESS, "it")


@pytest.mark.parametrize("source", HOSTILE)
def test_what_reads_a_file_runs_code_or_asks_a_network_is_refused(source):
    """By name, wherever in the notebook it stands."""
    with pytest.raises(ValueError, match="the notebook of toy: "):
        check_prose(["# Title", source, "more"], "the notebook of toy")


def test_a_definition_of_another_cell_is_seen():
    """Links are defined once for the whole notebook."""
    with pytest.raises(ValueError, match="secret"):
        check_prose(["[x][y] and ![y]", "[y]: ../../../secret"], "it")
    with pytest.raises(ValueError, match="picture"):
        check_prose(["![p][y]", "[y]: https://a.b/c.png"], "it")


def test_the_prose_of_the_chapters_passes():
    """The list is wide enough for what is written today."""
    for path in ROOT.glob("chapters/*.py"):
        cells = re.split(r"^# %%.*$", path.read_text(), flags=re.M)
        sources = [
            "\n".join(line[2:] for line in c.splitlines() if line.startswith("# ")) for c in cells if "\n# " in c
        ]
        check_prose(sources, path.stem)


def test_the_book_parses_as_the_check_does():
    """Extensions and disabled syntax are those of the configuration; nothing there runs code."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["parse"]["myst_enable_extensions"] == EXTENSIONS
    assert config["sphinx"]["config"]["myst_disable_syntax"] == WITHOUT
    assert config["execute"] == {"execute_notebooks": "off"}
    assert not {"substitution", "attrs_inline", "attrs_block", "html_image", "html_admonition"} & set(EXTENSIONS)
    tex = config["sphinx"]["config"]["mathjax3_config"]["tex"]
    assert tex["packages"]["[-]"] == ["require"] and tex["autoload"]["html"] == []


def test_words_that_look_like_commands_are_mathematics():
    """A command is refused as a whole word only."""
    check_tex(r"$\displaystyle \mathrm{class} \hreflike \styled{x}$", "it")


# --- outputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, expected",
    [
        ('<table border="1" class="dataframe"><tr style="text-align: right;"><td>1</td></tr></table>',
         '<table class="dataframe"><tr style="text-align: right;"><td>1</td></tr></table>'),
        ("<script>alert(1)</script>a", "a"),
        ("<style>td {background: url(http://x)}</style>a", "a"),
        ('<td onclick="alert(1)" style="background:url(http://x)">a</td>', "<td>a</td>"),
        ('<a href="javascript:alert(1)">a</a>', "a"),
        ('<img src=x onerror="alert(1)">a', "a"),
        ("<iframe src=x></iframe>a<svg onload=alert(1)><b>b</b></svg>", "a"),
        ("<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("</div></table><b>a", "<b>a</b>"),
        ("<b><i>a</b>c", "<b><i>a</i></b>c"),
        ("<!-- <script>alert(1)</script> -->a<![CDATA[<script>]]>", "a"),
        ("<td a='", "&lt;td a='"),
        ('<div class="quire-verdict quire-holds">✓ holds</div>', "<div>✓ holds</div>"),
    ],
)  # fmt: skip
def test_html_is_written_anew_from_a_list_of_elements(given, expected):
    """Tables and text stay; nothing runs, loads, links or looks like a verdict of ours."""
    assert sanitized(given).replace("]]&gt;", "") == expected


def output(**data) -> dict:
    """A displayed output of a notebook."""
    return {
        "output_type": "display_data",
        "data": {key.replace("_", "/"): value for key, value in data.items()},
        "metadata": {},
    }


def notebook(*cells: dict, **more) -> Notebook:
    """A notebook with a title and an output, and some cells."""
    title = {"cell_type": "markdown", "source": ["# Toy\n", "\nmore"], "metadata": {}}
    first = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output(text_plain="1")]}
    return Notebook.model_validate(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [title, first, *cells], **more}
    )


def code(*outputs: dict, tags=(), source: str = "x", **metadata) -> dict:
    """A code cell as it is kept in a file."""
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": list(tags), **metadata},
        "outputs": list(outputs),
    }


def test_metadata_raw_cells_and_attachments_do_not_get_into_a_page():
    """Execution modes, render options, tags of others, front matter: only text, code, outputs and our tags."""
    force = {
        "mystnb": {"execution_mode": "force"},
        "kernelspec": {"name": "evil", "display_name": "x"},
        "widgets": {"a": 1},
    }
    cell = code(output(text_plain="1"), tags=["remove-output", "raises-exception"], mystnb={"image": {"alt": "x"}})
    raw = {"cell_type": "raw", "source": "<script>alert(1)</script>", "metadata": {"format": "text/html"}}
    prose = {"cell_type": "markdown", "source": "b", "metadata": {"x": 1}, "attachments": {"a": {"image/png": "x"}}}
    page = dressed(notebook(cell, raw, prose, metadata=force), "toy", set())
    assert page.metadata == {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    assert all(not c.metadata for c in page.cells) and not any("attachments" in c for c in page.cells)
    assert {c.cell_type for c in page.cells} == {"markdown", "code"} and "alert" not in str(page)


def test_outputs_are_cut_down_to_the_kinds_that_are_shown():
    """Text, cleaned HTML, PNG and JPEG that are what they say; no scripts, drawings, Markdown, LaTeX, widgets."""
    good, bad = base64.b64encode(PNG).decode(), base64.b64encode(b"<svg>").decode()
    outputs = [
        output(text_html="<b onclick='x'>a</b>", text_plain="a"),
        output(image_png=good),
        output(image_png=bad),
        output(image_png="%%%"),
        output(application_javascript="alert(1)"),
        {
            "output_type": "display_data",
            "data": {"image/svg+xml": "<svg onload='x'/>", "text/markdown": "{download}`x`"},
        },
        {
            "output_type": "display_data",
            "data": {"text/latex": r"$\href{x}{y}$", "application/vnd.jupyter.widget-view+json": {}},
        },
        {"output_type": "stream", "name": "stderr", "text": ["a\n", "b"]},
    ]
    kept = dressed(notebook(code(*outputs)), "toy", set()).cells[-2].outputs
    assert [dict(o.get("data", {})) for o in kept] == [
        {"text/html": "<b>a</b>", "text/plain": "a"},
        {"image/png": good},
        {},
    ]
    assert kept[-1].text == "a\nb" and all(not o.get("metadata") for o in kept)


def test_a_table_with_a_formula_that_links_is_refused():
    """MathJax reads formulas in the HTML of an output."""
    with pytest.raises(ValueError, match=r"\\href"):
        dressed(notebook(code(output(text_html=r"<td>\(\href{javascript:x}{y}\)</td>"))), "toy", set())


FIGURE = "application/vnd.quire.figure+json"


@pytest.mark.parametrize("ident", ["other", "a\n```\n```{include} x", None, 3, ["toy-a"], {"id": "toy-a"}])
def test_a_figure_that_the_run_did_not_draw_is_refused(ident):
    """Its name would be written into the page; also where the run's own list of figures has it."""
    for mark in ({"data": {FIGURE: {"id": ident}}}, {"data": {}, "metadata": {"quire_figure": ident}}):
        with pytest.raises(ValueError, match="did not draw"):
            dressed(notebook(code({"output_type": "display_data", **mark})), "toy", {"toy-a", "a\n```\n```{include} x"})


def test_marks_become_directives_about_this_chapter():
    """Figure, scoreboard and expected claims, whatever chapter the mark names; code that draws is folded, unless it says so."""
    marks = [
        {FIGURE: {"id": "toy-a"}},
        *({f"application/vnd.quire.{n}+json": {"chapter": "x`"}} for n in ("scoreboard", "expected")),
    ]
    cells = [code({"output_type": "display_data", "data": mark}) for mark in marks]
    cells += [
        code(cells[0]["outputs"][0], tags=["show-input"]),
        code(tags=["setup"]),
        code(tags=["injected-parameters"]),
    ]
    page = dressed(notebook(*cells), "toy", {"toy-a"})
    inserted = [c.source for c in page.cells if c.source.startswith("```{quire-")]
    names = [
        "header toy",
        "figure toy/toy-a",
        "scoreboard toy",
        "expected toy",
        "figure toy/toy-a",
        "parameters toy",
        "footer toy",
    ]
    assert inserted == [f"```{{quire-{n.replace(' ', '} ', 1)}\n```" for n in names]
    tags = [c.metadata.get("tags") for c in page.cells if c.cell_type == "code"]
    assert tags == [None, ["hide-input"], None, None, None, ["hide-input"], ["remove-cell"]]


def test_a_notebook_of_another_shape_is_refused_by_file_and_field(tmp_path):
    """Whatever stands there: no JSON, a list, another format, cells that are none."""
    wrong = ["{", "[]", "3", '{"nbformat": 3, "cells": []}', '{"nbformat": 4, "cells": [3]}', '{"nbformat": 4}']
    wrong += ['{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}']
    wrong += ['{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [{"output_type": "x"}]}]}']
    for text in wrong:
        (tmp_path / "toy.ipynb").write_text(text)
        with pytest.raises(ValueError, match=r"toy\.ipynb"):
            read_notebook(tmp_path / "toy.ipynb")
    with pytest.raises(FileNotFoundError, match="run the chapter"):
        read_notebook(tmp_path / "other.ipynb")


def test_the_title_is_the_first_heading():
    """Or the chapter's name."""
    assert title_of(notebook(), "toy") == "Toy"
    empty = notebook()
    empty.cells[0].source = "no heading"
    assert title_of(empty, "toy") == "toy"


# --- files of a figure -----------------------------------------------------------------------------------------------

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
BAD_DRAWINGS = [
    SVG.format("<script>alert(1)</script>"),
    SVG.format("<foreignObject><body/></foreignObject>"),
    SVG.format('<a xlink:href="https://x"><path/></a>'),
    SVG.format('<path onclick="alert(1)"/>'),
    SVG.format('<image xlink:href="https://x/beacon.png"/>'),
    SVG.format('<image href="data:image/svg+xml;base64,AAAA"/>'),
    SVG.format('<use xlink:href="other.svg#a"/>'),
    SVG.format('<path style="fill: url(https://x)"/>'),
    SVG.format("<style>@import 'https://x'</style>"),
    SVG.format("<style>a {b: u\\72l(x)}</style>"),
    SVG.format('<animate attributeName="href" to="javascript:alert(1)"/>'),
    SVG.format('<g xml:base="https://x"/>'),
    '<?xml version="1.0"?><?xml-stylesheet href="https://x"?>' + SVG.format(""),
    '<?xml version="1.0" encoding="utf-7"?>' + SVG.format(""),
    '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;"),
    "<html><script>alert(1)</script></html>",
    "no drawing",
]


@pytest.mark.parametrize("text", BAD_DRAWINGS)
def test_a_drawing_that_does_more_than_draw_is_refused(tmp_path, text):
    """Scripts, handlers, links, addresses outside, instructions, entities."""
    (tmp_path / "a.svg").write_text(text)
    with pytest.raises(ValueError, match=r"a\.svg is not a drawing"):
        figure_file(tmp_path, "light", "a.svg")


def test_a_drawing_of_matplotlib_passes(tmp_path):
    """Text, markers, clipping, rasterised pixels, a colour bar."""
    from matplotlib.figure import Figure

    canvas = Figure()
    axes = canvas.subplots(1, 2)
    axes[0].errorbar([1, 2], [1, 2], [0.1, 0.1], marker="o", label="$x^2$")
    axes[0].legend()
    canvas.colorbar(axes[1].pcolormesh([[1.0, 2.0], [3.0, 4.0]], rasterized=True))
    canvas.savefig(tmp_path / "a.svg")
    assert figure_file(tmp_path, "dark", "a.svg").endswith(b"</svg>\n")


@pytest.mark.parametrize(
    "kind, name", [("table", "a.html"), ("png", "a.svg"), ("light", "a.png"), ("pixels", "a.csv"), ("table", "../a.csv"), ("table", ".a.csv"), ("table", "/etc/passwd.csv")]
)  # fmt: skip
def test_a_file_of_a_figure_is_called_what_it_is(tmp_path, kind, name):
    """A bare name with the ending of its kind."""
    (tmp_path.parent / "a.csv").write_text("secret")
    with pytest.raises(ValueError, match="ends in|bare name"):
        figure_file(tmp_path, kind, name)


def test_links_directories_and_lying_pictures_are_refused(tmp_path):
    """A file of the run itself, a regular one, of the type that it says."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "a.csv").symlink_to(tmp_path / "secret")
    (tmp_path / "b.csv").mkdir()
    (tmp_path / "c.png").write_text("<script>")
    (tmp_path / "d.csv").symlink_to(tmp_path / "d.csv")
    for kind, name in [("table", "a.csv"), ("table", "b.csv"), ("png", "c.png"), ("table", "d.csv")]:
        with pytest.raises(ValueError, match=name):
            figure_file(tmp_path, kind, name)
    with pytest.raises(FileNotFoundError):
        whole_file(tmp_path, "absent.csv")
