"""What the scales book and paper change: ``chapters/profiles/<chapter>.yml``, a section for each; smoke is the cell itself.

A profile changes the scale (sizes, seeds, steps), never the method: a section that names another parameter is an error.
"""

import difflib

from quire.files import project_root
from quire.tools.check_values import checked
from quire.tools.parameters import Parameter, declared
from quire.tools.values import read_values

__all__ = ["PROFILES", "complete", "every_scale", "parameters", "profile_values", "resolve"]

PROFILES = ("smoke", "book", "paper")


def profile_values(chapter: str, profile: str) -> dict[str, object]:
    """What a profile changes in a chapter, checked; smoke changes nothing.

    Raises:
        ValueError: no such profile or chapter, no file or section for it, or a section that does not fit the chapter.
    """
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}: expected one of {', '.join(PROFILES)}")
    entries = declared(chapter)
    if profile == "smoke":
        return {}
    sections = _sections(chapter)
    if profile not in sections:
        path = project_root() / "chapters" / "profiles" / f"{chapter}.yml"
        raise ValueError(f"chapter {chapter} has no profile {profile}: write it in {path}, as '{profile}: {{…}}'")
    return _section(sections[profile], entries, f"{profile} profile of chapter {chapter}")


def parameters(chapter: str) -> list[dict]:
    """The parameters of a chapter for tables: name, type, default, kind, meaning, range, scale, values of the profiles.

    Raises:
        ValueError: the cell does not declare well, or a profile does not fit it.
    """
    entries = declared(chapter)
    sections = {
        profile: _section(values, entries, f"{profile} profile of chapter {chapter}")
        for profile, values in _sections(chapter).items()
    }
    return [
        {
            "name": entry.name,
            "type": entry.type.__name__,
            "default": entry.default,
            "kind": entry.kind,
            "meaning": entry.meaning,
            "range": entry.range,
            "scale": entry.kind == "scale",
            "profiles": {profile: values[entry.name] for profile, values in sections.items() if entry.name in values},
        }
        for entry in entries
    ]


def resolve(chapter: str, profile: str = "smoke", overrides: dict[str, object] | None = None) -> dict[str, object]:
    """The values that a profile and the user give to a chapter's parameters; cell < profile < overrides.

    Raises:
        ValueError: an unknown parameter, a value of another type, or a value out of the stated range.
    """
    entries = declared(chapter)
    given = {
        key: checked(value, _named(key, entries, f"chapter {chapter}"), f"chapter {chapter}: {key}")
        for key, value in (overrides or {}).items()
    }
    return {**profile_values(chapter, profile), **given}


def complete(chapter: str, values: dict[str, object]) -> dict[str, object]:
    """All parameters of a chapter: the defaults of its cell, and the values that were given."""
    return {entry.name: entry.default for entry in declared(chapter)} | values


def every_scale(chapter: str) -> list[dict[str, object]]:
    """What each profile that a chapter has gives to its parameters, smoke first."""
    return [{}, *(profile_values(chapter, profile) for profile in PROFILES[1:] if profile in _sections(chapter))]


def _sections(chapter: str) -> dict[str, dict]:
    path = project_root() / "chapters" / "profiles" / f"{chapter}.yml"
    if not path.exists():
        return {}
    sections = read_values(path)
    if not isinstance(sections, dict) or not all(isinstance(block, dict) for block in sections.values()):
        raise ValueError(f"{path} must be a mapping profile → parameter → value, got {sections!r:.80}")
    unknown = sorted(sections.keys() - set(PROFILES[1:]))
    if unknown:
        raise ValueError(f"{path}: no profile {', '.join(unknown)}: its sections are {', '.join(PROFILES[1:])}")
    return sections


def _section(values: dict, entries: list[Parameter], where: str) -> dict[str, object]:
    found = {}
    for key, value in values.items():
        entry = _named(key, entries, where)
        if entry.kind != "scale":
            raise ValueError(f"{where}: {key} is no scale (a method never changes)")
        found[key] = checked(value, entry, f"{where}: {key}")
    return found


def _named(key: str, entries: list[Parameter], where: str) -> Parameter:
    names = [entry.name for entry in entries]
    if key not in names:
        near = difflib.get_close_matches(key, names, 1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{where}: no parameter {key!r}{hint}; it has {names}")
    return entries[names.index(key)]
