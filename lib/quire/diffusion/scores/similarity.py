r"""How alike two sets of images are, one by one, and how far images are from a training set.

For two images u, v, each with its mean over all pixels and channels taken away,

.. math:: r = \frac{u\cdot v}{\|u\|\,\|v\|},\qquad r^2 = r\cdot r .

r is Pearson's correlation; r² is the share of the variance of one that a linear function of the other explains. The released code
of the literature computes r and labels it r²; r = 0.95 is r² = 0.90. A negative r has a positive r², so that both are needed.
"""

from typing import NamedTuple

import torch

from quire.types import Float, Int, Tensor

__all__ = ["Nearest", "nearest", "pearson"]


class Nearest(NamedTuple):
    """The nearest training image: root-mean-square distance per pixel, and its number."""

    distance: Float[Tensor, " images"]
    number: Int[Tensor, " images"]


def pearson(
    first: Float[Tensor, "images channels height width"], second: Float[Tensor, "others channels height width"]
) -> Float[Tensor, " images"]:
    """Pearson's r of each pair of images; nan where one is constant.

    Raises:
        ValueError: other shapes.

    >>> image = torch.tensor([[[[0.0, 1.0]]]])
    >>> pearson(image, 3 - 2 * image).float().tolist()
    [-1.0]
    """
    if first.shape != second.shape:
        raise ValueError(f"images are compared one by one, got {list(first.shape)} and {list(second.shape)}")
    centred = [
        images.double().flatten(1) - images.double().flatten(1).mean(1, keepdim=True) for images in (first, second)
    ]
    product = (centred[0] * centred[1]).sum(1)
    return (product / (centred[0].norm(dim=1) * centred[1].norm(dim=1))).clamp(-1, 1)


def nearest(
    images: Float[Tensor, "images channels height width"], bank: Float[Tensor, "bank colours rows columns"]
) -> Nearest:
    """The nearest training image of each.

    Raises:
        ValueError: other shapes.

    >>> bank = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    >>> found = nearest(torch.full((1, 1, 2, 2), 0.75), bank)
    >>> found.distance.tolist(), found.number.tolist()
    ([0.25], [1])
    """
    if images.shape[1:] != bank.shape[1:]:
        raise ValueError(
            f"images and bank must have one shape, got {list(images.shape[1:])} and {list(bank.shape[1:])}"
        )
    flat, training = images.double().flatten(1), bank.double().flatten(1)
    found = [torch.cdist(part, training, compute_mode="donot_use_mm_for_euclid_dist").min(1) for part in flat.split(64)]
    distance = torch.cat([one.values for one in found]) / flat.shape[1] ** 0.5
    return Nearest(distance, torch.cat([one.indices for one in found]))
