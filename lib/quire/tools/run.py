"""Execute chapters: parameters from a profile, a process for each chapter, one line of progress for each.

A run leaves everything in ``build/<label>/<chapter>/``: the executed notebook, rows, figures and their tables, reported claims,
provenance. Nothing is touched before everything is checked, and the previous run of that name stays until the new one is
complete. A cell that raises is shown; the notebook up to it is kept apart, below ``build/failed``.
"""

import shutil
import time
from contextlib import ExitStack

from rich.progress import Progress, TextColumn

from quire.claims import beside_published, judge_run, ledger
from quire.files import folder, write_json
from quire.store import Store
from quire.tools.freshness import is_fresh
from quire.tools.places import only_run, run_folder, runs_in
from quire.tools.plan import Plan, planned
from quire.tools.profiles import PROFILES
from quire.tools.running import Running, ended, settings_of, start

__all__ = ["held_in_record", "is_fresh", "judged", "run", "run_folder"]

COMPLETE = "complete"  # the file that says that the run for which a fresh store was made has ended well


def run(
    names: list[str],
    profile: str = "smoke",
    overrides: dict | None = None,
    jobs: int = 1,
    label: str = "",
    *,
    fresh: bool = False,
    check: int = 0,
    seeds: int = 0,
    budget: float = 0.0,
    served: bool = False,
) -> list[str]:
    """Execute chapters side by side; returns the names of those that failed.

    Args:
        names: chapters.
        profile: "smoke", "book" or "paper".
        overrides: values that win over the profile's.
        jobs: how many at once.
        label: the run's name below ``build/``; the profile's, or "custom" where something is overridden.
        fresh: compute everything, in a store of its own; one that was interrupted is resumed.
        check: how many of its published cells each chapter computes again, to compare them.
        seeds: the first seed of every sweep: another block of seeds, whose run is named after it.
        budget: seconds after which no cell is computed any more: what depends on those that are missing is left out; 0: no limit.
        served: compute nothing, and leave out likewise.

    Raises:
        ValueError: there is nothing to run, or a chapter, profile, parameter, device, label or number is wrong.
        RuntimeError: another process runs one of the chapters with this label.
    """
    plan = planned(names, profile, overrides or {}, jobs, label, fresh, check, seeds, budget, served)
    with ExitStack() as opened, Progress(TextColumn("{task.description}"), transient=True) as board:
        for name in [*plan.values, *(["store"] if fresh else [])]:
            opened.enter_context(only_run(name, plan.label))
        for line in [*plan.share.said, *(_fresh_store(plan) if fresh else [])]:
            board.console.print(line, markup=False, highlight=False)
        if budget:
            for line in _within(plan, board):
                board.console.print(line, markup=False, highlight=False)
        failed = _all(plan, board, opened)
        write_json(folder("build") / plan.label / "claims.json", judged(plan.label))
        if fresh and not failed and not plan.partial:
            (plan.store / COMPLETE).touch()
    return failed


def judged(label: str) -> list[dict]:
    """The ledger judged by the reports of a run, each chapter at its own profile, in the order of the ledger."""
    found = {claim["id"]: claim for one in runs_in(folder("build") / label) for claim in judge_run(one)}
    ordered = [found[id] for id in ledger() if id in found]
    return beside_published(ordered, profile=label) if label in PROFILES else ordered


def held_in_record(profiles: dict[str, str]) -> set[str]:
    """Ids of the claims that hold in the runs of record of these chapters, each at its profile, and with another block of seeds too."""
    judged = {chapter: judge_run(folder("published") / profile / chapter) for chapter, profile in profiles.items()}
    beside = [
        claim for chapter, found in judged.items() for claim in beside_published(found, profile=profiles[chapter])
    ]
    return {claim["id"] for claim in beside if claim["verdict"] == "holds"}


def _all(plan: Plan, board: Progress, opened: ExitStack) -> list[str]:
    """Run the chapters of a plan, as many at once as share the machine; the names of those that failed."""
    waiting, running, failed = list(plan.values), [], []
    lines = {name: board.add_task(f"{name} waits") for name in waiting}
    while waiting or running:
        while waiting and len(running) < plan.share.jobs:
            running.append(start(waiting.pop(0), plan))
            opened.callback(running[-1].stop)
        for one in list(running):
            status = one.process.poll()
            board.update(lines[one.chapter], description=one.progress, visible=status is None)
            if status is not None:
                running.remove(one)
                failed += [one.chapter] if status else []
                _say(board, one, plan, status)
        time.sleep(0.2)
    return failed


def _within(plan: Plan, board: Progress) -> list[str]:
    """Compute cells for as long as the plan allows; what to say about it."""
    from quire.tools.planning.computing import compute  # torch is slow to import

    line = board.add_task(f"computes for {plan.budget:.0f} s at most")
    ended_early = compute(plan.values, seconds=plan.budget, settings=settings_of(plan))
    board.update(line, visible=False)
    return (
        []
        if ended_early
        else [f"the time ({plan.budget:.0f} s) is over: what was in flight is lost, what was finished is kept"]
    )


def _say(board: Progress, one: Running, plan: Plan, status: int) -> None:
    for line in ended(one, plan, status):
        board.console.print(line, markup=False, highlight=False)


def _fresh_store(plan: Plan) -> list[str]:
    """Empty the store of a fresh run, unless it is that of one that was interrupted; then say so."""
    if (plan.store / COMPLETE).exists():
        shutil.rmtree(plan.store)
    kept = sum(1 for _ in Store(root=plan.store).kept())
    plan.store.mkdir(parents=True, exist_ok=True)
    if not kept:
        return []
    return [f"resumes the fresh run that was interrupted: {kept} finished pieces are kept (else delete {plan.store})"]
