"""``quire``: list, plan, run, exercise, claims, diff, site, publish, doctor, status, settings, store, new."""

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from quire.claims import SYMBOLS
from quire.files import folder
from quire.tools import chapters as known
from quire.tools import cli_state as state
from quire.tools.places import run_folder
from quire.tools.profiles import parameters
from quire.tools.terminal import printable, said
from quire.tools.values import duration, parse_all

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters; all of them if none is named.")]
Changes = Annotated[list[str] | None, typer.Option("-p", "--parameter", help="key=value, wins over the profile.")]
Only = Annotated[list[str] | None, typer.Option("--chapter", help="Chapters; all of both if none is named.")]
Run = Annotated[str, typer.Option("--run", help="Name of a run below build/.")]
Profile = Annotated[str, typer.Option("--profile", help="smoke (seconds), book (minutes on 2 cores) or paper (a GPU).")]


@app.command("list")
def list_chapters(chapters: Chapters = None) -> None:
    """Chapters, their parameters, and what each profile changes."""
    columns = (Column("parameter", no_wrap=True), "type", "smoke", "book", "paper", "values", "meaning")
    for chapter in chapters or known.chapters():
        table = Table(*columns, title=chapter)
        for p in parameters(chapter):
            cells = [str(p["default"]), *(str(p["profiles"].get(profile, "·")) for profile in ("book", "paper"))]
            meaning = p["meaning"].partition(", in [")[0].partition(", one of ")[0]
            table.add_row(p["name"], p["type"], *cells, p["range"], meaning)
        Console().print(table)


@app.command()
def run(
    chapters: Chapters = None,
    profile: Profile = "smoke",
    set_: Changes = None,
    jobs: Annotated[int, typer.Option(help="Chapters side by side.")] = 1,
    fresh: Annotated[bool, typer.Option(help="Ignore stored and published rows: recompute everything.")] = False,
    label: Annotated[str, typer.Option(help="Name of the run below build/.")] = "",
    check: Annotated[int, typer.Option(help="Published cells that each chapter computes again, to compare.")] = 0,
    seeds: Annotated[
        int, typer.Option(help="First seed of every sweep: another block of seeds, in a run of its own.")
    ] = 0,
    budget: Annotated[
        str, typer.Option(help="Time for computing, 90m or 2h: the cells that fit, the cheapest claims first.")
    ] = "",
    served: Annotated[
        bool, typer.Option(help="Compute nothing: leave out what is neither kept nor published.")
    ] = False,
) -> None:
    """Execute chapters."""
    from quire.tools.run import run as execute

    names, overrides = chapters or known.chapters(), parse_all(set_ or [])
    asked = dict(fresh=fresh, check=check, seeds=seeds, budget=duration(budget), served=served)
    failed = execute(names, profile, overrides, jobs, label, **asked)
    raise SystemExit(1 if failed else 0)


@app.command()
def plan(chapters: Chapters = None, profile: Profile = "paper", set_: Changes = None) -> None:
    """What a run would have to compute, and what that takes here, sweep by sweep, before it starts."""
    from quire.tools.planning.table import COLUMNS, lines  # torch is slow to import

    rows, notes = lines(chapters or known.chapters(), profile, parse_all(set_ or []))
    table = Table(Column(COLUMNS[0], no_wrap=True), *COLUMNS[1:], title=f"{profile} profile")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    for note in notes:
        print(printable(note))


@app.command()
def exercise(chapter: str, number: int) -> None:
    """Run an exercise of a chapter, by its number, and keep what it reports: the page shows it, and a test compares it with the text."""
    from quire.tools.exercises import record

    print(record(chapter, number))


@app.command()
def claims(chapters: Chapters = None, label: Run = "book") -> None:
    """The scoreboard; exit status 1 if a claim that held in the run of record does not hold now."""
    from quire.tools.run import held_in_record, judged

    rows = [claim for claim in judged(label) if not chapters or claim["chapter"] in chapters]
    if not rows:
        raise ValueError(f"no claims in {folder('build') / label}: `quire run --profile book` first")
    table = Table("", Column("claim", no_wrap=True), "predicted", "measured", "says", title=f"run {label!r}")
    for c in rows:
        texts = (c["id"], c["predicted"], c["measured"] or "–", c["says"])
        table.add_row(SYMBOLS[c["verdict"]], *map(printable, texts))
    Console().print(table)
    counts = Counter(claim["verdict"] for claim in rows)
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in SYMBOLS))
    now = {claim["id"]: claim["verdict"] for claim in rows}
    held = held_in_record({claim["chapter"]: claim["profile"] for claim in rows})
    lost = sorted(id for id in held if now.get(id) != "holds")
    if lost:
        print(f"held in the run of record and does not hold now: {', '.join(lost)}")
        raise SystemExit(1)


@app.command("diff")
def compare(
    first: Annotated[str, typer.Argument(help="A run below build/, a folder of runs, or 'published'.")] = "published",
    second: Annotated[str, typer.Argument(help="Likewise.")] = "book",
    chapters: Only = None,
    page: Annotated[Path | None, typer.Option(help="Where the HTML page goes.")] = None,
) -> None:
    """Compare two runs; exit status 1 if they differ by more than the tolerances."""
    from quire.tools.diff import compare_runs
    from quire.tools.diff_page import write_page

    found = compare_runs(_runs(first), _runs(second), chapters or None)
    page = page or folder("build") / "diff.html"
    write_page(page, f"{first} against {second}", found, (_runs(first), _runs(second)))
    for difference in found.differences[:20]:
        print(difference)
    print(f"{found.summary}; {page}")
    raise SystemExit(1 if found.differences else 0)


@app.command()
def site(profile: Profile = "book") -> None:
    """Stage the pages and the executed chapters, render the book, print its path."""
    from quire.tools.site import build

    print(build(profile))


@app.command()
def pdf() -> None:
    """Print the rendered book to one PDF (Chromium, and the extra `browser`)."""
    from quire.tools.pdf import print_book

    print(print_book())


@app.command()
def release() -> None:
    """Pack the rendered site: archive, checksum, manifest of versions."""
    from quire.tools.release import release as pack

    for path in pack():
        print(path)


@app.command()
def publish(chapters: Chapters = None, profile: Profile = "book", seeds: int = 0) -> None:
    """Turn runs into the runs of record under data/published."""
    from quire.tools.publish import publish as make_record

    for chapter in chapters or known.chapters():
        known.path_of(chapter)
        print(make_record(run_folder(chapter, profile + (f"-{seeds}" if seeds else ""))))


for command in (state.doctor, state.status, state.settings, state.store):
    app.command()(command)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Of the chapter: small letters, digits, '_'.")]) -> None:
    """Write the skeleton of a chapter: notebook, profiles, claims, experiments, tests, an entry of the map."""
    from quire.tools.new import skeleton

    for path in skeleton(name):
        print(path)


def _runs(name: str) -> Path:
    """The folder of runs that a person names."""
    runs = folder("published") / "book" if name == "published" else folder("build") / name
    return runs if runs.is_dir() else Path(name)


def main() -> None:
    """Run the command line; an error that says what is wrong needs no traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what runs is ended with us
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without ✓ shows its number
    try:
        app()
    except Exception as error:
        raise SystemExit(f"quire: {said(error)}") from None
