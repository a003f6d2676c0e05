"""Patches of photographs, and their Haar coefficients of the finest scale."""

from functools import lru_cache

import torch
from torch.nn import functional

from quire.data import load
from quire.types import Float, Tensor

__all__ = ["from_haar", "haar_details", "patches"]


@lru_cache(maxsize=4)
def patches(images: str, side: int, *, held_out: bool) -> Float[Tensor, "patches 1 side side"]:
    """Grey patches of mean zero and, together, unit variance; those held out come from other places of the photographs.

    Args:
        images: "photos" (scikit-learn's two, of which the right third is held out), or a set of colour images by name.
        side: of a patch; photographs are first halved, so that neighbouring pixels differ.
        held_out: for measurements.

    Raises:
        ValueError: patches that do not fit into the images.
    """
    data = load(images)
    test = images != "photos" and held_out
    colours = torch.from_numpy(data.test_inputs if test else data.inputs).float().movedim(-1, 1) / data.peak
    grey = colours.mean(1, keepdim=True)
    if images == "photos":
        grey = functional.avg_pool2d(grey, 2)
        cut = grey.shape[-1] * 2 // 3
        grey = grey[..., cut:] if held_out else grey[..., :cut]
    if min(grey.shape[-2:]) < side or side % 2:
        raise ValueError(f"patches must be even and at most {min(grey.shape[-2:])} pixels a side, got {side}")
    windows = grey.unfold(2, side, max(side // 4, 1)).unfold(3, side, max(side // 4, 1))
    cut_out = windows.movedim(1, 3).reshape(-1, 1, side, side)
    centred = cut_out - cut_out.mean()
    return centred / centred.square().mean().sqrt()


def haar_details(images: Float[Tensor, "batch 1 side side"]) -> Float[Tensor, "batch 4 half half"]:
    """Averages and three details of every 2 × 2 pixels, an orthogonal transform."""
    a, b, c, d = (images[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 2


def from_haar(coefficients: Float[Tensor, "batch 4 half half"]) -> Float[Tensor, "batch 1 side side"]:
    """The inverse of :func:`haar_details`, its transpose."""
    s, h, v, x = (coefficients[:, k : k + 1] for k in range(4))
    batch, _, half, _ = coefficients.shape
    found = coefficients.new_empty(batch, 1, 2 * half, 2 * half)
    for place, values in zip(
        ((0, 0), (0, 1), (1, 0), (1, 1)),
        (s + h + v + x, s - h + v - x, s + h - v - x, s - h - v + x),
        strict=True,
    ):
        found[:, :, place[0] :: 2, place[1] :: 2] = values / 2
    return found
