"""What the process of a chapter is asked to do; who asks needs neither papermill nor torch."""

import json
from dataclasses import asdict, dataclass, field

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """What a chapter's process is asked to do; it travels as JSON through a pipe, which holds more than a command line.

    Args:
        chapter: its name.
        profile: smoke, book or paper.
        values: the parameters that the profile and the user give.
        changed: names of those that the user gave.
        check: how many of the published cells that it is served are computed again and compared.
        shown: where a person will find the notebook, if the run fails.
        partial: leave out what depends on cells that are not kept, instead of computing them.
        parent: the process without which this one ends.
    """

    chapter: str
    profile: str
    values: dict
    changed: list[str] = field(default_factory=list)
    check: int = 0
    shown: str = ""
    partial: bool = False
    parent: tuple[int, float] | None = None

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))
