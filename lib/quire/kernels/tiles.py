r"""Sums of a constituent over pairs of patches, tile by tile.

.. math:: G(x, y) = \sum_{(i,j)\in\mathcal P} C(x_i, y_j)

The array of all pairs of points and patches is never built: memory is the result and a handful of tiles that stay in
the cache. A Gram matrix of points with themselves computes its upper triangle only, and takes the exact value where a
patch meets itself. On a CPU the threads take whole tiles: there is nothing to wait for inside an operation,
and the result does not depend on their number.

How far from the floor: for the tangent kernel of ReLUs a pair of patches costs one product (by the BLAS) and one compiled
pass, together about 1.5 ns in double precision on one core, of which about 1 ns is arithmetic (a square root, a division and 14
multiply-adds) and the rest is the tile's way to the second level of cache and back. Two cores take 0.6 of the time of one.
"""

from itertools import combinations_with_replacement, product

import torch

from quire.cores import each
from quire.device import require_memory
from quire.kernels.constituent import Constituent
from quire.types import Float, Tensor

__all__ = ["diagonal_over_pairs", "gram_bytes", "sum_over_pairs"]

_BUFFERS = 8  # tiles alive at once in each thread: sums, values, and what a constituent needs


def gram_bytes(num_rows: int, num_columns: int, *, tile_size: int, item_size: int = 8) -> int:
    """Bytes that a Gram matrix takes while it is computed.

    >>> gram_bytes(16384, 16384, tile_size=384) / 2**30 < 2.01
    True
    """
    return item_size * (num_rows * num_columns + _BUFFERS * tile_size**2)


def sum_over_pairs(
    first: Float[Tensor, "row patch features"],
    second: Float[Tensor, "column _ _"] | None,
    *,
    constituent: Constituent,
    all_pairs: bool,
    tile_size: int | None = None,
) -> Float[Tensor, "row column"]:
    """Sum a constituent over all pairs of patches, or over equal positions only.

    Args:
        first: patches of the rows.
        second: patches of the columns; None means the rows themselves, and gives a matrix symmetric to the last bit.
        constituent: kernel of one pair of patches.
        all_pairs: every patch with every patch, or each with the one at its own position.
        tile_size: points per side of a tile; None takes 384 on a CPU and 4096 on a GPU.

    Raises:
        TypeError: the constituent is a class, or something else that is none.
        ValueError: shapes differ, or the tile size is not positive.
        MemoryError: the result does not fit, said before it is allocated.
    """
    _check_constituent(constituent)
    symmetric = second is None
    second = first if symmetric else second
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"rows and columns must have the same patches, got {tuple(first.shape[1:])} and {tuple(second.shape[1:])}"
        )
    tile_size = tile_size or (4096 if first.is_cuda else 384)
    if tile_size < 1:
        raise ValueError(f"tile_size must be ≥ 1, got {tile_size}: it counts points")
    size = gram_bytes(len(first), len(second), tile_size=tile_size, item_size=first.element_size())
    require_memory(size, f"a Gram matrix of {len(first)} × {len(second)} points", first.device)

    rows = _Side(first, constituent.geometry)
    columns = rows if symmetric else _Side(second, constituent.geometry)
    gram = first.new_empty(len(first), len(second))

    def fill(block: tuple[slice, slice]) -> None:
        low, high = block
        tile = _tile(rows, columns, low, high, constituent, all_pairs, exact=symmetric and low == high)
        gram[low, high] = tile
        if symmetric and low != high:
            gram[high, low] = tile.T

    if symmetric:
        blocks = _upper_triangle(len(first), tile_size)
    else:
        blocks = list(product(*(_spans(0, len(side), tile_size) for side in (first, second))))
    each(fill, blocks, device=first.device)
    return gram


