"""How a denoiser knows the level of noise: sines and cosines of the level, as features."""

import math

import torch
from torch import nn

from quire.types import Float, Int, Tensor

__all__ = ["LevelEmbedding"]


class LevelEmbedding(nn.Module):
    """Sines and cosines of ``num_levels`` levels at geometric periods, from 2π thousandths of the range to 10⁴ times that.

    Args:
        width: features, even.
        num_levels: levels of noise, counted from zero.

    Raises:
        ValueError: a width that is odd or below four, or no level.

    >>> LevelEmbedding(4, 10)(torch.tensor([0]))
    tensor([[0., 0., 1., 1.]])
    """

    def __init__(self, width: int, num_levels: int):
        super().__init__()
        if width < 4 or width % 2 or num_levels < 1:
            raise ValueError(
                f"an embedding needs an even width ≥ 4 and num_levels ≥ 1, got width {width} and {num_levels} levels"
            )
        self.width, self.num_levels = width, num_levels

    def forward(self, level: Int[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Features of each level."""
        half = self.width // 2
        exponents = torch.arange(half, device=level.device) / (half - 1)
        angles = (1000 / self.num_levels) * level[:, None] * torch.exp(-math.log(1e4) * exponents)
        return torch.cat([angles.sin(), angles.cos()], 1)
