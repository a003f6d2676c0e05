"""A chapter's executed notebook to take away: readable without the book.

Roles and directives of the page are written out in its prose: claims as numbers with their verdicts, citations as names with
a list of references at the end, excerpts of the library as code. Code and outputs are those of the run.
"""

import ast
import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from quire.claims import SYMBOLS
from quire.tools.site.bibliography import bibtex_of, labels

__all__ = ["resolved"]

CLAIM = re.compile(r"\{claim\}`([^`:]+)(?::(measured|predicted))?`")
CITATION = re.compile(r"\{cite(?::[tp])?\}`([^`]+)`")
REFERENCE = re.compile(r"\{(?:numref|eq|ref|doc|term)\}`([^`]+)`")
EXCERPT = re.compile(r"```\{literalinclude\} (/lib/quire/\S+\.py)\n((?::[\w-]+:.*\n)*)```")
BOX = re.compile(r"^:::\{\w+\} ?(.*)\n(?::class: dropdown\n)?((?:.*\n)*?):::$", re.M)
TARGET = re.compile(r"^:pyobject: (\S+)$", re.M)


def resolved(notebook: NotebookNode, claims: list[dict], *, library: Path, bibliography: str) -> NotebookNode:
    """The notebook with its roles and directives written out.

    Args:
        notebook: as executed; it is changed in place, and returned.
        claims: the judged claims of the chapter.
        library: the folder that holds ``lib``.
        bibliography: BibTeX of the book.
    """
    names, cited = labels(bibliography), {}
    ledger = {claim["id"]: claim for claim in claims}
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        cell.source = CLAIM.sub(lambda found: _claim(found, ledger), cell.source)
        cell.source = CITATION.sub(lambda found: _citation(found, names, cited), cell.source)
        cell.source = EXCERPT.sub(lambda found: _excerpt(found, library), cell.source)
        cell.source = REFERENCE.sub(r"*\1*", cell.source)
        cell.source = BOX.sub(_box, cell.source)
    if cited:
        entries = bibtex_of(bibliography, list(cited)).strip()
        notebook.cells.append(new_markdown_cell(f"## References\n\n```bibtex\n{entries}\n```", id="references"))
    return notebook


def _claim(found: re.Match, ledger: dict[str, dict]) -> str:
    claim = ledger.get(found[1])
    if claim is None:
        return f"`{found[1]}`"
    measured = claim["measured"] or "nothing yet"
    if found[2]:
        return measured if found[2] == "measured" else claim["predicted"]
    band = f", band {claim['band']}" if claim["band"] else ""
    verdict = f"{SYMBOLS[claim['verdict']]} {claim['verdict']}"
    return f"{measured} (predicted {claim['target']}{band}) {verdict}".replace("|", r"\|")


def _citation(found: re.Match, names: dict[str, str], cited: dict[str, None]) -> str:
    keys = [key.strip() for key in found[1].split(",")]
    cited.update(dict.fromkeys(keys))
    return f"({'; '.join(names.get(key, key) for key in keys)})"


def _box(found: re.Match) -> str:
    """A box of the page as a quotation under its title."""
    lines = [f"**{found[1]}**", "", *found[2].splitlines()] if found[1] else found[2].splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _excerpt(found: re.Match, library: Path) -> str:
    """The lines of a function or class, or of the whole file; the directive stays where they are not found."""
    path = library / found[1].lstrip("/")
    target = TARGET.search(found[2])
    try:
        text = path.read_text(encoding="utf-8")
        code = _lines(text, target[1].split(".")) if target else text
    except (OSError, SyntaxError, LookupError):
        return found[0]
    return f"```python\n# {found[1].removeprefix('/lib/')}\n{code.rstrip()}\n```"


def _lines(text: str, names: list[str]) -> str:
    body = ast.parse(text).body
    for name in names:
        node = next((node for node in body if getattr(node, "name", None) == name), None)
        if node is None:
            raise LookupError(name)
        body = getattr(node, "body", [])
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
