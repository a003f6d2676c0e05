"""The settings of quire: environment variables, their meaning and their default, in one table.

Nothing else reads them, and nothing writes them for its own process: a command passes them to the processes that it starts.
"""

import os
from dataclasses import dataclass

__all__ = ["SETTINGS", "Setting", "setting"]


@dataclass(frozen=True)
class Setting:
    """One setting: its name, what it means, and what holds where it is not set."""

    name: str
    meaning: str
    default: str = ""


SETTINGS = {
    entry.name: entry
    for entry in (
        Setting("QUIRE_ROOT", "the checkout with chapters/ and data/ (default: the one that the package lies in)"),
        Setting("QUIRE_BUILD", "where runs, the store and the site are written (default: build/ of the checkout)"),
        Setting("QUIRE_STORE", "where finished cells and tensors are kept (default: store/ of the build folder)"),
        Setting("QUIRE_PUBLISHED", "where published rows are read (default: data/published of the checkout)"),
        Setting("QUIRE_DATA", "a folder with data files that need not be downloaded"),
        Setting("QUIRE_CACHE", "where downloads and compiled loops are kept (default: the user's cache folder)"),
        Setting("QUIRE_BACKEND", "how the cells of a sweep are computed: sequential, loky or dask", "sequential"),
        Setting("QUIRE_JOBS", "number of workers; 0 means all cores that this process may use", "0"),
        Setting("QUIRE_SCHEDULER", "with dask: the address of an existing scheduler, such as tcp://head:8786"),
        Setting("QUIRE_TIMEOUT", "with dask: seconds to wait for a scheduler or for workers that are gone", "60"),
        Setting("QUIRE_SEEDS", "the first seed of every sweep; `quire run --seeds` sets it", "0"),
        Setting("QUIRE_RUN", "the folder of the present run; set by `quire run`"),
        Setting("QUIRE_PROFILE", "the profile of the present run; set by `quire run`", "smoke"),
        Setting("QUIRE_HEADLESS", "1: no bars, progress goes to a file of the run; set by `quire run`"),
    )
}


def setting(name: str) -> str:
    """The value of a setting: of the environment, or its default.

    Raises:
        LookupError: no such setting.

    >>> setting("QUIRE_NONSENSE")
    Traceback (most recent call last):
    LookupError: no setting 'QUIRE_NONSENSE': the table of quire.settings has ...
    """
    if name not in SETTINGS:
        raise LookupError(f"no setting {name!r}: the table of quire.settings has {', '.join(SETTINGS)}")
    return os.environ.get(name) or SETTINGS[name].default
