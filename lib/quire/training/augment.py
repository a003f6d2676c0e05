"""Random translations and reflections of image batches, one generator per member."""

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from quire.types import Tensor

__all__ = ["random_shift"]


def random_shift(
    max_pixels: int, *, flip: bool = False, fill: float = 0.0
) -> Callable[[Tensor, Sequence[torch.Generator]], Tensor]:
    """An augmentation for :func:`quire.training.train`: pad by ``max_pixels`` and crop at random (every
    image its own shift of at most that many pixels), and reflect half of the images left to right if
    ``flip``.

    Args:
        max_pixels: largest shift in each direction.
        flip: whether to reflect.
        fill: value of the padding.

    >>> move = random_shift(0)
    >>> images = torch.rand(2, 3, 1, 4, 4)
    >>> torch.equal(move(images, [torch.Generator().manual_seed(k) for k in range(2)]), images)
    True
    """
    if max_pixels < 0:
        raise ValueError(f"max_pixels must be ≥ 0, got {max_pixels}")

    def move(inputs: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        members, batch, channels, height, width = inputs.shape
        draws = [torch.randint(2 * max_pixels + 1, (2, batch), generator=one) for one in generators]
        shift = torch.stack(draws, 1).flatten(1).to(inputs.device)  # [2, members * batch]
        padded = functional.pad(inputs.flatten(0, 1), [max_pixels] * 4, value=fill)
        rows = shift[0, :, None] + torch.arange(height, device=inputs.device)
        columns = torch.arange(width, device=inputs.device).expand(members * batch, width)
        if flip:
            coins = torch.stack([torch.randint(2, (batch,), generator=one) for one in generators]).flatten()
            columns = torch.where(coins[:, None].to(columns.device) == 1, width - 1 - columns, columns)
        columns = columns + shift[1, :, None]
        image = torch.arange(members * batch, device=inputs.device)[:, None, None]
        moved = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]
        return moved.permute(0, 3, 1, 2).reshape(inputs.shape)

    return move
