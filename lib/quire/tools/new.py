"""A new chapter: a skeleton that runs, is tested, and says where each thing goes. ``book/contribute.md`` has the steps.

What is written is ``data/skeleton``, file by file, with the chapter's name in place of NAME; an entry of ``book/map.yml`` comes
with it, and the output that the notebook's checked cells print. Nothing that exists is written over.
"""

import keyword
import os
import re
import subprocess
import sys
from pathlib import Path

from quire.files import project_root, write_atomic
from quire.tools.contents import NAME, contents, listed

__all__ = ["skeleton"]

PART = "New chapters"


def skeleton(name: str, *, record: bool = True) -> list[Path]:
    """Write the files of a new chapter.

    Args:
        name: of the chapter: small letters, digits and ``_``.
        record: run the notebook once, and keep what its checked cells print in ``tests/notebooks``.

    Returns:
        What was written.

    Raises:
        ValueError: the name is no name of a chapter, or something of that name exists.
        RuntimeError: the new notebook does not run.
    """
    root = project_root()
    if not re.fullmatch(NAME, name) or keyword.iskeyword(name):
        raise ValueError(f"a chapter's name has small letters, digits and '_', and is no word of Python; got {name!r}")
    source = root / "data" / "skeleton"
    files = {target(path, source, root, name): path for path in sorted(source.rglob("*.txt"))}
    notebook = root / "tests" / "notebooks" / f"{name}.json"
    package = root / "lib" / "quire" / "experiments" / name
    taken = [path for path in (*files, notebook, package, package.with_suffix(".py")) if path.exists()]
    if taken:
        raise ValueError(f"{', '.join(str(path.relative_to(root)) for path in taken)} exists: choose another name")
    for path, template in files.items():
        write_atomic(path, template.read_text(encoding="utf-8").replace("NAME", name).encode())
    _list(name, root / "book" / "map.yml")
    if record:
        _record(name, root)
    return [*files, root / "book" / "map.yml", *([notebook] if record else [])]


def target(path: Path, source: Path, root: Path, name: str) -> Path:
    """Where a file of the skeleton goes."""
    inner = path.relative_to(source).with_suffix("")
    return root.joinpath(*(part.replace("NAME", name) for part in inner.parts))


def _list(name: str, path: Path) -> None:
    """Give the chapter an entry in the map, in a part before the pages about the book; one that is planned has its own."""
    if name in listed():
        return
    entry = f"    - chapter: {name}\n      title: {name}\n      thesis: What it shows of the thesis, or beside it.\n"
    entry += "      papers: []\n"
    text = path.read_text(encoding="utf-8")
    head = f"- part: {PART}\n  chapters:\n"
    if head in text:
        text = text.replace(head, head + entry)
    else:
        last = next((part.caption for part in contents() if part.pages), None)
        before, line, after = text.partition(f"- part: {last}\n")
        text = f"{before}{head}{entry}{line}{after}"
    write_atomic(path, text.encode())


def _record(name: str, root: Path) -> None:
    """Run the notebook once, in a process that sees the new files."""
    command = [sys.executable, str(root / "tests" / "notebooks" / "check.py"), "--record", name]
    done = subprocess.run(command, cwd=root, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the notebook of {name} does not run: {(done.stderr or done.stdout)[-2000:]}")
