r"""Kernels of deep convolutional networks with non-overlapping patches.

A network of ``depth`` L+1 cuts an input of p_1 patches of size s_1 (each on the unit sphere) into a tree: one node of
level l reads s_l nodes of level l-1. At infinite width (ReLU, gain 2) its covariances follow the recursion

.. math::
    A = \mathrm{mean}_{children}\, R^{l-1},\quad B = \mathrm{mean}_{children}\, N^{l-1},\qquad
    R^l = \kappa_1(A),\quad N^l = \kappa_1(A) + \kappa_0(A)\,B,

started from the cosines of the patches, :math:`R^0_i = N^0_i = x_i\cdot y_i`, and read out as a mean over the nodes
of the last level: R gives the NNGP (random-feature) kernel, N the neural tangent kernel. A fully-connected network is
the case of one patch that holds the whole input.

Source: cagnetta2023deep (definition of the hierarchical kernels); cho2009kernel for the arc-cosine functions.
"""

from math import isqrt, prod

import torch

from quire.cite import cites
from quire.cores import each
from quire.device import require_memory
from quire.kernels.hierarchical_architecture import Architecture
from quire.kernels.hierarchical_inputs import as_patches
from quire.types import Float, Tensor

__all__ = [
    "hierarchical_diagonal",
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


def hierarchical_diagonal(*, levels: int, kind: str) -> float:
    """K(x, x) of a kernel with that many levels: 1 for the NNGP and levels + 1 for the NTK, whatever the filters.

    >>> hierarchical_diagonal(levels=3, kind="ntk")
    4.0
    """
    check_kind(kind)
    return 1.0 if kind == "nngp" else levels + 1.0


def tile_bytes(*, num_patches: int, tile: int, element_size: int) -> int:
    """Scratch memory of one block of the recursion, in bytes, next to the result itself."""
    return BUFFERS * num_patches * tile * tile * element_size


def arc_cosine_step(cosine: Tensor, tangent: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """One layer: (kappa_1(A), kappa_1(A) + kappa_0(A) B), with one arc-cosine and one square root per entry."""
    feature, total = _scaled_step(cosine.neg(), tangent, 1.0)
    return feature.mul_(1 / torch.pi), None if total is None else total.mul_(1 / torch.pi)


def _scaled_step(opposite: Tensor, tangent: Tensor | None, scale: float) -> tuple[Tensor, Tensor | None]:
    """The same times pi, from -A (overwritten) and from B over ``scale``: every pass that can be folded is."""
    supplement = torch.acos(opposite.clamp_(-1, 1))  # pi - angle
    squared = torch.addcmul(opposite.new_ones(()), opposite, opposite, value=-1)
    squared.clamp_min_(torch.finfo(squared.dtype).tiny)
    sine = squared.mul_(squared.rsqrt())  # half of the time of the square root alone
    feature = sine.addcmul_(opposite, supplement, value=-1)
    return feature, None if tangent is None else torch.addcmul(feature, tangent, supplement, value=scale)


def _propagate(opposite: Tensor, kind: str, filter_sizes: tuple[int, ...], *, by_level: bool) -> list[Tensor]:
    """Run the recursion on minus the cosines (patches first); the read-out of R or N at the end, or at each level."""
    tangent, scale, outputs = opposite.clone() if kind == "ntk" else None, -1.0, []
    for position, filter_size in enumerate(filter_sizes):
        if position:
            scale = 1 / (filter_size * torch.pi)
            opposite = _sum_children(feature, filter_size).mul_(-scale)
            tangent = None if tangent is None else _sum_children(total, filter_size)
        feature, total = _scaled_step(opposite, tangent, scale)
        if by_level or position == len(filter_sizes) - 1:
            outputs.append((feature if total is None else total).mean(0).mul_(1 / torch.pi))
    return outputs


def _sum_children(values: Tensor, filter_size: int) -> Tensor:
    if filter_size == 1:
        return values.clone()
    children = values.unflatten(0, (-1, filter_size)).unbind(1)
    total = children[0] + children[1]  # twice as fast as a reduction
    for child in children[2:]:
        total.add_(child)
    return total


def _blocks(left, right, architecture, kind, normalise, tile, *, by_level) -> Tensor:
    check_kind(kind)
    if tile is not None and tile < 1:
        raise ValueError(f"tile must be ≥ 1, got {tile}: leave it out for a block that fits the cache")
    symmetric = right is None
    left = as_patches(left, architecture=architecture, normalise=normalise)
    right = left if symmetric else as_patches(right, architecture=architecture, normalise=normalise)
    num_patches, rows, _ = left.shape
    columns, levels = right.shape[1], len(architecture.filter_sizes)
    on_cpu = left.device.type == "cpu"
    item, workers = left.element_size(), torch.get_num_threads() if on_cpu else 1
    tile = tile or max(16, isqrt((CACHE_BYTES if on_cpu else DEVICE_BYTES) // (num_patches * item)))
    shape = (levels if by_level else 1, rows, columns)
    scratch = workers * tile_bytes(num_patches=num_patches, tile=min(tile, max(rows, columns)), element_size=item)
    require_memory(prod(shape) * item + scratch, f"a {shape} kernel and its tiles", left.device)
    result, opposite = left.new_empty(shape), -left

    def fill(corner: tuple[int, int]) -> None:
        high, wide = (slice(start, start + tile) for start in corner)
        minus_cosines = opposite[:, high] @ right[:, wide].mT
        for level, block in enumerate(_propagate(minus_cosines, kind, architecture.filter_sizes, by_level=by_level)):
            if symmetric and high == wide:
                block = block.tril().add_(block.tril(-1).T)  # a matrix product need not be symmetric to the bit
            result[level, high, wide] = block
            if symmetric and high != wide:
                result[level, wide, high] = block.T

    corners = [(i, j) for i in range(0, rows, tile) for j in range(i if symmetric else 0, columns, tile)]
    each(fill, corners, device=left.device)
    if symmetric:
        for level in range(shape[0]):
            cut = level + 1 if by_level else levels
            result[level].fill_diagonal_(hierarchical_diagonal(levels=cut, kind=kind))
    return result


def check_kind(kind: str) -> None:
    if kind not in ("ntk", "nngp"):
        raise ValueError(f'kind must be "ntk" or "nngp" (random features), got {kind!r}')
