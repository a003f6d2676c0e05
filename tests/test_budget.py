"""The library is thin: what is not science stays small, and every module can be read in one sitting."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

LIB = Path(__file__).parents[1] / "lib" / "quire"
LIMIT = 1625  # lines of code of the machinery; beyond that, a library should be doing it
# a generator of images is content, and how kernels and warps use the cores is part of the science
CONTENT = {"glyphs.py", "fonts.py", "cores.py"}
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in LAYOUT]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_counting():
    assert (
        code_lines(
            '"""Doc\n\nmore."""\n\n# comment\nx = 1  # why\n\n\ndef f():\n    """Doc."""\n    return (\n        x\n    )\n'
        )
        == 5
    )


def test_the_machinery_is_small():
    files = [*LIB.glob("*.py"), *LIB.glob("data/*.py"), *LIB.glob("tools/*.py")]
    lines = {path.relative_to(LIB): code_lines(path.read_text()) for path in files if path.name not in CONTENT}
    assert 0 < sum(lines.values()) <= LIMIT, "\n".join(f"{n:5} {path}" for path, n in sorted(lines.items()))


@pytest.mark.parametrize("path", sorted(LIB.rglob("*.py")), ids=lambda path: str(path.relative_to(LIB)))
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300
