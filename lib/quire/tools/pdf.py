"""The whole book as one PDF: Chromium prints each page of the rendered site, in the order of the contents. Best effort."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from quire.files import folder, read_json, write_atomic
from quire.tools.contents import toc

__all__ = ["pages", "print_book"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-pdf-header-footer"]
PATIENCE = 30_000  # milliseconds of the page's own time, for its mathematics


def print_book() -> Path:
    """Print ``build/html`` to ``build/quire.pdf``.

    Raises:
        FileNotFoundError: no Chromium, or no rendered site.
        ModuleNotFoundError: pypdf is not installed.
        RuntimeError: a page could not be printed.
    """
    try:
        from pypdf import PdfWriter
    except ModuleNotFoundError:
        raise ModuleNotFoundError('pypdf joins the pages: `.venv/bin/pip install "./lib[browser]"`') from None
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"no browser prints the pages, looked for {', '.join(BROWSERS)}: install one")
    html = folder("build") / "html"
    writer = PdfWriter()
    with tempfile.TemporaryDirectory() as place:
        for number, page in enumerate(pages()):
            printed = Path(place) / f"{number}.pdf"
            _print(browser, html / f"{page}.html", printed)
            writer.append(str(printed), outline_item=page)
        out = io.BytesIO()
        writer.write(out)
    path = folder("build") / "quire.pdf"
    write_atomic(path, out.getvalue())
    return path


def pages() -> list[str]:
    """The pages of the rendered site in the order of its contents.

    Raises:
        FileNotFoundError: it has not been rendered.
    """
    build = folder("build")
    if not (build / "html" / "index.html").exists():
        raise FileNotFoundError(f"no site at {build / 'html'}: `make book` renders it")
    shown = [entry["chapter"] for entry in read_json(build / "site" / "_data" / "map.json", []) if entry["present"]]
    files = [entry["file"] for part in toc(shown)["parts"] for entry in part["chapters"]]
    return ["index", *(file for file in files if (build / "html" / f"{file}.html").exists())]


def _print(browser: str, page: Path, out: Path) -> None:
    command = [browser, *FLAGS, f"--virtual-time-budget={PATIENCE}", f"--print-to-pdf={out}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode or not out.exists():
        raise RuntimeError(f"{page} was not printed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
