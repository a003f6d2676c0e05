"""Stage the book (pages, executed notebooks, tables, run records) under ``build/site`` and render it.

Jupyter Book sees one folder: ``book/``, the executed notebooks dressed as pages, and ``_data/*.json`` from which the
extension in ``book/_ext`` renders claims, figures and run status. What a reader may download is copied unchanged.
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

from quire.provenance import environment, project_root, read_json, write_json

__all__ = ["build", "stage"]

_FIGURE, _SCOREBOARD = "application/vnd.quire.figure+json", "application/vnd.quire.scoreboard+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def build(profile: str = "book", out: Path | None = None, strict: bool = True) -> Path:
    """Stage and render the site; warnings are errors.

    Args:
        profile: the run shown on the pages, read from ``build/<profile>``.
        out: the folder of the rendered site (default ``build/html``).
        strict: refuse warnings and chapters without a run; else leave such chapters out, which the first page says.

    Returns:
        The path of the site's first page.

    Raises:
        FileNotFoundError: a chapter, its figures or the judged claims are missing, with the command that makes them.
        RuntimeError: the book did not build, with its warnings.
    """
    site = stage(profile, strict=strict)
    work = site.parent / "_build"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(site)]
    command += ["--path-output", str(site.parent), "-n", "--keep-going", *(["-W"] if strict else [])]
    done = subprocess.run(command, cwd=site.parent, capture_output=True, text=True)
    html = work / "html"
    if done.returncode or not (html / "index.html").exists():
        lines = (done.stdout + done.stderr).splitlines()
        wrong = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-30:]
        raise RuntimeError("the book did not build:\n" + "\n".join(wrong))
    out = site.parent / "html" if out is None else Path(out)
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(html, out)
    return out / "index.html"


def stage(profile: str = "book", *, strict: bool = True) -> Path:
    """Fill ``build/site`` from ``book/``, ``lib/quire`` and the runs; return it."""
    root = project_root()
    site = root / "build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(root / "_config.yml", site)
    shutil.copytree(root / "lib" / "quire", site / "lib" / "quire", ignore=shutil.ignore_patterns("__pycache__"))
    absent = _prune_contents(root, site, profile, strict)
    chapters = _listed(yaml.safe_load((site / "_toc.yml").read_text()))
    judged = read_json(root / "build" / profile / "claims.json", None)
    if judged is None and strict:
        raise FileNotFoundError(
            f"build/{profile}/claims.json is missing: run `python -m quire run --profile {profile}`"
        )
    titles = {chapter: _stage_chapter(root / "build" / profile / chapter, site, chapter) for chapter in chapters}
    plan = yaml.safe_load((root / "book" / "map.yml").read_text())
    for item in plan:
        item["present"] = item["chapter"] in titles
        item["title"] = titles.get(item["chapter"], item["title"])
        item["reason"] = absent.get(item["chapter"], "planned")
    notation = root / "data" / "notation.yml"
    here = {
        "profile": profile, "titles": titles, "commit": environment()["commit"],
        "version": importlib.metadata.version("quire"), "year": datetime.date.today().year,
    }  # fmt: skip
    figures = {chapter: read_json(root / "build" / profile / chapter / "figures.json", {}) for chapter in chapters}
    data = {
        "site": here, "map": plan, "claims": judged or [], "figures": figures, "runs": _runs(root, chapters),
        "parameters": {chapter: _parameters(chapter) for chapter in chapters},
        "notation": (yaml.safe_load(notation.read_text()) if notation.exists() else None) or [],
    }  # fmt: skip
    for name, value in data.items():
        write_json(site / "_data" / f"{name}.json", value)
    return site


def _listed(toc: dict) -> list[str]:
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [file.removeprefix("chapters/") for file in files if file.startswith("chapters/")]


def _prune_contents(root: Path, site: Path, profile: str, strict: bool) -> dict[str, str]:
    """Drop chapters that are not there from the staged table of contents; return {chapter: reason}."""
    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text())
    written = {path.stem for path in (root / "chapters").glob("*.py")}
    if unlisted := written - set(_listed(toc)):
        raise ValueError(f"chapters {sorted(unlisted)} are not in book/_toc.yml: list them under a part")
    absent = {chapter: "not written yet" for chapter in _listed(toc) if chapter not in written}
    for chapter in written:
        if not (root / "build" / profile / chapter / f"{chapter}.ipynb").exists():
            if strict:
                remedy = f"run `python -m quire run {chapter} --profile {profile}` first"
                raise FileNotFoundError(f"chapter {chapter} has no executed notebook in build/{profile}: {remedy}")
            absent[chapter] = f"not run in profile {profile}"
    for part in toc["parts"]:
        part["chapters"] = [c for c in part["chapters"] if c["file"].removeprefix("chapters/") not in absent]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    (site / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
    return absent


def _stage_chapter(run: Path, site: Path, chapter: str) -> str:
    """Copy a run's files for download, its pictures for display, its notebook as a page; return the title."""
    downloads, pictures = site / "extra" / "downloads" / chapter, site / "figures" / chapter
    downloads.mkdir(parents=True)
    pictures.mkdir(parents=True)
    shutil.copy2(run / f"{chapter}.ipynb", downloads)
    if (run / "provenance.json").exists():
        shutil.copy2(run / "provenance.json", downloads)
    for ident, entry in read_json(run / "figures.json", {}).items():
        for kind in ("light", "dark", "png", "table"):
            if not (run / entry[kind]).exists():
                raise FileNotFoundError(f"figure {ident} of {chapter} lacks {run / entry[kind]}: run the chapter again")
            shutil.copy2(run / entry[kind], pictures if kind in ("light", "dark") else downloads)
    notebook = _dress(nbformat.read(run / f"{chapter}.ipynb", as_version=4), chapter)
    (site / "chapters").mkdir(exist_ok=True)
    nbformat.write(notebook, site / "chapters" / f"{chapter}.ipynb")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next((line[2:].strip() for line in prose.splitlines() if line.startswith("# ")), chapter)


