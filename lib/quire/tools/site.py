"""Stage the book (pages, executed notebooks, tables, run records) under ``build/site`` and render it.

Jupyter Book sees one folder: ``book/``, the executed notebooks dressed as pages, and ``_data/*.json`` from which
``book/_ext`` renders claims, figures and run status. What a reader may download is copied unchanged.
"""

import datetime
import importlib.metadata
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import yaml
from nbformat.v4 import new_markdown_cell

from quire.claims import judge_run
from quire.provenance import environment, folder, project_root, read_json, write_json
from quire.tools.chapters import chapters, listed, parameters
from quire.tools.run import is_fresh, run_folder

__all__ = ["build", "stage"]

_MIME = "application/vnd.{}+json".format
_FIGURE, _SCOREBOARD, _WIDGET = map(_MIME, ("quire.figure", "quire.scoreboard", "jupyter.widget-view"))


def build(profile: str = "book", out: Path | None = None, strict: bool = True) -> Path:
    """Stage and render the site; return the path of its first page.

    Args:
        profile: the run that the pages show.
        out: the folder of the rendered site (default ``build/html``).
        strict: warnings and chapters without a run are errors; else such chapters are left out, which page one says.

    Raises:
        FileNotFoundError: a chapter's run, or a file of it, is missing; the message has the command that makes it.
        RuntimeError: the book did not build, with its warnings.
    """
    site = stage(profile, strict=strict)
    work = site.parent / "_build"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(site)]
    command += ["--path-output", str(site.parent), "-n", "--keep-going", *(["-W"] if strict else [])]
    done = subprocess.run(command, cwd=site.parent, capture_output=True, text=True)
    if done.returncode or not (work / "html" / "index.html").exists():
        lines = (done.stdout + done.stderr).splitlines()
        wrong = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-30:]
        raise RuntimeError("the book did not build:\n" + "\n".join(wrong))
    out = site.parent / "html" if out is None else Path(out)
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work / "html", out)
    return out / "index.html"


def stage(profile: str = "book", *, strict: bool = True) -> Path:
    """Fill ``build/site`` from ``book/``, ``lib/quire`` and the runs; return it."""
    root, ignore = project_root(), shutil.ignore_patterns("__pycache__")
    site = root / "build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site, ignore=ignore)
    shutil.copytree(root / "lib" / "quire", site / "lib" / "quire", ignore=ignore)
    shutil.copy2(root / "_config.yml", site)
    absent = _prune_contents(site, profile, strict)
    shown = [chapter for chapter in listed() if chapter not in absent]
    titles = {chapter: _stage_chapter(run_folder(chapter, profile), site, chapter) for chapter in shown}
    plan = yaml.safe_load((root / "book" / "map.yml").read_text())
    for item in plan:
        item["present"] = item["chapter"] in titles
        item["title"] = titles.get(item["chapter"], item["title"])
        item["reason"] = absent.get(item["chapter"], "planned")
    notation = root / "data" / "notation.yml"
    this = {"version": importlib.metadata.version("quire"), "commit": environment()["commit"]}
    data = {
        "site": this | {"profile": profile, "titles": titles, "year": datetime.date.today().year},
        "map": plan,
        "claims": [claim for chapter in shown for claim in judge_run(run_folder(chapter, profile))],
        "figures": {chapter: read_json(run_folder(chapter, profile) / "figures.json", {}) for chapter in shown},
        "runs": _runs(shown),
        "parameters": {chapter: parameters(chapter) for chapter in shown},
        "notation": (yaml.safe_load(notation.read_text()) if notation.exists() else None) or [],
    }
    for name, value in data.items():
        write_json(site / "_data" / f"{name}.json", value)
    return site


