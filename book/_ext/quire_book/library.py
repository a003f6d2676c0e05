"""The library on pages: {quire-library} lists its packages, ```{quire-library} kernels``` the routines of one."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, link
from .runs import details

SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes):$")
ENTRY = re.compile(r"^([\w.*, /]+): (.*)$")
FORMULA = re.compile(r":math:`([^`]+)`")
ROLE = re.compile(r":(?:func|class|mod|meth|data|attr):`~?([^`]+)`")


class Library(Directive):
    """Signature, documentation, source, papers, and the chapters that use each routine."""

    def run(self):
        """One section for each routine; without an argument, one line for each package."""
        packages = self.data("library", {})
        if not self.arguments:
            return [self._index(packages)]
        name = self.arguments[0].strip()
        if name not in packages:
            return self.warn(f"unknown package '{name}' of the library, known are {sorted(packages)}")
        return [self._section(routine) for routine in packages[name]]

    def _index(self, packages: dict) -> nodes.bullet_list:
        listing = nodes.bullet_list()
        for package, routines in packages.items():
            line = nodes.paragraph("", "", link(f"quire.{package}", self.page(f"library/{package}")), nodes.Text(": "))
            for position, routine in enumerate(routines):
                uri = f"{self.page(f'library/{package}')}#{_anchor(routine)}"
                line += [nodes.Text(", " if position else ""), link(routine["name"], uri)]
            listing += nodes.list_item("", line)
        return listing

    def _section(self, routine: dict) -> nodes.section:
        section = nodes.section("", nodes.title("", "", nodes.literal("", routine["name"])), ids=[_anchor(routine)])
        section += nodes.literal_block(routine["signature"], routine["signature"], language="python")
        section += self._documentation(routine["docstring"])
        if routine["methods"]:
            section += self._methods(routine["methods"])
        section += self._origin(routine)
        code = nodes.literal_block(routine["source"], routine["source"], language="python")
        section += details(f"Source: {routine['module']}, line {routine['line']}", code)
        return section

    def _documentation(self, text: str) -> list[nodes.Node]:
        """Paragraphs; what stands under Args, Returns, Raises as a list of names."""
        found: list[nodes.Node] = []
        for block in re.split(r"\n\s*\n", text.strip()) if text.strip() else []:
            lines = block.splitlines()
            if SECTION.match(lines[0].strip()):
                found += [nodes.rubric("", lines[0].strip(" :")), self._entries(lines[1:])]
            elif lines[0].lstrip().startswith(">>>"):
                found.append(nodes.literal_block(block, block, language="pycon"))
            elif any(line.startswith("   ") for line in lines):  # a table, a formula, a list that is laid out
                found.append(nodes.literal_block(block, block, language="text"))
            else:
                found.append(nodes.paragraph("", "", *self.inline(_plain(" ".join(lines)))))
        return found

    def _entries(self, lines: list[str]) -> nodes.Node:
        """A definition list of ``name: text`` lines, whose text may go on in deeper lines."""
        margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        entries: list[list[str]] = []
        for line in lines:
            deeper = len(line) - len(line.lstrip()) > margin
            named = None if deeper else ENTRY.match(line.strip())
            if named:
                entries.append([named[1], named[2]])
            elif entries:
                entries[-1][1] += f" {line.strip()}"
            else:
                entries.append(["", line.strip()])
        listing = nodes.bullet_list(classes=["quire-arguments"])
        for name, text in entries:
            term = [nodes.literal("", name), nodes.Text(": ")] if name else []
            listing += nodes.list_item("", nodes.paragraph("", "", *term, *self.inline(_plain(text))))
        return listing

    def _methods(self, methods: list[list[str]]) -> nodes.bullet_list:
        listing = nodes.bullet_list(classes=["quire-arguments"])
        for signature, said in methods:
            text = [nodes.literal("", signature), nodes.Text(": "), *self.inline(_plain(said))]
            listing += nodes.list_item("", nodes.paragraph("", "", *text))
        return listing

    def _origin(self, routine: dict) -> nodes.paragraph:
        """The papers that it implements, and the chapters that reach it."""
        line = nodes.paragraph("", "", classes=["quire-note"])
        for key, *where in routine["papers"]:
            line += [*self.inline(f"{{cite}}`{key}`"), nodes.Text(f" {where[0]}. " if where else " ")]
        titles = self.data("site", {}).get("titles", {})
        shown = [name for name in routine["chapters"] if name in titles]
        line += nodes.Text("Used in: " if shown else "No chapter uses it.")
        for position, chapter in enumerate(shown):
            title = titles[chapter].partition(":")[0]
            line += [nodes.Text(", " if position else ""), link(title, self.page(f"chapters/{chapter}"))]
        return line


def _anchor(routine: dict) -> str:
    return f"{routine['package']}.{routine['name']}"  # as it is written: Parse is a class, parse a function


def _plain(text: str) -> str:
    """A docstring's line as text, with code between single backticks and mathematics between dollars."""
    return ROLE.sub(r"`\1`", FORMULA.sub(r"$\1$", text)).replace("``", "`")


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("quire-library", Library)
