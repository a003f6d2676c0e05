"""``quire``: list, run, claims, diff, site, publish."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quire.claims import SYMBOLS
from quire.provenance import folder, project_root, read_json
from quire.tools import chapters as known

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters; all of them if none is named.")]
Profile = Annotated[str, typer.Option("--profile", help="smoke (seconds), book (minutes on 2 cores) or paper (a GPU).")]


@app.command("list")
def list_chapters(chapters: Chapters = None) -> None:
    """Chapters, their parameters, and what each profile changes."""
    for chapter in chapters or known.chapters():
        table = Table("parameter", "type", "smoke", "book", "paper", "meaning", title=chapter, title_justify="left")
        for p in known.parameters(chapter):
            cells = [str(p["default"]), *(str(p["profiles"].get(profile, "·")) for profile in ("book", "paper"))]
            table.add_row(p["name"], p["type"], *cells, p["meaning"])
        Console().print(table)


@app.command()
def run(
    chapters: Chapters = None,
    profile: Profile = "smoke",
    set_: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="key=value, wins over the profile.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Chapters side by side.")] = 1,
    fresh: Annotated[bool, typer.Option(help="Ignore stored and published rows: recompute everything.")] = False,
    label: Annotated[str, typer.Option(help="Name of the run below build/.")] = "",
) -> None:
    """Execute chapters."""
    from quire.tools.run import run as execute
    from quire.tools.run import run_folder

    label = label or ("fresh" if fresh else "")
    if fresh:
        os.environ["QUIRE_STORE"] = str(run_folder("store", label))
        os.environ["QUIRE_PUBLISHED"] = os.devnull
        import shutil

        shutil.rmtree(run_folder("store", label), ignore_errors=True)
    raise SystemExit(
        1 if execute(chapters or known.chapters(), profile, dict(map(known.parse, set_ or [])), jobs, label) else 0
    )


@app.command()
def claims(
    chapters: Chapters = None, label: Annotated[str, typer.Option("--run", help="Name of a run below build/.")] = "book"
) -> None:
    """The scoreboard; exit status 1 if a claim that held in the run of record does not hold now."""
    from quire.claims import judge_all
    from quire.tools.run import judged, run_folder

    rows = [claim for claim in judged(label) if not chapters or claim["chapter"] in chapters]
    if not rows:
        raise ValueError(f"no run in {run_folder('', label)}: `quire run --profile book` first")
    table = Table(
        "", "claim", "predicted", "measured", "says", title=f"scoreboard of the run {label!r}", title_justify="left"
    )
    for claim in rows:
        table.add_row(
            SYMBOLS[claim["verdict"]], claim["id"], claim["predicted"], claim["measured"] or "–", claim["says"]
        )
    Console().print(table)
    counts = {verdict: sum(claim["verdict"] == verdict for claim in rows) for verdict in SYMBOLS}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    lost = []
    for chapter in {claim["chapter"] for claim in rows}:
        record = folder("published") / rows[0]["profile"] / chapter
        held = judge_all(read_json(record / "claims.json", {}), rows[0]["profile"], [chapter])
        now = {claim["id"]: claim["verdict"] for claim in rows}
        lost += [claim["id"] for claim in held if claim["verdict"] == "holds" and now.get(claim["id"]) != "holds"]
    if lost:
        print(f"held in the run of record and does not hold now: {', '.join(sorted(lost))}")
        raise SystemExit(1)


@app.command("diff")
def compare(
    first: Annotated[str, typer.Argument(help="A run below build/, a folder of runs, or 'published'.")] = "published",
    second: Annotated[str, typer.Argument(help="Likewise.")] = "book",
    chapters: Annotated[
        list[str] | None, typer.Option("--chapter", help="Chapters; those in both if none is named.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Where the HTML page goes.")] = None,
) -> None:
    """Compare two runs; exit status 1 if they differ by more than the tolerances."""
    from quire.tools.diff import diff, write_page
    from quire.tools.run import run_folder

    def base(name: str) -> Path:
        if name == "published":
            return folder("published") / "book"
        return Path(name) if Path(name).is_dir() else run_folder("x", name).parent

    left, right = base(first), base(second)
    both = sorted(
        {p.parent.name for p in left.glob("*/provenance.json")}
        & {p.parent.name for p in right.glob("*/provenance.json")}
    )
    if not (chapters or both):
        raise ValueError(f"no chapter in both {left} and {right}: run or publish one first")
    found = [d for chapter in chapters or both for d in diff(left / chapter, right / chapter)]
    page = page or project_root() / "build" / "diff.html"
    write_page(page, f"{first} against {second}", found)
    for d in found[:20]:
        print(f"{d.where} {d.column}: {d.first} → {d.second}")
    print(f"{len(found)} differences in {', '.join(chapters or both)}; {page}")
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
    try:
        app()
    except (ValueError, FileNotFoundError, KeyError) as error:
        raise SystemExit(f"quire: {error.args[0] if isinstance(error, KeyError) else error}") from None
