"""The glossary: its words are used, and linked where a chapter first uses them; plain mathematics of the ledger is typeset."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = yaml.safe_load((ROOT / "data" / "glossary.yml").read_text(encoding="utf-8"))
CONF = (
    f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\nextensions = ['myst_parser', 'quire_book']\n"
    "myst_enable_extensions = ['dollarmath']\n"
)
PAGE = """# The score

A *score* and scores, `score`, $score$: the Score is linked once. An **NTK** is strong; the NTK is linked, and so its other
name, the neural tangent kernel, is not.

| score |
|---|
| a denoiser |

## A wavelet

The wavelets, waveletlike.
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    source = tmp_path_factory.mktemp("glossary")
    for name in ("_data", "chapters"):
        (source / name).mkdir()
    (source / "conf.py").write_text(CONF)
    (source / "_data" / "glossary.json").write_text(json.dumps(ENTRIES))
    (source / "index.md").write_text("# Index\n\nA score.\n\n```{toctree}\nglossary\nchapters/one\n```\n")
    (source / "glossary.md").write_text("# Glossary\n\n```{quire-glossary}\n```\n")
    (source / "chapters" / "one.md").write_text(PAGE)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(source), str(source / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.stem: path.read_text() for path in (source / "out").rglob("*.html")}


def test_the_first_use_of_a_word_leads_to_its_meaning(pages):
    links = re.findall(r'<a class="quire-term[^>]*href="([^"]+)"[^>]*title="([^"]+)"[^>]*>([^<]+)</a>', pages["one"])
    assert [(href, word) for href, _, word in links] == [
        ("../glossary.html#term-score", "scores"),
        ("../glossary.html#term-neural-tangent-kernel", "NTK"),
        ("../glossary.html#term-wavelet", "wavelets"),
    ]
    assert "gradient of the logarithm" in links[0][1]
    assert "quire-term" not in pages["index"]  # chapters only
    for href, *_ in links:
        assert f'id="{href.partition("#")[2]}"' in pages["glossary"]


def test_words_of_the_glossary_are_used_by_chapters_and_explained_once():
    prose = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters").glob("*.py")).lower()
    spellings = [spelling for entry in ENTRIES for spelling in (entry["term"], *entry.get("also", []))]
    assert len({spelling.lower() for spelling in spellings}) == len(spellings)
    unused = [e["term"] for e in ENTRIES if not any(s.lower() in prose for s in (e["term"], *e.get("also", [])))]
    assert not unused


TYPESET = """
import sys
sys.path.insert(0, sys.argv[1])
from quire_book.text import inline, number, typeset
for line in sys.stdin.read().splitlines():
    print("".join(str(node) for node in typeset(line)))
"""


def typeset(*lines: str) -> list[str]:
    command = [sys.executable, "-c", TYPESET, str(ROOT / "book" / "_ext")]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    short = done.stdout.replace("subscript", "sub").replace("superscript", "sup")
    return short.splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n_c m^(L-1)", "n<sub>c</sub> m<sup>L−1</sup>"),
        ("|k|^-(1 + d_eff(1)) = |k|^-2", "|k|<sup>−(1 + d<sub>eff</sub>(1))</sup> = |k|<sup>−2</sup>"),
        ("S_{2,1} at -0.5, 1.2e-05", "S<sub>2,1</sub> at −0.5, 1.2 × 10⁻⁵"),
        ("|ε - ε*| > 3e+02", "|ε − ε<sup>*</sup>| > 3 × 10²"),
        ("v m^(n/(s-1))", "v m<sup>n/(s−1)</sup>"),
        ("up to (1-1/v)^O(l)", "up to (1−1/v)<sup>O(l)</sup>"),
        ("phase_transition of the U-Net, 2-4, two-dimensional", "phase_transition of the U-Net, 2-4, two-dimensional"),
    ],
)
def test_plain_mathematics_is_typeset(text, expected):
    assert typeset(text) == [expected]


def test_no_raw_index_or_power_is_left_in_the_ledger():
    from quire.claims import ledger

    texts = [
        text for c in ledger().values() for text in (c.says, c.predict.unit, c.source.where, c.why, c.comment) if text
    ]
    texts = [re.sub(r"\$[^$]*\$|`[^`]*`", "", text).replace("\n", " ") for text in texts]
    assert not [
        line
        for line in typeset(*texts)
        if re.search(r"[_^]|\w\*(?!\w)", re.sub(r"<su[bp]>.*?</su[bp]>|<[^>]+>", "", line))
    ]
