"""Text that stands in a ledger, a caption or a parameter's meaning: words, mathematics, code, emphasis, and a few roles.

Mathematics is TeX between dollars, or plain (``n_c m^L``, ``P^(1/z)``, ``-1.2e-05``), which is legible in a terminal and gets
its indices, powers and minus signs here. Nothing else is understood: HTML, links, pictures and directives are shown as they
are written. Whoever made the run whose captions are shown, they are text.
"""

import re
from collections.abc import Callable

from docutils import nodes

__all__ = ["inline", "number", "typeset"]

MARKS = re.compile(
    r"""
      \{(?P<role>cite|cite:t|cite:p|claim|numref|eq|term)\}`(?P<target>[\w.:,\ -]+)`
    | `(?P<code>[^`]+)`
    | \$(?P<math>[^$\s](?:[^$]*[^$\s])?)\$
    | \*\*(?P<strong>[^*]+)\*\*
    | (?<!\w)\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*
    | \\(?P<escaped>[\\`*$_{}<>\#])
    """,
    re.VERBOSE,
)
INNER = r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*"  # parentheses in parentheses in parentheses
SCRIPTS = re.compile(
    rf"""
      (?<![^\W\d_])(?P<base>[^\W\d_])_(?:\{{(?P<index>[^{{}}]+)\}}|(?P<word>[^\W_]+))
    | (?<=[^\s(])\^(?:\{{(?P<braced>[^{{}}]+)\}}|\((?P<power>{INNER})\)|(?P<signed>[-−]\({INNER}\)|[-−]?(?:O\([^()]*\)|[^\W_]+)))
    | (?<=[^\W\d_])(?P<star>\*)(?![\w*])
    """,
    re.VERBOSE,
)
SCIENTIFIC = re.compile(r"(?<![\w.])([-−]?\d(?:\.\d+)?)e([+-]?)0*(\d+)\b")
MINUS = re.compile(
    r"(?<![\w.)*])-(?=[\d.|(]*\w)|(?<= )-(?= )|(?<=\b[^\W_])-(?=[^\W\d_]\b)|(?<=\b[^\W\d_])-(?=\d\b)|(?<=\(1)-(?=\d/)"
)
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def inline(text: str, role: Callable[[str], list[nodes.Node]]) -> list[nodes.Node]:
    """The inline nodes of a text.

    Args:
        text: one paragraph.
        role: makes nodes of a role with its target, such as ``{cite}`key```.
    """
    found: list[nodes.Node] = []
    end = 0
    for mark in MARKS.finditer(text):
        if mark.start() > end:
            found += typeset(text[end : mark.start()])
        found += _marked(mark, role)
        end = mark.end()
    return found + (typeset(text[end:]) if end < len(text) else [])


def typeset(text: str) -> list[nodes.Node]:
    """Plain mathematics with its indices and powers, in a text without marks.

    >>> "".join(str(node) for node in typeset("n_c m^(L-1) = 1e-3 P*"))
    'n<subscript>c</subscript> m<superscript>L−1</superscript> = 1 × 10⁻³ P<superscript>*</superscript>'
    """
    found: list[nodes.Node] = []
    end = 0
    for mark in SCRIPTS.finditer(text):
        before = text[end : mark.start()] + (mark["base"] or "")
        found += [nodes.Text(number(before))] if before else []
        found.append(_script(mark))
        end = mark.end()
    return found + ([nodes.Text(number(text[end:]))] if end < len(text) else [])


def number(text: str) -> str:
    """A text whose numbers have minus signs and powers of ten.

    >>> number("-1.5 ± 2e-05")
    '−1.5 ± 2 × 10⁻⁵'
    """
    powers = SCIENTIFIC.sub(lambda found: f"{found[1]} × 10{(found[2] + found[3]).lstrip('+').translate(RAISED)}", text)
    return MINUS.sub("−", powers)


def _script(mark: re.Match) -> nodes.Node:
    if mark["base"]:
        return nodes.subscript("", mark["index"] or mark["word"])
    content = mark["braced"] or mark["power"] or mark["signed"] or mark["star"]
    return nodes.superscript("", "", *typeset(content.replace("-", "−")))


def _marked(mark: re.Match, role: Callable[[str], list[nodes.Node]]) -> list[nodes.Node]:
    kind, content = mark.lastgroup, mark[mark.lastgroup]
    if kind == "target":
        return role(mark[0])
    if kind == "code":
        return [nodes.literal(content, content)]
    if kind == "math":
        return [nodes.math(content, content)]
    if kind == "escaped":
        return [nodes.Text(content)]
    wrap = nodes.strong if kind == "strong" else nodes.emphasis
    return [wrap(content, "", *inline(content, role))]
