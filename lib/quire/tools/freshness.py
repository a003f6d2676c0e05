"""Whether a run is what a run would give now: the same code, chapter's text, values of its profile, and claims.

Each of them has a key that is taken before the notebook starts and again when it has ended. Where they differ, somebody edited
while it ran: which cells saw what cannot be known, and such a run is never fresh.
"""

import hashlib
import json

import jupytext

from quire.files import project_root
from quire.fingerprint import fingerprint_file
from quire.tools.chapters import path_of
from quire.tools.profiles import complete, resolve
from quire.tools.values import read_values

__all__ = ["is_fresh", "keys", "source_key", "staleness"]

REASONS = {"source_key": "the code changed", "text_key": "the text changed", "claims_key": "the claims changed"}


def source_key(chapter: str) -> str:
    """Changes when the chapter's code, or the code that it can reach, changes."""
    return fingerprint_file(path_of(chapter), chapter)


def keys(chapter: str) -> dict[str, str]:
    """What a run depends on beside its parameters: code, text and claims, a hash of each."""
    return {
        "source_key": source_key(chapter),
        "text_key": _hash(_text(chapter)),
        "claims_key": _hash(_claims(chapter)),
    }


def staleness(chapter: str, provenance: dict) -> list[str]:
    """Why a run is not what a run would give now; nothing where it is fresh.

    Args:
        chapter: its name.
        provenance: the record of the run.
    """
    now = keys(chapter)
    found = [reason for key, reason in REASONS.items() if provenance.get(key) != now[key]]
    if provenance.get("edited"):
        found.append("something was edited while it ran")
    try:
        asked = complete(chapter, resolve(chapter, provenance["profile"]))
    except ValueError as error:
        return [*found, f"the profile does not fit ({error})"]
    made, own = provenance["parameters"], {"device", *provenance.get("changed", [])}
    names = [name for name in {**asked, **made} if name not in own]
    moved = [name for name in names if name not in made or made[name] != asked.get(name)]
    return [*found, *([f"the profile changed ({', '.join(moved)})"] if moved else [])]


def is_fresh(chapter: str, provenance: dict) -> bool:
    """Whether a run is what a run would give now."""
    return not staleness(chapter, provenance)


def _text(chapter: str) -> list[str]:
    """What the chapter says, cell by cell; its code has a key of its own."""
    notebook = jupytext.reads(path_of(chapter).read_text(encoding="utf-8"), "py:percent")
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def _claims(chapter: str):
    path = project_root() / "data" / "claims" / f"{chapter}.yml"
    return read_values(path) if path.exists() else None


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
