r"""Gradient steps on one flat buffer that holds the parameters of all members.

The parameters become views of a vector, and their gradients views of another, in which backward
accumulates. That second vector is at once the heavy ball: with :math:`G \leftarrow \mu G + g`, then
:math:`w \leftarrow w - \eta G`, the accumulation is the update of the velocity, and a step costs two passes
over memory whatever the number of layers.
"""

from collections.abc import Sequence

import torch

from quire.nets import Ensemble
from quire.training.config import TrainConfig
from quire.types import Float, Tensor

__all__ = ["FlatOptimizer"]

EPSILON = 1e-8  # of adam


class FlatOptimizer:
    """Plain or heavy-ball gradient descent, or Adam, for all members at once.

    Args:
        net: its parameters are moved into the flat buffer (they keep their values); those that require no gradient stay
            as they are.
        config: optimizer, momentum, weight_decay, adam_betas.
    """

    def __init__(self, net: Ensemble, config: TrainConfig):
        self.config, self.step_count = config, 0
        self.net = net
        self.parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
        self.weights = torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters])
        self.gradient = torch.zeros_like(self.weights)
        self.moments = [torch.zeros_like(self.weights) for _ in range(2)] if config.optimizer == "adam" else []
        for parameter, weights, gradient in zip(
            self.parameters, self._views(self.weights), self._views(self.gradient), strict=True
        ):
            parameter.data = weights
            parameter.grad = gradient

    def prepare(self) -> None:
        """Before backward: what the new gradient is added to."""
        if self.config.optimizer == "momentum":
            self.gradient.mul_(self.config.momentum)
        else:
            self.gradient.zero_()
        if self.config.weight_decay:
            self.gradient.add_(self.weights, alpha=self.config.weight_decay)

    def step(self, rates: float | Float[Tensor, " members"]) -> None:
        """After backward: move the weights, with one learning rate, or one per member."""
        self.step_count += 1
        direction = self._adam() if self.moments else self.gradient
        if isinstance(rates, float):
            self.weights.add_(direction, alpha=-rates)
            return
        rates = rates.to(self.weights)
        for weights, moved in zip(self._views(self.weights), self._views(direction), strict=True):
            weights.addcmul_(moved, rates.view(-1, *[1] * (moved.ndim - 1)), value=-1.0)

    def keep(self, members: Sequence[int]) -> "FlatOptimizer":
        """The optimizer, and the net, of these members only."""
        other = FlatOptimizer(self.net.select(members), self.config)
        other.step_count = self.step_count
        index = torch.as_tensor(members, device=self.weights.device)
        for old, new in zip((self.gradient, *self.moments), (other.gradient, *other.moments), strict=True):
            for source, target in zip(self._views(old), other._views(new), strict=True):
                target.copy_(source.index_select(0, index))
        return other

    def _adam(self) -> Tensor:
        first, second = self.moments
        decay, decay_square = self.config.adam_betas
        first.lerp_(self.gradient, 1 - decay)
        second.mul_(decay_square).addcmul_(self.gradient, self.gradient, value=1 - decay_square)
        scale = (1 - decay_square**self.step_count) ** 0.5
        return first.div(second.sqrt().div_(scale).add_(EPSILON)).div_(1 - decay**self.step_count)

    def _views(self, flat: Tensor) -> list[Tensor]:
        parts = flat.split([parameter.numel() for parameter in self.parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, self.parameters, strict=True)]
