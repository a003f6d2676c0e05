"""The order of the book and its plan: parts, their chapters, the pages after them, from the one file ``book/map.yml``."""

from collections.abc import Collection
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from quire.files import project_root
from quire.tools.values import read_values

__all__ = ["Part", "contents", "listed", "toc"]

NAME = r"^[a-z][a-z0-9_]*$"  # of a chapter: a file, a sub-package and a folder of that name


class _Chapter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chapter: str = Field(pattern=NAME)
    title: str
    thesis: str
    papers: list[str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    part: str
    chapters: list[_Chapter] = []
    pages: list[str] = []


@dataclass(frozen=True)
class Part:
    """A part of the book: its caption, its chapters (chapter, title, thesis, papers) and its pages of prose."""

    caption: str
    chapters: list[dict]
    pages: list[str]


def contents() -> list[Part]:
    """The parts of the book, written or planned, in order; none where there is no ``book/map.yml``.

    Raises:
        ValueError: the file is not a list of parts, or names a chapter twice; the message says where.
    """
    path = project_root() / "book" / "map.yml"
    if not path.exists():
        return []
    try:
        parts = TypeAdapter(list[_Part]).validate_python(read_values(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = " → ".join(str(step) for step in first["loc"])
        raise ValueError(f"{path}: {place}: {first['msg']}, got {first['input']!r:.80}") from None
    names = [entry.chapter for part in parts for entry in part.chapters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path} names {', '.join(twice)} twice: a chapter has one place in the book")
    return [Part(part.part, [entry.model_dump() for entry in part.chapters], part.pages) for part in parts]


def listed() -> list[str]:
    """The chapters that the map names, written or not, in the order of the book."""
    return [entry["chapter"] for part in contents() for entry in part.chapters]


def toc(shown: Collection[str], library: Collection[str] = ()) -> dict:
    """The table of contents that Jupyter Book reads, with the chapters shown; a part that is left empty is dropped.

    Args:
        shown: the chapters of the site.
        library: the packages that have a page below that of the library.
    """
    parts = []
    for part in contents():
        files = [f"chapters/{entry['chapter']}" for entry in part.chapters if entry["chapter"] in shown]
        numbered = {"numbered": 1} if files else {}
        files += part.pages
        if files:
            entries = [{"file": file} | _below(file, library) for file in files]
            parts.append({"caption": part.caption, **numbered, "chapters": entries})
    return {"format": "jb-book", "root": "index", "parts": parts}


def _below(file: str, library: Collection[str]) -> dict:
    """The pages below a page."""
    return {"sections": [{"file": f"library/{name}"} for name in library]} if file == "library" and library else {}
