"""Figures of a run at a larger scale, which a page shows below those of its own scale."""

from pathlib import Path

from quire.files import write_atomic
from quire.record import RunFolder
from quire.tools.places import run_folder
from quire.tools.site.pictures import figure_file

__all__ = ["LARGER", "larger_figures"]

LARGER = "paper"  # the profile
LOOKS = ("light", "dark", "narrow", "narrow_dark")


def larger_figures(shown: list[str], site: Path) -> dict[str, dict[str, dict]]:
    """Stage the pictures of every chapter that was run at the larger scale here; chapter, figure, and for each its entry.

    Raises:
        FileNotFoundError: a run registered a figure and lacks its picture.
        ValueError: a picture holds what no figure draws.
    """
    found = {}
    for chapter in shown:
        run = run_folder(chapter, LARGER)
        figures = RunFolder(run).figures()
        for entry in figures.values():
            for look in LOOKS:
                if entry.get(look):
                    content = figure_file(run, look, entry[look])
                    write_atomic(site / "figures" / chapter / LARGER / entry[look], content)
        if figures:
            found[chapter] = figures
    return found
