"""Run a function on a grid of arguments, once: ``rows = sweep(fn, grid(depth=[2, 3], seed=replicates(3)))``.

A cell of the grid is the unit of work: it is stored when it is done, found again by its key, and computed anywhere (settings
QUIRE_BACKEND, QUIRE_JOBS, QUIRE_SCHEDULER). What is trained once and measured often is a handle, ``made(train, seed=0)``: an
argument whose tensors are stored like a cell. A run that is killed loses what is in flight. Results do not depend on order,
backend or number of workers.
"""

from quire.sweep.calls import arguments_of, name_of
from quire.sweep.description import describe
from quire.sweep.errors import StaleCode
from quire.sweep.grids import Grid, doubling, grid
from quire.sweep.handles import Handle, all_handles, columns, keyed, made, plain
from quire.sweep.seeds import replicates
from quire.sweep.sweeping import sweep

__all__ = [
    "Grid",
    "Handle",
    "StaleCode",
    "all_handles",
    "arguments_of",
    "columns",
    "describe",
    "doubling",
    "grid",
    "keyed",
    "made",
    "name_of",
    "plain",
    "replicates",
    "sweep",
]
