r"""Backward warp of images by a displacement field in pixels: (τx)(p) = x(p - τ(p)).

Positions are clamped to the frame. Three interpolations, each checked against its direct formula:

* ``"bilinear"``: the four neighbours, weighted by area; zero displacement is the identity to
  rounding.
* ``"gaussian"``: weights exp(-|p - q|²/2σ²), σ = 0.4715 pixel, normalised over the pixels q of the image.
  The kernel separates in the axes, and two neighbouring taps with positive weights are one bilinear sample
  between them: 9 samples (16 in float64) replace n² taps. Zero displacement smooths the image: it is *not*
  the identity.
* ``"nearest"``: the closest pixel; not differentiable in the field.

On a CPU the bilinear warp is one compiled pass (:mod:`quire.diffeo.bilinear`). Its floor is memory: with one thread,
fields drawn and images warped, :meth:`MaxEntropyDiffeo.warp` runs at 0.5 to 0.65 of the speed at which the traffic of the
unfused operations (image, displacement and grid, each read and written) could be copied, images coming from main memory,
and at less where other work shares the processor; the benchmarks measure it. Everything else is ``grid_sample``, in chunks whose buffers fit in the core's cache.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F

from quire.cite import cites
from quire.diffeo.bilinear import warp_bilinear
from quire.types import Float, Tensor

__all__ = ["INTERPOLATIONS", "warp"]

INTERPOLATIONS = ("bilinear", "gaussian", "nearest")
GAUSSIAN_WIDTH = 0.4715  # pixels
CACHE_BYTES = 2**20  # of one core


@cites("petrini2021diffeo", "networks compared")
def warp(
    images: Float[Tensor, "batch channel height width"],
    displacement: Float[Tensor, "fields 2 _ _"],
    *,
    interpolation: str,
) -> Float[Tensor, "batch channel height width"]:
    """Move each image by its field.

    Args:
        images: square images; half precision is computed in float32 and cast back.
        displacement: (x, y) displacement in pixels, one field per image or one for all. Row y, column x of
            the result is read at (x - displacement[:, 0], y - displacement[:, 1]).
        interpolation: "bilinear", "gaussian" or "nearest".

    Raises:
        ValueError: unknown interpolation, another size or number of fields, another device.

    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> one_to_the_right = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 3, 3)
    >>> warp(image, one_to_the_right, interpolation="bilinear")[0, 0].tolist()
    [[0.0, 0.0, 1.0], [3.0, 3.0, 4.0], [6.0, 6.0, 7.0]]
    """
    batch, channels, height, size = images.shape
    if height != size or size < 2 or displacement.shape[-2:] != (size, size):
        raise ValueError(
            f"expected square images of at least 2 × 2 pixels and fields of their size, got {height} × {size} pixels and "
            f"{displacement.shape[-2]} × {displacement.shape[-1]}: pad the images, or draw fields of another size"
        )
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
    if len(displacement) not in (1, batch):
        raise ValueError(f"expected one field per image ({batch}) or one for all (1), got {len(displacement)}")
    if displacement.device != images.device:
        raise ValueError(f"images are on {images.device}, fields on {displacement.device}: move one of them")
    if len(displacement) == 1 and batch > 1:
        folded = warp(images.reshape(1, batch * channels, size, size), displacement, interpolation=interpolation)
        return folded.reshape(images.shape)
    working = torch.promote_types(torch.promote_types(images.dtype, displacement.dtype), torch.float32)
    values, displacement = images.to(working), displacement.to(working)
    if interpolation == "bilinear":
        compiled = warp_bilinear(values, displacement=displacement)
        if compiled is not None:
            return compiled.to(images.dtype)
    resample = _gaussian if interpolation == "gaussian" else _grid_sample
    step = _images_at_a_time(values)
    parts = [slice(start, start + step) for start in range(0, batch, step)]
    chunks = [resample(values[part], displacement[part], interpolation) for part in parts]
    return torch.cat(chunks).to(images.dtype) if chunks else torch.empty_like(images)


def _images_at_a_time(images: Tensor) -> int:
    """As many as have their buffers in the cache of one core; on an accelerator, all."""
    batch, channels, size, _ = images.shape
    if images.device.type != "cpu":
        return max(1, batch)
    return max(1, CACHE_BYTES // ((2 * channels + 2) * size * size * images.element_size()))


def _grid_sample(images: Tensor, displacement: Tensor, interpolation: str) -> Tensor:
    size = images.shape[-1]
    grid = torch.sub(_pixels(size, images.dtype, images.device), displacement, alpha=2 / (size - 1))
    return _sample(images, grid, interpolation)


def _sample(images: Tensor, grid: Tensor, mode: str) -> Tensor:
    # a channel-first grid, seen channel-last, is the fast layout
    grid = grid.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=True)


def _gaussian(images: Tensor, displacement: Tensor, _: str) -> Tensor:
    """Σ_q w(p - q) x(q) as a sum of bilinear samples, one per pair of rows and pair of columns."""
    size = images.shape[-1]
    pixels = (_pixels(size, torch.float64, images.device) + 1) * ((size - 1) / 2)
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


@lru_cache(maxsize=64)
def _pixels(size: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "2 size size"]:
    """(x, y) of every pixel in [-1, 1]."""
    axis = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y]).to(dtype).to(device)
