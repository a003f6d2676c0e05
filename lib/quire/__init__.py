"""quire: the executable companion to *The Physics of Data and Tasks*.

The science lives in sub-packages (``quire.kernels``, ``quire.regression``, …), one idea per module; the machinery that
runs, judges and draws it in ``quire.sweep``, ``quire.claims`` and ``quire.figures``.
"""

import quire.fingerprint  # noqa: F401  (from here on it notes what the files of imported modules hold)

__version__ = "0.1.0"
