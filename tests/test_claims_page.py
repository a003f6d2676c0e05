"""What the book shows of a chapter's claims: predictions before the run, the reason of a verdict that decides nothing."""

import pytest
from test_ext import CLAIM, DATA, HOSTILE, render, words

ONE_SEED = {**CLAIM, "id": "index.gamma", "verdict": "untested", "reason": "one seed has no error", "measured": "1 ± ?"}
WIDE = {**CLAIM, "id": "index.delta", "verdict": "inconclusive", "reason": "the 95 % interval is ± 0.3"}
OTHER = {**CLAIM, "id": "other.one", "chapter": "other", "says": "Of another chapter."}
STRANGE = {
    **CLAIM,
    "id": "index.evil",
    "verdict": "untested",
    "reason": HOSTILE,
    "says": HOSTILE,
    "predict": {"unit": HOSTILE},
}
TEXT = """# Page

```{quire-expected}
```

Here {claim}`index.gamma`, and {claim}`index.beta`; {claim}`index.evil`.

```{quire-expected} nobody
```

```{quire-scoreboard}
```
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """A page built with warnings as errors."""
    beta = {**CLAIM, "predict": {"unit": "points"}, "reason": ""}
    claims = [beta, ONE_SEED, WIDE, OTHER, STRANGE]
    done, text = render(tmp_path_factory.mktemp("claims"), TEXT, {**DATA, "claims": claims}, "-W")
    assert done.returncode == 0, done.stderr
    return text[text.index('<div class="body"') :]


def test_what_is_expected_is_a_table_without_measurements(page):
    table = page[page.index("quire-table-expected") : page.index("</table>")]
    text = words(table)
    assert "<summary>The 4 claims of this chapter, and what is predicted</summary>" in page  # folded
    assert "Claim Predicted Source" in text and "Says it. index.beta · in points 1 ± 0.1 derived: eq. (1)" in text
    assert "1.02" not in text and "holds" not in text and "another chapter" not in text
    assert "no claims yet" in words(page)


def test_a_verdict_that_decides_nothing_says_why(page):
    text = words(page)
    assert "1 ± ? (predicted 1, band ± 0.1) – untested (one seed has no error) , and" in text
    assert "and 1.02 ± 0.01 (predicted 1, band ± 0.1) ✓ holds ;" in text
    assert "– untested one seed has no error" in text and "? inconclusive the 95 % interval is ± 0.3" in text


def test_texts_of_others_are_text(page):
    assert "<script>alert" not in page and "<img src=x" not in page and 'href="javascript' not in page
    assert page.count("&lt;script&gt;") >= 5
