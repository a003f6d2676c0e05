"""{quire-scoreboard}: the claims of a chapter, or of the whole book, with their verdicts; what does not hold comes first.

On the page of all claims a row of radio buttons chooses verdicts. It needs no script: the style sheet hides the other rows.
"""

import re

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from .base import VERDICTS, Directive, badge, firm, link, totals

PAGE = "scoreboard"
KEY = re.compile(r"\b[a-z]+(19|20)\d\d[a-z]*\b")  # of the bibliography, within a sentence
WORST_FIRST = ("fails", "inconclusive", "holds", "untested")
BASES = ("blind", "prototype", "adjusted", "theorem")
HEADER = ["Verdict", "Claim", "Predicted", "Measured", "Other runs", "Source"]
WIDTHS = [12, 36, 13, 14, 12, 13]


def anchor(ident: str) -> str:
    """The anchor of a claim on the scoreboard page."""
    return nodes.make_id(f"claim-{ident}")


def source(claim: dict) -> str:
    """Where a prediction comes from, as text with citations."""
    paper, where = claim["source"]["paper"], claim["source"].get("where", "")
    origin = f"{paper}:" if paper in ("derived", "prototype") else f"{{cite}}`{paper}`"
    where = KEY.sub(r"{cite}`\g<0>`", where)
    return f"{origin} {where}".strip()


class Scoreboard(Directive):
    """```{quire-scoreboard} chapter``` or ``all``; with ``:totals:`` only the line of counts."""

    option_spec = {"totals": directives.flag}

    def run(self):
        """The counts; for the whole book what does not hold, and the switch; then one row per claim, the worst first."""
        profile = self.data("site", {}).get("profile", "book")
        ledger = self.data("claims", [])
        everything = bool(self.arguments) and self.chapter == "all"
        chosen = ledger if everything else [claim for claim in ledger if claim["chapter"] == self.chapter]
        summary = "totals" in self.options
        line = nodes.paragraph("", "", *totals(chosen, self._target(everything, summary)), classes=["quire-totals"])
        noun = "claim" if len(chosen) == 1 else "claims"
        line += nodes.Text(f"of {len(chosen)} {noun}, judged on the {profile} run.")
        if summary or not chosen:
            return [line]
        if not everything:
            return [line, self._table(chosen, profile)]
        parts = [self._unsettled(chosen, verdict) for verdict in ("fails", "inconclusive")]
        return [line, *self._bases(chosen), *(part for part in parts if part), self._chapters(chosen, profile)]

    def _target(self, everything: bool, summary: bool) -> str | None:
        """Where a badge of the counts leads: to the list of such claims, on this page or on the other."""
        if summary:
            return self.page(PAGE)
        return "" if everything else None

    def _bases(self, chosen: list[dict]) -> list[nodes.Node]:
        """How many claims were blind, adjusted, from a prototype, theorems; each with its verdicts."""
        bases = self.data("bases", {})
        rows = []
        for name, meaning in sorted(bases.items(), key=lambda item: BASES.index(item[0])):
            mine = [claim for claim in chosen if claim.get("basis") == name]
            if mine:
                rows.append([[nodes.strong("", name)], meaning, str(len(mine)), totals(mine)])
        header = ["Basis", "What was known when the prediction was written", "Claims", "Verdicts"]
        return [self.table(header, rows, widths=[12, 48, 8, 32], name="bases")] if rows else []

    def _unsettled(self, chosen: list[dict], verdict: str) -> nodes.section | None:
        """A section with the claims of a verdict, one line each."""
        mine = [claim for claim in chosen if claim["verdict"] == verdict]
        if not mine:
            return None
        title = {"fails": "What fails", "inconclusive": "What is inconclusive"}[verdict]
        section = nodes.section("", nodes.title("", title), ids=[f"verdict-{verdict}"], names=[title.lower()])
        listing = nodes.bullet_list(classes=["quire-unsettled"])
        for claim in mine:
            text = [*self.inline(claim["says"]), nodes.Text(" ")]
            measured = f"{firm(claim.get('measured'))}, predicted {firm(claim['predicted'])}"
            text += [link(measured, f"#{anchor(claim['id'])}"), nodes.Text(f" ({self._title(claim['chapter'])})")]
            listing += nodes.list_item("", nodes.paragraph("", "", *text))
        section += listing
        return section

    def _title(self, chapter: str) -> str:
        return self.data("site", {}).get("titles", {}).get(chapter, chapter).partition(":")[0]

    def _chapters(self, chosen: list[dict], profile: str) -> nodes.section:
        """Chapter by chapter, with the switch in front."""
        board = nodes.section("", nodes.title("", "All claims"), ids=["all-claims"], names=["all claims"])
        board["classes"].append("quire-board")
        board += nodes.raw("", _switch([claim["verdict"] for claim in chosen]), format="html")
        for chapter in dict.fromkeys(claim["chapter"] for claim in chosen):
            title = nodes.title(
                "", "", nodes.reference("", self._title(chapter), refuri=self.page(f"chapters/{chapter}"))
            )
            section = nodes.section("", title, ids=[f"board-{nodes.make_id(chapter)}"], names=[f"board {chapter}"])
            section += self._table([claim for claim in chosen if claim["chapter"] == chapter], profile)
            board += section
        return board

    def _table(self, claims: list[dict], profile: str) -> nodes.table:
        ordered = sorted(claims, key=lambda claim: WORST_FIRST.index(claim["verdict"]))
        return self.table(HEADER, [self._row(claim, profile) for claim in ordered], widths=WIDTHS, name="claims")

    def _row(self, claim: dict, profile: str) -> nodes.row:
        verdict: list[nodes.Node] = [nodes.paragraph("", "", badge(claim["verdict"]))]
        if claim.get("reason"):
            verdict.append(nodes.paragraph("", firm(claim["reason"]), classes=["quire-note"]))
        predicted = [nodes.paragraph("", firm(claim["predicted"]))]
        if unit := claim.get("predict", {}).get("unit"):
            predicted.append(nodes.paragraph("", "", *self.inline(unit), classes=["quire-note"]))
        measured = [nodes.paragraph("", firm(claim.get("measured")))]
        if away := _away(claim.get("distance") or {}):
            measured.append(nodes.paragraph("", away, classes=["quire-note"]))
        cells = [verdict, self._says(claim, profile), predicted, measured, _others(claim), self.inline(source(claim))]
        row = self.row(cells, anchor(claim["id"]))
        row["classes"].append(f"quire-is-{claim['verdict']}")
        return row

    def _says(self, claim: dict, profile: str) -> list[nodes.Node]:
        notes = [f"`{claim['id']}`", *([claim["basis"]] if claim.get("basis") else [])]
        if profile not in claim.get("decidable", [profile]):
            notes.append(f"decided at {' and '.join(claim['decidable'])} scale only")
        if claim.get("why"):
            notes.append(f"tolerance: {claim['why']}")
        if excluded := claim.get("excludes"):
            value = firm(f"{excluded['value']:.4g}")
            notes.append(f"would not hold for: {excluded['what']} ({value})")
        texts = [" · ".join(notes), *([claim["comment"]] if claim.get("comment") else [])]
        small = [nodes.paragraph("", "", *self.inline(text), classes=["quire-note"]) for text in texts]
        return [nodes.paragraph("", "", *self.inline(claim["says"])), *small]


