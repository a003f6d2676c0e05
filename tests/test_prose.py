"""What chapters say in words: measured numbers come from claims and tables, not from the keyboard."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

CHAPTERS = sorted((Path(__file__).resolve().parents[1] / "chapters").glob("*.py"))
NUMBER = re.compile(r"(?<![\w.{^_-])[-−]?\d+\.\d+(?![\w])|(?<![\w.{^_])\d+(?:\.\d+)?\s?%")
FORMAL = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", re.S)
GIVEN = {  # numbers that are chosen, defined or quoted, and not measured: each with its reason
    ("disentanglement", "95 %"): "the rule by which the coefficient of a negation is chosen",
    ("disentanglement", "3.4"): "millions of weights of a published network",
    ("hierarchy", "0.7"): "the level of the error that counts as learned",
    ("hierarchy", "0.8"): "the fraction of data at which a claim looks",
    ("hierarchy", "2.5"): "a parameter of the ideal learner of a figure",
    ("mechanics", "2604.21691"): "an arXiv number",
    ("multiscale", "0.66"): "a coupling, chosen",
    ("multiscale", "0.70"): "a coupling, chosen",
    ("multiscale", "0.3"): "a coupling, in an exercise",
    ("phase_collapse", "0.9"): "a threshold, in an exercise",
    ("phase_collapse", "0.1"): "a threshold, in an exercise",
}


def texts(chapter: Path):
    """Prose, captions and alternative texts of a chapter, without mathematics and code."""
    for cell in jupytext.read(chapter).cells:
        if cell.cell_type == "markdown":
            yield FORMAL.sub("", cell.source)
        elif cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.keyword) and node.arg in ("alt", "caption"):
                    parts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                    yield FORMAL.sub("", " ".join(map(str, parts)))


def bare(chapter: Path) -> set[tuple[str, str]]:
    return {(chapter.stem, found[0]) for text in texts(chapter) for found in NUMBER.finditer(text)}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_measured_number_is_typed_into_prose(chapter):
    assert not bare(chapter) - GIVEN.keys()


def test_every_exception_is_used():
    assert GIVEN.keys() <= set().union(*map(bare, CHAPTERS))


def test_the_lint_finds_what_it_should(tmp_path):
    chapter = tmp_path / "toy.py"
    chapter.write_text(
        '# %% [markdown]\n# The error is 0.31, in 20 % of all cases, at $0.5$.\n\n# %%\nfigure(alt="It ends at -1.5.")\n'
    )
    assert {number for _, number in bare(chapter)} == {"0.31", "20 %", "-1.5"}
