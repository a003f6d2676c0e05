"""The ledger in a text: the role {claim}`id`, and what a chapter expects before it runs.

Numbers in the prose come from here: {claim}`id` renders the measurement, then prediction and band, then the verdict, and the
reason of one that decides nothing; {claim}`id:measured` and {claim}`id:predicted` only one of the two. An unknown id is a
warning.
"""

import difflib

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_refnode

from .base import Directive, badge, data, firm
from .runs import details
from .scoreboard import PAGE, anchor, source

logger = logging.getLogger(__name__)


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
        inner = nodes.inline("", "", *_sentence(claim, part), classes=["quire-claim"])
        reference = addnodes.pending_xref(
            "", inner, reftype="quire-claim", reftarget=ident, refdoc=self.env.docname, refexplicit=True
        )
        return [reference], []


def _sentence(claim: dict, part: str) -> list[nodes.Node]:
    """ "0.485 ± 0.001 (predicted 0.5, band ± 0.03) ✓": what is measured as text, what was predicted in small print."""
    measured = nodes.inline("", firm(claim.get("measured") or "nothing yet"), classes=["quire-measured"])
    predicted = firm(claim.get("target", claim["predicted"]))
    if claim.get("band"):
        predicted += f", band\u00a0{firm(claim['band'])}"
    if part:
        return [measured if part == "measured" else nodes.Text(firm(claim["predicted"]))]
    said = f" (predicted\u00a0{predicted}) "
    found = [measured, nodes.inline("", said, classes=["quire-predicted"]), badge(claim["verdict"])]
    if claim["verdict"] == "untested" and claim.get("reason"):
        found.append(nodes.Text(f" ({claim['reason']})"))
    return found


def _resolve(app: Sphinx, env, node, content):
    if node.get("reftype") != "quire-claim":
        return None
    if PAGE not in env.found_docs:
        return content
    return make_refnode(app.builder, node["refdoc"], PAGE, anchor(node["reftarget"]), content, node["reftarget"])


class Expected(Directive):
    """```{quire-expected} chapter```: what the ledger predicts, before anything is measured."""

    def run(self):
        """One row per claim: the statement, the prediction with its tolerance, where it comes from; folded."""
        claims = [claim for claim in self.data("claims", []) if claim["chapter"] == self.chapter]
        if not claims:
            return [nodes.paragraph("", "no claims yet", classes=["quire-totals"])]
        rows = [[self._says(claim), firm(claim["predicted"]), self.inline(source(claim))] for claim in claims]
        table = self.table(["Claim", "Predicted", "Source"], rows, widths=[50, 20, 30], name="expected")
        return details(f"The {len(rows)} claims of this chapter, and what is predicted", table)

    def _says(self, claim: dict) -> list[nodes.Node]:
        unit = claim.get("predict", {}).get("unit")
        note = f"`{claim['id']}`" + (f" · in {unit}" if unit else "")
        says = nodes.paragraph("", "", *self.inline(claim["says"]))
        return [says, nodes.paragraph("", "", *self.inline(note), classes=["quire-note"])]


def setup(app: Sphinx) -> None:
    """Register the role and the directive."""
    app.add_role("claim", ClaimRole())
    app.add_directive("quire-expected", Expected)
    app.connect("missing-reference", _resolve)
