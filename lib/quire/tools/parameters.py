"""What a chapter declares: its parameters with type, default, meaning and range, in one cell that a person reads.

A line of the parameters cell is ``name: type = value  # kind: meaning, in [low, high]`` or, for texts, ``…, one of a|b|c``.
The kind is ``scale`` (a profile may change it) or ``choice``. Every number of a value lies in the range, in nested lists too,
and every text is one of those named; only switches (bool) and ``device`` need neither. A flat list is an axis, on which
no value occurs twice, unless its default repeats a value or mixes types, or its meaning begins with the names of its places:
``[v, m] of the network``. In a nested list these are the places of each inner list. Places may have a range each, as in
``[v, L] of the grammars, in [2, 32] [1, 4]``.

A meaning that is longer than its line goes on in comment lines below it, ``#`` and three spaces or more. No ``=`` in a meaning:
plain papermill takes the line for two assignments, and says that it cannot parse it.
"""

import ast
import re
from dataclasses import dataclass

import jupytext

from quire.tools.chapters import path_of
from quire.tools.check_values import checked

__all__ = ["Parameter", "declared"]

TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list}
KINDS = ("scale", "choice")
FREE = "device"  # the one parameter that quire.device checks
LINE = re.compile(r"(\w+): (\w+) = (.+?)  # (\w+): (.+)$")
NUMBER = r"[-+]?[\d.]+(?:e[-+]?\d+)?"
SPAN = rf"\[({NUMBER}), ({NUMBER})\]"
RANGE = re.compile(rf"\bin ({SPAN}(?: {SPAN})*)")
NAMED = re.compile(r"\bone of ([\w.:+-]+(?: ?\| ?[\w.:+-]+)*)")
PLACES = re.compile(r"\[([^\]]+)\]")
GOES_ON = re.compile(r"\n#   +(?=\S)")
EXPECTED = "expected 'name: type = value  # scale: meaning, in [low, high]' or '# choice: meaning, one of a|b'"


@dataclass(frozen=True)
class Parameter:
    """A declared parameter.

    Args:
        name: what the chapter calls it.
        type: int, float, str, bool or list.
        default: the value in the cell, that of the smoke run.
        kind: "scale" (a profile may change it) or "choice".
        meaning: the words behind the colon.
        spans: the lowest and the highest number: once for all, or for each place.
        names: the texts that are allowed; empty where all are.
        places: the names of the places of a (or of each inner) list; empty where its length is free.
    """

    name: str
    type: type
    default: object
    kind: str
    meaning: str
    spans: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def nested(self) -> bool:
        """Whether it is a list of lists."""
        return isinstance(self.default, list) and isinstance(self.default[0], list)

    @property
    def axis(self) -> bool:
        """Whether it is a list in which no value occurs twice."""
        if not isinstance(self.default, list):
            return False
        mixed = len({type(value) for value in self.default}) > 1
        repeats = any(value in self.default[:i] for i, value in enumerate(self.default))
        return self.nested or not (mixed or repeats or self.places)

    @property
    def range(self) -> str:
        """The values that are allowed, in words for a table."""
        numbers = " ".join(f"[{low:.15g}, {high:.15g}]" for low, high in self.spans)
        return ", ".join(part for part in (numbers, " | ".join(self.names)) if part)

    def span(self, place: int = 0) -> tuple[float, float] | None:
        """The range of the numbers at a place of a list; None where there are no numbers."""
        return self.spans[place if len(self.spans) > 1 else 0] if self.spans else None


def declared(chapter: str) -> list[Parameter]:
    """The parameters of a chapter, in the order of its cell.

    Raises:
        ValueError: the chapter has no parameters cell, or a line of it does not declare one; the message has the line.
    """
    notebook = jupytext.reads(path_of(chapter).read_text(encoding="utf-8"), "py:percent")
    cells = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"chapter {chapter} must have one cell tagged parameters, got {len(cells)}")
    lines = [line.strip() for line in GOES_ON.sub(" ", cells[0]).splitlines()]
    found = [_parameter(line, chapter) for line in lines if line and not line.startswith("#")]
    names = [entry.name for entry in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"chapter {chapter} declares {', '.join(twice)} twice: keep one line")
    return found


def _parameter(line: str, chapter: str) -> Parameter:
    """A line of the cell, read and checked with its own default."""
    match = LINE.fullmatch(line)
    if not match or match[2] not in TYPES or match[4] not in KINDS:
        raise ValueError(f"chapter {chapter}: {EXPECTED}, got {line!r}")
    name, kind, text, role, meaning = match.groups()
    where = f"chapter {chapter}: {name}"
    if "=" in meaning:
        raise ValueError(
            f"{where}: no '=' in a meaning, papermill takes it for an assignment: say it in words or with ≡"
        )
    try:
        default = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"chapter {chapter}: the default of {name} must be a literal, got {text}") from None
    ranges, names, places = RANGE.search(meaning), NAMED.search(meaning), PLACES.match(meaning)
    pairs = re.findall(SPAN, ranges[1]) if ranges else []
    entry = Parameter(
        name=name,
        type=TYPES[kind],
        default=default,
        kind=role,
        meaning=meaning,
        spans=tuple((_number(low, where), _number(high, where)) for low, high in pairs),
        names=tuple(name.strip() for name in names[1].split("|")) if names else (),
        places=tuple(place.strip() for place in places[1].split(",")) if places else (),
    )
    _bounded(entry, where)
    checked(default, entry, where)
    return entry


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: {text} in the range is not a number") from None


def _bounded(entry: Parameter, where: str) -> None:
    """Refuse a declaration that leaves numbers or texts without a range."""
    if entry.name == FREE or entry.type is bool:
        return
    kinds = {type(value) for value in _leaves(entry.default)}
    if kinds & {int, float} and not entry.spans:
        raise ValueError(f"{where} lacks its range: end the meaning with ', in [low, high]'")
    if str in kinds and not entry.names:
        raise ValueError(f"{where} lacks its values: end the meaning with ', one of a|b|c'")
    if any(low > high for low, high in entry.spans):
        raise ValueError(f"{where}: the range {entry.range} is empty")
    if len(entry.spans) > 1 and len(entry.spans) != len(entry.places):
        raise ValueError(
            f"{where} has {len(entry.spans)} ranges for {len(entry.places)} places: one for all, or for each"
        )


def _leaves(value) -> list:
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]
