r"""Which windows of the training set an output pixel may be compared with, for each symmetry of a network.

A :class:`Block` pairs groups of output positions with groups of training positions, all groups of one size:

- the same position (local machine): one group for each position;
- all positions (equivariant machine): one group;
- all positions whose window does not leave the image (the published code's choice for the same machine);
- all positions that see the frame in the same way (zero padding breaks the symmetry): row i has the signature
  (min(i, r), min(h - 1 - i, r)), with the reach r = (k - 1) / 2, and likewise for columns. Interior positions form one group; each row or
  column of the frame's neighbourhood is one along its interior part; each position near a corner stands alone.

Source: kamb2025analytic, Section 3 (equivariant local score and boundary-broken equivariance).
"""

from dataclasses import dataclass

import torch

from quire.types import Int, Tensor

__all__ = ["Block", "all_positions", "same_border", "same_position", "valid_positions"]


@dataclass(frozen=True, eq=False)
class Block:
    """Group g of output positions sees group g of training positions.

    Attributes:
        outputs: positions, row by row in the image.
        sources: positions in each training image.
    """

    outputs: Int[Tensor, "groups outputs"]
    sources: Int[Tensor, "groups sources"]


def same_position(height: int, width: int, size: int) -> list[Block]:
    """Every position sees itself.

    >>> same_position(1, 2, 3)[0].sources.tolist()
    [[0], [1]]
    """
    each = torch.arange(height * width)[:, None]
    return [Block(each, each)]


def all_positions(height: int, width: int, size: int) -> list[Block]:
    """Every position sees all positions."""
    everywhere = torch.arange(height * width)[None]
    return [Block(everywhere, everywhere)]


def valid_positions(height: int, width: int, size: int) -> list[Block]:
    """Every position sees those whose windows lie within the image.

    >>> valid_positions(3, 3, 3)[0].sources.tolist()
    [[4]]
    """
    reach = size // 2
    inside = torch.arange(height * width).view(height, width)[reach : height - reach, reach : width - reach]
    return [Block(torch.arange(height * width)[None], inside.reshape(1, -1))]


def same_border(height: int, width: int, size: int) -> list[Block]:
    """Every position sees those with the same distances from the sides, as far as a window reaches.

    >>> [block.outputs.tolist() for block in same_border(1, 3, 1)]
    [[[0, 1, 2]]]
    >>> [block.outputs.tolist() for block in same_border(1, 3, 3)]  # the only row and the outer columns are at the border
    [[[1]], [[0], [2]]]
    """
    number = torch.arange(height * width).view(height, width)
    blocks = []
    for rows in _bands(height, size):
        for columns in _bands(width, size):
            found = number[rows[:, None, :, None], columns[None, :, None, :]].flatten(0, 1).flatten(1)
            blocks.append(Block(found, found))
    return blocks


def _bands(side: int, size: int) -> list[Int[Tensor, "groups members"]]:
    """Coordinates along a side: the interior ones as one group, those near an end as a group each."""
    reach = size // 2
    place = torch.arange(side)
    near = (place < reach) | (place >= side - reach)
    bands = [place[~near][None], place[near][:, None]]
    return [band for band in bands if band.numel()]
