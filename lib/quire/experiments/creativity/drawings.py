"""How samples and mosaics are laid out: rows of pictures, each row with its name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quire.figures import pictures

__all__ = ["mosaic_pictures", "sample_pictures"]

SIZE = (0.95, 1.1)  # inches of a picture


NAMES = {"border": "eq. local", "circular": "eq. local", "local": "local", "equivariant": "equivar.", "ideal": "ideal"}


def sample_pictures(samples: Mapping[str, Any], *, network_steps: int, count: int):
    """A row for the network and for each machine, a column for each noise that they started from.

    Args:
        samples: of :func:`quire.experiments.creativity.sampling.sampled`.
        network_steps: which of the network's samples.
        count: samples of each.
    """
    network = f"network.{network_steps}"
    names = {network: "network"} | {name: title for name, title in NAMES.items() if name in samples}
    shown, titles, about = [], [], []
    for name, title in names.items():
        for number in range(count):
            shown.append(_visible(samples[name][number]))
            titles.append(title if number == 0 else "")
            about.append({"sampler": name, "start": number})
    return pictures(shown, titles=titles, about=about, layout=(len(names), count), size=SIZE, brightness=(0, 1))


def mosaic_pictures(mosaic: Mapping[str, Any], *, count: int):
    """A row for each sample: the sample, training windows in its place, its pieces in colours, and the training images.

    Args:
        mosaic: of :func:`quire.experiments.creativity.mosaics.mosaics`.
        count: samples.
    """
    num_sources = mosaic["used"].shape[1]
    heads = ["sample", "patched", "pieces", *(f"source {k + 1}" for k in range(num_sources))]
    shown, titles, about = [], [], []
    for number in range(count):
        row = [
            _visible(mosaic["sample"][number]),
            _visible(mosaic["patched"][number]),
            np.asarray(mosaic["pieces"][number]),
        ]
        row += [_visible(image) for image in mosaic["used"][number]]
        shown += row
        titles += heads if number == 0 else [""] * len(row)
        about += [{"start": number, "shows": head} for head in heads]
    layout = (count, len(heads))
    return pictures(shown, titles=titles, about=about, layout=layout, size=(1.15, 1.25), brightness=(0, 1))


def _visible(image) -> np.ndarray:
    """Between zero and one."""
    return ((np.asarray(image, dtype=np.float32) + 1) / 2).clip(0, 1)
