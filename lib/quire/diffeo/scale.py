r"""Scale detection: is the distance between two active pixels smaller than ξ?

An image is a ring of L pixels, two of which are active, with amplitude √(L/2). Two tasks (tomasini2022spatial):

* ``"distance"``: with d the distance around the ring, y = +1 if d < ξ - g and -1 if d ≥ ξ + g; pairs in the gap between
  are left out;
* ``"block"``: y = +1 if both pixels lie in the same of the L/ξ blocks of ξ pixels, -1 if not.

Both are solved by averaging over patches of up to ξ pixels, hence by a network that has learnt to pool. Its stability is
measured as that of a network with constant filters: each active pixel moves by one pixel, to the left or to the right,
unless it would leave its block of ξ pixels, and a noise has the variance of that displacement and is rectified.
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.diffeo.pooling import PoolingStability, pooling_stability
from quire.types import Float, Int, Tensor

__all__ = ["SCALE_TASKS", "RingProbes", "pixel_pairs", "ring_images", "ring_pooling", "ring_probes", "scale_labels"]

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


@dataclass(frozen=True)
class RingProbes:
    """Images of a ring, the same with their active pixels moved, and with rectified noise."""

    images: Float[Tensor, "pair length"]
    moved: Float[Tensor, "pair length"]
    noisy: Float[Tensor, "pair length"]


@cites("tomasini2022spatial", "probes of its published script")
def ring_probes(pairs: Int[Tensor, "pair 2"], *, length: int, scale: int, generator: torch.Generator) -> RingProbes:
    """What the stability of a layer is measured with.

    Each active pixel moves by one to either side; moves out of its block of ``scale`` pixels are undone. The noise has
    the mean square that the displacement has per pixel, and its negative half is cut.

    Args:
        pairs: active pixels, at least three apart on the ring, so that moved ones neither meet nor pass each other.
        length: L.
        scale: ξ, a divisor of L.
        generator: of the moves and of the noise.

    Raises:
        ValueError: blocks that do not fill the ring.
    """
    if length % scale:
        raise ValueError(f"blocks of {scale} pixels do not fill a ring of {length}: take a scale that divides it")
    moved = pairs + 2 * torch.randint(2, pairs.shape, generator=generator) - 1
    moved = torch.where(moved // scale == pairs // scale, moved, pairs)
    images, shifted = ring_images(pairs, length), ring_images(moved, length)
    deviation = (shifted - images).square().mean().sqrt()
    noise = torch.randn(images.shape, generator=generator) * deviation
    return RingProbes(images, shifted, images + noise.relu())


def ring_pooling(length: int, *, scale: int) -> PoolingStability:
    """D_k, G_k and R_k of constant filters of two pixels with stride two under :func:`ring_probes`, for one active pixel.

    A move counts in D_k where it crosses the edge of a patch of 2^k pixels, and one in ξ is undone: D_k = max(2^-k - 1/ξ,
    0). The noise has 1 - 1/ξ of the variance that it has without that, and G_k is proportional to it.

    >>> ring_pooling(64, scale=16).diffeo.tolist()
    [0.4375, 0.1875, 0.0625, 0.0, 0.0, 0.0]
    """
    free = pooling_stability(length, length.bit_length() - 1, filter_size=2, stride=2, dim=1)
    diffeo, noise = (free.diffeo - 1 / scale).clamp(min=0), free.noise * (1 - 1 / scale)
    return PoolingStability(diffeo, noise, diffeo / noise)
