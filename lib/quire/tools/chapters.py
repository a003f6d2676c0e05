"""What a chapter declares: its parameters with type, default and meaning, and what each profile changes.

A line of the parameters cell reads ``name: type = value  # scale: meaning``. The word before the colon says what kind of
parameter it is; profiles may only change those of kind ``scale``. ``in [low, high]`` in the meaning is checked.
"""

import ast
import difflib
import re
from pathlib import Path

import jupytext
import yaml

from quire.provenance import project_root

__all__ = ["chapters", "parameters", "path_of", "resolve"]

TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}
LINE = re.compile(r"(\w+): (\w+) = (.+?)  # (\w+): (.+)$")


def chapters() -> list[str]:
    """Names of the chapters in the order of the book; those that the table of contents lacks come last."""
    found = sorted(path.stem for path in (project_root() / "chapters").glob("*.py"))
    toc = project_root() / "book" / "_toc.yml"
    order = re.findall(r"file: chapters/(\w+)", toc.read_text()) if toc.exists() else []
    return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))


def path_of(chapter: str) -> Path:
    """The source of a chapter.

    Raises:
        ValueError: there is no such chapter.
    """
    path = project_root() / "chapters" / f"{chapter}.py"
    if not path.exists():
        raise ValueError(f"no chapter {chapter!r}; there are {chapters()}")
    return path


def profile_values(profile: str) -> dict[str, dict]:
    """What a profile changes, by chapter ("smoke" is the parameters cell itself: nothing)."""
    if profile == "smoke":
        return {}
    path = project_root() / "chapters" / "profiles" / f"{profile}.yml"
    if not path.exists():
        raise ValueError(f"no profile {profile!r}: expected smoke, book or paper")
    return yaml.safe_load(path.read_text()) or {}


def parameters(chapter: str) -> list[dict]:
    """The parameters of a chapter: name, type, default, kind, meaning, scale (a profile may change it), profiles.

    Raises:
        ValueError: the chapter has no parameters cell, or a line of it is not ``name: type = value  # kind: meaning``.
    """
    notebook = jupytext.read(path_of(chapter))
    cells = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"chapter {chapter} must have one cell tagged parameters, got {len(cells)}")
    changes = {profile: profile_values(profile).get(chapter, {}) for profile in ("book", "paper")}
    found = []
    for line in filter(None, (line.strip() for line in cells[0].splitlines())):
        if line.startswith("#"):
            continue
        if not (match := LINE.match(line)) or match[2] not in TYPES:
            raise ValueError(f"chapter {chapter}: expected 'name: type = value  # kind: meaning', got {line!r}")
        name, kind, default, role, meaning = match.groups()
        profiles = {profile: values[name] for profile, values in changes.items() if name in values}
        found.append(
            {"name": name, "type": kind, "default": ast.literal_eval(default), "kind": role, "meaning": meaning,
             "scale": role == "scale", "profiles": profiles}
        )  # fmt: skip
    for profile, values in changes.items():
        for key in values:
            entry = _named(key, found, f"{profile} profile of chapter {chapter}")
            if not entry["scale"]:
                raise ValueError(
                    f"{profile} profile of chapter {chapter}: {key} is no scale: profiles never change a method"
                )
    return found


def resolve(chapter: str, profile: str = "smoke", overrides: dict[str, object] | None = None) -> dict[str, object]:
    """The values that a profile and the user give to a chapter's parameters; cell < profile < overrides.

    Raises:
        ValueError: an unknown parameter, a value of another type, or a value out of the stated range.
    """
    declared = parameters(chapter)
    given = {**profile_values(profile).get(chapter, {}), **(overrides or {})}
    return {key: _checked(value, _named(key, declared, f"chapter {chapter}"), chapter) for key, value in given.items()}


def parse(text: str) -> tuple[str, object]:
    """``key=value`` from the command line, the value read as YAML."""
    key, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"a parameter is given as key=value, got {text!r}")
    return key.strip(), yaml.safe_load(value)


def _named(key: str, declared: list[dict], where: str) -> dict:
    names = [entry["name"] for entry in declared]
    if key not in names:
        near = difflib.get_close_matches(key, names, 1)
        raise ValueError(
            f"{where}: no parameter {key!r}{f', did you mean {near[0]!r}?' if near else ''}; it has {names}"
        )
    return declared[names.index(key)]


def _checked(value, entry: dict, chapter: str):
    wanted = TYPES[entry["type"]]
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(
            f"chapter {chapter}: {entry['name']} must be {entry['type']}, like {entry['default']!r}, got {value!r} "
            f"({type(value).__name__})"
        )
    if match := re.search(r"in \[(\S+), (\S+)\]", entry["meaning"]):
        low, high = float(match[1]), float(match[2])
        for number in value if isinstance(value, list) else [value]:
            if not low <= number <= high:
                raise ValueError(
                    f"chapter {chapter}: {entry['name']} must lie in [{match[1]}, {match[2]}], got {number}"
                )
    if isinstance(value, list) and not value:
        raise ValueError(f"chapter {chapter}: {entry['name']} needs at least one value, got an empty list")
    return value
