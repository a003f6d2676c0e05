"""Fill the folder that Jupyter Book renders: pages, chapters, pictures, downloads, and the data of the directives."""

import datetime
import importlib.metadata
import shutil
from dataclasses import asdict
from pathlib import Path

import nbformat
import yaml

from quire.claims import BASES, beside_published, judge_run
from quire.environment import commit
from quire.files import folder, from_yaml, project_root, write_atomic, write_json
from quire.record import RunFolder
from quire.settings import SETTINGS
from quire.tools.contents import listed, toc
from quire.tools.exercises import solutions
from quire.tools.places import run_folder
from quire.tools.profiles import parameters
from quire.tools.site.contents import absent_chapters, plan
from quire.tools.site.dressing import dressed, title_of
from quire.tools.site.larger import LARGER, larger_figures
from quire.tools.site.library import PACKAGES, library, literature
from quire.tools.site.moved import moved
from quire.tools.site.notebooks import read_notebook
from quire.tools.site.pictures import figure_file, whole_file
from quire.tools.site.prose import check_tex
from quire.tools.site.records import run_records
from quire.tools.site.takeaway import stage_bibliography, stage_dictionary, stage_notebook, stage_sources

__all__ = ["stage"]

KINDS = ("light", "dark", "narrow", "narrow_dark", "png", "table", "pixels")  # files of a figure
OWN = {"library", "literature"}  # read off the checkout's own sources
LONGEST = 20_000  # characters of a caption, a claim, a meaning
SHOWN = ("light", "dark", "narrow", "narrow_dark")  # on the page; the others are downloads


def stage(profile: str = "book", *, strict: bool = True) -> Path:
    """Fill ``site`` in the build folder from ``book/``, ``lib/quire`` and the runs of a profile; return it.

    Raises:
        FileNotFoundError: a chapter's run, or a file of it, is missing; the message has the command that makes it.
        ValueError: a run holds what no run writes, or a notebook what no chapter uses.
    """
    absent = absent_chapters(profile, strict=strict)
    shown = [chapter for chapter in listed() if chapter not in absent]
    site = _empty_site(shown)
    claims = beside_published(
        [claim for chapter in shown for claim in judge_run(run_folder(chapter, profile))], profile=profile
    )
    titles = {chapter: _stage_chapter(run_folder(chapter, profile), site, chapter, claims) for chapter in shown}
    build = _this_build(profile, titles)
    served = {"files": stage_bibliography(site), "archive": stage_sources(site, build["commit"])}
    data = {
        "site": {**build, **served},
        "map": plan(titles, absent),
        "claims": claims,
        "bases": BASES,
        "figures": {chapter: RunFolder(run_folder(chapter, profile)).figures() for chapter in shown},
        "larger": larger_figures(shown, site) if profile != LARGER else {},
        "runs": run_records(shown, profile),
        "parameters": {chapter: parameters(chapter) for chapter in shown},
        "notation": _entries("notation"),
        "glossary": _entries("glossary"),
        "errata": _entries("errata"),
        "solutions": {chapter: solutions(chapter) for chapter in shown},
        "moved": moved(shown, profile),
        "library": library(shown),
        "literature": {chapter: literature(chapter) for chapter in shown},
        "settings": [asdict(entry) for entry in SETTINGS.values()],
    }
    for name, value in data.items():
        if name not in OWN:
            _check_texts(value, f"{name} of the site")
        write_json(site / "_data" / f"{name}.json", value)
    return site


def _empty_site(shown: list[str]) -> Path:
    """The staged folder with the pages, the library's source and the table of contents."""
    root, ignore = project_root(), shutil.ignore_patterns("__pycache__")
    site = folder("build") / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site, ignore=ignore)
    shutil.copytree(root / "lib" / "quire", site / "lib" / "quire", ignore=ignore)
    shutil.copy2(root / "_config.yml", site)
    for package in PACKAGES:
        write_atomic(
            site / "library" / f"{package}.md", f"# quire.{package}\n\n```{{quire-library}} {package}\n```\n".encode()
        )
    contents = yaml.safe_dump(toc(shown, PACKAGES), sort_keys=False, allow_unicode=True)
    write_atomic(site / "_toc.yml", contents.encode())
    return site


def _stage_chapter(run: Path, site: Path, chapter: str, claims: list[dict]) -> str:
    """Copy a run's files for download, its pictures for display, its notebook as a page; return the title."""
    downloads, pictures = site / "extra" / "downloads" / chapter, site / "figures" / chapter
    for place in (downloads, pictures):
        place.mkdir(parents=True)
    for name in (f"{chapter}.ipynb", "provenance.json"):
        write_atomic(downloads / name, whole_file(run, name))
    stage_notebook(run, chapter, [claim for claim in claims if claim["chapter"] == chapter], downloads)
    stage_dictionary(run, downloads)
    figures = RunFolder(run).figures()
    for ident, entry in figures.items():
        for kind in KINDS:
            name = entry.get(kind)
            if name:
                place = pictures if kind in SHOWN else downloads
                write_atomic(place / name, _content(run, kind, name, f"figure {ident} of {chapter}"))
    notebook = read_notebook(run / f"{chapter}.ipynb")
    text = nbformat.writes(dressed(notebook, chapter, set(figures)))
    write_atomic(site / "chapters" / f"{chapter}.ipynb", text.encode())
    return title_of(notebook, chapter)


def _content(run: Path, kind: str, name: str, figure: str) -> bytes:
    try:
        return figure_file(run, kind, name)
    except FileNotFoundError:
        raise FileNotFoundError(f"{figure} lacks {run / name}: run the chapter again") from None


def _this_build(profile: str, titles: dict[str, str]) -> dict:
    version = importlib.metadata.version("quire-book")
    return {**commit(), "version": version, "profile": profile, "titles": titles, "year": datetime.date.today().year}


def _entries(name: str) -> list[dict]:
    """The entries of a file of words or symbols; none where there is no such file."""
    path = project_root() / "data" / f"{name}.yml"
    return from_yaml(path.read_text(encoding="utf-8"), path) or [] if path.exists() else []


def _check_texts(value: object, where: str) -> None:
    """Refuse, in any text that a page shows, TeX that reaches beyond mathematics, and what nobody reads to its end."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise ValueError(f"{where}: a text has {len(value):,} characters, at most {LONGEST:,} are shown")
        check_tex(value, where)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(inner, f"{where}, {key}")
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, where)
