"""What the exercises of a chapter gave when they were run."""

from sphinx.application import Sphinx

from .base import Directive, badge, duration, firm, link
from .runs import details
from .scoreboard import PAGE, anchor

HEADER = ["No.", "Claim", "Predicted", "Measured", "", "Run (commit, computation)"]
WIDTHS = [6, 24, 18, 18, 14, 20]


class Solutions(Directive):
    """```{quire-solutions} chapter```: claims that an exercise speaks of, in a box that is closed until it is clicked."""

    def run(self):
        """A box with a table; nothing for a chapter of which no exercise was run."""
        found = self.data("solutions", {}).get(self.chapter, [])
        rows = [self._row(one, claim) for one in found for claim in one["claims"]]
        if not rows:
            return []
        table = self.table(HEADER, rows, widths=WIDTHS, name="solutions")
        return details("What the exercises gave when they were run", table)

    def _row(self, one: dict, claim: dict) -> list:
        made = f"{one['day']}, {str(one['commit'])[:7]}, {duration(60 * one['minutes'])}"
        name = link(claim["id"].partition(".")[2], f"{self.page(PAGE)}#{anchor(claim['id'])}")
        return [
            str(one["number"]),
            name,
            firm(claim["predicted"]),
            firm(claim["measured"]),
            badge(claim["verdict"]),
            made,
        ]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("quire-solutions", Solutions)
