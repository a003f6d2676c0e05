"""The page of a comparison: one HTML file with verdicts that changed, how both were made, their figures, every difference."""

import html
import os
from pathlib import Path

from quire.files import write_atomic
from quire.record import RunFolder
from quire.tools.diff import Comparison
from quire.tools.terminal import printable

__all__ = ["write_page"]

LOOK = (
    "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:thin solid;"
    "vertical-align:top}img{max-width:48%;background:white}figure{margin:1em 0}@media(max-width:40em){img{max-width:100%}}"
)
COLUMNS = ("where", "column", "first", "second", "allowed")
MADE = ("commit", "started", "device", "machine", "wall_seconds", "peak_memory_mb")  # of a run's record


def write_page(path: Path, title: str, comparison: Comparison, sides: tuple[Path, Path] | None = None) -> None:
    """One page with every difference, largest runs included: a browser scrolls.

    Args:
        path: of the page.
        title: its heading.
        comparison: what differs.
        sides: the two folders of runs; with them, both environments and both sets of figures are shown.
    """
    heading, summary = _text(title), _text(comparison.summary)
    changed = [found for found in comparison.differences if found.column == "verdict"]
    parts = [f"<h1>{heading}</h1><p>{summary}</p>", _section("Verdicts that changed", _table(COLUMNS[:4], changed))]
    if sides is not None:
        runs = {chapter: [RunFolder(side / chapter) for side in sides] for chapter in comparison.chapters}
        parts.append(_section("How both were made", _environments(runs)))
        parts.append(_section("Figures, the first beside the second", _figures(runs, path.parent)))
    parts.append(_section("Every difference", _table(COLUMNS, comparison.differences)))
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{heading}</title><style>{LOOK}</style>"
    write_atomic(path, f"{head}{''.join(parts)}</html>\n".encode())


def _section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}" if content else ""


def _table(columns: tuple[str, ...], rows: list) -> str:
    lines = [_row("th", columns), *(_row("td", [getattr(found, name) for name in columns]) for found in rows)]
    return "<table>" + "\n".join(lines) + "</table>" if rows else ""


def _environments(runs: dict[str, list[RunFolder]]) -> str:
    """What made the two runs of each chapter, where it is not the same."""
    lines = []
    for chapter, pair in runs.items():
        first, second = (run.provenance() or {} for run in pair)
        made = [({name: one.get(name, "–") for name in MADE} | one.get("versions", {})) for one in (first, second)]
        for name in dict.fromkeys([*made[0], *made[1]]):
            values = [one.get(name, "–") for one in made]
            if values[0] != values[1]:
                lines.append(_row("td", [chapter, name, *values]))
    return (
        "<table>" + _row("th", ["chapter", "what", "first", "second"]) + "\n".join(lines) + "</table>" if lines else ""
    )


def _figures(runs: dict[str, list[RunFolder]], place: Path) -> str:
    """The pictures of both, side by side; a published run has rows and no pictures."""
    shown = []
    for chapter, pair in runs.items():
        known = [run.figures() for run in pair]
        for ident in dict.fromkeys([*known[0], *known[1]]):
            pictures = [
                run.path / figures[ident]["png"] for run, figures in zip(pair, known, strict=True) if ident in figures
            ]
            sources = [html.escape(os.path.relpath(picture, place)) for picture in pictures if picture.exists()]
            images = "".join(f'<img loading="lazy" src="{source}" alt="{_text(ident)}">' for source in sources)
            if images:
                shown.append(f"<figure>{images}<figcaption>{_text(chapter)}: {_text(ident)}</figcaption></figure>")
    return "\n".join(shown)


def _row(tag: str, cells) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text(value: object) -> str:
    return html.escape(printable(value, longest=2000))