def _dress(notebook, chapter: str):
    """Give an executed notebook the anatomy of a chapter page: run line, parameters, figures, footer."""

    def directive(name: str, argument: str = chapter):
        return new_markdown_cell(f"```{{quire-{name}}} {argument}\n```")

    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not any(cell.cell_type == "code" and cell.outputs for cell in notebook.cells):
        raise ValueError(f"the notebook of {chapter} has no outputs: it was not executed; run the chapter again")
    wants = {name for name in ("header", "parameters", "footer") if f"{{quire-{name}}}" not in prose}
    cells = []
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if "parameters" in wants and cell.cell_type == "code" and tags & {"parameters", "injected-parameters"}:
            cells.append(directive("parameters"))
            wants.discard("parameters")
        cells.append(cell)
        if cell.cell_type == "markdown":
            if "header" in wants:
                cells.append(directive("header"))
                wants.discard("header")
            if "parameters" in wants and "you will see" in cell.source.lower():
                cells.append(directive("parameters"))
                wants.discard("parameters")
            continue
        kept = []
        for output in cell.outputs:
            if output.output_type == "error":
                raise ValueError(f"the notebook of {chapter} stopped with {output.ename}: {output.evalue}")
            bundle, metadata = output.get("data", {}), output.get("metadata", {})
            if ident := metadata.get("quire_figure") or bundle.get(_FIGURE, {}).get("id"):
                cells.append(directive("figure", f"{chapter}/{ident}"))
            elif _SCOREBOARD in bundle:
                cells.append(directive("scoreboard", bundle[_SCOREBOARD]["chapter"]))
            elif _WIDGET not in bundle:
                kept.append(output)
        cell.outputs = kept
        if tags & {"parameters", "injected-parameters"}:
            tags.add("remove-cell")
        cell.metadata["tags"] = sorted(tags | ({"hide-input"} if "setup" in tags else set()))
    notebook.cells = cells + ([directive("footer")] if "footer" in wants else [])
    notebook.metadata.pop("widgets", None)
    return notebook


def _runs(root: Path, chapters: list[str]) -> list[dict]:
    """The provenance of every run of the chapters shown, with its verdict counts."""
    found = []
    for chapter in chapters:
        for path in sorted((root / "build").glob(f"*/{chapter}/provenance.json")):
            judged = read_json(path.parents[1] / "claims.json", [])
            verdicts = Counter(claim["verdict"] for claim in judged if claim["chapter"] == chapter)
            found.append({**read_json(path), "verdicts": dict(verdicts)})
    return found


def _parameters(chapter: str) -> list[dict]:
    from quire.tools import chapters

    return chapters.parameters(chapter)
