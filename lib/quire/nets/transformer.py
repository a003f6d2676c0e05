r"""Attention-only multi-head transformers: no residual stream, no normalisation, no feed-forward layer.

:math:`x^{(0)}_i = E_{c_i} + p_i` with learned embedding and positions; each layer maps
:math:`x_i \mapsto O\,\mathrm{concat}_h \sum_j \mathrm{softmax}_j\big(q_i^h\cdot k_j^h/\sqrt{d_h}\big)\,
v_j^h`. The logits are read from the last position, whose token is masked (index ``vocab``, which has its
own embedding). This is the network of Cagnetta & Wyart, NeurIPS 2024.
Weights are N(0, 1) with the prefactor 1/sqrt(fan_in).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from quire.cite import cites
from quire.nets.ensemble import Ensemble, check_generators, draw, positive, readout_scale
from quire.nets.tokens import check_tokens
from quire.types import Tensor

__all__ = ["AttentionConfig", "AttentionEnsemble", "attention_only"]


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """An attention-only transformer.

    Attributes:
        num_tokens: length of the input, the masked last position included.
        vocab: number of symbols; token ``vocab`` is the mask.
        num_classes: outputs (``vocab`` for the last-token task).
        depth: number of attention layers.
        width: embedding dimension, a multiple of ``num_heads``.
        num_heads: heads per layer.
        readout: "mean_field" (1/width) or "ntk" (1/sqrt(width)).
        init_scale: standard deviation of the initial weights.
    """

    num_tokens: int
    vocab: int
    num_classes: int
    depth: int
    width: int
    num_heads: int
    readout: Literal["mean_field", "ntk"] = "ntk"
    init_scale: float = 1.0


@cites("cagnetta2024ntp", "attention-only transformer")
def attention_only(
    config: AttentionConfig, *, generators: Sequence[torch.Generator], dtype=torch.float32
) -> "AttentionEnsemble":
    """Ensemble of attention-only transformers.

    >>> from quire.rng import generator
    >>> config = AttentionConfig(num_tokens=8, vocab=4, num_classes=4, depth=2, width=16, num_heads=4)
    >>> net = attention_only(config, generators=[generator("init", seed) for seed in range(2)])
    >>> net(torch.full((3, 8), 4)).shape
    torch.Size([2, 3, 4])
    """
    return AttentionEnsemble(config, generators, dtype=dtype)


class AttentionEnsemble(Ensemble):
    """See :func:`attention_only`; the layers are "embedding", "layer1", …, "output"."""

    def __init__(self, config: AttentionConfig, generators, *, dtype):
        super().__init__()
        positive(num_tokens=config.num_tokens, num_classes=config.num_classes, vocab=config.vocab)
        positive(depth=config.depth, width=config.width, num_heads=config.num_heads)
        if config.width % config.num_heads:
            raise ValueError(f"width must be a multiple of num_heads={config.num_heads}, got {config.width}")
        generators = check_generators(generators)
        self.config, width = config, config.width
        self.output_scale, self.learning_rate_scale = readout_scale(config.readout, width)
        self.layer_names = ("embedding", *(f"layer{k + 1}" for k in range(config.depth)), "output")
        self.embedding = draw((config.vocab + 1, width), generators, scale=config.init_scale, dtype=dtype)
        self.positions = draw((config.num_tokens, width), generators, scale=config.init_scale, dtype=dtype)
        self.projections, self.mixers = nn.ParameterList(), nn.ParameterList()
        for _ in range(config.depth):  # query, key and value side by side; then the mixing of the heads
            self.projections.append(draw((width, 3 * width), generators, scale=config.init_scale, dtype=dtype))
            self.mixers.append(draw((width, width), generators, scale=config.init_scale, dtype=dtype))
        shape = (width, config.num_classes)
        self.readout = draw(shape, generators, scale=config.init_scale, dtype=dtype)

    def check_inputs(self, inputs: Tensor) -> None:
        """Raise unless these samples fit the network."""
        self._checked(inputs)

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        tokens = self._checked(inputs)
        members, batch, length = tokens.shape
        width, vocab = self.config.width, self.config.vocab
        shift = torch.arange(members, device=tokens.device).mul_(vocab + 1).view(members, 1, 1)
        hidden = functional.embedding(tokens.long() + shift, self.embedding.view(-1, width))
        hidden = hidden + self.positions[:, None]
        if record is not None:
            record["embedding"] = hidden
        for layer in range(self.config.depth):
            only_last = record is None and layer == self.config.depth - 1
            hidden = self._attend(hidden, layer, only_last=only_last)
            if record is not None:
                record[f"layer{layer + 1}"] = hidden
        return torch.bmm(hidden[:, :, -1], self.readout * self.output_scale)

    def _attend(self, hidden: Tensor, layer: int, *, only_last: bool) -> Tensor:
        members, batch, length, width = hidden.shape
        heads, scale = self.config.num_heads, 1.0 / math.sqrt(width)
        weight = self.projections[layer] * scale
        flat = hidden.reshape(members, batch * length, width)
        if only_last:  # the logits need one query
            query = torch.bmm(hidden[:, :, -1], weight[..., :width]).view(members * batch, 1, heads, -1)
            key, value = torch.bmm(flat, weight[..., width:]).view(members * batch, length, 2, heads, -1).unbind(2)
        else:
            together = torch.bmm(flat, weight).view(members * batch, length, 3, heads, -1)
            query, key, value = together.unbind(2)
        mixed = functional.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (query, key, value)))
        mixed = mixed.transpose(1, 2).reshape(members, -1, width)
        return torch.bmm(mixed, self.mixers[layer] * scale).view(members, batch, -1, width)

    def _checked(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 2:
            inputs = inputs.expand(self.members, *inputs.shape)
        if inputs.ndim != 3 or inputs.shape[0] != self.members or inputs.shape[2] != self.config.num_tokens:
            raise ValueError(
                f"inputs must be tokens [batch, {self.config.num_tokens}] or [{self.members}, batch, "
                f"{self.config.num_tokens}], got {tuple(inputs.shape)}"
            )
        if inputs.is_floating_point():
            raise ValueError("inputs must be integer tokens, got floats")
        if inputs.device.type == "cpu":
            check_tokens(inputs, self.config.vocab)
        return inputs
