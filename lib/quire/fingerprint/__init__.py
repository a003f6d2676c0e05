"""Which code a number depends on: a hash of the definitions that a function can reach.

Counted are functions, classes, constants, tables, default arguments, decorators and the loose statements that fill or
change them, through re-exports, aliases and attributes of packages; the effects of every module that is imported on the
way; the files that the code names beside its module, and the checksums of the data sets that ``quire.data`` knows.
Comments, docstrings, citations and the annotations of functions do not count. Where the source does not say what is
meant (a module passed as a value, ``globals()``, a star import), the whole module counts; see :func:`unfollowable` for
what has no such fallback.

The code is that which this process has loaded: a file that was edited after its import counts as it was (where that was
recorded, see ``recorder``), and :func:`loaded_differences` names what has changed since, or was replaced by hand.
"""

from quire.fingerprint.keys import (
    fingerprint,
    fingerprint_file,
    fingerprint_of,
    reach_of_file,
    reached,
    unfollowable,
    unfollowable_of,
)
from quire.fingerprint.loaded import loaded_differences, loaded_differences_of
from quire.fingerprint.recorder import install

__all__ = ["fingerprint", "fingerprint_file", "fingerprint_of", "loaded_differences", "loaded_differences_of"]
__all__ += ["reach_of_file", "reached", "unfollowable", "unfollowable_of"]

install()
