r"""A U-Net whose receptive fields are the sub-trees of a hierarchical language; an ensemble, tokens in, logits out.

Going down, a convolution whose kernel and stride are both s joins the s children of every node; going up, its transpose writes
s children for every node, and a 1 × 1 convolution mixes them with what was there on the way down. Each of the L levels has its own
weights, the width is the same everywhere, the non-linearity is GELU:

    down_0 = gelu(D_0 x);   down_l = gelu(D_l [down_{l-1}, s children]);   up_L = down_L;
    up_{l-1} = gelu(M_l [down_{l-1}, gelu(U_l up_l)]);   logits = R up_0.

Weights are Gaussian of variance 1/fan-in, the read-out a tenth of it.

Source: the released code of the ICML 2025 study of composition in diffusion models (kernel = stride = s, L levels); our sizes.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from quire.nets.ensemble import Ensemble, check_generators, draw, positive
from quire.nets.tokens import check_tokens, token_linear
from quire.types import Float, Shaped, Tensor

__all__ = ["TreeUNet", "tree_unet"]

OUTPUT = 0.1  # of the read-out, against fan-in


def tree_unet(
    vocab: int,
    *,
    branching: int,
    depth: int,
    width: int,
    generators: Sequence[torch.Generator],
    dtype: torch.dtype = torch.float32,
) -> "TreeUNet":
    """U-Nets for strings of ``branching**depth`` tokens.

    Args:
        vocab: symbols v; the token v stands for a hidden one.
        branching: s.
        depth: levels L.
        width: channels at every level.
        generators: one CPU generator per member, of its weights.
        dtype: of the weights.

    Raises:
        ValueError: sizes that are not positive, an alphabet of one symbol, generators that are shared.

    >>> net = tree_unet(4, branching=2, depth=3, width=8, generators=[torch.Generator()])
    >>> net(torch.full((1, 5, 8), 4)).shape
    torch.Size([1, 5, 8, 4])
    """
    positive(branching=branching, depth=depth, width=width)
    if vocab < 2:
        raise ValueError(f"vocab must be at least 2, got {vocab}")
    return TreeUNet(vocab, branching, depth, width, check_generators(generators), dtype)


class TreeUNet(Ensemble):
    """See :func:`tree_unet`. Called with tokens ``[members, batch, length]``, or ``[batch, length]``, the same for all."""

    def __init__(
        self, vocab: int, branching: int, depth: int, width: int, generators: list[torch.Generator], dtype: torch.dtype
    ):
        super().__init__()
        self.vocab, self.branching, self.depth = vocab, branching, depth
        self.layer_names = tuple(f"down_{level}" for level in range(depth + 1)) + ("output",)
        joined = branching * width

        def layer(inputs: int, outputs: int, scale: float = 1.0) -> nn.Parameter:
            return draw((inputs, outputs), generators, scale=scale * inputs**-0.5, dtype=dtype)

        # a token is one-hot, so that the fan-in of the first layer is one
        self.enter = draw((vocab, width), generators, dtype=dtype)
        self.down = nn.ParameterList(layer(joined, width) for _ in range(depth))
        self.widen = nn.ParameterList(layer(width, joined) for _ in range(depth))
        self.mix = nn.ParameterList(layer(2 * width, width) for _ in range(depth))
        self.leave = layer(width, vocab, OUTPUT)
        members = len(generators)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(members, 1, size, dtype=dtype))
            for size in (*[width] * (depth + 1), *[joined, width] * depth, vocab)
        )

    @property
    def length(self) -> int:
        """Tokens of a string."""
        return self.branching**self.depth

    def forward(self, inputs: Shaped[Tensor, "..."]) -> Float[Tensor, "members batch length vocab"]:
        """Logits of every token."""
        return self._run(inputs, None)

    def check_inputs(self, inputs: Tensor) -> None:
        """Raise unless these are strings of tokens of this length."""
        check_tokens(inputs, self.vocab)
        super().check_inputs(inputs)

    def _run(
        self, inputs: Shaped[Tensor, "..."], record: dict[str, Tensor] | None
    ) -> Float[Tensor, "members batch length vocab"]:
        if inputs.ndim == 2:
            inputs = inputs.expand(self.members, *inputs.shape)
        if inputs.ndim != 3 or inputs.shape[0] != self.members or inputs.shape[2] != self.length:
            raise ValueError(
                f"tokens must be [{self.members}, batch, {self.length}] or [batch, {self.length}], got {list(inputs.shape)}"
            )
        members, batch, length = inputs.shape
        biases = iter(self.biases)
        entered = token_linear(inputs.reshape(members, -1, 1), self.enter, scale=1.0, whitening="none")
        states = [functional.gelu(entered + next(biases))]
        for weight in self.down:
            states.append(functional.gelu(_dense(_joined(states[-1], self.branching), weight, next(biases))))
        if record is not None:
            record |= {f"down_{k}": state.view(members, batch, -1, state.shape[2]) for k, state in enumerate(states)}
        state = states.pop()
        for widen, mix in zip(reversed(self.widen), reversed(self.mix), strict=True):
            wide = functional.gelu(_dense(state, widen, next(biases)))
            both = torch.cat([states.pop(), wide.view(members, -1, mix.shape[2])], 2)
            state = functional.gelu(_dense(both, mix, next(biases)))
        return _dense(state, self.leave, next(biases)).view(members, batch, length, self.vocab)


def _joined(state: Tensor, children: int) -> Tensor:
    """``[members, rows, width]`` to ``[members, rows / children, children · width]``: rows of a string lie side by side."""
    return state.reshape(state.shape[0], state.shape[1] // children, -1)


def _dense(state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.baddbmm(bias, state, weight)
