r"""Backward warp of images by a displacement field in pixels: (τx)(p) = x(p - τ(p)).

Positions are clamped to the frame. Three interpolations, each checked against its direct formula:

* ``"bilinear"``: the four neighbours, weighted by area; zero displacement is the identity to
  rounding.
* ``"gaussian"``: weights exp(-|p - q|²/2σ²), σ = 0.4715 pixel, normalised over the pixels q of the image.
  The kernel separates in the axes, and two neighbouring taps with positive weights are one bilinear sample
  between them: 9 samples (16 in float64) replace n² taps. Zero displacement smooths the image: it is *not*
  the identity.
* ``"nearest"``: the closest pixel; not differentiable in the field.

The batch is cut in chunks whose buffers fit in the core's cache. What bounds the speed on a CPU is then ``grid_sample``
itself, four scattered reads per pixel and channel. Alone, with images and positions already in the cache, it ran at 0.6
(one channel) and 0.4 (three) of the speed at which one thread could copy the traffic of the unfused operations: image,
displacement and grid, each read and written. All of :meth:`MaxEntropyDiffeo.warp`, drawn fields included, ran at 0.2 to
0.25. Half of that bound is out of reach of ``grid_sample`` with three channels; the benchmarks measure both.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from quire.cite import cites
from quire.diffeo.positions import CACHE_BYTES, pixel_positions
from quire.types import Float, Tensor

__all__ = ["INTERPOLATIONS", "warp"]

INTERPOLATIONS = ("bilinear", "gaussian", "nearest")
GAUSSIAN_WIDTH = 0.4715  # pixels


@cites("petrini2021diffeo", "networks compared")
def warp(
    images: Float[Tensor, "batch channel size size"],
    displacement: Float[Tensor, "fields 2 size size"],
    *,
    interpolation: str,
) -> Float[Tensor, "batch channel size size"]:
    """Move each image by its field.

    Args:
        images: square images; half precision is computed in float32 and cast back.
        displacement: (x, y) displacement in pixels, one field per image or one for all. Row y, column x of
            the result is read at (x - displacement[:, 0], y - displacement[:, 1]).
        interpolation: "bilinear", "gaussian" or "nearest".

    Raises:
        ValueError: unknown interpolation, another number of fields, another device.

    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> one_to_the_right = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 3, 3)
    >>> warp(image, one_to_the_right, interpolation="bilinear")[0, 0].tolist()
    [[0.0, 0.0, 1.0], [3.0, 3.0, 4.0], [6.0, 6.0, 7.0]]
    """
    batch, channels, size, _ = images.shape
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
    if len(displacement) not in (1, batch):
        raise ValueError(f"expected one field per image ({batch}) or one for all (1), got {len(displacement)}")
    if displacement.device != images.device:
        raise ValueError(f"images are on {images.device}, fields on {displacement.device}: move one of them")
    if len(displacement) == 1 and batch > 1:
        folded = warp(images.reshape(1, batch * channels, size, size), displacement, interpolation=interpolation)
        return folded.reshape(images.shape)
    return chunked(images, lambda part: resample(images[part], displacement[part], interpolation))


def chunked(images: Tensor, function: Callable[[slice], Tensor]) -> Tensor:
    """Concatenate ``function`` of slices of the batch whose image, grid and output fit in the cache.

    One slice on an accelerator. Results go to their place as they come, except where gradients are recorded.
    """
    batch, channels, size, _ = images.shape
    step = max(1, CACHE_BYTES // ((2 * channels + 2) * size * size * images.element_size()))
    if images.device.type != "cpu" or batch <= step:
        return function(slice(0, batch))
    first = function(slice(0, step))
    rest = [slice(start, start + step) for start in range(step, batch, step)]
    if first.requires_grad:
        return torch.cat([first, *map(function, rest)])
    result = torch.empty_like(images)
    result[:step] = first
    for part in rest:
        result[part] = function(part)
    return result


def resample(
    images: Float[Tensor, "batch channel size size"],
    displacement: Float[Tensor, "batch 2 size size"],
    interpolation: str,
) -> Float[Tensor, "batch channel size size"]:
    """Warp one chunk; positions are computed in float32 at least."""
    working = torch.promote_types(torch.promote_types(images.dtype, displacement.dtype), torch.float32)
    displacement = displacement.to(working)
    if interpolation == "gaussian":
        return _gaussian(images.to(working), displacement).to(images.dtype)
    size = images.shape[-1]
    grid = torch.sub(pixel_positions(size, working, images.device), displacement, alpha=2 / (size - 1))
    return sample_at(images, grid, interpolation)


def sample_at(images: Tensor, grid: Float[Tensor, "batch 2 size size"], interpolation: str) -> Tensor:
    """Read one chunk at positions (x, y) in [-1, 1], bilinear or nearest; the dtype of the images comes back."""
    values = images.to(grid.dtype)
    if values is images and images.device.type == "cpu":
        values.detach().sum()  # one pass in order brings them into the cache before the scattered reads: 15 % faster
    return _sample(values, grid, interpolation).to(images.dtype)


def _sample(images: Tensor, grid: Tensor, mode: str) -> Tensor:
    # a channel-first grid, seen channel-last, is the fast layout
    grid = grid.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=True)


def _gaussian(images: Tensor, displacement: Tensor) -> Tensor:
    """Σ_q w(p - q) x(q) as a sum of bilinear samples, one per pair of rows and pair of columns."""
    size = images.shape[-1]
    pixels = (pixel_positions(size, torch.float64, images.device) + 1) * ((size - 1) / 2)
    where = (pixels.round().to(displacement.dtype) - displacement).clamp(0, size - 1)
    reach = 4 if displacement.dtype == torch.float64 else 3  # omitted weights: e^-36, e^-20
    offsets = torch.arange(1 - reach, reach + 1, device=images.device, dtype=where.dtype)
    taps = where.floor().unsqueeze(0) + offsets.view(-1, 1, 1, 1, 1)
    weights = torch.exp(-((where - taps) ** 2) / (2 * GAUSSIAN_WIDTH**2)) * ((taps >= 0) & (taps <= size - 1))
    weights = weights / weights.sum(0, keepdim=True)
    pair = weights[0::2] + weights[1::2]
    inside = pair > 0
    middle = taps[0::2] + torch.where(inside, weights[1::2], 0) / torch.where(inside, pair, 1)
    middle = middle * (2 / (size - 1)) - 1
    total = torch.zeros_like(images)
    for row in range(reach):
        for column in range(reach):
            grid = torch.stack([middle[column, :, 0], middle[row, :, 1]], dim=1)
            weight = (pair[column, :, 0] * pair[row, :, 1]).unsqueeze(1)
            total = total + weight * _sample(images, grid, "bilinear")
    return total
