"""HTML that somebody else wrote, cut down to tables and text: the elements and attributes of a list, and nothing else."""

import html
import re
from html.parser import HTMLParser

__all__ = ["sanitized"]

TABLES = {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
TEXTS = {"p", "div", "span", "br", "hr", "b", "i", "em", "strong", "code", "pre", "sub", "sup", "ul", "ol", "li"}
EMPTY = {"br", "hr"}
DROPPED = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "textarea", "xmp"}
ATTRIBUTES = {
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,3}"),
    "scope": re.compile(r"row|col"),
    "class": re.compile(r"dataframe"),
    "style": re.compile(r"text-align: (left|right|center);"),
}


def sanitized(text: str) -> str:
    """The text with its tables, without scripts, styles, links, pictures, frames, handlers and unknown elements.

    >>> sanitized('<td onclick="x()" colspan="2">a<script>x()</script> &lt; b</td><img src=x onerror=x()>')
    '<td colspan="2">a &lt; b</td>'
    """
    parser = _Sanitizer()
    parser.feed(text)
    parser.close()
    return parser.finished()


class _Sanitizer(HTMLParser):
    """Writes anew what it knows: nothing of the source gets through but text, which is escaped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._written: list[str] = []
        self._open: list[str] = []
        self._dropped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag in DROPPED:
            self._dropped.append(tag)
        if self._dropped or tag not in TABLES | TEXTS:
            return
        kept = {name: value for name, value in attrs if name in ATTRIBUTES and ATTRIBUTES[name].fullmatch(value or "")}
        self._written.append(f"<{tag}" + "".join(f' {name}="{value}"' for name, value in kept.items()) + ">")
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped[-1]:
                self._dropped.pop()
            return
        if tag in self._open:
            self._close_until(tag)

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._written.append(html.escape(data, quote=False))

    def finished(self) -> str:
        """What was written, with every element closed."""
        while self._open:
            self._close_until(self._open[-1])
        return "".join(self._written)

    def _close_until(self, tag: str) -> None:
        while True:
            last = self._open.pop()
            self._written.append(f"</{last}>")
            if last == tag:
                return
