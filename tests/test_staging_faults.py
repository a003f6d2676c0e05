"""A stranger's run is staged: what would run or leak is refused by name, what is only text is shown as text."""

import base64
import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from test_site import Page, pages, remote
from toy_site import fake_checkout, svg

from quire.record import RunFolder
from quire.tools import site as stager

SECRET = "the-secret-of-this-machine"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a run, and a secret beside it."""
    root = tmp_path / "checkout"
    root.mkdir()
    (tmp_path / "secret.txt").write_text(SECRET)
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
    return fake_checkout(root)


def run_of(checkout: Path) -> Path:
    """The folder of the run that the site shows."""
    return checkout / "build" / "book" / "locality"


def leaked(folder: Path) -> list[Path]:
    """Files below a folder that hold the secret."""
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def edit_json(path: Path, change) -> None:
    """Change a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_notebook(run: Path, change) -> None:
    """Change the executed notebook."""
    notebook = nbformat.read(run / "locality.ipynb", as_version=4)
    change(notebook)
    (run / "locality.ipynb").write_text(json.dumps(notebook))


# --- what is refused


def figure_name(kind: str, name: str):
    """A figure whose file has another name."""
    return lambda run: edit_json(run / "figures.json", lambda index: index["locality-curves"].update({kind: name}))


def prose(text: str):
    """A cell of Markdown."""
    return lambda run: edit_notebook(run, lambda notebook: notebook.cells.append(new_markdown_cell(text)))


def shown(**output):
    """A cell with an output."""
    cell = new_code_cell("x", outputs=[new_output("display_data", **output)])
    return lambda run: edit_notebook(run, lambda notebook: notebook.cells.append(cell))


def linked(name: str):
    """A file of the run that is a link to the secret."""

    def change(run: Path) -> None:
        (run / name).unlink()
        (run / name).symlink_to(run.parents[3] / "secret.txt")

    return change


def replaced(name: str, content: bytes):
    """A file of the run with another content."""
    return lambda run: (run / name).write_bytes(content)


def recorded(**fields):
    """A record with other fields."""
    return lambda run: edit_json(run / "provenance.json", lambda record: record.update(fields))


