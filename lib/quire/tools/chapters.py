"""The chapters that are written, in the order of the book."""

from pathlib import Path

from quire.files import project_root
from quire.tools.contents import listed

__all__ = ["chapters", "listed", "path_of"]


def chapters() -> list[str]:
    """The chapters that are written, in the order of the book; those that the map lacks come last."""
    found, order = [path.stem for path in (project_root() / "chapters").glob("*.py")], listed()
    return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))


def path_of(chapter: str) -> Path:
    """The source of a chapter.

    Raises:
        ValueError: there is no such chapter; a path is not the name of one.
    """
    known = chapters()
    if chapter not in known:
        raise ValueError(f"no chapter {chapter!r}; there are {known}")
    return project_root() / "chapters" / f"{chapter}.py"
