"""How a chapter was run: the line under its title, and its footer."""

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, duration, link, memory, show

KINDS = {"computed": "computed here", "store": "from the store", "published": "from the published rows"}


def freshness(run: dict) -> nodes.inline:
    """Fresh, stale, failed or unreadable: one word."""
    if run.get("damaged"):
        word = "unreadable"
    elif run.get("failed"):
        word = "failed"
    else:
        word = "fresh" if run.get("fresh") else "stale"
    return nodes.inline("", word, classes=[f"quire-{word}"])


def reservations(run: dict) -> list[str]:
    """What a reader should know before trusting a run: why it is stale, whether it mixes, whose versions it shows."""
    found = list(run.get("stale", []))
    if run.get("edited") and not any("edited" in reason for reason in found):
        found.append("something was edited while it ran")
    computation = run.get("computation", {})
    for name in ("devices", "versions", "machines"):
        if len(computation.get(name, [])) > 1:
            found.append(f"its rows come from {len(computation[name])} different {name}")
    return found + run.get("others", [])


def commit(run: dict) -> str:
    """The commit in seven digits; local edits, and what could not be found out, are said apart."""
    name = str(run.get("commit", "unknown"))
    if name == "unknown":
        return "unknown"
    edits = {True: " with local edits", None: " (local edits unknown)"}
    return name[:7] + edits.get(run.get("dirty"), "")


def versions(found: dict) -> str:
    """Names and numbers in one line."""
    return ", ".join(f"{name} {number}" for name, number in found.items()) or "–"


def details(summary: str, content: nodes.Node) -> list[nodes.Node]:
    """A box that is closed until it is clicked; a link to an anchor inside opens it."""
    opened = f'<details class="quire-details"><summary>{summary}</summary>'
    return [nodes.raw("", opened, format="html"), content, nodes.raw("", "</details>", format="html")]


class _Run(Directive):
    """A directive about the run that the page shows."""

    @property
    def run_record(self) -> dict:
        """The provenance of this chapter's run, in the site's profile."""
        profile = self.data("site", {}).get("profile", "book")
        runs = self.data("runs", [])
        return next((run for run in runs if (run["chapter"], run["label"]) == (self.chapter, profile)), {})


class Header(_Run):
    """{quire-header}: which run this page shows, and the notebook to download."""

    def run(self):
        """One line under the title; where there are claims, another that says how they are written."""
        run = self.run_record
        line = nodes.paragraph(classes=["quire-runline"])
        if run:
            computation = run.get("computation", {})
            devices = ", ".join(computation.get("devices", [])) or "no device"
            took = f"computed in {duration(computation.get('seconds'))}"
            build = f"this build took {duration(run.get('wall_seconds'))}"
            line += [freshness(run), nodes.Text(f" · {run['profile']} run · {devices} · {took} · {build} · ")]
        line += link("Download the executed notebook", self.file(f"downloads/{self.chapter}/{self.chapter}.ipynb"))
        found = [line, *_banner(self.chapter, run)]
        if any(claim["chapter"] == self.chapter for claim in self.data("claims", [])):
            found.append(nodes.paragraph("", "", *_how_to_read(self.page("scoreboard")), classes=["quire-runline"]))
        return found


def _banner(chapter: str, run: dict) -> list[nodes.Node]:
    """A warning on a page whose run is not that of the present code; nothing on others."""
    if not run or (run.get("fresh") and not run.get("failed") and not run.get("damaged")):
        return []
    reasons = "; ".join(run.get("stale", [])) or ("the run failed" if run.get("failed") else "the run cannot be read")
    text = nodes.paragraph("", f"What this page shows is not what the present code makes: {reasons}. ")
    text += nodes.literal("", f"quire run {chapter} --profile {run.get('profile', 'book')}")
    text += nodes.Text(" makes it anew.")
    return [nodes.warning("", text, classes=["quire-banner"])]


