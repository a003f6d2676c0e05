"""What a chapter declares: its parameters with type, default and meaning, and what each profile changes.

A line of the parameters cell reads ``name: type = value  # scale: meaning``. The word before the colon says what kind of
parameter it is; profiles may only change those of kind ``scale``. ``in [low, high]`` in the meaning is checked.
"""

import ast
import contextlib
import difflib
import re
from pathlib import Path

import jupytext

from quire.provenance import from_yaml, project_root

__all__ = ["chapters", "listed", "parameters", "path_of", "resolve"]

TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}
PROFILES = ("smoke", "book", "paper")
LINE = re.compile(r"(\w+): (\w+) = (.+?)  # (\w+): (.+)$")


def listed() -> list[str]:
    """The chapters that the table of contents names, written or not, in the order of the book."""
    toc = project_root() / "book" / "_toc.yml"
    return re.findall(r"file: chapters/(\w+)", toc.read_text()) if toc.exists() else []


def chapters() -> list[str]:
    """The chapters that are written, in the order of the book; those that the table of contents lacks come last."""
    found, order = [path.stem for path in (project_root() / "chapters").glob("*.py")], listed()
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
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}: expected one of {', '.join(PROFILES)}")
    path = project_root() / "chapters" / "profiles" / f"{profile}.yml"
    values = (from_yaml(path.read_text(), path) if path.exists() else None) or {}
    if not isinstance(values, dict) or not all(isinstance(block, dict) for block in values.values()):
        raise ValueError(f"{path} must be a mapping chapter → parameter → value, got {values}")
    return values


def parameters(chapter: str) -> list[dict]:
    """The parameters of a chapter: name, type, default, kind, meaning, scale (a profile may change it), profiles.

    Raises:
        ValueError: the chapter has no parameters cell, or a line of it is not ``name: type = value  # kind: meaning``.
    """
    notebook = jupytext.read(path_of(chapter))
    cells = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"chapter {chapter} must have one cell tagged parameters, got {len(cells)}")
    changes = {profile: profile_values(profile).get(chapter, {}) for profile in PROFILES[1:]}
    found = []
    for line in filter(None, (line.strip() for line in cells[0].splitlines())):
        if line.startswith("#"):
            continue
        if not (match := LINE.match(line)) or match[2] not in TYPES:
            raise ValueError(f"chapter {chapter}: expected 'name: type = value  # kind: meaning', got {line!r}")
        name, kind, default, role, meaning = match.groups()
        profiles = {profile: values[name] for profile, values in changes.items() if name in values}
        entry = dict(name=name, type=kind, kind=role, meaning=meaning, scale=role == "scale", profiles=profiles)
        try:
            entry["default"] = ast.literal_eval(default)
        except (ValueError, SyntaxError):
            raise ValueError(f"chapter {chapter}: the default of {name} must be a literal, got {default}") from None
        _checked(entry["default"], entry, chapter)
        found.append(entry)
    for profile, values in changes.items():
        for key in values:
            if not _named(key, found, f"{profile} profile of chapter {chapter}")["scale"]:
                raise ValueError(f"{profile} profile of chapter {chapter}: {key} is no scale (a method never changes)")
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
    return key.strip(), from_yaml(value, text)


def _named(key: str, declared: list[dict], where: str) -> dict:
    names = [entry["name"] for entry in declared]
    if key not in names:
        near = difflib.get_close_matches(key, names, 1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{where}: no parameter {key!r}{hint}; it has {names}")
    return declared[names.index(key)]


def _checked(value, entry: dict, chapter: str):
    """The value, if it is of the declared type, not empty, and in the stated range."""
    name, default = f"chapter {chapter}: {entry['name']}", entry["default"]
    value, inner = _typed(value, TYPES[entry["type"]], name, default), value if isinstance(value, list) else [value]
    if isinstance(value, list) and len(kinds := {type(v) for v in default}) == 1:
        value = inner = [_typed(v, *kinds, f"{name}: each value", default) for v in value]
    if not inner:
        raise ValueError(f"{name} needs at least one value, got an empty list")
    if match := re.search(r"in \[([-+.\deE]+), ([-+.\deE]+)\]", entry["meaning"]):
        if wrong := [v for v in inner if not float(match[1]) <= v <= float(match[2])]:
            raise ValueError(f"{name} must lie in [{match[1]}, {match[2]}], got {wrong[0]}")
    return value


def _typed(value, wanted: type, name: str, default):
    if wanted is float and type(value) in (int, str):  # YAML reads 1e-3 as text
        with contextlib.suppress(ValueError):
            return float(value)
    if type(value) is not wanted:
        raise ValueError(f"{name} must be {wanted.__name__}, like {default!r}, got {value!r} ({type(value).__name__})")
    return value
