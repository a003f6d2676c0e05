r"""Training of :math:`\alpha(f - f_0)` with a loss that is divided by α²: from rich, at a small α, to lazy (chizat2019lazy).

The gradient then moves the outputs as fast at every α, and the weights by 1/α: the larger α, the less the tangent kernel changes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from quire.types import Float, Int, Tensor

__all__ = ["ScaledRuns", "train_at_scales", "train_scaled"]


@dataclass(frozen=True, eq=False)
class ScaledRuns:
    """Where training ended for each α.

    Attributes:
        weights: ``[scales, …]`` by the parameters' names.
        losses: ½⟨(α(f - f₀) - y)²⟩.
        steps: taken.
    """

    weights: dict[str, Tensor]
    losses: Float[Tensor, " scales"]
    steps: Int[Tensor, " scales"]


def train_at_scales(
    net: nn.Module,
    inputs: Float[Tensor, "samples ..."],
    targets: Float[Tensor, "samples outputs"],
    *,
    scales: Sequence[float],
    rate: float,
    target_loss: float,
    most_steps: int,
    callback: Callable[[int, Tensor], None] | None = None,
) -> ScaledRuns:
    """Gradient descent on ½⟨(α(f - f₀) - y)²⟩ / α² for several α at once, with f₀ the outputs of the net, which stays as it is.

    Args:
        net: any module.
        inputs, targets: x and y.
        scales: the α.
        rate: learning rate; n over the largest eigenvalue of the tangent kernel's Gram matrix is half of what is stable at first.
        target_loss: ½⟨(α(f - f₀) - y)²⟩ at which it ends, for each α by itself.
        most_steps: at which it ends at the latest.
        callback: called with the step and these losses, before each step.

    Raises:
        ValueError: no α, one of them or the rate is not positive, or the outputs have another shape than the targets.
        FloatingPointError: a loss is not finite: the rate is too large.
    """
    if not scales or not all(scale > 0 for scale in scales) or not rate > 0:
        raise ValueError(f"expected positive scales and a positive learning rate, got {list(scales)} and {rate}")
    start = {name: parameter.detach() for name, parameter in net.named_parameters()}
    first = functional_call(net, start, (inputs,)).detach()
    if first.shape != targets.shape:
        raise ValueError(f"the net's outputs have the shape {list(first.shape)}, the targets {list(targets.shape)}")

    def loss(weights: dict, scale: Tensor) -> Tensor:
        outputs = scale * (functional_call(net, weights, (inputs,)) - first)
        return 0.5 * (outputs - targets).square().mean()

    alphas = torch.tensor(scales, dtype=targets.dtype, device=targets.device)
    weights = {name: tensor.expand(len(scales), *tensor.shape).clone() for name, tensor in start.items()}
    slope, steps = vmap(grad_and_value(loss)), torch.zeros(len(scales), dtype=torch.long, device=targets.device)
    losses = torch.full_like(alphas, math.inf)
    for step in range(most_steps):
        gradients, losses = slope(weights, alphas)
        _check_finite(losses, step, rate)
        if callback is not None:
            callback(step, losses)
        going = losses > target_loss
        if not bool(going.any()):
            break
        steps += going
        pace = going * rate / alphas.square()
        for name, gradient in gradients.items():
            weights[name] -= pace.view(-1, *[1] * (gradient.ndim - 1)) * gradient
    return ScaledRuns(weights, losses, steps)


def train_scaled(
    net: nn.Module,
    inputs: Float[Tensor, "samples ..."],
    targets: Float[Tensor, "samples outputs"],
    *,
    scale: float,
    rate: float,
    target_loss: float,
    most_steps: int,
    callback: Callable[[int, float], None] | None = None,
) -> tuple[float, int]:
    """:func:`train_at_scales` for one α, in place.

    Returns:
        (the loss at the end, steps).
    """
    told = None if callback is None else lambda step, losses: callback(step, float(losses[0]))
    ended = train_at_scales(
        net,
        inputs,
        targets,
        scales=[scale],
        rate=rate,
        target_loss=target_loss,
        most_steps=most_steps,
        callback=told,
    )
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(ended.weights[name][0])
    return float(ended.losses[0]), int(ended.steps[0])


def _check_finite(losses: Tensor, step: int, rate: float) -> None:
    if not bool(losses.isfinite().all()):
        raise FloatingPointError(
            f"a loss is not finite after {step} steps ({losses.tolist()}): lower the rate, {rate:.3g}"
        )
