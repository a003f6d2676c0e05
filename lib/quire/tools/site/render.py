"""Render the staged site with Jupyter Book."""

import shutil
import subprocess
import sys
from pathlib import Path

from quire.tools.site.lighter import lighten
from quire.tools.site.staging import stage

__all__ = ["build"]

JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def build(profile: str = "book", out: Path | None = None, strict: bool = True) -> Path:
    """Stage and render the site; return the path of its first page.

    Args:
        profile: the run that the pages show.
        out: the folder of the rendered site (default ``html`` in the build folder).
        strict: warnings and chapters without a run are errors; else such chapters are left out, which page one says.

    Raises:
        FileNotFoundError: a chapter's run, or a file of it, is missing; the message has the command that makes it.
        ValueError: a run holds what no run writes.
        RuntimeError: the book did not build, with its warnings.
    """
    site = stage(profile, strict=strict)
    work = site.parent / "_build"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(site), "--path-output", str(site.parent)]
    command += ["-n", "--keep-going", *(["-W"] if strict else [])]
    done = subprocess.run(
        command, cwd=site.parent, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode or not (work / "html" / "index.html").exists():
        lines = (done.stdout + done.stderr).splitlines()
        wrong = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-30:]
        raise RuntimeError("the book did not build:\n" + "\n".join(wrong))
    lighten(work / "html")
    out = site.parent / "html" if out is None else Path(out)
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work / "html", out)
    return out / "index.html"
