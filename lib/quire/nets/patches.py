r"""Networks on non-overlapping patches, as chains of batched matrix products.

A convolution whose stride equals its filter size s is a linear map of reshaped patches,
:math:`h^{(k)}_p = \sigma\big(\mathrm{fan}^{-1/2}\, W^{(k)} (h^{(k-1)}_{ps}, …, h^{(k-1)}_{ps+s-1}) +
b^{(k)}\big)`, and the logits are :math:`A\,h^{(L)}/H` (mean-field) or :math:`A\,h^{(L)}/\sqrt H` (NTK).
With one W for all positions p it is the tree-matched convolutional network (CNN) of Cagnetta et al., PRX
14, 031001 (2024); with one per position the locally-connected one (LCN); with a single patch as
long as the input, a fully-connected one. Weights are N(0, 1).
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from quire.cite import cites
from quire.nets.backprop import accumulate_gradients
from quire.nets.ensemble import Ensemble, check_generators, draw, positive, readout_scale
from quire.nets.patch_config import FullyConnectedConfig, TreeConfig
from quire.nets.tokens import check_tokens, token_linear, whitening_constants
from quire.types import Tensor

__all__ = ["PatchEnsemble", "fully_connected", "tree_cnn"]


@cites("cagnetta2024rhm", "deep CNN matched to the tree")
def tree_cnn(config: TreeConfig, *, generators: Sequence[torch.Generator], dtype=torch.float32) -> "PatchEnsemble":
    """Ensemble of tree-matched networks, convolutional or (``weight_sharing=False``) locally connected.

    Args:
        config: the architecture.
        generators: one CPU generator per member.
        dtype: of the parameters.

    Raises:
        ValueError: a size is not positive, a name is unknown, a generator is shared.

    >>> from quire.rng import generator
    >>> config = TreeConfig(filter_size=2, depth=3, width=16, num_classes=5, vocab=4)
    >>> net = tree_cnn(config, generators=[generator("init", seed) for seed in range(3)])
    >>> net(torch.zeros(7, 8, dtype=torch.uint8)).shape
    torch.Size([3, 7, 5])
    """
    positive(filter_size=config.filter_size, depth=config.depth)
    if config.filter_size < 2:
        raise ValueError(f"filter_size must be at least 2, got {config.filter_size}: use fully_connected")
    patches = (config.filter_size,) * config.depth
    return PatchEnsemble(config, patches, generators, weight_sharing=config.weight_sharing, dtype=dtype)


def fully_connected(
    config: FullyConnectedConfig, *, generators: Sequence[torch.Generator], dtype=torch.float32
) -> "PatchEnsemble":
    """Ensemble of fully-connected networks.

    >>> from quire.rng import generator
    >>> config = FullyConnectedConfig(num_inputs=10, depth=1, width=32, num_classes=1, vocab=None, bias="normal")
    >>> fully_connected(config, generators=[generator(0), generator(1)])(torch.randn(2, 6, 10)).shape
    torch.Size([2, 6, 1])
    """
    positive(num_inputs=config.num_inputs, depth=config.depth)
    patches = (config.num_inputs,) + (1,) * (config.depth - 1)
    return PatchEnsemble(config, patches, generators, weight_sharing=True, dtype=dtype)


class PatchEnsemble(Ensemble):
    """Hidden layers that merge ``patches[k]`` neighbouring positions, then a linear readout; see
    :func:`tree_cnn`."""

    def __init__(self, config, patches, generators, *, weight_sharing, dtype):
        super().__init__()
        positive(width=config.width, num_classes=config.num_classes)
        if config.bias not in ("none", "zero", "normal"):
            raise ValueError(f'bias must be "none", "zero" or "normal", got {config.bias!r}')
        if config.vocab is not None:
            whitening_constants(config.whitening, config.vocab)
        generators = check_generators(generators)
        self.config, self.patches, self.local = config, tuple(patches), not weight_sharing
        self.num_inputs = math.prod(patches)
        self.output_scale, self.learning_rate_scale = readout_scale(config.readout, config.width)
        self.layer_names = (*(f"layer{k + 1}" for k in range(len(patches))), "output")
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        channels, positions = config.vocab or 1, self.num_inputs
        for patch in patches:
            positions //= patch
            local = (positions,) if self.local else ()
            shape = (*local, patch * channels, config.width)
            self.weights.append(draw(shape, generators, scale=config.init_scale, dtype=dtype))
            if config.bias != "none":
                scale = config.init_scale if config.bias == "normal" else 0.0
                self.biases.append(draw((*local, 1, config.width), generators, scale=scale, dtype=dtype))
            channels = config.width
        shape = (config.width, config.num_classes)
        self.readout = draw(shape, generators, scale=config.init_scale, dtype=dtype)

    def accumulate(self, inputs: Tensor, objective: Callable[[Tensor], Tensor]) -> Tensor:
        """See :meth:`Ensemble.accumulate`; hand-written, see :mod:`quire.nets.backprop`."""
        return accumulate_gradients(self, inputs, objective)

    def check_inputs(self, inputs: Tensor) -> None:
        """Raise unless these samples fit the network."""
        self._checked(inputs)

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        inputs = self._checked(inputs)
        members, batch, positions = inputs.shape
        hidden = inputs.unsqueeze(-1)  # [members, batch, positions, channels]
        for layer, patch in enumerate(self.patches):
            positions //= patch
            if self.local:  # [members * positions, batch, patch * channels]
                hidden = hidden.reshape(members, batch, positions, -1).transpose(1, 2)
                hidden = hidden.reshape(members * positions, batch, -1)
            else:  # [members, batch * positions, patch * channels]
                hidden = hidden.reshape(members, batch * positions, -1)
            hidden = self._linear(hidden, layer).relu()
            if self.local:
                hidden = hidden.view(members, positions, batch, -1).transpose(1, 2)
            else:
                hidden = hidden.view(members, batch, positions, -1)
            if record is not None:
                record[f"layer{layer + 1}"] = hidden
        return torch.bmm(hidden.reshape(members, batch, -1), self.readout * self.output_scale)

    def _linear(self, hidden: Tensor, layer: int) -> Tensor:
        weight = self.weights[layer]
        weight = weight.flatten(0, 1) if self.local else weight
        scale = weight.shape[1] ** -0.5
        bias = self.biases[layer] if len(self.biases) else None
        if bias is not None and self.local:
            bias = bias.flatten(0, 1)
        if layer == 0 and self.config.vocab is not None:
            outputs = token_linear(hidden, weight, scale=scale, whitening=self.config.whitening)
            return outputs if bias is None else outputs + bias
        weight = weight * scale
        return torch.bmm(hidden, weight) if bias is None else torch.baddbmm(bias, hidden, weight)

    def _checked(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 2:
            inputs = inputs.expand(self.members, *inputs.shape)
        if inputs.ndim != 3 or inputs.shape[0] != self.members or inputs.shape[2] != self.num_inputs:
            raise ValueError(
                f"inputs must be [batch, {self.num_inputs}] or [{self.members}, batch, {self.num_inputs}], "
                f"got {tuple(inputs.shape)}"
            )
        if self.config.vocab is None:
            return inputs.to(self.readout.dtype)
        if inputs.is_floating_point():
            raise ValueError("inputs must be integer tokens, got floats: set vocab=None in the config for real inputs")
        if inputs.device.type == "cpu":  # elsewhere the check would wait for the device
            check_tokens(inputs, self.config.vocab)
        return inputs
