r"""Training of :math:`\alpha(f - f_0)` with a loss that is divided by α²: from rich, at a small α, to lazy (chizat2019lazy).

The gradient then moves the outputs as fast at every α, and the weights by 1/α: the larger α, the less the tangent kernel changes.
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from quire.types import Float, Tensor

__all__ = ["train_scaled"]


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
    """Gradient descent, in place, on ½⟨(α(f - f₀) - y)²⟩ / α², with f₀ the outputs before it.

    Args:
        net: any module; it is changed.
        inputs, targets: x and y.
        scale: α.
        rate: learning rate; n over the largest eigenvalue of the tangent kernel's Gram matrix is half of what is stable at first.
        target_loss: ½⟨(α(f - f₀) - y)²⟩ at which it ends.
        most_steps: at which it ends at the latest.
        callback: called with the step and that loss, before each step.

    Returns:
        (the loss at the end, steps).

    Raises:
        ValueError: α or the rate is not positive, or the outputs have another shape than the targets.
        FloatingPointError: the loss is not finite: the rate is too large.
    """
    if not (scale > 0 and rate > 0):
        raise ValueError(f"expected a positive scale and learning rate, got {scale} and {rate}")
    with torch.no_grad():
        first = net(inputs)
    if first.shape != targets.shape:
        raise ValueError(f"the net's outputs have the shape {list(first.shape)}, the targets {list(targets.shape)}")
    loss, step = math.inf, 0
    while step < most_steps:
        value = 0.5 * (scale * (net(inputs) - first) - targets).square().mean()
        loss = float(value.detach())
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} after {step} steps: lower the rate, {rate:.3g}")
        if callback is not None:
            callback(step, loss)
        if loss <= target_loss:
            break
        net.zero_grad()
        (value / scale**2).backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= rate * parameter.grad
        step += 1
    return loss, step
