"""Generated parts of the prose pages: the map of the book, what is not there yet, notation, how to cite."""

import re
import unicodedata

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, badge, firm, link, totals


class Map(Directive):
    """{quire-map}: chapter ↔ thesis ↔ paper ↔ verdicts, for what is in this book."""

    def run(self):
        """One row per chapter that is present."""
        ledger, rows = self.data("claims", []), []
        for item in self.data("map", []):
            if not item.get("present"):
                continue
            mine = [claim for claim in ledger if claim["chapter"] == item["chapter"]]
            papers = ", ".join(f"{{cite:t}}`{key}`" for key in item["papers"])
            chapter = link(item["title"], self.page(f"chapters/{item['chapter']}"))
            rows.append([chapter, self.inline(item["thesis"]), self.inline(papers), totals(mine)])
        header = ["Chapter", "In the thesis", "Papers", "Verdicts"]
        return [self.table(header, rows, widths=[24, 30, 28, 18], name="map")]


class Missing(Directive):
    """{quire-missing}: the strands of the plan without a chapter here, each with the reason."""

    def run(self):
        """A list; a sentence when nothing is missing."""
        missing = [item for item in self.data("map", []) if not item.get("present")]
        if not missing:
            return [nodes.paragraph("", "Every planned strand has its chapter.")]
        listing = nodes.bullet_list(classes=["quire-missing"])
        for item in missing:
            papers = " ".join(f"{{cite}}`{key}`" for key in item["papers"])
            text = f"**{item['title']}**: {item['thesis']} {papers} *({item['reason']})*"
            listing += nodes.list_item("", nodes.paragraph("", "", *self.inline(text)))
        return [listing]


class Notation(Directive):
    """{quire-notation}: symbol, meaning, unit, name in the code."""

    def run(self):
        """One row per symbol of data/notation.yml: those of all chapters, then by letter, Latin before Greek."""
        entries = sorted(self.data("notation", []), key=_letter)
        if not entries:
            return [nodes.paragraph("", "No symbol has been registered yet.")]
        rows = []
        for entry in entries:
            symbol = entry["symbol"].strip()
            name = nodes.literal("", entry["name"]) if entry.get("name") else "–"
            unit = self.inline(entry["unit"]) if entry.get("unit") else "–"
            used = ", ".join(entry.get("chapters", [])).replace("_", " ")
            maths = symbol if symbol.startswith("$") else f"${symbol}$"
            rows.append([self.inline(maths), self.inline(entry["meaning"]), unit, name, used])
        header = ["Symbol", "Meaning", "Unit", "Name in the code", "Chapters"]
        return [self.table(header, rows, widths=[10, 34, 14, 28, 14], name="notation")]


def _letter(entry: dict) -> tuple[bool, str, str]:
    """Where a symbol stands in the table: words of TeX do not count, the part before an index does first."""
    plain = unicodedata.normalize("NFD", re.sub(r"\\[a-zA-Z]+", "", entry["symbol"]))
    letters = "".join(re.findall(r"[^\W\d_]", plain))
    return entry.get("chapters") != ["everywhere"], letters[:1].casefold(), letters


class Changes(Directive):
    """{quire-changes}: claims that moved between the last two runs of record, those with another verdict first."""

    def run(self):
        """One row per claim; a sentence where nothing moved, or nothing is known."""
        changes = self.data("moved", [])
        if not changes:
            return [nodes.paragraph("", "Nothing moved, or the history of the published runs is not at hand.")]
        titles = self.data("site", {}).get("titles", {})
        rows = []
        for one in changes:
            chapter = link(
                titles.get(one["chapter"], one["chapter"]).partition(":")[0], self.page(f"chapters/{one['chapter']}")
            )
            before, now = self._value(one["before"]), self._value(one)
            rows.append([chapter, self.inline(one["says"]), before, now, f"{one['day']}, {one['commit'][:7]}"])
        header = ["Chapter", "Claim", "Before", "Now", "Since"]
        return [self.table(header, rows, widths=[16, 36, 18, 18, 12], name="changes")]

    def _value(self, one: dict) -> list[nodes.Node]:
        return [nodes.Text(f"{firm(one['measured'])} "), badge(one["verdict"])]


class Errata(Directive):
    """{quire-errata}: what the chapters here found otherwise than a source states it, each with its claim."""

    def run(self):
        """A list; a sentence where there is none."""
        ledger = {claim["id"] for claim in self.data("claims", [])}
        known = [entry for entry in self.data("errata", []) if entry["claim"] in ledger]
        if not known:
            return [nodes.paragraph("", "None that the chapters of this build show.")]
        listing = nodes.bullet_list()
        titles = self.data("site", {}).get("titles", {})
        for entry in known:
            title = titles.get(entry["chapter"], entry["chapter"]).partition(":")[0]
            said = [
                link(title, self.page(f"chapters/{entry['chapter']}")),
                nodes.Text(". "),
                *self.inline(entry["says"]),
            ]
            said += [nodes.Text(" "), *self.inline(f"{{claim}}`{entry['claim']}`")]
            listing += nodes.list_item("", nodes.paragraph("", "", *said))
        return [listing]


class Cite(Directive):
    """{quire-cite}: the BibTeX entry of this very build."""

    def run(self):
        """A code block, and the files to take away."""
        site = self.data("site", {})
        commit = site.get("commit", "unknown")
        text = (
            "@misc{quire,\n"
            "  title  = {quire: the executable companion to The Physics of Data and Tasks},\n"
            f"  author = {{{{The quire authors}}}},\n  year   = {{{site.get('year', '')}}},\n"
            f"  note   = {{version {site.get('version', '0')}, commit {commit[:10]}}}\n}}"
        )
        return [nodes.literal_block(text, text, language="bibtex"), self._files(site)]

    def _files(self, site: dict) -> nodes.paragraph:
        """The bibliography, the record of how to cite, the sources; and the repository, where one is configured."""
        said = {"references.bib": "the literature as BibTeX", "CITATION.cff": "how to cite this book as CITATION.cff"}
        links = [link(said.get(name, name), self.file(f"downloads/{name}")) for name in site.get("files", [])]
        if site.get("archive"):
            links.append(link("the sources at the commit of this build", self.file(f"downloads/{site['archive']}")))
        if repository := self.config.html_theme_options.get("repository_url"):
            links.append(nodes.reference("", "the repository", refuri=repository))
        line = nodes.paragraph("", "To take away: " if links else "", classes=["quire-links"])
        for position, item in enumerate(links):
            line += [nodes.Text(" · "), item] if position else [item]
        return line


def setup(app: Sphinx) -> None:
    """Register the directives."""
    parts = {"map": Map, "missing": Missing, "notation": Notation, "changes": Changes, "errata": Errata, "cite": Cite}
    for name, directive in parts.items():
        app.add_directive(f"quire-{name}", directive)