def _how_to_read(scoreboard: str) -> list[nodes.Node]:
    """Which ± is an error and which a tolerance."""
    return [
        nodes.Text("In the text, "),
        nodes.inline("", "0.52\u00a0±\u00a00.01", classes=["quire-measured"]),
        nodes.Text(" is a measurement with its standard error; "),
        nodes.inline("", "(predicted\u00a00.5, band\u00a0±\u00a00.05)", classes=["quire-predicted"]),
        nodes.Text(" what was predicted, with its tolerance; the mark is the "),
        link("verdict", scoreboard),
        nodes.Text("."),
    ]


class Footer(_Run):
    """{quire-footer}: what computed the numbers, what this build took, parameters, how to cite; collapsed."""

    def run(self):
        """The record of the run, key by key."""
        run = self.run_record
        if not run:
            return self.warn(f"no run is recorded for chapter '{self.chapter}'")
        pairs = [*self._results(run), *_computation(run), *_build(run)]
        pairs += [(key, nodes.literal("", show(value))) for key, value in sorted(run.get("parameters", {}).items())]
        table = self.table(["About", "This run"], [[key, value] for key, value in pairs], widths=[25, 75], name="run")
        box = nodes.container(classes=["quire-provenance"], ids=[f"run-{nodes.make_id(self.chapter)}"])
        cite = nodes.paragraph("", "To cite this chapter, name the commit above and see ")
        cite += [link("how to cite", self.page("cite")), nodes.Text(". The same record as a file: ")]
        cite += [link("provenance.json", self.file(f"downloads/{self.chapter}/provenance.json")), nodes.Text(".")]
        box += [table, cite]
        return [*self._routines(), *details("About this run, and how to cite it", box)]

    def _routines(self) -> list[nodes.Node]:
        """The routines of the library that the chapter uses, and the literature that they cite."""
        library = self.data("library", {})
        used = [one for part in library.values() for one in part if self.chapter in one["chapters"]]
        if not used:
            return []
        line = nodes.paragraph("", "")
        for position, one in enumerate(used):
            uri = f"{self.page('library/' + one['package'])}#{one['package']}.{one['name']}"
            line += [nodes.Text(", " if position else ""), link(f"{one['package']}.{one['name']}", uri)]
        content = nodes.container("", line)
        if keys := self.data("literature", {}).get(self.chapter, []):
            cited = self.inline("They implement " + ", ".join(f"{{cite:t}}`{key}`" for key in keys) + ".")
            content += nodes.paragraph("", "", *cited)
        return details(f"The {len(used)} routines of the library that this chapter uses, and their literature", content)

    def _results(self, run: dict) -> list[tuple]:
        said = reservations(run)
        words = [freshness(run), *([nodes.Text(": " + "; ".join(said))] if said else [])]
        return [("Results", words), ("Commit", nodes.literal("", commit(run))), ("Profile", run["profile"])]


def _computation(run: dict) -> list[tuple]:
    """What the numbers cost, whoever computed them and when."""
    found = run.get("computation", {})
    threads = [f"{count} thread" + ("" if count == 1 else "s") for count in found.get("threads", [])]
    made = [versions(one) for one in found.get("versions", [])]
    peak = memory(found.get("peak_memory_mb"))
    return [
        ("Computation", f"{duration(found.get('seconds'))} in {found.get('cells', 0)} cells, {peak} at the most"),
        ("… on", " · ".join([*found.get("devices", []), *found.get("machines", []), *threads]) or "–"),
        ("… with", " · and ".join(made) or "–"),
    ]


def _build(run: dict) -> list[tuple]:
    """What this build took: little, where rows were served."""
    cells = run.get("cells", {})
    counts = ", ".join(f"{cells.get(kind, 0)} {words}" for kind, words in KINDS.items())
    return [
        ("This build", f"{duration(run.get('wall_seconds'))}, {memory(run.get('peak_memory_mb'))} at the most"),
        ("… started", str(run.get("started", "–"))),
        ("… on", f"{run.get('device', '–')} · {run.get('machine', '–')}"),
        ("… with", versions(run.get("versions", {}))),
        ("… took its cells", counts),
    ]


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("quire-header", Header)
    app.add_directive("quire-footer", Footer)
