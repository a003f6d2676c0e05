"""What columns are called on axes and in legends: said once per chapter."""

import re
from types import MappingProxyType

__all__ = ["label_columns", "labels_of", "legible"]

_LABELS: dict[str, dict[str, str]] = {}


def label_columns(chapter: str, /, **labels: str) -> None:
    """Say once what the columns of a chapter's tables are called; saying it again replaces what was said.

    Args:
        chapter: the name of the chapter, with which the ids of its figures begin.
        labels: text for each column, with units, perhaps with TeX between dollars; "" where a title says enough.

    Raises:
        ValueError: no name of a chapter, or a text with a control character (TeX in a string that is not raw).

    >>> label_columns("locality", size="training points $P$", error="test error")
    """
    if not re.fullmatch(r"[a-z0-9_]+", chapter):
        raise ValueError(f"labels are said for a chapter (lower-case letters, digits, _), got {chapter!r}")
    for column, text in labels.items():
        legible(text, f"label of {column}")
    _LABELS[chapter] = dict(labels)


def labels_of(id: str) -> MappingProxyType:
    """The labels that hold for a figure: those of the chapter that its id begins with."""
    return MappingProxyType(_LABELS.get(id.partition("-")[0], {}))


def legible(text: str, where: str) -> None:
    r"""Refuse a text with a control character.

    Raises:
        ValueError: as in "$\theta$" written without r"…": ``\t`` is a tabulator.
    """
    found = re.search(r"[\x00-\x1f\x7f-\x9f]", text)
    if found:
        raise ValueError(f'{where} has the control character {found[0]!r} in {text!r}: write TeX as r"…", on one line')
