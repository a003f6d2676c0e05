"""The ledger on a page: the role {claim}`id`, what a chapter expects, and the scoreboard.

Numbers in the prose come from here: {claim}`id` renders prediction, measurement and verdict, and the reason of one that
decides nothing; {claim}`id:measured` and {claim}`id:predicted` only one of the two. An unknown id is a warning.
"""

import difflib
import re

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_refnode

from .base import Directive, badge, data, firm, totals
from .runs import details

PAGE = "scoreboard"
KEY = re.compile(r"\b[a-z]+(19|20)\d\d[a-z]*\b")  # of the bibliography, within a sentence
logger = logging.getLogger(__name__)


def anchor(ident: str) -> str:
    """The anchor of a claim on the scoreboard page."""
    return nodes.make_id(f"claim-{ident}")


class ClaimRole(SphinxRole):
    """{claim}`id`, {claim}`id:measured`, {claim}`id:predicted`."""

    def run(self):
        """Render the claim, linked to its line on the scoreboard."""
        ident, _, part = self.text.strip().partition(":")
        ledger = {claim["id"]: claim for claim in data(self.env, "claims", [])}
        if ident not in ledger or part not in ("", "measured", "predicted"):
            near = difflib.get_close_matches(ident, ledger, n=3) or sorted(ledger)[:3]
            what = f"part '{part}' of" if ident in ledger else "unknown"
            message = f"{what} claim '{ident}': known ids like {near}; parts are measured, predicted"
            logger.warning(message, location=self.get_location(), type="quire", subtype="claim")
            return [nodes.problematic(self.rawtext, self.text)], []
        claim = ledger[ident]
        predicted, measured = (firm(claim["predicted"]), firm(claim.get("measured") or "nothing yet"))
        text = {"measured": measured, "predicted": predicted}.get(part, f"predicted {predicted}, measured {measured}, ")
        inner = nodes.inline("", text, classes=["quire-claim"])
        if not part:
            inner += badge(claim["verdict"])
            if claim["verdict"] == "untested" and claim.get("reason"):
                inner += nodes.Text(f" ({claim['reason']})")
        reference = addnodes.pending_xref(
            "", inner, reftype="quire-claim", reftarget=ident, refdoc=self.env.docname, refexplicit=True
        )
        return [reference], []


def _resolve(app: Sphinx, env, node, content):
    if node.get("reftype") != "quire-claim":
        return None
    if PAGE not in env.found_docs:
        return content
    return make_refnode(app.builder, node["refdoc"], PAGE, anchor(node["reftarget"]), content, node["reftarget"])


class Scoreboard(Directive):
    """```{quire-scoreboard} chapter``` or ``all``; with ``:totals:`` only the line of counts."""

    option_spec = {"totals": directives.flag}

    def run(self):
        """The counts, then one row per claim."""
        profile = self.data("site", {}).get("profile", "book")
        ledger = self.data("claims", [])
        everything = bool(self.arguments) and self.chapter == "all"
        chosen = ledger if everything else [claim for claim in ledger if claim["chapter"] == self.chapter]
        line = nodes.paragraph("", "", *totals(chosen), classes=["quire-totals"])
        noun = "claim" if len(chosen) == 1 else "claims"
        line += nodes.Text(f"of {len(chosen)} {noun}, judged on the {profile} run.")
        if "totals" in self.options or not chosen:
            return [line]
        found: list[nodes.Node] = [line]
        for chapter in dict.fromkeys(claim["chapter"] for claim in chosen):
            if everything:
                title = self.data("site", {}).get("titles", {}).get(chapter, chapter)
                found.append(nodes.rubric("", "", nodes.reference("", title, refuri=self.page(f"chapters/{chapter}"))))
            rows = [self._row(claim, profile) for claim in chosen if claim["chapter"] == chapter]
            header = ["Verdict", "Claim", "Predicted", "Measured", "Other runs", "Source"]
            found.append(self.table(header, rows, widths=[12, 36, 13, 14, 12, 13], name="claims"))
        return found

    def _row(self, claim: dict, profile: str) -> nodes.row:
        verdict: list[nodes.Node] = [nodes.paragraph("", "", badge(claim["verdict"]))]
        if claim.get("reason"):
            verdict.append(nodes.paragraph("", claim["reason"], classes=["quire-note"]))
        says: list[nodes.Node] = [nodes.paragraph("", "", *self.inline(claim["says"]))]
        notes = [f"`{claim['id']}`"]
        if profile not in claim.get("decidable", [profile]):
            notes.append(f"decided at {' and '.join(claim['decidable'])} scale only")
        if unit := claim.get("predict", {}).get("unit"):
            notes.append(f"in {unit}")
        if claim.get("why"):
            notes.append(f"tolerance: {claim['why']}")
        says.append(nodes.paragraph("", "", *self.inline(" · ".join(notes)), classes=["quire-note"]))
        if claim.get("comment"):
            says.append(nodes.paragraph("", "", *self.inline(claim["comment"]), classes=["quire-note"]))
        cells = [verdict, says, firm(claim["predicted"]), firm(claim.get("measured")), _others(claim)]
        return self.row([*cells, self.inline(_source(claim))], anchor(claim["id"]))


class Expected(Directive):
    """```{quire-expected} chapter```: what the ledger predicts, before anything is measured."""

    def run(self):
        """One row per claim: the statement, the prediction with its tolerance, where it comes from; folded."""
        claims = [claim for claim in self.data("claims", []) if claim["chapter"] == self.chapter]
        if not claims:
            return [nodes.paragraph("", "no claims yet", classes=["quire-totals"])]
        rows = [[self._says(claim), firm(claim["predicted"]), self.inline(_source(claim))] for claim in claims]
        table = self.table(["Claim", "Predicted", "Source"], rows, widths=[50, 20, 30], name="expected")
        return details(f"The {len(rows)} claims of this chapter, and what is predicted", table)

    def _says(self, claim: dict) -> list[nodes.Node]:
        unit = claim.get("predict", {}).get("unit")
        note = f"`{claim['id']}`" + (f" · in {unit}" if unit else "")
        says = nodes.paragraph("", "", *self.inline(claim["says"]))
        return [says, nodes.paragraph("", "", *self.inline(note), classes=["quire-note"])]


def _others(claim: dict) -> list[nodes.Node]:
    """What the published runs at another scale, or with another block of seeds, say."""
    lines = []
    for one in claim.get("others", []):
        text = nodes.Text(f"{one['label']}: {firm(one['measured'])} ")
        lines.append(nodes.paragraph("", "", text, badge(one["verdict"]), classes=["quire-note"]))
    return lines or [nodes.paragraph("", "–")]


def _source(claim: dict) -> str:
    """Where a prediction comes from, as text with citations."""
    paper, where = claim["source"]["paper"], claim["source"].get("where", "")
    source = f"{paper}:" if paper in ("derived", "prototype") else f"{{cite}}`{paper}`"
    where = KEY.sub(r"{cite}`\g<0>`", where)
    return f"{source} {where}".strip()


def setup(app: Sphinx) -> None:
    """Register the role and the directive."""
    app.add_role("claim", ClaimRole())
    app.add_directive("quire-scoreboard", Scoreboard)
    app.add_directive("quire-expected", Expected)
    app.connect("missing-reference", _resolve)
