"""{quire-status}: all runs, one per line."""

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, duration, link, memory, totals
from .runs import commit, freshness, reservations

HEADER = [
    "Chapter",
    "Run",
    "Results",
    "Verdicts",
    "Device",
    "Computation",
    "This build",
    "Peak memory",
    "Started",
    "Commit",
]
WIDTHS = [14, 8, 18, 16, 6, 8, 8, 8, 8, 6]


class Status(Directive):
    """{quire-status}: chapter × profile × device × time × memory × fresh or stale × verdicts."""

    def run(self):
        """One row per recorded run."""
        runs = self.data("runs", [])
        if not runs:
            return [nodes.paragraph("", "No chapter has been run yet.")]
        rows = [self._row(run) for run in runs]
        return [self.table(HEADER, rows, widths=WIDTHS, name="status")]

    def _row(self, run: dict) -> list:
        titles = self.data("site", {}).get("titles", {})
        title = titles.get(run["chapter"], run["chapter"]).partition(":")[0]
        chapter = link(title, self.page(f"chapters/{run['chapter']}"))
        if run.get("damaged"):
            return [chapter, run["label"], self._results(run, [run["damaged"]]), *["–"] * (len(HEADER) - 3)]
        label = run["label"] if run["profile"] in run["label"] else f"{run['label']} ({run['profile']})"
        computation = run.get("computation", {})
        verdicts = [{"verdict": name} for name, count in run.get("verdicts", {}).items() for _ in range(count)]
        return [
            chapter,
            label,
            self._results(run, reservations(run)),
            totals(verdicts),
            ", ".join(computation.get("devices", [])) or "–",
            duration(computation.get("seconds")),
            duration(run.get("wall_seconds")),
            memory(run.get("peak_memory_mb")),
            str(run.get("started", "–"))[:16].replace("T", " "),
            nodes.literal("", commit(run)),
        ]

    def _results(self, run: dict, said: list[str]) -> list[nodes.Node]:
        """The word, and below it what a reader should know."""
        notes = [nodes.paragraph("", "; ".join(said), classes=["quire-note"])] if said else []
        return [nodes.paragraph("", "", freshness(run)), *notes]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("quire-status", Status)
