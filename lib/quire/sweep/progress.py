"""Progress of a sweep: a bar for a person; for `quire run` a small file, what is done and how long the rest may take."""

import sys
import time
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from quire.record import current
from quire.settings import setting

__all__ = ["watched"]


def watched(cells: Iterable, name: str, total: int, done: int) -> Iterator:
    """Pass cells on and show how far the sweep is."""
    if setting("QUIRE_HEADLESS"):
        yield from _to_file(cells, name, total, done)
        return
    hidden = done == total or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    yield from tqdm(cells, name.rpartition(".")[2], total, initial=done, unit="cell", disable=hidden)


def _to_file(cells: Iterable, name: str, total: int, done: int) -> Iterator:
    start = time.monotonic()
    for count, cell in enumerate(cells, done + 1):
        left = round((time.monotonic() - start) / (count - done) * (total - count), 1)
        current().write_progress({"sweep": name, "done": count, "total": total, "seconds_left": left})
        yield cell
