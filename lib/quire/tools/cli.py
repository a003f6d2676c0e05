"""``quire``: list, run, claims, diff, site, publish."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from quire.claims import SYMBOLS, judge_run
from quire.provenance import folder, project_root
from quire.tools import chapters as known

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters; all of them if none is named.")]
Changes = Annotated[list[str] | None, typer.Option("-p", "--parameter", help="key=value, wins over the profile.")]
Only = Annotated[list[str] | None, typer.Option("--chapter", help="Chapters; those in both if none is named.")]
Run = Annotated[str, typer.Option("--run", help="Name of a run below build/.")]
Profile = Annotated[str, typer.Option("--profile", help="smoke (seconds), book (minutes on 2 cores) or paper (a GPU).")]


@app.command("list")
def list_chapters(chapters: Chapters = None) -> None:
    """Chapters, their parameters, and what each profile changes."""
    for chapter in chapters or known.chapters():
        table = Table(Column("parameter", no_wrap=True), "type", "smoke", "book", "paper", "meaning", title=chapter)
        for p in known.parameters(chapter):
            cells = [str(p["default"]), *(str(p["profiles"].get(profile, "·")) for profile in ("book", "paper"))]
            table.add_row(p["name"], p["type"], *cells, p["meaning"])
        Console().print(table)


@app.command()
def run(
    chapters: Chapters = None,
    profile: Profile = "smoke",
    set_: Changes = None,
    jobs: Annotated[int, typer.Option(help="Chapters side by side.")] = 1,
    fresh: Annotated[bool, typer.Option(help="Ignore stored and published rows: recompute everything.")] = False,
    label: Annotated[str, typer.Option(help="Name of the run below build/.")] = "",
) -> None:
    """Execute chapters."""
    from quire.tools import run as runner

    label = label or ("fresh" if fresh else "")
    if fresh:
        os.environ |= {"QUIRE_STORE": str(runner.run_folder("store", label)), "QUIRE_PUBLISHED": os.devnull}
        shutil.rmtree(runner.run_folder("store", label), ignore_errors=True)
    overrides = dict(map(known.parse, set_ or []))
    raise SystemExit(1 if runner.run(chapters or known.chapters(), profile, overrides, jobs, label) else 0)


@app.command()
def claims(chapters: Chapters = None, label: Run = "book") -> None:
    """The scoreboard; exit status 1 if a claim that held in the run of record does not hold now."""
    from quire.tools.run import judged, run_folder

    rows = [claim for claim in judged(label) if not chapters or claim["chapter"] in chapters]
    if not rows:
        raise ValueError(f"no claims in {run_folder('x', label).parent}: `quire run --profile book` first")
    table = Table("", Column("claim", no_wrap=True), "predicted", "measured", "says", title=f"run {label!r}")
    for c in rows:
        table.add_row(SYMBOLS[c["verdict"]], c["id"], c["predicted"], c["measured"] or "–", c["says"])
    Console().print(table)
    counts = Counter(claim["verdict"] for claim in rows)
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in SYMBOLS))
    now = {claim["id"]: claim["verdict"] for claim in rows}
    records = {folder("published") / claim["profile"] / claim["chapter"] for claim in rows}
    held = {claim["id"] for record in records for claim in judge_run(record) if claim["verdict"] == "holds"}
    if lost := sorted(id for id in held if now.get(id) != "holds"):
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
    from quire.tools.diff import diff, write_page
    from quire.tools.run import run_folder

    def base(name: str) -> Path:
        runs = folder("published") / "book" if name == "published" else run_folder("x", name).parent
        return runs if runs.is_dir() else Path(name)

    left, right = base(first), base(second)
    both = set.intersection(*({p.parent.name for p in side.glob("*/provenance.json")} for side in (left, right)))
    if not (chapters := chapters or sorted(both)):
        raise ValueError(f"no chapter in both {left} and {right}: run or publish one first")
    found = [d for chapter in chapters for d in diff(left / chapter, right / chapter)]
    page = page or project_root() / "build" / "diff.html"
    write_page(page, f"{first} against {second}", found)
    for d in found[:20]:
        print(f"{d.where} {d.column}: {d.first} → {d.second}")
    print(f"{len(found)} differences in {', '.join(chapters)}; {page}")
    raise SystemExit(1 if found else 0)


@app.command()
def site(profile: Profile = "book") -> None:
    """Stage the pages and the executed chapters, render the book, print its path."""
    from quire.tools.site import build

    print(build(profile))


@app.command()
def publish(chapters: Chapters = None, profile: Profile = "book") -> None:
    """Turn runs into the runs of record under data/published."""
    from quire.tools.publish import publish as make_record
    from quire.tools.run import run_folder

    for chapter in chapters or known.chapters():
        print(make_record(run_folder(chapter, profile)))


def main() -> None:
    """Run the command line; an error that says what is wrong needs no traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what runs is ended with us
    try:
        app()
    except KeyError:
        raise
    except (ValueError, LookupError, OSError, RuntimeError) as error:
        raise SystemExit(f"quire: {error}") from None
