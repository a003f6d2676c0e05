"""What the directives share: the staged data, tables, texts, verdict badges."""

import functools
import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from .text import inline, number

VERDICTS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "untested": "–"}


@functools.lru_cache(maxsize=64)
def _read(path: str, _mtime: int):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def data(env, name: str, default):
    """The content of ``_data/<name>.json`` of the staged site, or ``default`` where the stager wrote none."""
    path = Path(env.srcdir) / "_data" / f"{name}.json"
    return _read(str(path), path.stat().st_mtime_ns) if path.exists() else default


def badge(verdict: str, count: int | None = None) -> nodes.inline:
    """A verdict as colour, symbol and word (none of them alone)."""
    plural = {"holds": "hold", "fails": "fail"} if count and count > 1 else {}
    word = plural.get(verdict, verdict)
    text = word if count is None else f"{count} {word}"
    node = nodes.inline(classes=["quire-verdict", f"quire-{verdict}"])
    node += nodes.inline("", VERDICTS.get(verdict, "?"), classes=["quire-symbol"])
    node += nodes.Text(f" {text}")
    return node


def link(text: str, uri: str) -> nodes.reference:
    """A link to a file of the site or to an anchor of the same page."""
    return nodes.reference("", text, refuri=uri, internal=True)


def firm(text: str | None) -> str:
    """A value with proper signs, which does not break at its ±; a dash where there is none."""
    return number(text or "–").replace(" ± ", "\u00a0±\u00a0").replace(" × ", "\u00a0×\u00a0")


def duration(seconds: float | None) -> str:
    """Seconds as a reader says them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    text = f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
    return text.replace(" ", "\u00a0")


def memory(megabytes: float | None) -> str:
    """Megabytes as MB or GB."""
    if megabytes is None:
        return "–"
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def show(value) -> str:
    """A parameter's value as one would write it in Python."""
    return "–" if value is None else repr(value)


def totals(claims: list[dict], page: str | None = None) -> list[nodes.Node]:
    """Verdict counts as badges, worst news not left out.

    Args:
        claims: what is counted.
        page: the address of the page that lists what fails and what is inconclusive ("" for this one), to which they link.
    """
    counts = {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS}
    found: list[nodes.Node] = []
    for verdict, count in counts.items():
        if count:
            mark = badge(verdict, count)
            if page is not None and verdict in ("fails", "inconclusive"):
                mark = nodes.reference("", "", mark, refuri=f"{page}#verdict-{verdict}", internal=True)
            found += [mark, nodes.Text(" ")]
    return found or [nodes.Text("no claims yet")]


class Directive(SphinxDirective):
    """A directive that reads the staged data; the base of all of ours."""

    required_arguments = 0
    optional_arguments = 1
    has_content = False

    @property
    def chapter(self) -> str:
        """The argument, or the name of the page that we are on."""
        return self.arguments[0].strip() if self.arguments else self.env.docname.rpartition("/")[2]

    def data(self, name: str, default):
        """Staged data by name."""
        return data(self.env, name, default)

    def file(self, path: str) -> str:
        """The address of a file of the built site, relative to the page."""
        return "../" * self.env.docname.count("/") + path

    def page(self, docname: str) -> str:
        """The address of another page, relative to this one."""
        return self.file(f"{docname}.html")

    def inline(self, text: str) -> list[nodes.Node]:
        """A text as inline nodes; see :mod:`quire_book.text` for what it may hold."""
        if re.search(r"[\x00-\x09\x0b-\x1f]", text):
            message = "has a control character (in YAML, write backslashes between single quotes)"
            return self.warn(f"{text!r} {message}")
        return inline(text, self._role)

    def _role(self, text: str) -> list[nodes.Node]:
        """A role, rendered as in the prose of a page."""
        holder = nodes.container()
        self.state.nested_parse(StringList([text], self.env.docname), 0, holder)
        return [node for block in holder.children for node in block.children]

    def warn(self, message: str) -> list[nodes.Node]:
        """Say what is wrong with the directive: an error in a build that takes warnings as errors."""
        return [self.state.document.reporter.warning(message, line=self.lineno)]

    def table(self, header: list[str], rows: list[list], *, widths: list[int], name: str) -> nodes.table:
        """A table from cells that are text, a node or a list of nodes."""
        table = nodes.table(classes=["quire-table", f"quire-table-{name}"])
        group = nodes.tgroup("", cols=len(header))
        group += [nodes.colspec(colwidth=width) for width in widths]
        group += nodes.thead("", _row([[nodes.Text(text)] for text in header]))
        body = nodes.tbody()
        for row in rows:
            body += row if isinstance(row, nodes.row) else _row(row)
        group += body
        table += group
        return table

    def row(self, cells: list, anchor: str) -> nodes.row:
        """A table row that can be linked to."""
        row = _row(cells)
        row["ids"].append(anchor)
        return row


def _row(cells: list) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        content = [nodes.Text(cell)] if isinstance(cell, str) else cell
        content = [content] if isinstance(content, nodes.Node) else content
        inline = not content or isinstance(content[0], nodes.Text | nodes.Inline)
        blocks = [nodes.paragraph("", "", *content)] if inline else content
        row += nodes.entry("", *blocks)
    return row
