"""Data sets by name, verified, as numpy arrays.

``load("digits")``, ``load("photos")``, ``load("glyphs", num_samples=…)`` and ``load("glyph-tasks", task=…)`` need nothing but installed packages. The
others are read from the folder that QUIRE_DATA names (a relative path starts at the project's root), else downloaded
once from the public sources in ``data/registry.yml`` to QUIRE_CACHE (default: the user's cache folder). Files are
checked against their sha256 each time that they are read; no pickle is ever loaded. Datasheet: ``data/README.md``.
"""

import inspect
from functools import partial

from quire.data.dataset import Dataset, MissingData
from quire.data.embedded import digits, photos
from quire.data.fonts import SCRIPTS, glyph_classes
from quire.data.glyph_tasks import TASKS, draw_glyph_task, glyph_task_classes
from quire.data.glyphs import draw_glyphs
from quire.data.image_folders import EIGHT_TASKS, load_image_task
from quire.data.registry import at_hand, entries, fetch
from quire.data.weights import imagenet_weights
from quire.files import CorruptFile

__all__ = [
    "EIGHT_TASKS",
    "SCRIPTS",
    "TASKS",
    "CorruptFile",
    "Dataset",
    "MissingData",
    "at_hand",
    "glyph_classes",
    "glyph_task_classes",
    "imagenet_weights",
    "load",
    "load_image_task",
    "names",
]

_EMBEDDED = {"digits": digits, "photos": photos, "glyphs": draw_glyphs, "glyph-tasks": draw_glyph_task}


def names() -> list[str]:
    """The names that :func:`load` knows, embedded sets first."""
    return [*_EMBEDDED, *entries()]


def load(name: str, **options) -> Dataset:
    """Load a data set by name.

    Args:
        name: one of :func:`names`. Inputs are uint8, labels int64:

            ============== ============================ ====================== ====
            name           inputs                       test_inputs            peak
            ============== ============================ ====================== ====
            digits         (1797, 8, 8)                 –                      16
            photos         (2, 427, 640, 3)             –                      255
            glyphs         (num_samples, size, size)    (num_test, size, size) 255
            glyph-tasks    (num_samples, 16, 16)        (num_test, 16, 16)     255
            mnist          (60000, 28, 28)              (10000, 28, 28)        255
            cifar10        (50000, 32, 32, 3)           (10000, 32, 32, 3)     255
            cifar10-subset (10000, 32, 32, 3)           (2000, 32, 32, 3)      255
            shakespeare    (1115394,)                   –                      64
            ============== ============================ ====================== ====
        options: of "glyphs", see ``quire.data.glyphs.draw_glyphs``; of "glyph-tasks",
            ``quire.data.glyph_tasks.draw_glyph_task``; the others have none.

    Raises:
        ValueError: the name is unknown, or a file does not have the checksum that it should.
        TypeError: the data set has no such option.
        MissingData: the data are not at hand and cannot be downloaded; says which file to put where.

    Example:
        >>> data = load("digits")
        >>> data.inputs.shape, int(data.inputs.max()) == data.peak, len(data.classes)
        ((1797, 8, 8), True, 10)
    """
    if name not in _EMBEDDED and name not in entries():
        raise ValueError(f"name must be one of {', '.join(names())}, got {name!r}")
    loader = _EMBEDDED.get(name) or partial(fetch, name)
    known = [*inspect.signature(loader).parameters] if name in _EMBEDDED else []
    if unknown := sorted(set(options) - set(known)):
        raise TypeError(f"load({name!r}) takes {', '.join(known) or 'no options'}, got {', '.join(unknown)}: drop it")
    return loader(**options)
