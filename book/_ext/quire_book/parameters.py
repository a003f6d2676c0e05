"""What can be set: the parameters of a chapter, and the settings of the library."""

from docutils import nodes
from sphinx.application import Sphinx

from .base import Directive, show
from .runs import details

PROFILES = ("book", "paper")


class Parameters(Directive):
    """{quire-parameters}: what each parameter means and its value in each profile; collapsed."""

    def run(self):
        """One row per parameter; a value that a profile leaves alone is not repeated."""
        known = self.data("parameters", {})
        if self.chapter not in known:
            return self.warn(f"no parameters are known for chapter '{self.chapter}', only for {sorted(known)}")
        rows = [self._row(item) for item in known[self.chapter]]
        header = ["Parameter", "Meaning", "smoke", *PROFILES]
        table = self.table(header, rows, widths=[16, 36, 16, 16, 16], name="parameters")
        return details(f"The {len(rows)} parameters, and what each profile makes of them", table)

    def _row(self, item: dict) -> list:
        values = [item["default"], *(item.get("profiles", {}).get(name, item["default"]) for name in PROFILES)]
        cells = [nodes.literal("", show(value)) for value in values]
        same = all(value == values[0] for value in values)
        kind = "" if item.get("scale", True) else " (a choice, the same in every profile)"
        rest = ["·"] * len(PROFILES) if same else cells[1:]
        return [[nodes.literal("", item["name"])], self.inline(item["meaning"] + kind), cells[0], *rest]


class Settings(Directive):
    """{quire-settings}: the environment variables that the library reads."""

    def run(self):
        """One row per setting."""
        known = self.data("settings", [])
        if not known:
            return self.warn("no settings are staged: _data/settings.json is missing or empty")
        rows = [[[nodes.literal("", item["name"])], item["meaning"], self._default(item)] for item in known]
        return [self.table(["Setting", "Meaning", "Default"], rows, widths=[22, 62, 16], name="settings")]

    def _default(self, item: dict) -> nodes.Node:
        return nodes.literal("", item["default"]) if item["default"] else nodes.Text("–")


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("quire-parameters", Parameters)
    app.add_directive("quire-settings", Settings)