def _away(distance: dict) -> str:
    """ "1.5 σ, 0.3 tolerances from it"; beyond a bound the number is negative, and said so."""
    if not distance:
        return ""
    signs = {value < 0 for value in distance.values()}
    units = {"errors": "σ", "tolerances": "tolerances"}
    said = ", ".join(f"{abs(distance[name]):.2g}\u00a0{unit}" for name, unit in units.items() if name in distance)
    return firm(f"{said} {'beyond the bound' if signs == {True} else 'from it'}")


def _others(claim: dict) -> list[nodes.Node]:
    """What the published runs at another scale, or with another block of seeds, say."""
    lines = []
    for one in claim.get("others", []):
        text = nodes.Text(f"{one['label']}: {firm(one['measured'])} ")
        lines.append(nodes.paragraph("", "", text, badge(one["verdict"]), classes=["quire-note"]))
    return lines or [nodes.paragraph("", "–")]


def _switch(verdicts: list[str]) -> str:
    """Radio buttons, one for each verdict that occurs."""
    names = ["all", *(name for name in VERDICTS if name in verdicts)]
    buttons = [
        f'<label><input type="radio" name="quire-shown" value="{name}"{" checked" if name == "all" else ""}> {name}</label>'
        for name in names
    ]
    return f'<fieldset class="quire-switch"><legend>Show</legend>{"".join(buttons)}</fieldset>'


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("quire-scoreboard", Scoreboard)
