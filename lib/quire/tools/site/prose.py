"""What the prose of a staged notebook may use: text, mathematics, and the directives and roles of chapters.

A directive such as ``include`` reads a file of the machine, a role such as ``download`` copies one, a formula with
``\\href`` runs a script. The prose is parsed as the book parses it, and whatever is not on the list is refused by name.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

__all__ = ["EXTENSIONS", "WITHOUT", "check_prose", "check_tex"]

EXTENSIONS = ["amsmath", "colon_fence", "deflist", "dollarmath", "tasklist"]  # of _config.yml: a test compares
WITHOUT = ["html_block", "html_inline"]  # likewise: what looks like HTML is text

ADMONITIONS = {"note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "seealso", "admonition"}
FOLDED = ":class: dropdown\n"  # a box that is closed until it is clicked
OURS = {f"quire-{name}" for name in ("header", "parameters", "solutions", "footer", "figure", "scoreboard", "expected")}
ROLES = {"cite", "cite:p", "cite:t", "claim", "numref", "eq", "ref", "doc", "math", "sub", "sup"}

LIBRARY = re.compile(r"/lib/quire(/\w+)+\.py")
OPTION = re.compile(
    r":(language|pyobject|start-at|start-after|end-at|end-before|lines|dedent|linenos|lineno-match|emphasize-lines):.*"
)
LINK = re.compile(r"(https?://|mailto:)\S+|#[\w.:-]+|[\w./-]+(#[\w.:-]+)?")
TEX = re.compile(r"\\(href|class|cssId|style|data|require|mmlToken|html\w*|includegraphics|unicode)(?![A-Za-z])")


def check_prose(sources: list[str], where: str, folder: str = "chapters") -> None:
    """Check the Markdown cells of a notebook, which share their link definitions.

    Args:
        sources: the text of each cell.
        where: what the message calls the notebook.
        folder: where the page lies in the site, to which its links are relative.

    Raises:
        ValueError: a directive, role, link, picture or TeX command is not one that a chapter uses.
    """
    parser, definitions = _parser(), {}
    for source in sources:
        check_tex(source, where)
        parser.parse(source, definitions)
    for target in definitions.get("references", {}).values():
        _check_link(target["href"], where, folder)
    for source in sources:
        _check(parser, source, definitions, where, folder)


def check_tex(text: str, where: str) -> None:
    """Refuse TeX commands with which a formula reaches beyond mathematics.

    Raises:
        ValueError: there is one.
    """
    found = TEX.search(text)
    if found:
        raise ValueError(f"{where}: {found[0]} is not mathematics (it adds links, scripts or styles): remove it")


def _parser() -> MarkdownIt:
    config = MdParserConfig(enable_extensions=set(EXTENSIONS), disable_syntax=WITHOUT)
    return create_md_parser(config, RendererHTML).disable("front_matter")  # in a notebook it is text


def _check(parser: MarkdownIt, source: str, definitions: dict, where: str, folder: str) -> None:
    tokens = parser.parse(source, definitions)
    for title in (after for before, after in pairwise(tokens) if before.type == "heading_open"):
        _check_title(title, where)
    for token in _walk(tokens):
        if token.type in ("fence", "colon_fence"):
            _check_fence(parser, token, definitions, where, folder)
        elif token.type == "myst_role" and token.meta["name"] not in ROLES:
            raise ValueError(f"{where}: the role {{{token.meta['name']}}} is not one of {sorted(ROLES)}")
        elif token.type == "link_open":
            _check_link(str(token.attrs.get("href", "")), where, folder)
        elif token.type == "image":
            raise ValueError(
                f"{where}: the picture {token.attrs.get('src')} is not one that the run drew: use figure()"
            )


def _check_title(title: Token, where: str) -> None:
    """The search of a site writes titles into its page as they are."""
    text = "".join(token.content for token in _walk(title.children or []))
    found = re.search(r"<[A-Za-z/!?]\S*", f"{title.content} {text}")
    if found:
        raise ValueError(
            f"{where}: the title {title.content!r} has {found[0]}: a title is words, and a space follows <"
        )


def _walk(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _walk(token.children or [])


def _check_fence(parser: MarkdownIt, token: Token, definitions: dict, where: str, folder: str) -> None:
    """A block of code is text; a directive must be on the list, and so must what stands in it."""
    name, _, argument = token.info.strip().partition(" ")
    directive = re.fullmatch(r"\{([\w:-]+)\}", name)
    if token.type == "fence" and not name.startswith("{"):
        return
    if directive is None or directive[1] not in {*ADMONITIONS, *OURS, "literalinclude", "math"}:
        raise ValueError(f"{where}: the block {name or token.markup} is not one that chapters use, such as {{note}}")
    if directive[1] == "literalinclude":
        _check_literalinclude(argument.strip(), token.content, where)
    elif directive[1] in OURS:
        _check_ours(directive[1], argument.strip(), token.content, where)
    elif directive[1] in ADMONITIONS:
        content = token.content.lstrip().removeprefix(FOLDED)
        if content.lstrip().startswith((":", "---")):
            raise ValueError(f"{where}: {{{directive[1]}}} takes no options here but {FOLDED.strip()!r}")
        for part in (argument, content, f"{argument}\n{content}"):  # as a title, and as the first line
            _check(parser, part, definitions, where, folder)


def _check_literalinclude(argument: str, content: str, where: str) -> None:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not LIBRARY.fullmatch(argument) or not all(OPTION.fullmatch(line) for line in lines):
        raise ValueError(
            f"{where}: literalinclude shows a file of the library, /lib/quire/….py, by pyobject, lines or start and end; "
            f"got {argument} with {lines}"
        )


def _check_ours(name: str, argument: str, content: str, where: str) -> None:
    if not re.fullmatch(r"[\w/-]*", argument) or content.strip() not in ("", ":totals:"):
        raise ValueError(f"{where}: {{{name}}} takes the name of a chapter or figure, got {argument!r} {content!r}")


def _check_link(href: str, where: str, folder: str) -> None:
    """A link leads to the web, or to a page of the site."""
    local = "://" not in href and not href.startswith(("#", "mailto:"))
    path = PurePosixPath(href.partition("#")[0])
    outside = path.is_absolute() or path.parts.count("..") > len(PurePosixPath(folder).parts)
    if not LINK.fullmatch(href) or (local and (outside or path.suffix not in ("", ".md", ".ipynb", ".html"))):
        raise ValueError(f"{where}: the link to {href!r} leads to no page of the site nor to the web")
