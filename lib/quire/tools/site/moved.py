"""What moved between the last two runs of record: claims whose verdict or value changed, by the history of the published files."""

import json
import subprocess

from quire.claims import judge_all
from quire.files import project_root

__all__ = ["moved"]


def moved(shown: list[str], profile: str) -> list[dict]:
    """Each claim that changed: chapter, id, sentence, before and now with their verdicts, commit and day of the change.

    Nothing where there is no history (no git, a downloaded archive, one run of record only).
    """
    found = []
    for chapter in shown:
        path = f"data/published/{profile}/{chapter}/claims.json"
        commits = _git("log", "-n", "2", "--format=%H %cs", "--", path).split("\n")
        if len(commits) < 2 or not commits[1]:
            continue
        (now, day), (before, _) = (commit.split() for commit in commits[:2])
        after, earlier = (_judged(commit, path, chapter, profile) for commit in (now, before))
        for id, claim in after.items():
            past = earlier.get(id)
            if past and (past["verdict"], past["measured"]) != (claim["verdict"], claim["measured"]):
                then = {"measured": past["measured"], "verdict": past["verdict"]}
                said = {key: claim[key] for key in ("id", "chapter", "says", "measured", "verdict")}
                found.append({**said, "before": then, "commit": now, "day": day})
    return sorted(found, key=lambda one: one["before"]["verdict"] == one["verdict"])


def _judged(commit: str, path: str, chapter: str, profile: str) -> dict[str, dict]:
    """The claims of a chapter by what was published at a commit, judged by the present ledger."""
    text = _git("show", f"{commit}:{path}")
    try:
        reports = json.loads(text) if text else {}
        return {claim["id"]: claim for claim in judge_all(reports, profile, [chapter])}
    except (ValueError, TypeError, AttributeError):
        return {}


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
