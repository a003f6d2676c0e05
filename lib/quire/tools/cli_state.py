"""Commands that look at what is here, and change nothing unless they are told to."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from quire.files import folder
from quire.settings import SETTINGS, setting
from quire.tools import chapters as known
from quire.tools import kept
from quire.tools.terminal import printable

__all__ = ["doctor", "settings", "status", "store"]

Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters; all of them if none is named.")]


def doctor(chapters: Chapters = None) -> None:
    """What is amiss here, and what to do: versions, devices, data sets, disk, store, stale chapters and why."""
    from quire.tools.doctor import findings  # torch is slow to import

    well = True
    for found in findings(chapters):
        mark = "✓" if found.well else "✗"
        print(printable(f"{mark} {found.about}: {found.seen}", longest=1000))
        if found.remedy:
            print(f"    {found.remedy}")
        well &= found.well
    raise SystemExit(0 if well else 1)


def status(chapters: Chapters = None) -> None:
    """The runs that are here and the published ones: when they were made, whether they are fresh, and if not, why."""
    from quire.record import RunFolder
    from quire.tools.doctor import reasons

    places = {path.name: path for path in sorted(folder("build").glob("[!.]*/"))}
    places |= {f"published {path.name}": path for path in sorted(folder("published").glob("[!.]*/"))}
    for chapter in chapters or known.chapters():
        print(chapter)
        for label, place in places.items():
            record = RunFolder(place / chapter).provenance() if (place / chapter).is_dir() else None
            if record is not None:
                said = "; ".join(reasons(chapter, record)) or "fresh"
                print(printable(f"    {label:<20} {str(record.get('started', '–'))[:16]}  {said}", longest=1000))


def settings() -> None:
    """The settings (environment variables), what they mean, and their values here."""
    table = Table(Column("setting", no_wrap=True), "meaning", "default", "here")
    for entry in SETTINGS.values():
        table.add_row(entry.name, entry.meaning, entry.default, setting(entry.name))
    Console().print(table)


def store(
    drop_unused: Annotated[
        bool, typer.Option("--drop-unused", help="Delete what no run below build/ refers to.")
    ] = False,
) -> None:
    """What is kept of finished work: cells and tensors, their size and age, by function."""
    table = Table(Column("function", no_wrap=True), "files", "MB", "unused", "MB", "last")
    for line in kept.overview():
        table.add_row(*map(str, line))
    Console().print(table)
    if drop_unused:
        print(kept.drop_unused())
