"""nbval over every chapter at smoke scale, in a fresh kernel and with an empty store.

Notebooks are not kept in git: each is made from its chapter, and its checked cells (tag ``nbval-check-output``) receive the
output recorded in ``tests/notebooks/<chapter>.json``, line by line. ``--record`` runs the chapters and writes those files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "nbval"
TAG = "nbval-check-output"
SIDE_BY_SIDE = 2  # chapters at a time, as `make test` runs two tests at a time
QUIET = ["--IPKernelApp.log_level=ERROR"]
TABLE = re.compile(r"(?s)<table>.*</table>")  # the same as its plain-text twin, which is easier to read in a difference
SANITIZE = f"[tables]\nregex: {TABLE.pattern}\nreplace: a table\n"


def notebook(chapter: Path, recorded: list[list[dict]] | None) -> nbformat.NotebookNode:
    """The chapter as a notebook whose checked cells carry what they must print and show."""
    book = jupytext.reads(chapter.read_text(encoding="utf-8"), "py:percent")
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    checked = [cell for cell in book.cells if TAG in cell.metadata.get("tags", [])]
    if not checked:
        sys.exit(f"{chapter}: no cell is tagged {TAG}: tag one that describes the rows and one that lists the claims")
    if recorded is not None and len(recorded) != len(checked):
        sys.exit(
            f"{chapter}: {len(checked)} checked cells, {len(recorded)} recorded: `make record`, then look at git diff"
        )
    for cell, outputs in zip(checked, recorded or [], strict=recorded is not None):
        cell.outputs = [output(entry) for entry in outputs]
        cell.execution_count = 1
    return book


def entry(output) -> dict:
    """What is kept of an output: the lines of a stream, or of each form of what is shown."""
    if output.output_type == "stream":
        return {output.name: output.text.splitlines()}
    shown = {
        kind: TABLE.sub("a table", value) if isinstance(value, str) else value for kind, value in output.data.items()
    }
    return {kind: value.splitlines() if isinstance(value, str) else value for kind, value in shown.items()}


def output(entry: dict):
    """The inverse of :func:`entry`."""
    joined = {kind: "\n".join(value) if isinstance(value, list) else value for kind, value in entry.items()}
    if "stdout" in joined:
        return nbformat.v4.new_output("stream", name="stdout", text=joined["stdout"] + "\n")
    return nbformat.v4.new_output("display_data", data=joined)


def environment(chapter: str) -> dict[str, str]:
    """A store and a run folder of its own; published rows are out of sight, so that every cell really runs."""
    here = {
        "QUIRE_STORE": BUILD / chapter / "store",
        "QUIRE_RUN": BUILD / chapter / "run",
        "QUIRE_PUBLISHED": os.devnull,
    }
    return {
        **os.environ,
        **{key: str(value) for key, value in here.items()},
        "QUIRE_HEADLESS": "1",
        "QUIRE_PROFILE": "smoke",
        "QUIRE_BACKEND": "sequential",  # a chapter's cells take seconds; workers would first import everything once more
    }


def record(chapter: Path) -> None:
    """Run a chapter and keep what its checked cells print and show."""
    os.environ.update(environment(chapter.stem))
    book = notebook(chapter, None)
    place = {"metadata": {"path": chapter.parent}}
    nbclient.NotebookClient(book, kernel_name="python3", resources=place, extra_arguments=QUIET).execute()
    checked = [cell for cell in book.cells if TAG in cell.metadata.get("tags", [])]
    outputs = [[entry(output) for output in cell.outputs if output.get("name") != "stderr"] for cell in checked]
    if not all(outputs):
        sys.exit(f"{chapter}: a checked cell prints nothing")
    text = json.dumps(outputs, indent=1, ensure_ascii=False)
    (ROOT / "tests" / "notebooks" / f"{chapter.stem}.json").write_text(text + "\n", encoding="utf-8")
    print(f"recorded {len(outputs)} cells of {chapter.stem}")


def prepared(chapter: Path) -> Path:
    """The notebook of a chapter with what its checked cells must print, in a folder of its own."""
    kept = ROOT / "tests" / "notebooks" / f"{chapter.stem}.json"
    if not kept.exists():
        sys.exit(f"{kept} is missing: `make record`")
    file = BUILD / chapter.stem / f"{chapter.stem}.ipynb"
    jupytext.write(notebook(chapter, json.loads(kept.read_text(encoding="utf-8"))), file)
    (file.parent / "sanitize.cfg").write_text(SANITIZE, encoding="utf-8")
    return file


def passes(file: Path) -> bool:
    """Run a notebook and say what differs."""
    nbval = ["--nbval-lax", "--nbval-sanitize-with", str(file.parent / "sanitize.cfg")]
    command = [sys.executable, "-m", "pytest", *nbval, "-q", "-p", "no:cov", "-o", "filterwarnings=default", str(file)]
    start = time.monotonic()
    done = subprocess.run(command, env=environment(file.stem), cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{done.stdout}{done.stderr}{file.stem}: {time.monotonic() - start:.0f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    """Check the chapters named, or all of them; the number that failed."""
    names = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    chapters = [path for path in sorted((ROOT / "chapters").glob("*.py")) if not names or path.stem in names]
    for chapter in chapters:
        shutil.rmtree(BUILD / chapter.stem, ignore_errors=True)
        (BUILD / chapter.stem).mkdir(parents=True)
    if "--record" in sys.argv:
        for chapter in chapters:
            record(chapter)
        return 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(passes, [prepared(chapter) for chapter in chapters])).count(False)


if __name__ == "__main__":
    sys.exit(main())