def diagonal_over_pairs(
    patches: Float[Tensor, "point patch features"], *, constituent: Constituent, all_pairs: bool
) -> Float[Tensor, " point"]:
    """The same sum for each point with itself, exact where a patch meets itself."""
    side = _Side(patches, constituent.geometry)
    total = constituent.diagonal(side.squared_radii).sum(0)
    for shift in range(1, len(side.patches)) if all_pairs else ():
        x, y = side.patches, side.patches.roll(shift, 0)
        radii = side.squared_radii.roll(shift, 0)
        if constituent.geometry == "cosines":
            value = constituent((x * y).sum(2)).mul_(side.squared_radii.sqrt()).mul_(radii.sqrt())
        elif constituent.geometry == "products":
            value = constituent((x * y).sum(2), side.squared_radii, radii)
        else:
            value = constituent((x - y).square().sum(2))
        total = total + value.sum(0)
    return total


def _check_constituent(constituent: object) -> None:
    if not isinstance(constituent, Constituent):
        what = f"the class {constituent.__name__}" if isinstance(constituent, type) else f"{constituent!r:.60}"
        raise TypeError(
            f"constituent must be a kernel of one pair of patches, such as ReluNTK() or Laplacian(2.0), got {what}"
        )


def _spans(start: int, stop: int, length: int) -> list[slice]:
    return [slice(low, min(low + length, stop)) for low in range(start, stop, length)]


def _upper_triangle(size: int, tile_size: int) -> list[tuple[slice, slice]]:
    """Blocks on and above the diagonal; those on it are half as large, for half of each is computed in vain."""
    blocks = []
    for strip in _spans(0, size, tile_size):
        half = -(-(strip.stop - strip.start) // 2)
        blocks += combinations_with_replacement(_spans(strip.start, strip.stop, half), 2)
        blocks += [(strip, span) for span in _spans(strip.stop, size, tile_size)]
    return blocks


class _Side:
    """Patches with the position first, on the scale that the geometry of the constituent asks for."""

    def __init__(self, patches: Tensor, geometry: str):
        self.patches = patches.transpose(0, 1).contiguous()  # patch, point, feature
        self.squared_radii = self.patches.square().mean(2)
        if geometry == "products":
            self.patches = self.patches * patches.shape[2] ** -0.5
        elif geometry == "cosines":
            self.patches = self.patches / self.patches.norm(dim=2, keepdim=True).clamp_min(
                torch.finfo(patches.dtype).tiny
            )


def _tile(rows, columns, low, high, constituent, all_pairs: bool, exact: bool) -> Tensor:
    first, second = rows.squared_radii[:, low], columns.squared_radii[:, high]
    x, y = rows.patches[:, low], columns.patches[:, high].transpose(1, 2).contiguous()
    total, inner, values, scratch = (x.new_zeros(x.shape[1], y.shape[2]) for _ in range(4))
    cosines = constituent.geometry == "cosines"
    weights = second.sqrt().unbind() if cosines else None
    pieces = y.unbind()
    for i, piece in enumerate(x.unbind()):
        inner.zero_()
        for j in range(len(pieces)) if all_pairs else (i,):
            if cosines:
                torch.mm(piece, pieces[j], out=values)
                if exact and i == j:
                    values.fill_diagonal_(1)  # to the last bit: a patch that meets itself
                constituent.accumulate_(inner, values, weights[j])
            elif constituent.geometry == "products":
                inner.add_(constituent(piece @ pieces[j], first[i, :, None], second[j]))
            else:
                inner.add_(constituent.apply_(_squared_distances(piece, pieces[j], values, scratch)))
        if cosines:
            total.addcmul_(inner, first[i].sqrt()[:, None])
        else:
            total.add_(inner)
    # pairs (i, j) and (j, i) are summed in another order: symmetric to the last bit only if made so
    return (total + total.T).div_(2) if exact else total


def _squared_distances(x: Tensor, y: Tensor, out: Tensor, scratch: Tensor) -> Tensor:
    """From the differences: the expanded square would lose the short distances to rounding."""
    out.zero_()
    for column, row in zip(x.T.unbind(), y.unbind(), strict=True):
        torch.sub(column[:, None], row, out=scratch)
        out.addcmul_(scratch, scratch)
    return out
