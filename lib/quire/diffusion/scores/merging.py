"""Equal rows of a table, merged with their counts, for several tables at once.

Rows are compared by a 64-bit hash first, and then exactly: where two different rows share a hash, none is merged.
"""

import torch

from quire.rng import generator
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["merged"]

CACHED = 2**16  # numbers that are hashed at a time: two megabytes with what is computed on the way


def merged(
    rows: Float[Tensor, "groups rows dims"],
) -> tuple[Int[Tensor, "groups distinct"], Int[Tensor, "groups distinct"]]:
    """The first row of each kind, in order of appearance within a group, and how many equal it.

    Returns:
        Numbers of rows and counts; groups with fewer kinds are filled up with row 0 and the count zero.

    >>> merged(torch.tensor([[[1.0], [2.0], [1.0]], [[5.0], [5.0], [5.0]]]))
    (tensor([[0, 1], [0, 0]]), tensor([[2, 1], [3, 0]]))
    """
    groups, total, _ = rows.shape
    sorted_hash, order = _hashes(rows).sort(dim=1, stable=True)
    new = torch.ones_like(sorted_hash, dtype=torch.bool)
    new[:, 1:] = sorted_hash[:, 1:] != sorted_hash[:, :-1]
    kind = new.cumsum(1) - 1
    first_of_kind = torch.zeros_like(order).scatter_reduce(1, kind, order, "amin", include_self=False)
    if not _same(rows, order, first_of_kind.gather(1, kind)):
        return torch.arange(total, device=rows.device).expand(groups, -1), torch.ones_like(order)
    counts = torch.zeros_like(order).scatter_add(1, kind, torch.ones_like(order))
    distinct = int(kind.max()) + 1
    first_of_kind, counts = first_of_kind[:, :distinct], counts[:, :distinct]
    appearance = first_of_kind.masked_fill(counts == 0, total).argsort(dim=1)
    first, counts = first_of_kind.gather(1, appearance), counts.gather(1, appearance)
    return first.masked_fill(counts == 0, 0), counts


def _hashes(rows: Shaped[Tensor, "groups rows dims"]) -> Int[Tensor, "groups rows"]:
    """A sum of the numbers' bits, mixed and with random odd factors, modulo 2**64; zero and minus zero are one number."""
    integers = torch.int32 if rows.dtype == torch.float32 else torch.int64
    factors = torch.randint(-(2**62), 2**62, (rows.shape[2],), generator=generator("hashes of rows")) * 2 + 1
    factors, found = factors.to(rows.device), []
    for block in rows.flatten(0, 1).split(max(1, CACHED // rows.shape[2])):
        mixed = (block + 0.0).view(integers).long().mul_(factors)
        found.append((mixed ^ (mixed >> 29)).sum(1))
    return torch.cat(found).view(rows.shape[:2])


def _same(rows: Tensor, order: Tensor, representative: Tensor) -> bool:
    """Whether each row, in this order, equals its representative."""
    groups, total, dims = rows.shape
    start = torch.arange(groups, device=rows.device)[:, None] * total
    table, together = rows.reshape(groups * total, dims), max(1, 2**19 // dims)
    other = order != representative
    pairs = zip((order + start)[other].split(together), (representative + start)[other].split(together), strict=True)
    return all(torch.equal(table.index_select(0, one), table.index_select(0, other)) for one, other in pairs)
