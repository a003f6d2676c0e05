"""{quire-figure}: a numbered figure, light and dark, with its table, its picture, its code and its run.

The code of a figure is folded. A link to it opens it: browsers do so for an anchor inside of a folded element; for those
that do not, a few lines of script.
"""

import re
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, link
from .runs import details

LARGER = "paper"  # the profile of the figures below
FILES = ("light", "dark", "narrow", "narrow_dark", "png", "table", "pixels")
LOOKS = {  # which of the pictures is seen, by theme and by width; a browser loads what it shows
    "light": ["only-light", "quire-wide"],
    "dark": ["only-dark", "quire-wide"],
    "narrow": ["only-light", "quire-narrow"],
    "narrow_dark": ["only-dark", "quire-narrow"],
}
OPEN = """\
function quireOpenTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
  if (target && target.closest("details")) target.scrollIntoView();
}
addEventListener("hashchange", quireOpenTarget);
addEventListener("DOMContentLoaded", quireOpenTarget);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(box => { box.open = true; }));
document.addEventListener("click", event => {
  const reference = event.target.closest && event.target.closest("a.reference");
  if (reference && reference.getAttribute("href") === location.hash && location.hash) quireOpenTarget();
});
"""


class Figure(Directive):
    """```{quire-figure} chapter/figure_id```, drawn by ``quire.figures.figure``."""

    required_arguments = 1
    optional_arguments = 0

    def run(self):
        """A figure node with both pictures, the caption and the line of links."""
        chapter, _, ident = self.arguments[0].strip().partition("/")
        known = self.data("figures", {}).get(chapter, {})
        if ident not in known:
            return self.warn(f"unknown figure '{ident}' of chapter '{chapter}': the run drew {sorted(known)}")
        entry = known[ident]
        if not entry.get("alt", "").strip():
            return self.warn(f"figure '{ident}' of chapter '{chapter}' has no alt text: pass alt= to figure()")
        if paths := [
            entry[kind] for kind in FILES if entry.get(kind) and not re.fullmatch(r"[\w-][\w.-]*", entry[kind])
        ]:
            return self.warn(f"figure '{ident}' of chapter '{chapter}' names files {paths}, expected bare names")
        figure = nodes.figure(classes=["quire-figure"], names=[nodes.fully_normalize_name(ident)])
        self.set_source_info(figure)
        figure += self._pictures(chapter, entry)
        title = [nodes.strong("", "", *self.inline(entry["title"])), nodes.Text(" ")] if entry.get("title") else []
        figure += nodes.caption("", "", *title, *self.inline(entry["caption"]))
        figure += nodes.legend("", self._links(chapter, ident, entry))
        larger = self.data("larger", {}).get(chapter, {}).get(ident)
        if larger:
            pictures = self._pictures(f"{chapter}/{LARGER}", larger)
            figure += nodes.legend("", *details(f"The same at {LARGER} scale", pictures))
        figure["quire_code"] = _code(ident)
        self.state.document.note_explicit_target(figure, figure)
        return [figure]

    def _pictures(self, chapter: str, entry: dict) -> nodes.container:
        body = nodes.container(classes=["quire-picture"])
        for kind, classes in LOOKS.items():
            if entry.get(kind):
                shown = classes if entry.get("narrow") else classes[:1]
                uri = f"/figures/{chapter}/{entry[kind]}"
                body += nodes.image(uri=uri, alt=entry["alt"], classes=shown, loading="lazy")
        return body

    def _links(self, chapter: str, ident: str, entry: dict) -> nodes.paragraph:
        folder = self.file(f"downloads/{chapter}")
        files = [
            (name, entry[kind])
            for name, kind in (("table", "table"), ("pixels", "pixels"), ("picture", "png"))
            if entry.get(kind)
        ]
        links = [link(f"{name} ({_kind(file)})", f"{folder}/{file}") for name, file in files]
        links.append(link("columns (JSON)", f"{folder}/columns.json"))
        links += [link("code", f"#{_code(ident)}"), link("provenance", f"#run-{nodes.make_id(chapter)}")]
        line = nodes.paragraph(classes=["quire-links"])
        for position, item in enumerate(links):
            line += [nodes.Text(" · "), item] if position else [item]
        return line


def _kind(file: str) -> str:
    return PurePosixPath(file).suffix.lstrip(".").upper()


def _code(ident: str) -> str:
    return nodes.make_id(f"code-{ident}")


def _anchor_code(app: Sphinx, doctree: nodes.document) -> None:
    """Give the code in front of each figure the anchor that the figure links to; without code the link goes."""
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container) and node.get("hide_mode") == "input"):
        cell["classes"].append("quire-code")
    for figure in list(doctree.findall(lambda node: isinstance(node, nodes.figure) and "quire_code" in node)):
        before = figure.parent.children[: figure.parent.index(figure)]
        cells = [node for node in before if isinstance(node, nodes.container) and "cell" in node["classes"]]
        if cells:
            _anchor(cells[-1], figure["quire_code"])
        else:
            _drop_link(figure, f"#{figure['quire_code']}")


def _anchor(cell: nodes.container, name: str) -> None:
    """Anchor what is folded rather than the fold, so that a link opens it."""
    sources = [node for node in cell.children if node.get("nb_element") == "cell_code_source"]
    (sources or [cell])[0]["ids"].append(name)


def _drop_link(figure: nodes.figure, uri: str) -> None:
    for reference in list(figure.findall(nodes.reference)):
        if reference.get("refuri") == uri:
            siblings = reference.parent.children
            place = siblings.index(reference)
            del siblings[place - 1 : place + 1]


def setup(app: Sphinx) -> None:
    """Register the directive, and the script that opens folded code."""
    app.add_directive("quire-figure", Figure)
    app.connect("doctree-read", _anchor_code)
    app.add_js_file(None, body=OPEN)
