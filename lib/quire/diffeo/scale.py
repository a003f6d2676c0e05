r"""Scale detection: is the distance between two active pixels smaller than ξ?

An image is a ring of L pixels, two of which are active, with amplitude √(L/2). Two tasks (tomasini2022spatial):

* ``"distance"``: with d the distance around the ring, y = +1 if d < ξ - g and -1 if d ≥ ξ + g; pairs in the gap between
  are left out;
* ``"block"``: y = +1 if both pixels lie in the same of the L/ξ blocks of ξ pixels, -1 if not.

Both are solved by averaging over patches of up to ξ pixels, hence by a network that has learnt to pool. Its stability is
measured as that of a network with constant filters (:func:`quire.diffeo.pooling_stability`): each active pixel moves
by one pixel, to the left or to the right, and a noise has the norm of that displacement.
"""

import torch

from quire.cite import cites
from quire.types import Float, Int, Tensor

__all__ = ["SCALE_TASKS", "pixel_pairs", "ring_images", "scale_labels"]

SCALE_TASKS = ("distance", "block")


def pixel_pairs(length: int) -> Int[Tensor, "pair 2"]:
    """All L(L - 1)/2 pairs of different pixels, the smaller number first.

    >>> pixel_pairs(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    return torch.combinations(torch.arange(length))


@cites("tomasini2022spatial", "scale-detection tasks")
def scale_labels(pairs: Int[Tensor, "pair 2"], *, task: str, length: int, scale: int, gap: int) -> Int[Tensor, " pair"]:
    """+1 below the scale, -1 above, 0 in the gap.

    Args:
        pairs: pixel numbers.
        task: "distance" or "block".
        length: L, pixels of the ring.
        scale: ξ, in pixels; a divisor of L for "block".
        gap: g, in pixels; zero for "block".

    Raises:
        ValueError: unknown task; blocks that do not fill the ring, or that have a gap.

    >>> pairs = torch.tensor([[0, 1], [0, 3], [1, 2], [0, 7]])
    >>> scale_labels(pairs, task="distance", length=8, scale=2, gap=0).tolist()
    [1, -1, 1, 1]
    >>> scale_labels(pairs, task="block", length=8, scale=2, gap=0).tolist()
    [1, -1, -1, -1]
    """
    if task not in SCALE_TASKS:
        raise ValueError(f"task must be one of {SCALE_TASKS}, got {task!r}")
    if task == "block":
        if length % scale or gap:
            raise ValueError(f"blocks of {scale} must fill the ring of {length} pixels and have no gap, got gap={gap}")
        blocks = pairs // scale
        return torch.where(blocks[:, 0] == blocks[:, 1], 1, -1)
    around = (pairs[:, 1] - pairs[:, 0]).abs()
    distance = torch.minimum(around, length - around)
    return (distance < scale - gap).long() - (distance >= scale + gap).long()


def ring_images(pairs: Int[Tensor, "pair 2"], length: int) -> Float[Tensor, "pair length"]:
    """Images with these pixels active, positions taken around the ring.

    >>> ring_images(torch.tensor([[0, 4]]), 2 * 4)[0].tolist()
    [2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    """
    images = torch.zeros(len(pairs), length)
    return images.scatter_(1, pairs % length, (length / 2) ** 0.5)
