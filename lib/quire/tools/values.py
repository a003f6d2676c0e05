"""Values that a person writes, read strictly: YAML in which every number means what it looks like.

Plain YAML 1.1 reads ``1:30`` as 90, ``010`` as 8 and the second of two equal keys without a word; it follows references
(``&a [*a]``) until the memory is full. None of that is a value of a parameter: it is refused, and the message says what to
write instead.
"""

import math
import re
from pathlib import Path

import yaml

from quire.files import read_bytes

__all__ = ["duration", "parse", "parse_all", "read_values"]

LONGEST = 100_000  # characters of a text
DEEPEST = 8  # levels of lists and mappings
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
KEY = re.compile(r"[A-Za-z_]\w*")


def duration(text: str) -> float:
    """Seconds, from a number with its unit; nothing is no time.

    Raises:
        ValueError: it is no such time.

    >>> duration("90m"), duration("1.5h"), duration("40s"), duration("")
    (5400.0, 5400.0, 40.0, 0.0)
    """
    if not text:
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or float(found[1]) == 0:
        raise ValueError(f"a time is a positive number with its unit, 40s, 90m or 2h, got {text!r}")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


class _Strict(yaml.SafeLoader):
    """Loads YAML without references, doubled keys, and numbers of another base."""

    depth = 0

    def compose_node(self, parent, index):
        """Build a node; refuse references and deep nesting."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError("a reference (*name) is not allowed: write the value itself")
        if getattr(self.peek_event(), "anchor", None):
            raise ValueError("an anchor (&name) is not allowed: write the value where it is needed")
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"lists are nested deeper than {DEEPEST} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def whole(self, node) -> int:
        """An integer that looks like one."""
        if not WHOLE.fullmatch(node.value):
            raise ValueError(f"{node.value} is ambiguous (YAML reads another number): write a plain decimal number")
        if len(node.value) > 30:
            raise ValueError(f"{node.value:.30}… has {len(node.value)} digits: no parameter is that large")
        return int(node.value.replace("_", ""))

    def real(self, node) -> float:
        """A finite number, without parts in base sixty."""
        value = math.nan if ":" in node.value else self.construct_yaml_float(node)
        if not math.isfinite(value):
            raise ValueError(f"{node.value} is not a finite decimal number")
        return value

    def mapping(self, node) -> dict:
        """A mapping whose keys are texts, each of them once."""
        found = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} must be a name")
            if key in found:
                raise ValueError(f"the key {key!r} occurs twice: keep one")
            found[key] = self.construct_object(value_node, deep=True)
        return found


_Strict.add_constructor("tag:yaml.org,2002:int", _Strict.whole)
_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.real)
_Strict.add_constructor("tag:yaml.org,2002:map", _Strict.mapping)


def parse(text: str) -> tuple[str, object]:
    """``key=value`` from the command line, the value read as YAML.

    Raises:
        ValueError: the text is something else, or its value is ambiguous, too long, or no value at all.

    >>> parse("widths=[64, 128]")
    ('widths', [64, 128])
    """
    key, sign, value = text.partition("=")
    if not sign or not KEY.fullmatch(key.strip()):
        raise ValueError(f"a parameter is given as key=value, got {text!r:.80}")
    return key.strip(), _strict(value, f"-p {key.strip()}")


def parse_all(texts: list[str]) -> dict[str, object]:
    """Several ``key=value``, each key once.

    Raises:
        ValueError: a key is given twice, or a text is not ``key=value``.
    """
    found: dict[str, object] = {}
    for key, value in map(parse, texts):
        if key in found:
            raise ValueError(f"-p {key} is given twice: keep one")
        found[key] = value
    return found


def read_values(path: Path):
    """The content of a YAML file, read strictly.

    Raises:
        ValueError: it is not UTF-8 or not YAML, or holds something ambiguous; the message has the path.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
    return _strict(text, str(path))


def _strict(text: str, where: str):
    if len(text) > LONGEST:
        raise ValueError(f"{where}: {len(text):,} characters are more than {LONGEST:,}: no parameter is that long")
    try:
        return yaml.load(text, _Strict)  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"{where} is not YAML: {error}") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
