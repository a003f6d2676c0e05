"""Pictures: fields at every scale, and patches with their details."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quire.figures import pictures

__all__ = ["field_pictures", "patch_pictures"]

SIZE = (1.15, 1.3)  # inches of a picture


def field_pictures(fields: Mapping[str, Any]):
    """A row for each scale, coarsest first: fields that were drawn, each above what became of it, then fields of the model.

    Args:
        fields: of :func:`quire.experiments.multiscale.scale_cells.first_fields`.
    """
    sides = sorted({int(name.split(".")[1]) for name in fields})
    count = len(fields[f"true.{sides[0]}"])
    shown, titles, about = [], [], []
    for side in sides:
        for source, title in (("generated", "drawn"), ("true", "model")):
            for number in range(count):
                shown.append(np.asarray(fields[f"{source}.{side}"][number]))
                titles.append(f"{title}, {side} × {side}" if number == 0 else "")
                about.append({"source": source, "side": side, "draw": number})
    return pictures(shown, titles=titles, about=about, layout=(len(sides), 2 * count), size=SIZE, brightness=(-2, 2))


def patch_pictures(patches: Mapping[str, Any], *, count: int):
    """Three rows: averages alone, with details that were drawn, and the truth.

    Args:
        patches: of :func:`quire.experiments.multiscale.image_cells.enlarged`.
        count: patches.
    """
    shown, titles, about = [], [], []
    for name, title in (("averages", "averages"), ("drawn", "with details"), ("true", "truth")):
        for number in range(count):
            shown.append(np.asarray(patches[name][number]))
            titles.append(title if number == 0 else "")
            about.append({"shows": name, "patch": number})
    return pictures(shown, titles=titles, about=about, layout=(3, count), size=SIZE, brightness=(-2.5, 2.5))
