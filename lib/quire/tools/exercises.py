"""The exercises of a chapter: the command, what the text promises of it, and what it gave when it was run here.

An exercise is a numbered item below "Try it" with a command in it. Promises stand in ``data/exercises.yml``; what a run reported is
kept below ``data/exercises``, and judged anew each time, so that a promise that the ledger no longer bears out is found.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from quire.claims import judge_run
from quire.files import from_yaml, project_root, write_atomic
from quire.record import RunFolder
from quire.tools.chapters import path_of
from quire.tools.places import run_folder
from quire.tools.values import parse_all

__all__ = ["Exercise", "exercises", "promises", "record", "solutions"]

HEADING = "## Try it"
KEPT = ("claims.json", "provenance.json")


@dataclass(frozen=True)
class Exercise:
    """One item below "Try it".

    Args:
        chapter: its chapter.
        number: of the item.
        command: as it stands in the text, without its quotes.
        profile: of the command.
        values: parameters that it changes, as text.
    """

    chapter: str
    number: int
    command: str
    profile: str = "smoke"
    values: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where what it gave is kept."""
        return project_root() / "data" / "exercises" / f"{self.chapter}-{self.number}"

    @property
    def label(self) -> str:
        """Name of its run below the build folder."""
        return f"exercise-{self.number}"


def exercises(chapter: str) -> list[Exercise]:
    """The exercises of a chapter that change parameters; others ask for an edit, or for a reader's own code.

    Raises:
        ValueError: a command is not one of `quire run`, for this chapter.
    """
    text = path_of(chapter).read_text(encoding="utf-8").partition(HEADING)[2].replace("\n# ", "\n").replace("\n#", "\n")
    items = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    found = []
    for number, item in items:
        command = re.search(r"`(quire run [^`]*)`", item)
        if command:
            found.append(_parsed(chapter, int(number), " ".join(command[1].split())))
    return [one for one in found if one.values]


def _parsed(chapter: str, number: int, command: str) -> Exercise:
    words = shlex.split(command)[2:]
    profile, values, names = "smoke", [], []
    while words:
        word = words.pop(0)
        if word == "--profile" and words:
            profile = words.pop(0)
        elif word == "-p" and words:
            values.append(words.pop(0))
        else:
            names.append(word)
    if names != [chapter]:
        raise ValueError(f"exercise {number} of {chapter} must run this chapter, got {command!r}")
    return Exercise(chapter, number, command, profile, values)


def promises() -> dict[tuple[str, int], dict[str, str]]:
    """What the text promises: verdicts by claim, by chapter and number of the exercise."""
    path = project_root() / "data" / "exercises.yml"
    listed = from_yaml(path.read_text(encoding="utf-8"), path) or [] if path.exists() else []
    return {(entry["chapter"], entry["number"]): entry["verdicts"] for entry in listed}


def record(chapter: str, number: int) -> Path:
    """Run an exercise, and keep its reports and how they were made; returns their folder.

    Raises:
        ValueError: there is no such exercise.
        RuntimeError: the run failed.
    """
    from quire.tools.run import run  # torch is slow to import

    known = {one.number: one for one in exercises(chapter)}
    if number not in known:
        raise ValueError(f"{chapter} has the exercises {sorted(known)} with a command, not {number}")
    asked = known[number]
    if run([chapter], asked.profile, parse_all(asked.values), label=asked.label):
        raise RuntimeError(f"exercise {number} of {chapter} failed: {asked.command}")
    made = run_folder(chapter, asked.label)
    for name in KEPT:
        write_atomic(asked.folder / name, (made / name).read_bytes())
    return asked.folder


def solutions(chapter: str) -> list[dict]:
    """What each exercise that was run gave: the command, the day and the commit, and the claims that the text promises, judged."""
    promised, found = promises(), []
    for one in exercises(chapter):
        made = RunFolder(one.folder).provenance() if one.folder.is_dir() else None
        if made is None:
            continue
        wanted = promised.get((chapter, one.number), {})
        claims = [claim for claim in judge_run(one.folder) if claim["id"] in wanted]
        day, commit = str(made.get("started", ""))[:10], made.get("commit", "unknown")
        minutes = made.get("compute_seconds", 0.0) / 60
        entry = {"number": one.number, "command": one.command, "day": day, "commit": commit, "minutes": minutes}
        found.append(entry | {"claims": claims})
    return found
