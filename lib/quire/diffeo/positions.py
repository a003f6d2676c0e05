r"""Where a warped image is read, directly in the units of ``grid_sample``: no displacement, no addition, no copy.

``grid_sample`` wants positions in [-1, 1] between the centres of the end pixels. With ℓ(x) = 2x/(n - 1) - 1 and s_i the
sines of the ensemble, those of an image with coefficients C_ij in pixels are bilinear in two short lists of functions,

    X(x, y) = ℓ(x)·1 - 2/(n - 1) Σ_ij C⁰_ij s_i(x) s_j(y),    Y(x, y) = 1·ℓ(y) - 2/(n - 1) Σ_ij C¹_ij s_i(x) s_j(y),

so that the frame is folded into the coefficients and one matrix product writes the grid, both components of all
images of a chunk as rows. As long as the products of functions fit in the cache they are tabulated, [c² + 2, n²];
beyond, one axis follows the other, [c + 2, n] twice.
"""

from collections.abc import Callable
from functools import lru_cache

import torch

from quire.diffeo.modes import sine_basis
from quire.types import Float, Tensor

__all__ = ["CACHE_BYTES", "pixel_positions", "sampling_positions"]

CACHE_BYTES = 2**20  # of one core; sizes of chunks and tables follow from it


def sampling_positions(
    coefficients: Float[Tensor, "fields 2 cutoff cutoff"], size: int
) -> Callable[[slice], Float[Tensor, "part 2 size size"]]:
    """The function that maps a slice of the fields to their positions (x, y), channel first.

    Args:
        coefficients: amplitudes in pixels, C_ij √T n of the ensemble.
        size: n.

    >>> still = sampling_positions(torch.zeros(5, 2, 3, 3), 3)(slice(1, 3))
    >>> still.shape, still[0, 0, 0].tolist(), still[0, 1, :, 0].tolist()
    (torch.Size([2, 2, 3, 3]), [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0])
    """
    fields, _, cutoff, _ = coefficients.shape
    scaled = coefficients * (-2 / (size - 1))
    kind = {"dtype": coefficients.dtype, "device": coefficients.device}
    if (cutoff**2 + 2) * size**2 * coefficients.element_size() <= CACHE_BYTES:
        frame = torch.eye(2, **kind).expand(fields, 2, 2)
        rows = torch.cat([scaled.flatten(2), frame], 2)
        table = _product_table(size, cutoff, **kind)
        return lambda part: (rows[part].flatten(0, 1) @ table).view(-1, 2, size, size)
    axis = _axis_table(size, cutoff, **kind)
    along = torch.zeros(fields, 2, cutoff + 2, cutoff + 2, **kind)
    along[:, :, :-2, :-2] = scaled
    along[:, 0, -1, -2] = along[:, 1, -2, -1] = 1  # ℓ(x)·1 and 1·ℓ(y)
    # along y first: [fields, 2, y, functions of x] in memory order, for one flat product per chunk
    along = (along @ axis).transpose(-1, -2).contiguous()
    return lambda part: (along[part].flatten(0, 2) @ axis).view(-1, 2, size, size)


@lru_cache(maxsize=64)
def pixel_positions(size: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "2 size size"]:
    """(x, y) of every pixel in [-1, 1]."""
    axis = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y]).to(dtype).to(device)


@lru_cache(maxsize=64)
def _product_table(
    size: int, cutoff: int, *, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "function pixel"]:
    """s_i(x) s_j(y) for all i and j, then ℓ(x) and ℓ(y), at all pixels."""
    basis = sine_basis(size, cutoff)
    products = torch.einsum("xi,yj->ijyx", basis, basis).flatten(2).flatten(0, 1)
    frame = pixel_positions(size, torch.float64, torch.device("cpu")).flatten(1)
    return torch.cat([products, frame]).to(dtype).to(device)


@lru_cache(maxsize=64)
def _axis_table(size: int, cutoff: int, *, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "function size"]:
    """s_i for all i, 1 and ℓ along one axis."""
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    table = torch.cat([sine_basis(size, cutoff).T, torch.ones_like(line)[None], line[None]])
    return table.to(dtype).to(device)
