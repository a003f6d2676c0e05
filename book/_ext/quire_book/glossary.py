"""{quire-glossary}: what words mean; and a link to it, with the meaning at hand, where a chapter first uses one."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, data
from .text import inline

PAGE = "glossary"
CLOSED = (
    nodes.literal,
    nodes.reference,
    nodes.title,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.literal_block,
    nodes.caption,
)
CLOSED += (nodes.table, nodes.pending, nodes.strong)


class Glossary(Directive):
    """All terms, in alphabetical order."""

    def run(self):
        """A definition list whose terms can be linked to."""
        entries = sorted(self.data("glossary", []), key=lambda entry: entry["term"].lower())
        if not entries:
            return [nodes.paragraph("", "No term has been registered yet.")]
        listing = nodes.definition_list()
        for entry in entries:
            term = nodes.term("", entry["term"], ids=[_anchor(entry)])
            if entry.get("also"):
                term += nodes.Text(f" ({', '.join(entry['also'])})")
            body = nodes.definition("", nodes.paragraph("", "", *self.inline(entry["says"])))
            listing += nodes.definition_list_item("", term, body)
        return [listing]


def _anchor(entry: dict) -> str:
    return nodes.make_id(f"term-{entry['term']}")


def _link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Link the first use of each term in a chapter."""
    docname = app.env.docname
    if not docname.startswith("chapters/"):
        return
    unused = {
        spelling.lower(): entry
        for entry in data(app.env, PAGE, [])
        for spelling in (entry["term"], *entry.get("also", []))
    }
    if not unused:
        return
    words = "|".join(re.escape(word) for word in sorted(unused, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])({words})s?(?![\w-])", re.I)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if not _inside(paragraph):
            for text in [node for node in paragraph.children if isinstance(node, nodes.Text)]:
                _replace(text, pattern, unused, "../" * docname.count("/"))


def _inside(node: nodes.Node) -> bool:
    """Whether a paragraph stands in what is no running text."""
    while node is not None:
        if isinstance(node, CLOSED) or (isinstance(node, nodes.Element) and "cell_output" in node.get("classes", [])):
            return True
        node = node.parent
    return False


def _replace(text: nodes.Text, pattern: re.Pattern, unused: dict[str, dict], up: str) -> None:
    """Put a link in place of each word that is used for the first time."""
    found: list[nodes.Node] = []
    end, said = 0, text.astext()
    for mark in pattern.finditer(said):
        entry = unused.get(mark[1].lower())
        if entry is None:
            continue
        for spelling in (entry["term"], *entry.get("also", [])):
            unused.pop(spelling.lower(), None)
        uri = f"{up}{PAGE}.html#{_anchor(entry)}"
        meaning = "".join(node.astext() for node in inline(entry["says"], lambda role: []))
        reference = nodes.reference("", mark[0], refuri=uri, internal=True, reftitle=meaning, classes=["quire-term"])
        found += [nodes.Text(said[end : mark.start()]), reference]
        end = mark.end()
    if found:
        text.parent.replace(text, [*found, nodes.Text(said[end:])])


def setup(app: Sphinx) -> None:
    """Register the directive, and the links in chapters."""
    app.add_directive("quire-glossary", Glossary)
    app.connect("doctree-read", _link_terms)
