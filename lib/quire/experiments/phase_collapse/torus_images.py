"""Handwritten digits on a torus of sixteen pixels a side, perhaps shifted."""

from functools import lru_cache

import torch
from torch.nn import functional

from quire.data import load
from quire.types import Float, Int, Tensor

__all__ = ["SIDE", "digits_on_torus", "shifted"]

SIDE = 16


@lru_cache(maxsize=1)
def digits_on_torus() -> tuple[Float[Tensor, "images 16 16"], Int[Tensor, " images"]]:
    """The 1,797 digits with zeros around them, between 0 and 1, in float64; and their classes."""
    data = load("digits")
    images = torch.from_numpy(data.inputs).double() / data.peak
    return functional.pad(images, [(SIDE - images.shape[-1]) // 2] * 4), torch.from_numpy(data.labels).long()


def shifted(
    images: Float[Tensor, "images side _"], shift: int, *, generator: torch.Generator
) -> Float[Tensor, "images side _"]:
    """Each image, moved around the torus by at most so many pixels in each direction, uniformly."""
    if not shift:
        return images
    count, side = len(images), images.shape[-1]
    # With half of a side there are as many places as pixels.
    by = torch.randint(-shift, shift, (2, count, 1), generator=generator)
    place = torch.arange(side)
    rows, columns = ((place - one) % side for one in by)
    return images[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
