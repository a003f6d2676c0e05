"""{quire-figure}: a numbered figure, light and dark, with its table, its picture, its code and its run."""

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, link


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
        figure = nodes.figure(classes=["quire-figure"], names=[nodes.fully_normalize_name(ident)])
        self.set_source_info(figure)
        body = nodes.container(classes=["quire-picture"])
        for theme in ("light", "dark"):
            uri = f"/figures/{chapter}/{entry[theme]}"
            body += nodes.image(uri=uri, alt=entry["alt"], classes=[f"only-{theme}"])
        figure += body
        title = [nodes.strong("", "", *self.inline(entry["title"])), nodes.Text(" ")] if entry.get("title") else []
        figure += nodes.caption("", "", *title, *self.inline(entry["caption"]))
        folder = self.file(f"downloads/{chapter}")
        links = [link("table (CSV)", f"{folder}/{entry['table']}")]
        if entry.get("png"):
            links.append(link("picture (PNG)", f"{folder}/{entry['png']}"))
        links += [link("code", f"#{_code(ident)}"), link("provenance", f"#run-{nodes.make_id(chapter)}")]
        line = nodes.paragraph(classes=["quire-links"])
        for position, item in enumerate(links):
            line += [nodes.Text(" · "), item] if position else [item]
        figure += nodes.legend("", line)
        figure["quire_code"] = _code(ident)
        self.state.document.note_explicit_target(figure, figure)
        return [figure]


def _code(ident: str) -> str:
    return nodes.make_id(f"code-{ident}")


def _anchor_code(app: Sphinx, doctree: nodes.document) -> None:
    """Give the code cell in front of each figure the anchor that the figure links to."""
    for figure in list(doctree.findall(lambda node: isinstance(node, nodes.figure) and "quire_code" in node)):
        before = figure.parent.children[: figure.parent.index(figure)]
        cells = [node for node in before if isinstance(node, nodes.container) and "cell" in node["classes"]]
        if cells:
            cells[-1]["ids"].append(figure["quire_code"])
            continue
        for reference in list(figure.findall(nodes.reference)):
            if reference.get("refuri") == f"#{figure['quire_code']}":
                siblings = reference.parent.children
                del siblings[siblings.index(reference) - 1 : siblings.index(reference) + 1]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("quire-figure", Figure)
    app.connect("doctree-read", _anchor_code)
