"""A residual network of dense layers, an encoder of small images: pre-LayerNorm blocks width → 2 width → width."""

import math

import torch
from torch import nn

from quire.types import Float, Tensor

__all__ = ["ResidualMLP"]


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(2 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.leave(nn.functional.gelu(self.enter(self.norm(hidden))))


class ResidualMLP(nn.Module):
    """From ``[batch, …]`` with ``num_inputs`` values a sample to embeddings ``[batch, num_outputs]``.

    Args:
        num_inputs: values of a sample.
        width: of the residual stream.
        depth: blocks.
        num_outputs: length of the embedding.
        generator: where the weights come from: normal, of variance 1/fan-in; biases are zero.

    >>> net = ResidualMLP(num_inputs=256, width=64, depth=4, num_outputs=64, generator=torch.Generator())
    >>> net(torch.zeros(3, 16, 16)).shape, sum(p.numel() for p in net.parameters())
    (torch.Size([3, 64]), 87552)
    """

    def __init__(self, *, num_inputs: int, width: int, depth: int, num_outputs: int, generator: torch.Generator):
        super().__init__()
        self.embed = nn.Linear(num_inputs, width)
        self.blocks = nn.ModuleList([_Block(width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, num_outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                noise = torch.randn(module.weight.shape, generator=generator, dtype=torch.float64)
                module.weight.data.copy_(noise / math.sqrt(module.in_features))
                module.bias.data.zero_()

    def forward(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch outputs"]:
        """Embeddings."""
        hidden = self.embed(inputs.flatten(1))
        for block in self.blocks:
            hidden = block(hidden)
        return self.project(self.norm(hidden))
