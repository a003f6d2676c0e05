r"""Kernels and Gram matrices of deep convolutional networks with non-overlapping patches, tile by tile.

The recursion of :mod:`quire.deep_kernels.recursion` keeps one number per pair of inputs and node of the tree. It runs on blocks
of pairs that fit the cache, so that memory is the result and a few blocks. A fully-connected network is the case of one
patch that holds the whole input.

Source: cagnetta2023deep (definition of the hierarchical kernels).
"""

from math import isqrt, prod

import torch

from quire.cite import cites
from quire.cores import each
from quire.deep_kernels.architecture import Architecture
from quire.deep_kernels.inputs import as_patches
from quire.deep_kernels.recursion import check_kind, hierarchical_diagonal, propagate
from quire.device import require_memory
from quire.types import Float, Tensor

__all__ = [
    "hierarchical_gram",
    "hierarchical_gram_by_level",
    "hierarchical_kernel",
    "hierarchical_kernel_by_level",
    "tile_bytes",
]

CACHE_BYTES = 2**19  # one buffer of a tile on a CPU: it stays in cache
DEVICE_BYTES = 2**28  # the same on an accelerator, where launches cost more than memory
BUFFERS = 6  # buffers of a tile that live at the same time


@cites("cagnetta2023deep", "hierarchical kernels, ridgeless regression")
def hierarchical_kernel(
    left: Float[Tensor, "rows length"],
    right: Float[Tensor, "columns length"],
    *,
    architecture: Architecture,
    kind: str,
    normalise: bool = False,
    tile: int | None = None,
) -> Float[Tensor, "rows columns"]:
    """Kernel between two sets of inputs.

    Args:
        left: inputs whose patches of size ``architecture.filter_sizes[0]`` have unit norm.
        right: likewise.
        architecture: filter sizes and read-out.
        kind: "ntk" (all weights trained) or "nngp" (only the last layer trained).
        normalise: divide each patch by its norm instead of refusing an input off the spheres.
        tile: rows and columns of a block; chosen for the cache if not given. It does not change the result.

    Returns:
        The kernel, in the inputs' dtype.

    Raises:
        ValueError: lengths that the architecture does not have, patches off the sphere, unknown kind.
        MemoryError: before allocation, when the result and one tile do not fit.

    >>> x = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    >>> tree = Architecture(filter_sizes=(2, 2))
    >>> round(float(hierarchical_kernel(x, -x, architecture=tree, kind="nngp")), 6)  # kappa_1(kappa_1(-1)) = 1/pi
    0.31831
    """
    return _blocks(left, right, architecture, kind, normalise, tile, by_level=False)[0]


@cites("cagnetta2023deep", "hierarchical kernels, ridgeless regression")
def hierarchical_gram(
    inputs: Float[Tensor, "samples length"],
    *,
    architecture: Architecture,
    kind: str,
    normalise: bool = False,
    tile: int | None = None,
) -> Float[Tensor, "samples samples"]:
    """Kernel of a set of inputs with itself: symmetric to the bit, half the work, diagonal set exactly.

    Arguments and errors as in :func:`hierarchical_kernel`.
    """
    return _blocks(inputs, None, architecture, kind, normalise, tile, by_level=False)[0]


def hierarchical_kernel_by_level(
    left: Float[Tensor, "rows length"],
    right: Float[Tensor, "columns length"],
    *,
    architecture: Architecture,
    kind: str,
    normalise: bool = False,
    tile: int | None = None,
) -> Float[Tensor, "level rows columns"]:
    """The kernels of ``architecture`` cut after its first, second, … last level, from one pass of the recursion.

    Entry ``l - 1`` equals ``hierarchical_kernel(..., architecture=architecture.cut(l))``: a deep student and all the
    shallower teachers of the same filters cost one Gram matrix.
    """
    return _blocks(left, right, architecture, kind, normalise, tile, by_level=True)


def hierarchical_gram_by_level(
    inputs: Float[Tensor, "samples length"],
    *,
    architecture: Architecture,
    kind: str,
    normalise: bool = False,
    tile: int | None = None,
) -> Float[Tensor, "level samples samples"]:
    """The Gram matrices of ``architecture`` cut after each level; see :func:`hierarchical_kernel_by_level`."""
    return _blocks(inputs, None, architecture, kind, normalise, tile, by_level=True)


def tile_bytes(*, num_patches: int, tile: int, element_size: int) -> int:
    """Scratch memory of one block of the recursion, in bytes, next to the result itself."""
    return BUFFERS * num_patches * tile * tile * element_size


def _blocks(left, right, architecture, kind, normalise, tile, *, by_level) -> Tensor:
    """The kernel after the last level, or after each, block by block; ``right`` None means a Gram matrix."""
    check_kind(kind)
    symmetric = right is None
    left = as_patches(left, architecture=architecture, normalise=normalise)
    right = left if symmetric else as_patches(right, architecture=architecture, normalise=normalise)
    num_patches, rows, _ = left.shape
    columns = right.shape[1]
    levels = len(architecture.filter_sizes)
    tile = _tile_size(left, tile)
    shape = (levels if by_level else 1, rows, columns)
    workers = torch.get_num_threads() if left.device.type == "cpu" else 1
    item = left.element_size()
    scratch = workers * tile_bytes(num_patches=num_patches, tile=min(tile, max(rows, columns)), element_size=item)
    require_memory(prod(shape) * item + scratch, f"a {shape} kernel and its tiles", left.device)
    result, opposite = left.new_empty(shape), -left

    def fill(corner: tuple[int, int]) -> None:
        high, wide = (slice(start, start + tile) for start in corner)
        minus_cosines = opposite[:, high] @ right[:, wide].mT
        for level, block in enumerate(propagate(minus_cosines, kind, architecture.filter_sizes, by_level=by_level)):
            if symmetric and high == wide:
                block = block.tril().add_(block.tril(-1).T)  # a matrix product need not be symmetric to the bit
            result[level, high, wide] = block
            if symmetric and high != wide:
                result[level, wide, high] = block.T

    corners = [(i, j) for i in range(0, rows, tile) for j in range(i if symmetric else 0, columns, tile)]
    each(fill, corners, device=left.device)
    if symmetric:
        for level, gram in enumerate(result, start=1):
            gram.fill_diagonal_(hierarchical_diagonal(levels=level if by_level else levels, kind=kind))
    return result


def _tile_size(patches: Tensor, tile: int | None) -> int:
    """Rows of a block: as asked for, or such that one buffer has the size that is best for the device."""
    if tile is not None:
        if tile < 1:
            raise ValueError(f"tile must be ≥ 1, got {tile}: leave it out for a block that fits the cache")
        return tile
    budget = CACHE_BYTES if patches.device.type == "cpu" else DEVICE_BYTES
    return max(16, isqrt(budget // (patches.shape[0] * patches.element_size())))
