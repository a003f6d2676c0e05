r"""Bilinear warps of images in the memory of this machine, in one compiled pass.

A block of about a thousand pixels at a time, so that everything but the images stays in the first level of cache: the
positions :math:`p - \tau(p)` of its pixels, from a field or from the sines of the ensemble,

.. math:: \tau_a(x, y) = \sum_i s_i(x)\, A_{ai}(y), \qquad A_{ai}(y) = \sum_j C_{aij}\, s_j(y),

then the cell and the place in the cell of each, then its four neighbours. No displacement and no grid is ever written. The
loop itself is :mod:`quire.diffeo.bilinear_loop`.
"""

from functools import lru_cache

import torch

from quire.cores import arrays, each
from quire.diffeo.bilinear_loop import UNROLLED, warp_loop
from quire.diffeo.modes import sine_basis
from quire.types import Float, Tensor

__all__ = ["warp_bilinear"]

BLOCK = 1024  # pixels


def warp_bilinear(
    images: Float[Tensor, "batch channel size size"],
    *,
    displacement: Float[Tensor, "batch 2 size size"] | None = None,
    coefficients: Float[Tensor, "batch 2 cutoff cutoff"] | None = None,
) -> Float[Tensor, "batch channel size size"] | None:
    """Read each image at p - τ(p), positions clamped to the frame; None where tensor code must do it.

    Args:
        images: in single or double precision.
        displacement: τ in pixels, (x, y); or else
        coefficients: C in pixels. Both have the dtype of the images.
    """
    batch, channels, size, _ = images.shape
    if displacement is None:
        cutoff = coefficients.shape[-1]
        displacement = images.new_empty(batch, 2, 0)
        waves = _waves(size, cutoff, images.dtype)
        padded = coefficients.new_zeros(batch, 2, len(waves), len(waves))
        padded[:, :, :cutoff, :cutoff] = coefficients
        coefficients = padded
    else:
        coefficients, waves = images.new_empty(batch, 2, 0, 0), images.new_empty(0, size)
    found = arrays(images, displacement, coefficients, waves) if size > 1 else None
    if found is None:
        return None
    result = torch.empty_like(images, memory_format=torch.contiguous_format)
    pixels, field, sums, waves = found
    pixels, out = (view.reshape(batch, channels, size**2) for view in (pixels, result.numpy()))
    field = field.reshape(batch, 2, size**2 if field.shape[2:] == (size, size) else 0)
    # three planes in one loop share the loads of the positions, unless they would drive each other out of the cache
    triples = channels // 3 * 3 if size > 64 else 0
    rows = max(1, BLOCK // size)

    def warp(part: slice) -> None:
        warp_loop(pixels[part], field[part], sums[part], waves, out[part], rows, triples)

    share = max(1, -(-batch // torch.get_num_threads()))
    each(warp, [slice(start, start + share) for start in range(0, batch, share)], device=images.device)
    return result


@lru_cache(maxsize=64)
def _waves(size: int, cutoff: int, dtype: torch.dtype) -> Float[Tensor, "wave size"]:
    """sin(iπu), filled up with zeros to a multiple of the unrolled waves."""
    waves = torch.zeros(-(-cutoff // UNROLLED) * UNROLLED, size, dtype=dtype)
    waves[:cutoff] = sine_basis(size, cutoff).T
    return waves
