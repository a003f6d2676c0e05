"""The README's scoreboard line is generated from the runs of record: ``python tests/test_readme.py`` writes it."""

import re
from pathlib import Path

from quire.claims import SYMBOLS, beside_published, judge_run

ROOT = Path(__file__).parents[1]
BASES = {
    "blind": "were predicted blind",
    "prototype": "have the band of a prototype",
    "adjusted": "were adjusted after a trial",
    "theorem": "are identities",
}
MARKED = re.compile(r"(<!-- scoreboard -->\n).*?(<!-- /scoreboard -->)", re.DOTALL)


def line() -> str:
    """Verdicts of the published book runs, counted."""
    runs = sorted((ROOT / "data" / "published" / "book").glob("*/provenance.json"))
    judged = [claim for run in runs for claim in judge_run(run.parent)]
    claims = beside_published(judged, profile="book", published=ROOT / "data" / "published")
    verdicts = [claim["verdict"] for claim in claims]
    held = [claim["basis"] for claim in claims if claim["verdict"] == "holds"]
    bases = ", ".join(f"{held.count(basis)} {words}" for basis, words in BASES.items())
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict} {symbol}" for verdict, symbol in SYMBOLS.items())
    larger = sorted((ROOT / "data" / "published" / "paper").glob("*/provenance.json"))
    decided = [claim["verdict"] for run in larger for claim in judge_run(run.parent) if claim["verdict"] != "untested"]
    said = ", ".join(f"{decided.count(verdict)} {verdict}" for verdict in SYMBOLS if verdict in decided)
    more = f" At the scale of the literature, so far: {len(larger)} chapters, {said}." if larger else ""
    return f"**Scoreboard of the published run:** {len(runs)} chapters, {len(verdicts)} claims: {counts}. Of those that hold {bases}.{more}\n"


def test_the_scoreboard_line_is_that_of_the_runs_of_record():
    found = MARKED.search((ROOT / "README.md").read_text())
    assert found and found[0] == found[1] + line() + found[2], (
        "run `python tests/test_readme.py`, then commit README.md"
    )


def test_paths_and_targets_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", text)) <= targets
    for path in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r"^(\w+/)", text, re.MULTILINE):
        assert (ROOT / path).exists(), path


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(MARKED.sub(lambda found: found[1] + line() + found[2], readme.read_text()))
