r"""Which training pixel an output pixel is taken from, and how many take part in it.

With weights w_j of the training windows that are compared, the winner is the largest logit, and the entropy
:math:`H = -\sum_j w_j\log w_j = \log Z - \sum_j w_j \ell_j` counts them: exp(H) windows take part.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from quire.diffusion.scores.attention import attend, strongest
from quire.diffusion.scores.patch_bank import Keys
from quire.types import Float, Int, Tensor

__all__ = ["Sources", "placed", "winners"]


@dataclass(frozen=True, eq=False)
class Sources:
    """Where each pixel of denoised images comes from.

    Attributes:
        image, row, column: of the training pixel with the largest weight; of equal ones, the first.
        weight: of that one.
        entropy: of the weights of all training pixels, in nats.
    """

    image: Int[Tensor, "batch height width"]
    row: Int[Tensor, "batch height width"]
    column: Int[Tensor, "batch height width"]
    weight: Float[Tensor, "batch height width"]
    entropy: Float[Tensor, "batch height width"]


def winners(
    queries: Float[Tensor, "groups queries dims"], chunks: Callable[[], Iterator[Keys]], *, dims: int
) -> Float[Tensor, "groups queries 3"]:
    """Place, weight and entropy of each query's answer.

    Args:
        queries: of a block.
        chunks: gives the block's keys each time that it is called.
        dims: of a window.
    """
    seen = attend(queries, (keys.keys for keys in chunks()))
    alone = queries.clone()
    alone[..., dims + 1] = 0  # one of the equal windows, not all
    largest, number = strongest(alone, (keys.keys for keys in chunks()))
    place = torch.cat([keys.source for keys in chunks()], 1).gather(1, number)
    weight = (largest - seen.log_total).exp().clamp(max=1)
    counts = seen.mean[..., dims + 1]  # of equal windows, the mean logarithm: each is a source of its own
    entropy = seen.log_total - (queries * seen.mean).sum(2) + counts
    return torch.stack([place.double(), weight.double(), entropy.clamp(min=0).double()], 2)


def placed(found: Float[Tensor, "batch asked 3"], *, positions: int, shape: tuple[int, int]) -> Sources:
    """The sources of all pixels.

    Args:
        found: of :func:`winners`, for all pixels, or one for the whole image.
        positions: windows of a training image.
        shape: height and width.
    """
    height, width = shape
    place, weight, entropy = found.unbind(2)
    place = place.long()
    image, position = place // positions, place % positions
    row, column = position // width, position % width
    if found.shape[1] != height * width or positions == 1:
        own = torch.arange(height * width, device=found.device)
        row, column = (row + own // width) % height, (column + own % width) % width
    pixels = [one.expand(-1, height * width).unflatten(1, shape) for one in (image, row, column, weight, entropy)]
    return Sources(*pixels)
