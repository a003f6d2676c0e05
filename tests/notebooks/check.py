"""nbval over every chapter at smoke scale, in a fresh kernel and with an empty store.

Notebooks are not kept in git: each is made from its chapter, and its checked cells (tag ``nbval-check-output``) receive the
output recorded in ``tests/notebooks/<chapter>.json``. ``--record`` runs the chapters and writes those files.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "nbval"
TAG = "nbval-check-output"


def notebook(chapter: Path, recorded: list[str] | None) -> nbformat.NotebookNode:
    """The chapter as a notebook whose checked cells carry what they must print."""
    book = jupytext.read(chapter)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    checked = [cell for cell in book.cells if TAG in cell.metadata.get("tags", [])]
    if not checked:
        sys.exit(f"{chapter}: no cell is tagged {TAG}: tag one that describes the rows and one that lists the claims")
    if recorded is not None and len(recorded) != len(checked):
        sys.exit(
            f"{chapter}: {len(checked)} checked cells, {len(recorded)} recorded: `make record`, then look at git diff"
        )
    for cell, text in zip(checked, recorded or [], strict=recorded is not None):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        cell.execution_count = 1
    return book


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
    }


def record(chapter: Path) -> None:
    """Run a chapter and keep what its checked cells print."""
    os.environ.update(environment(chapter.stem))
    book = notebook(chapter, None)
    nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": chapter.parent}}).execute()
    texts = [
        "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")
        for cell in book.cells
        if TAG in cell.metadata.get("tags", [])
    ]
    if not all(texts):
        sys.exit(f"{chapter}: a checked cell prints nothing")
    (ROOT / "tests" / "notebooks" / f"{chapter.stem}.json").write_text(json.dumps(texts, indent=1) + "\n")
    print(f"recorded {len(texts)} cells of {chapter.stem}")


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
    failed = 0
    for chapter in chapters:
        kept = ROOT / "tests" / "notebooks" / f"{chapter.stem}.json"
        if not kept.exists():
            sys.exit(f"{kept} is missing: `make record`")
        file = BUILD / chapter.stem / f"{chapter.stem}.ipynb"
        jupytext.write(notebook(chapter, json.loads(kept.read_text())), file)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--nbval-lax",
            "-q",
            "-p",
            "no:cov",
            "-o",
            "filterwarnings=default",
            str(file),
        ]
        start = time.monotonic()
        failed += subprocess.run(command, env=environment(chapter.stem), cwd=ROOT).returncode != 0
        print(f"{chapter.stem}: {time.monotonic() - start:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
