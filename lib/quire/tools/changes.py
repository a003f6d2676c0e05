"""Which definitions that a chapter reaches have changed since a commit."""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from quire.files import project_root

__all__ = ["changed_definitions"]

DIGESTS = """
import json, hashlib, os, sys
from quire.fingerprint.definitions import table
from quire.fingerprint.reach import Reach
from quire.fingerprint.source import Source, content_of
path, name = sys.argv[1:]
text = content_of(path)
reach = Reach(beside=os.path.dirname(path))
reach.script(table(Source(name, path, False, text, hashlib.sha256(text).hexdigest()), script=True, beside=reach.beside))
reach.run()
print(json.dumps({f"{module}.{piece}": digests for (module, piece), digests in reach.found.items()}))
"""


def changed_definitions(chapter: str, commit: str) -> list[str] | None:
    """Names of definitions that the chapter reaches, and that were others at a commit, or not there.

    Returns:
        Their dotted names; None where the commit is not at hand (no git, a shallow clone, an unknown commit).
    """
    root = project_root()
    command = ["git", "archive", "--format=tar", commit, "lib/quire", f"chapters/{chapter}.py"]
    try:
        packed = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    if packed.returncode:
        return None
    with tempfile.TemporaryDirectory() as then:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(then, filter="data")
        before, now = _digests(Path(then), chapter), _digests(root, chapter)
    if before is None or now is None:
        return None
    return sorted(name for name in {*before, *now} if sorted(before.get(name, [])) != sorted(now.get(name, [])))


def _digests(tree: Path, chapter: str) -> dict[str, list[str]] | None:
    """The digests of all that the chapter of a tree reaches, by the code of that tree."""
    path = str((tree / "chapters" / f"{chapter}.py").resolve())
    environment = {**os.environ, "PYTHONPATH": str(tree / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", DIGESTS, path, chapter]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None
