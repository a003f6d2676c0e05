"""How a chapter was run: the line under its title, its parameters, its footer, and the status of all runs."""

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, duration, link, memory, show, totals


class _Run(Directive):
    """A directive about the run that the page shows."""

    @property
    def run_record(self) -> dict:
        """The provenance of this chapter's run, in the site's profile."""
        profile = self.data("site", {}).get("profile", "book")
        runs = self.data("runs", [])
        return next((run for run in runs if (run["chapter"], run["label"]) == (self.chapter, profile)), {})


def _freshness(run: dict) -> nodes.inline:
    word = "failed" if run.get("failed") else "fresh" if run.get("fresh") else "stale"
    return nodes.inline("", word, classes=[f"quire-{word}"])


def _commit(run: dict) -> str:
    commit = str(run.get("commit", "unknown"))
    return commit[:7] + (" with local edits" if run.get("dirty") else "")


def _details(summary: str, content: nodes.Node) -> list[nodes.Node]:
    """A box that is closed until it is clicked; a link to an anchor inside opens it."""
    opened = f'<details class="quire-details"><summary>{summary}</summary>'
    return [nodes.raw("", opened, format="html"), content, nodes.raw("", "</details>", format="html")]


class Header(_Run):
    """{quire-header}: which run this page shows, and the notebook to download."""

    def run(self):
        """One line under the title."""
        run = self.run_record
        line = nodes.paragraph(classes=["quire-runline"])
        if run:
            wall = duration(run.get("wall_seconds"))
            took = f" · {run['profile']} run · {run.get('device', '?')} · took {wall} · "
            line += [_freshness(run), nodes.Text(took)]
        line += link("Download the executed notebook", self.file(f"downloads/{self.chapter}/{self.chapter}.ipynb"))
        return [line]


class Parameters(Directive):
    """{quire-parameters}: what each parameter means and its value in each profile; collapsed."""

    def run(self):
        """One row per parameter; a value that a profile leaves alone is not repeated."""
        known = self.data("parameters", {})
        if self.chapter not in known:
            return self.warn(f"no parameters are known for chapter '{self.chapter}', only for {sorted(known)}")
        profiles = ["book", "paper"]
        rows = []
        for item in known[self.chapter]:
            values = [item["default"], *(item.get("profiles", {}).get(name, item["default"]) for name in profiles)]
            same = all(value == values[0] for value in values)
            cells = [nodes.literal("", show(value)) for value in values]
            rest = cells[1:] if not same else ["·"] * len(profiles)
            kind = "" if item.get("scale", True) else " (a choice, the same in every profile)"
            name = [nodes.literal("", item["name"])]
            rows.append([name, self.inline(item["meaning"] + kind), cells[0], *rest])
        header = ["Parameter", "Meaning", "smoke", *profiles]
        table = self.table(header, rows, widths=[16, 36, 16, 16, 16], name="parameters")
        return _details(f"The {len(rows)} parameters, and what each profile makes of them", table)


class Footer(_Run):
    """{quire-footer}: commit, freshness, device, versions, parameters, time, how to cite; collapsed."""

    def run(self):
        """The record of the run, key by key."""
        run = self.run_record
        if not run:
            return self.warn(f"no run is recorded for chapter '{self.chapter}'")
        versions = ", ".join(f"{name} {number}" for name, number in run.get("versions", {}).items())
        cells = run.get("cells", {})
        kinds = {"computed": "computed", "store": "from the store", "published": "from the published rows"}
        counts = ", ".join(f"{cells.get(kind, 0)} {words}" for kind, words in kinds.items())
        computing = duration(run.get("compute_seconds"))
        pairs = [
            ("Results", _freshness(run)),
            ("Commit", nodes.literal("", _commit(run))),
            ("Profile", run["profile"]),
            ("Started", str(run.get("started", "–"))),
            ("Device", f"{run.get('device', '–')} · {run.get('platform', '–')}"),
            ("Wall time", f"{duration(run.get('wall_seconds'))} (all cells fresh: {computing})"),
            ("Peak memory", memory(run.get("peak_memory_mb"))),
            ("Cells of the sweep", counts),
            ("Versions", versions or "–"),
        ]
        pairs += [(key, nodes.literal("", show(value))) for key, value in sorted(run.get("parameters", {}).items())]
        table = self.table(["About", "This run"], [[key, value] for key, value in pairs], widths=[25, 75], name="run")
        box = nodes.container(classes=["quire-provenance"], ids=[f"run-{nodes.make_id(self.chapter)}"])
        cite = nodes.paragraph("", "To cite this chapter, name the commit above and see ")
        cite += [link("how to cite", self.page("cite")), nodes.Text(". The same record as a file: ")]
        cite += [link("provenance.json", self.file(f"downloads/{self.chapter}/provenance.json")), nodes.Text(".")]
        box += [table, cite]
        return _details("About this run, and how to cite it", box)


class Status(Directive):
    """{quire-status}: chapter × profile × device × time × memory × fresh or stale × verdicts."""

    def run(self):
        """One row per recorded run."""
        runs = self.data("runs", [])
        if not runs:
            return [nodes.paragraph("", "No chapter has been run yet.")]
        titles, rows = self.data("site", {}).get("titles", {}), []
        for run in runs:
            verdicts = [{"verdict": name} for name, count in run.get("verdicts", {}).items() for _ in range(count)]
            title = titles.get(run["chapter"], run["chapter"]).partition(":")[0]
            label = run["label"] if run["profile"] in run["label"] else f"{run['label']} ({run['profile']})"
            rows.append(
                [link(title, self.page(f"chapters/{run['chapter']}")), label, _freshness(run), totals(verdicts), run.get("device", "–"),
                 duration(run.get("wall_seconds")), memory(run.get("peak_memory_mb")),
                 str(run.get("started", "–"))[:16].replace("T", " "), nodes.literal("", _commit(run))]
            )  # fmt: skip
        header = "Chapter · Run · Results · Verdicts · Device · Wall time · Peak memory · Started · Commit".split(" · ")
        return [self.table(header, rows, widths=[16, 8, 10, 20, 8, 10, 10, 10, 8], name="status")]


def setup(app: Sphinx) -> None:
    """Register the directives."""
    for directive in (Header, Parameters, Footer, Status):
        app.add_directive(f"quire-{directive.__name__.lower()}", directive)
