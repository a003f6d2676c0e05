"""What a reader takes away beside the pages: notebooks that read without the book, what the columns of tables are, the sources."""

import subprocess
from pathlib import Path

import nbformat

from quire.files import project_root, write_atomic, write_json
from quire.record import RunFolder
from quire.tools.site.bibliography import unambiguous
from quire.tools.site.resolving import resolved

__all__ = ["stage_bibliography", "stage_dictionary", "stage_notebook", "stage_sources"]


def stage_notebook(run: Path, chapter: str, claims: list[dict], downloads: Path) -> None:
    """Write the executed notebook with claims, citations and excerpts written out."""
    notebook = nbformat.read(run / f"{chapter}.ipynb", as_version=4)
    root = project_root()
    bibliography = (root / "book" / "references.bib").read_text(encoding="utf-8")
    found = resolved(notebook, claims, library=root, bibliography=bibliography)
    write_atomic(downloads / f"{chapter}.ipynb", nbformat.writes(found).encode())


def stage_dictionary(run: Path, downloads: Path) -> None:
    """Write what the columns of each figure's table are, and the lines that stand beside its data."""
    known = RunFolder(run).figures()
    keys = ("table", "caption", "columns", "lines")
    write_json(downloads / "columns.json", {id: {key: entry.get(key) for key in keys} for id, entry in known.items()})


def stage_bibliography(site: Path) -> list[str]:
    """Put letters behind years that name two works; serve the bibliography, and the record of how to cite the book if there is one.

    Returns:
        The names of the files that are served.
    """
    root, downloads = project_root(), site / "extra" / "downloads"
    text = (root / "book" / "references.bib").read_text(encoding="utf-8")
    write_atomic(site / "references.bib", unambiguous(text).encode())
    write_atomic(downloads / "references.bib", text.encode())
    if not (root / "CITATION.cff").exists():
        return ["references.bib"]
    write_atomic(downloads / "CITATION.cff", (root / "CITATION.cff").read_bytes())
    return ["references.bib", "CITATION.cff"]


def stage_sources(site: Path, commit: str) -> str:
    """Archive the sources at a commit; its name, or "" where the checkout cannot give it (no git, or no such commit)."""
    name = f"quire-{commit[:10]}.tar.gz"
    command = ["git", "archive", "--format=tar.gz", f"--prefix=quire-{commit[:10]}/", commit]
    try:
        done = subprocess.run(command, cwd=project_root(), capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode or not done.stdout:
        return ""
    write_atomic(site / "extra" / "downloads" / name, done.stdout)
    return name
