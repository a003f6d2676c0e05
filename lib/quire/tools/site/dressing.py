"""An executed notebook becomes the page of a chapter: run line, parameters, figures, scoreboard, footer.

The page is written anew: text, code, and outputs of a few kinds. Metadata, raw cells, attachments, widgets and whatever
else a notebook may hold do not get into it; the tags are those that are set here.
"""

import base64
import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from quire.tools.site.folding import GIVEN, folding
from quire.tools.site.notebooks import Notebook, NotebookCell, Output
from quire.tools.site.prose import check_prose, check_tex
from quire.tools.site.sanitize import sanitized

__all__ = ["dressed", "title_of"]

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
FIGURE, SCOREBOARD, EXPECTED = (f"application/vnd.quire.{name}+json" for name in ("figure", "scoreboard", "expected"))
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
NAME = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)+")  # of a figure
PARTS = ("header", "parameters", "solutions", "footer")


def dressed(notebook: Notebook, chapter: str, figures: set[str]) -> NotebookNode:
    """The page of a chapter.

    Args:
        notebook: as it was executed.
        chapter: its name.
        figures: ids of the figures that the run drew.

    Raises:
        ValueError: it was not executed, or not to its end; it holds what no chapter uses (the message says what).
    """
    if not any(cell.outputs for cell in notebook.cells):
        raise ValueError(f"the notebook of {chapter} has no outputs: it was not executed; run the chapter again")
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    check_prose(prose, f"the notebook of {chapter}")
    page = _Page(chapter, figures, "\n".join(prose))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            page.add_prose(cell.source)
        elif cell.cell_type == "code":
            page.add_code(cell)
    return page.finished()


def title_of(notebook: Notebook, chapter: str) -> str:
    """The first heading of a notebook."""
    lines = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), chapter)


class _Page:
    """The cells of a page as they are written, and the parts that it still wants."""

    def __init__(self, chapter: str, figures: set[str], prose: str):
        self.chapter, self.figures = chapter, figures
        self.cells: list[NotebookNode] = []
        self.wants = {name for name in PARTS if f"{{quire-{name}}}" not in prose}

    def add_prose(self, source: str) -> None:
        """Text; the run line follows the first one, the parameters what says what a reader will see."""
        self._add(new_markdown_cell(source))
        if "header" in self.wants:
            self._insert("header", self.chapter)
        if "parameters" in self.wants and "you will see" in source.lower():
            self._insert("parameters", self.chapter)
        if "solutions" in self.wants and "## try it" in source.lower():
            self._insert("solutions", self.chapter)

    def add_code(self, cell: NotebookCell) -> None:
        """Code with its outputs; figures and scoreboards become directives behind it."""
        if cell.tags & GIVEN and "parameters" in self.wants:
            self._insert("parameters", self.chapter)
        draws = any(FIGURE in output.data or "quire_figure" in output.metadata for output in cell.outputs)
        fold = folding(cell.source, cell.tags, draws=draws)
        code = new_code_cell(cell.source)
        self._add(code)
        for output in cell.outputs:
            if not self._marked(output) and (fold.printed or output.output_type != "stream"):
                code.outputs += self._kept(output)
        if fold.tags:
            code.metadata["tags"] = fold.tags
        if fold.title:
            code.metadata["mystnb"] = {"code_prompt_show": fold.title, "code_prompt_hide": fold.title}

    def finished(self) -> NotebookNode:
        """The notebook of the page."""
        if "footer" in self.wants:
            self._insert("footer", self.chapter)
        return new_notebook(cells=self.cells, metadata=KERNEL)

    def _add(self, cell: NotebookNode) -> None:
        cell["id"] = f"cell-{len(self.cells)}"
        self.cells.append(cell)

    def _insert(self, name: str, argument: str) -> None:
        self.wants.discard(name)
        self._add(new_markdown_cell(f"```{{quire-{name}}} {argument}\n```"))

    def _marked(self, output: Output) -> bool:
        """Whether an output stands for something that the page renders from the run's files."""
        marks = {kind: output.data[kind] for kind in (FIGURE, SCOREBOARD, EXPECTED) if kind in output.data}
        if FIGURE in marks or "quire_figure" in output.metadata:
            mark = marks.get(FIGURE)
            ident = output.metadata.get("quire_figure", mark.get("id") if isinstance(mark, dict) else None)
            if not isinstance(ident, str) or not NAME.fullmatch(ident) or ident not in self.figures:
                raise ValueError(
                    f"the notebook of {self.chapter} shows the figure {ident!r}, which the run did not draw"
                )
            self._insert("figure", f"{self.chapter}/{ident}")
        elif SCOREBOARD in marks:
            self._insert("scoreboard", self.chapter)
        elif EXPECTED in marks:
            self._insert("expected", self.chapter)
        else:
            return WIDGET in output.data  # a progress bar says nothing in a book
        return True

    def _kept(self, output: Output) -> list[NotebookNode]:
        """An output cut down to the kinds that are shown."""
        if output.output_type == "error":
            raise ValueError(f"the notebook of {self.chapter} stopped with {output.ename}: {output.evalue}")
        if output.output_type == "stream":
            return [new_output("stream", name=output.name, text=output.text)]
        data = {}
        text = output.shown("text/plain")
        if text:
            data["text/plain"] = text
        page = output.shown("text/html")
        if page:
            data["text/html"] = sanitized(page)
            check_tex(data["text/html"], f"a table of {self.chapter}")
        data |= {kind: output.shown(kind) for kind in PICTURES if _is_picture(output.shown(kind), kind)}
        return [new_output("display_data", data=data)] if data else []


def _is_picture(text: str, kind: str) -> bool:
    """Whether a picture is what its type says."""
    try:
        content = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except ValueError:
        return False
    return content.startswith(PICTURES[kind])
