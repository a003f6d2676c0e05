"""Windows of images: the k × k pixels around each position, with what lies beyond the frame; or whole images, as they are
and translated."""

from typing import Literal

import torch.nn.functional as F

from quire.types import Float, Tensor

__all__ = ["Padding", "check_window", "centre_of", "translates", "whole", "windows"]

Padding = Literal["zeros", "circular"]


def windows(
    images: Float[Tensor, "images channels height width"], size: int, *, padding: Padding
) -> Float[Tensor, "images positions dims"]:
    """The windows around all positions, row by row; a window is channels × size × size numbers.

    Args:
        images: the images.
        size: k, odd.
        padding: beyond the frame are "zeros", or the opposite side ("circular").

    Raises:
        ValueError: a size that is even, below one, or circular and larger than the images.

    >>> import torch
    >>> windows(torch.tensor([[[[1.0, 2.0]]]]), 1, padding="zeros").tolist()
    [[[1.0], [2.0]]]
    """
    check_window(size, images.shape[-2:], padding=padding)
    reach = size // 2
    mode = "constant" if padding == "zeros" else "circular"
    padded = F.pad(images, [reach] * 4, mode=mode)
    return F.unfold(padded, size).mT


def whole(images: Float[Tensor, "images channels height width"]) -> Float[Tensor, "images 1 dims"]:
    """Each image as its only window."""
    return images.flatten(1)[:, None]


def translates(images: Float[Tensor, "images channels height width"]) -> Float[Tensor, "images positions dims"]:
    """All cyclic translates of each image, as windows.

    >>> import torch
    >>> translates(torch.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[1.0, 2.0], [2.0, 1.0]]]
    """
    count, channels, height, width = images.shape
    tiled = images.repeat(1, 1, 2, 2)[:, :, : 2 * height - 1, : 2 * width - 1]
    return F.unfold(tiled, (height, width)).mT.reshape(count, height * width, channels * height * width)


def centre_of(size: int, channels: int) -> list[int]:
    """Where in a window its central pixel stands, for each channel.

    >>> centre_of(3, 2)
    [4, 13]
    """
    return [channel * size**2 + size**2 // 2 for channel in range(channels)]


def check_window(size: int, shape: tuple[int, int], *, padding: Padding) -> None:
    """Raise unless images of this height and width have windows of this size."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise ValueError(f"scale, the size of a window in pixels, must be an odd integer ≥ 1, got {size!r}")
    if padding not in ("zeros", "circular"):
        raise ValueError(f'padding must be "zeros" or "circular", got {padding!r}')
    if padding == "circular" and size > min(shape):
        raise ValueError(
            f"a circular window must fit into the image, {min(shape)} pixels, got scale {size}: a larger one would count "
            "pixels twice; take a smaller scale, or the ideal or the equivariant machine"
        )