def pipe(name: str):
    """A file of the run that is a pipe: reading it would wait for ever."""

    def change(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return change


def sparse(name: str):
    """A file of the run with a size that nobody reads."""
    return lambda run: os.truncate(run / name, 2**33)


REFUSED = {
    "a table outside the folder": (figure_name("table", "../../../../secret.txt"), "bare name"),
    "a table by its absolute name": (figure_name("table", "/etc/passwd"), "bare name"),
    "a hidden table": (figure_name("table", ".secret.csv"), "bare name"),
    "a table that is a page": (figure_name("table", "page.html"), r"ends in \.csv"),
    "a picture that is a page": (figure_name("png", "page.html"), r"ends in \.png"),
    "a drawing that is a page": (figure_name("light", "page.html"), r"ends in \.svg"),
    "a table behind a link": (linked("locality-curves.csv"), "is a link"),
    "a drawing behind a link": (linked("locality-curves.svg"), "is a link"),
    "a notebook behind a link": (linked("locality.ipynb"), "is a link"),
    "a record behind a link": (linked("provenance.json"), "is a link|JSON"),
    "a table that is a pipe": (pipe("locality-curves.csv"), "regular file"),
    "a notebook that is a pipe": (pipe("locality.ipynb"), "regular file"),
    "a table that fills the disk": (sparse("locality-curves.csv"), "bytes"),
    "a notebook that fills the memory": (sparse("locality.ipynb"), "bytes"),
    "a drawing with a script": (replaced("locality-curves.svg", svg("#222").replace("<g", "<script/><g").encode()), "script"),
    "a drawing with a handler": (replaced("locality-curves.svg", svg("#222").replace("<g", "<g onload='x'").encode()), "onload"),
    "a picture that is a script": (replaced("locality-curves.png", b"<script>"), "no .png file"),
    "a figure with other fields": (lambda run: edit_json(run / "figures.json", lambda f: f["locality-curves"].update(x=1)), "x"),
    "an include": (prose("```{include} ../../../secret.txt\n```"), "include"),
    "a nested include": (prose(":::{note}\n```{include} ../../../secret.txt\n```\n:::"), "include"),
    "a literalinclude": (prose("```{literalinclude} ../../../secret.txt\n```"), "literalinclude"),
    "a literalinclude that climbs": (prose("```{literalinclude} /lib/quire/../../../secret.txt\n```"), "literalinclude"),
    "a table from a file": (prose("```{csv-table}\n:file: ../../../secret.txt\n```"), "csv-table"),
    "raw HTML by a directive": (prose("```{raw} html\n<script>alert(1)</script>\n```"), "raw"),
    "another language": (prose("```{eval-rst}\n.. include:: /etc/passwd\n```"), "eval-rst"),
    "a cell to be run": (prose("```{code-cell}\nprint(1)\n```"), "code-cell"),
    "a download": (prose("{download}`../../../secret.txt`"), "download"),
    "a picture": (prose("![x](../../../secret.txt)"), "picture"),
    "a link to a file": (prose("[x](../../../../secret.txt)"), "link"),
    "a definition of a link": (prose("[x][y]\n\n[y]: ../../../secret.txt"), "link"),
    "a title that is an element": (prose("## A <img src=x onerror=alert(1)>"), "title"),
    "a formula with a link": (prose(r"$\href{javascript:alert(1)}{x}$"), "href"),
    "a formula in a caption": (
        lambda run: edit_json(run / "figures.json", lambda f: f["locality-curves"].update(caption=r"A $\href{javascript:x}{y}$.")),
        "href",
    ),
    "a caption without an end": (
        lambda run: edit_json(run / "figures.json", lambda f: f["locality-curves"].update(caption="$a" + " " * 10**6)),
        "1,000,002 characters",
    ),
    "a formula in a table": (shown(data={"text/html": r"\(\href{javascript:alert(1)}{x}\)"}), "href"),
    "a figure of no name": (shown(data={"application/vnd.quire.figure+json": {"id": "x\n```\n```{include} y"}}), "did not draw"),
    "a record of another chapter": (recorded(chapter="../../x"), "chapter"),
    "a record of another chapter's name": (recorded(chapter="hierarchy"), "hierarchy"),
    "times that are text": (recorded(wall_seconds="<b>"), "wall_seconds"),
    "memory without end": (recorded(peak_memory_mb=-1.0), "peak_memory_mb"),
    "versions that are a list": (recorded(versions=["<b>"]), "versions"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_run_or_leak_is_refused_by_name(checkout, name):
    """Nothing of the secret gets into the site, and the message says what it was."""
    change, message = REFUSED[name]
    change(run_of(checkout))
    with pytest.raises(ValueError, match=message):
        stager.stage()
    assert not leaked(checkout / "build" / "site")


# --- what is shown as text

HTML = '<script>alert(1)</script><img src="https://somewhere.else/x.png" onerror="alert(1)">'


def hostile(run: Path) -> None:
    """A run whose every text and every field of the notebook tries something."""

    def notebook(found) -> None:
        owned = f"open({str(run.parents[3] / 'owned')!r}, 'w').write('owned')"
        found.metadata = {
            "mystnb": {"execution_mode": "force", "render_text_lexer": "x"},
            "kernelspec": {"name": "sh", "display_name": "x", "language": "bash"},
            "substitutions": {"x": "{{ 1 + 1 }}"},
            "myst": {"enable_extensions": ["html_image", "substitution"], "disable_syntax": []},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a": HTML}}},
        }
        outputs = [
            new_output(
                "display_data", data={"text/html": HTML + "<b onclick='alert(1)'>bold</b><svg onload='alert(1)'/>"}
            ),
            new_output("display_data", data={"application/javascript": "alert(1)", "text/plain": "plain words"}),
            new_output("display_data", data={"image/svg+xml": f"<svg>{HTML}</svg>"}),
            new_output("display_data", data={"text/markdown": "{download}`../../../secret.txt`"}),
            new_output("display_data", data={"text/latex": r"$\href{javascript:alert(1)}{x}$"}),
            new_output("display_data", data={"image/png": base64.b64encode(HTML.encode()).decode()}),
            new_output("stream", name="stdout", text=HTML),
        ]
        tags = {"tags": ["raises-exception"], "mystnb": {"markdown_format": "myst"}}
        found.cells += [
            new_markdown_cell(
                f"---\nmyst:\n  enable_extensions: [substitution]\n---\n\nHere {HTML} and {{{{ 6 * 7 }}}}.\n\n<div>{HTML}</div>"
            ),
            new_code_cell(owned, outputs=outputs, metadata=tags, execution_count=1),
            {"cell_type": "raw", "source": HTML, "metadata": {"format": "text/html"}, "id": "raw"},
        ]
        found.cells[0].source = found.cells[0].source.replace("# Locality:", "# Locality < script > alert(1):")
        found.cells[-3]["attachments"] = {"x.png": {"image/png": "AAAA"}}

    edit_notebook(run, notebook)
    figures = {
        "caption": HTML + " {download}`../secret.txt` [x](javascript:alert(1))",
        "alt": HTML + '" onload="alert(1)',
    }
    edit_json(run / "figures.json", lambda index: index["locality-curves"].update(figures))
    texts = {"machine": HTML, "device": HTML, "started": HTML, "versions": {HTML: HTML}, "parameters": {HTML: HTML}}
    edit_json(run / "provenance.json", lambda record: record.update(texts))
    edit_json(run / "sweeps.json", lambda index: index["locality.curve"]["origins"][1].update(device=HTML))


def test_a_strangers_run_is_rendered_and_nothing_of_it_runs(checkout, tmp_path, monkeypatch):
    """The real site: no element, handler or address of the stranger's, no file of the machine, no cell executed."""
    run = run_of(checkout)
    hostile(run)
    claims = checkout / "data" / "claims" / "locality.yml"
    claims.write_text(claims.read_text().replace("The plateau is at one half.", HTML.replace('"', "'")))
    chapter = checkout / "chapters" / "locality.py"
    chapter.write_text(chapter.read_text().replace("where it runs", "<script>alert(1)</script>"))
    html = stager.build().parent
    assert not (tmp_path / "owned").exists() and not leaked(checkout / "build")
    found = pages(html)
    assert len(found) > 5
    for path in found:
        page = Page(path)
        for tag, attributes, _ in page.elements:
            assert not [name for name in attributes if name.startswith("on") and "alert" in attributes[name]]
            assert "somewhere.else" not in attributes.get("src", "") and "javascript:alert" not in attributes.get(
                "href", ""
            )
            assert tag != "img" or not remote(attributes["src"])
        assert "<script>alert" not in path.read_text() and "< script" not in path.read_text()
    page = Page(html / "chapters" / "locality.html")
    for text in ("Here <script>alert(1)</script>", "and {{ 6 * 7 }}.", "bold", "plain words", "<div><script>"):
        assert text in page.text
    assert page.text.count("<script>alert(1)</script>") >= 9 and "execution_mode" not in page.text
    assert "<script>alert(1)</script>" in Page(html / "scoreboard.html").text
    served = {path.name for path in (html / "downloads").rglob("*") if path.is_file()}
    assert {path.rpartition(".")[2] for path in served} == {"ipynb", "json", "csv", "png", "bib"}


# --- what a damaged run beside it does


def test_a_damaged_run_that_is_not_shown_is_listed_as_unreadable(checkout):
    """The page is made; the status says what is wrong with the other run."""
    (checkout / "build" / "paper" / "locality" / "claims.json").write_text('{"locality.beta": 3}')
    records = json.loads((stager.stage() / "_data" / "runs.json").read_text())
    damaged = [record for record in records if "damaged" in record]
    assert [record["label"] for record in damaged] == ["paper"]
    assert "claims.json, locality.beta" in damaged[0]["damaged"]


def test_a_failed_run_is_listed_beside_the_one_that_it_did_not_replace(checkout):
    """`quire run` keeps both."""
    shutil.copytree(run_of(checkout), checkout / "build" / "failed" / "book" / "locality")
    run = RunFolder(checkout / "build" / "failed" / "book" / "locality")
    run.write_provenance({**run.provenance(), "failed": True})
    records = json.loads((stager.stage() / "_data" / "runs.json").read_text())
    assert {(record["label"], record["failed"]) for record in records} >= {("book", False), ("failed book", True)}


def test_the_build_folder_is_where_the_setting_says(checkout, tmp_path, monkeypatch):
    """QUIRE_BUILD moves runs and site; nothing is written below the checkout."""
    (checkout / "build").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("QUIRE_BUILD", str(tmp_path / "elsewhere"))
    assert stager.stage() == tmp_path / "elsewhere" / "site"
    assert (tmp_path / "elsewhere" / "site" / "chapters" / "locality.ipynb").exists() and not (
        checkout / "build"
    ).exists()
