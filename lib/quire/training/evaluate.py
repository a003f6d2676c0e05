"""Outputs, loss and error of every member on data, in chunks."""

from collections.abc import Iterator

import torch
from torch import nn

from quire.nets import Ensemble, stack
from quire.training.data import MemberData, accuracy_weights
from quire.training.losses import errors, losses
from quire.types import Float, Shaped, Tensor

__all__ = ["evaluate", "predict"]


def evaluate(
    net: nn.Module, data: MemberData, *, loss: str, chunk_size: int = 1024
) -> dict[str, Float[Tensor, " members"]]:
    """Mean loss and error of each member on its own samples, in evaluation mode; float64 on the CPU.

    Args:
        net: the networks; a plain module is an ensemble of one.
        data: as many members as the net.
        loss: see :func:`quire.training.losses`.
        chunk_size: samples per member at a time.

    Returns:
        "loss" and "error" (the fraction misclassified; the mean squared distance for real targets).

    Raises:
        ValueError: the data have another number of members.
    """
    net = _ensemble(net)
    if data.members != net.members:
        raise ValueError(f"data must have one member per network, got {data.members} and {net.members}")
    totals = {"loss": 0.0, "error": 0.0}
    for start, stop in _chunks(int(data.sizes.max()), chunk_size):
        index = torch.arange(start, stop).clamp_max(data.sizes[:, None] - 1)
        inputs, targets = data.batch(index)
        outputs = _outputs(net, inputs)
        weights = accuracy_weights(data.sizes, start, stop).to(outputs.device)
        totals["loss"] = totals["loss"] + (losses(outputs, targets, loss=loss) * weights).sum(1)
        totals["error"] = totals["error"] + (errors(outputs, targets) * weights).sum(1)
    return {name: total.double().cpu() / data.sizes for name, total in totals.items()}


def predict(
    net: nn.Module, inputs: Shaped[Tensor, "samples ..."], *, chunk_size: int = 1024
) -> Float[Tensor, "members samples outputs"]:
    """Outputs of all members on the same inputs, in evaluation mode, without gradient."""
    net = _ensemble(net)
    device = next(net.parameters()).device
    parts = []
    for start, stop in _chunks(inputs.shape[0], chunk_size):
        chunk = inputs[start:stop].to(device)
        parts.append(_outputs(net, chunk.expand(net.members, *chunk.shape)))
    return torch.cat(parts, 1)


def _ensemble(net: nn.Module) -> Ensemble:
    return net if isinstance(net, Ensemble) else stack([net])


def _outputs(net: Ensemble, inputs: Tensor) -> Tensor:
    mode = net.training
    net.eval()
    try:
        with torch.no_grad():
            return net(inputs)
    finally:
        net.train(mode)


def _chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, total)) for start in range(0, total, size))
