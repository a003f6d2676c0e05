r"""What training minimises: a callable from the network and a batch to one loss per member and sample.

``objective(net, batch) -> [members, batch]`` may do anything with the net (call it twice, take its derivative along a
direction), with the batch, and with the random numbers that the batch draws from the members' generators. An
:class:`Objective` is the common case: a loss of the outputs on one set of inputs, these perhaps corrupted first. The
loop then leaves the gradient to the net, which may have it written out (:meth:`quire.nets.Ensemble.accumulate`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from quire.nets import Ensemble
from quire.training.batch import Batch
from quire.training.loss_functions import LOSSES, errors, losses
from quire.types import Tensor

__all__ = ["Loss", "Objective", "as_objective", "descend", "measure"]


@dataclass(frozen=True)
class Objective:
    """A loss of the outputs.

    Attributes:
        loss: from (outputs, targets) to ``[members, batch]``.
        corrupt: from the batch to the batch that the net gets: noise, masks, other targets; None: as it is.
        errors: from (outputs, targets) to ``[members, batch]``, the "error" of :func:`quire.training.evaluate` and of
            the history; None: there is none (nan).

    >>> import torch
    >>> absolute = Objective(lambda outputs, targets: (outputs - targets).abs().sum(2))
    >>> absolute(torch.nn.Identity(), Batch(torch.ones(1, 2, 3), torch.zeros(1, 2, 3))).tolist()
    [[3.0, 3.0]]
    """

    loss: Callable[[Tensor, object], Tensor]
    corrupt: Callable[[Batch], Batch] | None = None
    errors: Callable[[Tensor, object], Tensor] | None = None

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        """Loss of every member on each of its samples."""
        batch = self.corrupted(batch)
        return self.loss(net(*batch.arguments), batch.targets)

    def corrupted(self, batch: Batch) -> Batch:
        """What the net gets."""
        return batch if self.corrupt is None else self.corrupt(batch)


Loss = str | Callable[[Ensemble, Batch], Tensor]


def as_objective(loss: Loss) -> Callable[[Ensemble, Batch], Tensor]:
    """The objective of this name ("cross_entropy", "mse", "hinge"), or the callable itself.

    Raises:
        ValueError: an unknown name, or what cannot be called.
    """
    if isinstance(loss, str) and loss in LOSSES:
        return Objective(partial(losses, loss=loss), errors=errors)
    if isinstance(loss, str) or not callable(loss):
        raise ValueError(
            f"loss must be one of {list(LOSSES)} or a callable (net, batch) -> [members, batch], got {loss!r}: wrap a "
            "function of (outputs, targets) in quire.training.Objective"
        )
    return loss


def descend(net: Ensemble, objective: Callable, batch: Batch, *, reduction: str) -> Tensor:
    """Add the gradient of every member's loss, the mean or the sum over its samples, to ``parameter.grad``; the losses,
    detached."""

    def total(each: Tensor) -> Tensor:
        check_shape(each, batch)
        if batch.weights is not None:
            return (each * batch.weights).sum(1)
        return each.mean(1) if reduction == "mean" else each.sum(1)

    net.reseed(batch.generators)
    if isinstance(objective, Objective):
        asked = objective.corrupted(batch)
        return net.accumulate(asked.inputs, lambda outputs: total(objective.loss(outputs, asked.targets)))
    values = total(objective(net, batch))
    values.sum().backward()
    return values.detach()


def measure(net: Ensemble, objective: Callable, batch: Batch) -> dict[str, Tensor]:
    """ "loss" and, where the objective has one, "error" of every sample."""
    if not isinstance(objective, Objective):
        return {"loss": check_shape(objective(net, batch), batch)}
    batch = objective.corrupted(batch)
    outputs = net(*batch.arguments)
    found = {"loss": check_shape(objective.loss(outputs, batch.targets), batch)}
    if objective.errors is not None:
        found["error"] = objective.errors(outputs, batch.targets)
    return found


def check_shape(each: Tensor, batch: Batch) -> Tensor:
    """The losses, if there is one per member and sample."""
    if tuple(each.shape) != batch.shape:
        raise ValueError(
            f"an objective must give one loss per member and sample, {list(batch.shape)}, got {list(each.shape)}: "
            "average over the other axes, and not over these"
        )
    return each