def _prune_contents(site: Path, profile: str, strict: bool) -> dict[str, str]:
    """Drop chapters that are not there from the staged table of contents; return {chapter: reason}."""
    written = chapters()
    if unlisted := set(written) - set(listed()):
        raise ValueError(f"chapters {sorted(unlisted)} are not in book/_toc.yml: list them under a part")
    absent = {chapter: "not written yet" for chapter in listed() if chapter not in written}
    for chapter in written:
        if not (run_folder(chapter, profile) / f"{chapter}.ipynb").exists():
            if strict:
                remedy = f"run `python -m quire run {chapter} --profile {profile}` first"
                raise FileNotFoundError(f"chapter {chapter} has no executed notebook of profile {profile}: {remedy}")
            absent[chapter] = f"not run in profile {profile}"
    toc = yaml.safe_load((site / "_toc.yml").read_text())
    for part in toc["parts"]:
        part["chapters"] = [c for c in part["chapters"] if c["file"].removeprefix("chapters/") not in absent]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    (site / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
    return absent


def _stage_chapter(run: Path, site: Path, chapter: str) -> str:
    """Copy a run's files for download, its pictures for display, its notebook as a page; return the title."""
    downloads, pictures = site / "extra" / "downloads" / chapter, site / "figures" / chapter
    for place in (downloads, pictures, site / "chapters"):
        place.mkdir(parents=True, exist_ok=True)
    for name in (f"{chapter}.ipynb", "provenance.json"):
        shutil.copy2(run / name, downloads)
    for ident, entry in read_json(run / "figures.json", {}).items():
        for kind in ("light", "dark", "png", "table"):
            if not (run / entry[kind]).exists():
                raise FileNotFoundError(f"figure {ident} of {chapter} lacks {run / entry[kind]}: run the chapter again")
            shutil.copy2(run / entry[kind], pictures if kind in ("light", "dark") else downloads)
    notebook = _dress(nbformat.read(run / f"{chapter}.ipynb", as_version=4), chapter)
    nbformat.write(notebook, site / "chapters" / f"{chapter}.ipynb")
    lines = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), chapter)


def _dress(notebook, chapter: str):
    """Give an executed notebook the anatomy of a chapter page: run line, parameters, figures, footer."""
    if not any(cell.get("outputs") for cell in notebook.cells):
        raise ValueError(f"the notebook of {chapter} has no outputs: it was not executed; run the chapter again")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    wants = {name for name in ("header", "parameters", "footer") if f"{{quire-{name}}}" not in prose}
    cells = []

    def insert(name: str, argument: str = chapter) -> None:
        wants.discard(name)
        cells.append(new_markdown_cell(f"```{{quire-{name}}} {argument}\n```"))

    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if (given := bool(tags & {"parameters", "injected-parameters"})) and "parameters" in wants:
            insert("parameters")
        cells.append(cell)
        if cell.cell_type == "markdown":
            if "header" in wants:
                insert("header")
            if "parameters" in wants and "you will see" in cell.source.lower():
                insert("parameters")
        if cell.cell_type != "code":
            continue
        outputs, cell.outputs = cell.outputs, []
        for output in outputs:
            if output.output_type == "error":
                raise ValueError(f"the notebook of {chapter} stopped with {output.ename}: {output.evalue}")
            bundle, metadata = output.get("data", {}), output.get("metadata", {})
            if ident := metadata.get("quire_figure") or bundle.get(_FIGURE, {}).get("id"):
                insert("figure", f"{chapter}/{ident}")
            elif _SCOREBOARD in bundle:
                insert("scoreboard", bundle[_SCOREBOARD]["chapter"])
            elif _WIDGET not in bundle:
                cell.outputs.append(output)
        hidden = {"remove-cell"} if given else {"hide-input"} if "setup" in tags else set()
        cell.metadata["tags"] = sorted(tags | hidden)
    if "footer" in wants:
        insert("footer")
    notebook.metadata.pop("widgets", None)
    notebook.cells = cells
    return notebook


def _runs(shown: list[str]) -> list[dict]:
    """The record of every run of the chapters shown, here or published, with its freshness and verdict counts."""
    places = {path.name: path for path in sorted(run_folder("x", "x").parents[1].glob("*/"))}
    places |= {f"published {path.name}": path for path in sorted(folder("published").glob("*/"))}
    found = []
    for chapter in shown:
        for label, place in places.items():
            if record := read_json(place / chapter / "provenance.json"):
                verdicts = Counter(claim["verdict"] for claim in judge_run(place / chapter))
                more = {"label": label, "fresh": is_fresh(chapter, record), "verdicts": dict(verdicts)}
                found.append(record | more)
    return found
