"""``python -m quire``, the same as the console script ``quire``."""

from quire.tools.cli import main

main()
