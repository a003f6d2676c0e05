"""Outputs, loss and error of every member on data, in chunks."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from quire.nets import Ensemble, stack
from quire.training.batch import Batch
from quire.training.data import MemberData, accuracy_weights
from quire.training.objectives import Loss, as_objective, measure
from quire.types import Float, Shaped, Tensor

__all__ = ["evaluate", "predict"]


def evaluate(
    net: nn.Module,
    data: MemberData,
    *,
    loss: Loss,
    generators: Sequence[torch.Generator] = (),
    chunk_size: int = 1024,
) -> dict[str, Float[Tensor, " members"]]:
    """Mean loss and error of each member on its own samples, in evaluation mode; float64 on the CPU.

    Args:
        net: the networks; a plain module is an ensemble of one.
        data: as many members as the net.
        loss: a name, see :func:`quire.training.losses`, or an objective, see :mod:`quire.training.objectives`.
        generators: one CPU generator per member, for an objective that draws random numbers.
        chunk_size: samples per member at a time.

    Returns:
        "loss" and "error" (the fraction misclassified; the mean squared distance for real targets; nan for an objective
        that has no error).

    Raises:
        ValueError: the data have another number of members, or the objective draws and there are no generators.
    """
    net, objective = as_ensemble(net), as_objective(loss)
    if data.members != net.members:
        raise ValueError(f"data must have one member per network, got {data.members} and {net.members}")
    totals = {"loss": 0.0}
    for start, stop in _chunks(int(data.sizes.max()), chunk_size):
        inputs, targets = data.batch(torch.arange(start, stop).clamp_max(data.sizes[:, None] - 1))
        own = (data.sizes - start).clamp(0, stop - start)
        batch = Batch(inputs, targets, tuple(generators), tuple(own.tolist()))
        weights = accuracy_weights(data.sizes, start, stop).to(inputs.device)
        found = _quietly(net, lambda batch=batch: measure(net, objective, batch))
        for name, each in found.items():
            totals[name] = totals.get(name, 0.0) + (each * weights).sum(1)
    means = {name: total.double().cpu() / data.sizes for name, total in totals.items()}
    means.setdefault("error", torch.full((net.members,), torch.nan, dtype=torch.float64))
    return means


def predict(
    net: nn.Module, inputs: Shaped[Tensor, "samples ..."], *, chunk_size: int = 1024
) -> Float[Tensor, "members samples ..."]:
    """Outputs of all members on the same inputs, in evaluation mode, without gradient."""
    net = as_ensemble(net)
    device = next(net.parameters()).device
    parts = []
    for start, stop in _chunks(inputs.shape[0], chunk_size):
        chunk = inputs[start:stop].to(device)
        parts.append(_quietly(net, lambda chunk=chunk: net(chunk.expand(net.members, *chunk.shape))))
    return torch.cat(parts, 1)


def as_ensemble(net: nn.Module) -> Ensemble:
    """The net, or the ensemble of one that a plain module is."""
    return net if isinstance(net, Ensemble) else stack([net])


def _quietly(net: Ensemble, look: Callable):
    """What ``look()`` gives in evaluation mode, without gradient."""
    mode = net.training
    net.eval()
    try:
        with torch.no_grad():
            return look()
    finally:
        net.train(mode)


def _chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, total)) for start in range(0, total, size))
