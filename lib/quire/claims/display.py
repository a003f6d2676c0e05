"""Tables of a chapter's claims: what is expected before the run, and what the run says.

In a notebook they are HTML, with a plain-text twin that is the same wherever it runs; the book replaces them by its own
tables, drawn from the same numbers. Sentences of the ledger are text: escaped in HTML, without control characters in a
terminal.
"""

import html
import unicodedata

from quire.claims.entries import ledger
from quire.claims.verdicts import SYMBOLS, judge_all
from quire.record import current
from quire.settings import setting

__all__ = ["expected", "scoreboard"]

EXPECTED = "application/vnd.quire.expected+json"
SCOREBOARD = "application/vnd.quire.scoreboard+json"


def expected(chapter: str) -> None:
    """Display a chapter's claims with their predictions: what is fixed before the run."""
    claims = [claim for claim in ledger().values() if claim.chapter == chapter]
    predicted = [_with_unit(claim.predicted, claim.predict.unit) for claim in claims]
    lines = [f"{claim.id}: {prediction}" for claim, prediction in zip(claims, predicted, strict=True)]
    rows = [[claim.says, prediction] for claim, prediction in zip(claims, predicted, strict=True)]
    _show(lines, ["claim", "predicted"], rows, {EXPECTED: {"chapter": chapter}})


def scoreboard(chapter: str) -> None:
    """Display a chapter's claims, predicted against measured, with their verdicts."""
    lines, rows = [], []
    for judged in judge_all(current().reports(), setting("QUIRE_PROFILE"), [chapter]):
        verdict = f"{SYMBOLS[judged['verdict']]} {judged['verdict']}"
        if judged["reason"]:
            verdict += f": {judged['reason']}"
        values = [judged["predicted"], judged["measured"] or "–"]
        lines.append(f"{verdict}: {judged['id']}: predicted {values[0]}, measured {values[1]}")
        rows.append([verdict, judged["says"], *values])
    _show(lines, ["verdict", "claim", "predicted", "measured"], rows, {SCOREBOARD: {"chapter": chapter}})


def _with_unit(prediction: str, unit: str) -> str:
    return f"{prediction} ({unit})" if unit else prediction


def _show(lines: list[str], header: list[str], rows: list[list[str]], marker: dict) -> None:
    from IPython import get_ipython
    from IPython.display import display

    text = "\n".join(_plain(line) for line in lines) or "no claims"
    if get_ipython() is None:
        print(text)
    else:
        display({"text/plain": text, "text/html": _table(header, rows), **marker}, raw=True)


def _table(header: list[str], rows: list[list[str]]) -> str:
    """An HTML table that wraps its sentences and is as wide as it may be."""
    head = "".join(f'<th style="text-align: left">{html.escape(cell)}</th>' for cell in header)
    lines = ["".join(f'<td style="text-align: left">{html.escape(_plain(cell))}</td>' for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _plain(text: str) -> str:
    """A line without control characters, nor characters that reorder what is printed."""
    return "".join(" " if char in "\n\t" else char for char in text if char in "\n\t" or not _controls(char))


def _controls(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
