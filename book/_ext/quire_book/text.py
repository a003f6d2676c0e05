"""Text that stands in a ledger, a caption or a parameter's meaning: words, mathematics, code, emphasis, and a few roles.

Nothing else is understood: HTML, links, pictures and directives are shown as they are written. Whoever made the run whose
captions are shown, they are text.
"""

import re
from collections.abc import Callable

from docutils import nodes

MARKS = re.compile(
    r"""
      \{(?P<role>cite|cite:t|cite:p|claim|numref|eq)\}`(?P<target>[\w.:,\ -]+)`
    | `(?P<code>[^`]+)`
    | \$(?P<math>[^$\s](?:[^$]*[^$\s])?)\$
    | \*\*(?P<strong>[^*]+)\*\*
    | \*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*
    | \\(?P<escaped>[\\`*$_{}<>\#])
    """,
    re.VERBOSE,
)


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
            found.append(nodes.Text(text[end : mark.start()]))
        found += _marked(mark, role)
        end = mark.end()
    return found + ([nodes.Text(text[end:])] if end < len(text) else [])


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
