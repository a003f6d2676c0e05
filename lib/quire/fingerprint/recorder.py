"""What the files of modules held when they were imported: a finder that finds nothing, and takes notes."""

import importlib.machinery
import sys
from pathlib import Path

from quire.fingerprint.source import RECORDED, followed

__all__ = ["install"]

_others: set[str] = set()  # top-level names that are not followed


class Recorder:
    """A finder for ``sys.meta_path`` that reads the file of each followed module just before it is imported.

    It never finds anything itself, so that imports go on as without it.
    """

    def find_spec(self, name: str, path=None, target=None) -> None:
        """Record a module that is about to be imported (or reloaded, if there is a target)."""
        top = name.partition(".")[0]
        if top in _others or (name in sys.modules and target is None):
            return
        try:
            found = importlib.machinery.PathFinder.find_spec(name, path)
            origin = found.origin if found is not None else None
            if origin and followed(name, origin):
                RECORDED[name] = (origin, Path(origin).read_bytes())
            elif origin and name == top:
                _others.add(top)
        except Exception:  # an import fails for its own reasons, never for this one
            RECORDED.pop(name, None)


def install() -> None:
    """Take notes from now on; of what is imported already, nothing is known but what its code says."""
    if not any(type(finder).__name__ == Recorder.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, Recorder())
