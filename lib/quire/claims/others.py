"""The verdicts of a run beside those of the published runs at another scale, and with another block of seeds.

A verdict that lives on its seeds is no verdict: where another block of seeds at the same scale says otherwise, the claim is *inconclusive*.
"""

from pathlib import Path

from quire.claims.verdicts import judge_run
from quire.files import folder
from quire.record import RunFolder

__all__ = ["beside_published"]


def beside_published(claims: list[dict], *, profile: str, published: Path | None = None) -> list[dict]:
    """The same claims, each with ``others``: label, verdict and measurement in the other published runs of its chapter.

    Args:
        claims: as :func:`quire.claims.judge_run` gives them, of runs at one profile and with the first block of seeds.
        profile: that profile.
        published: the folder of the runs of record.
    """
    place = published or folder("published")
    runs = {path.parent: RunFolder(path.parent).provenance() for path in sorted(place.glob("[!.]*/*/provenance.json"))}
    found: dict[str, list[dict]] = {}
    for run, made in runs.items():
        seeds = made.get("seeds", 0)
        if made["profile"] == profile and not seeds:
            continue
        label = f"seeds from {seeds} on" if seeds else f"{made['profile']} scale"
        for claim in judge_run(run):
            if claim["verdict"] != "untested":
                entry = {"label": label, "verdict": claim["verdict"], "measured": claim["measured"]}
                again = bool(seeds) and made["profile"] == profile
                found.setdefault(claim["id"], []).append(entry | {"again": again})
    return [_with_others(claim, found.get(claim["id"], [])) for claim in claims]


def _with_others(claim: dict, others: list[dict]) -> dict:
    """A claim with the other runs' verdicts, and its own in their light."""
    shown = [{name: one[name] for name in ("label", "verdict", "measured")} for one in others]
    against = [one for one in others if one["again"] and one["verdict"] != claim["verdict"]]
    if not against or claim["verdict"] not in ("holds", "fails"):
        return {**claim, "others": shown}
    said = "; ".join(f"{one['label']}: {one['verdict']}, {one['measured']}" for one in against)
    reason = f"it {claim['verdict']} with the first block of seeds and not with another ({said})"
    return {**claim, "others": shown, "verdict": "inconclusive", "reason": reason}
