"""The page of a comparison: one HTML file with every difference."""

import html
from pathlib import Path

from quire.files import write_atomic
from quire.tools.diff import Comparison
from quire.tools.terminal import printable

__all__ = ["write_page"]

LOOK = "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:thin solid}"
COLUMNS = ("where", "column", "first", "second", "allowed")


def write_page(path: Path, title: str, comparison: Comparison) -> None:
    """One page with every difference, largest runs included: a browser scrolls."""
    heading, summary = _text(title), _text(comparison.summary)
    lines = [_row("th", COLUMNS)]
    lines += [_row("td", [getattr(found, name) for name in COLUMNS]) for found in comparison.differences]
    table = "<table>" + "\n".join(lines) + "</table>" if comparison.differences else ""
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{heading}</title><style>{LOOK}</style>"
    write_atomic(path, f"{head}<h1>{heading}</h1><p>{summary}</p>{table}</html>\n".encode())


def _row(tag: str, cells) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text(value: object) -> str:
    return html.escape(printable(value, longest=2000))
