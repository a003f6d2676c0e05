"""Losses of each member on its own batch; the members' gradients do not mix because the total is their
sum."""

from torch.nn import functional

from quire.types import Float, Shaped, Tensor

__all__ = ["errors", "losses"]

LOSSES = ("cross_entropy", "mse", "hinge")


def losses(
    outputs: Float[Tensor, "members batch *outputs"], targets: Shaped[Tensor, "members batch ..."], *, loss: str
) -> Float[Tensor, "members batch"]:
    """The loss of every sample.

    Args:
        outputs: of the networks, ``[members, batch, outputs]``; "cross_entropy" takes ``[members, batch, …, classes]``
            with labels ``[members, batch, …]`` (averaged over the positions …), "mse" any shape.
        targets: class labels (integers); real values for "mse"; ±1 for "hinge" with one output.
        loss: "cross_entropy" (nats), "mse" (half the squared distance; labels stand for one-hot vectors),
            or "hinge" (max(0, 1 - y f), one output).

    Raises:
        ValueError: unknown loss, or targets that do not fit it.

    >>> import torch
    >>> f, y = torch.tensor([[[0.2], [-3.0]]]), torch.tensor([[1, -1]])
    >>> losses(f, y, loss="hinge").tolist()
    [[0.800000011920929, 0.0]]
    """
    check_loss(loss, outputs, targets)
    if loss == "cross_entropy":
        columns = outputs.transpose(1, 2) if outputs.ndim == 3 else outputs.movedim(-1, 1)
        columns = columns.contiguous()  # samples innermost: several times faster on a CPU
        each = functional.cross_entropy(columns, targets.long(), reduction="none")
        return each if each.ndim == 2 else each.flatten(2).mean(2)
    if loss == "mse":
        if not targets.is_floating_point() and outputs.shape[-1] > 1:
            targets = functional.one_hot(targets.long(), outputs.shape[-1])
        return (outputs - targets.reshape(outputs.shape)).square().flatten(2).sum(2).mul(0.5)
    return (1.0 - outputs[..., 0] * targets).clamp_min(0.0)


def errors(
    outputs: Float[Tensor, "members batch *outputs"], targets: Shaped[Tensor, "members batch ..."]
) -> Float[Tensor, "members batch"]:
    """One where the sample is misclassified: by the largest output, or by the sign of a single one (targets
    ±1); the fraction of positions where a sample has several labels. For real targets of another kind: the squared
    distance."""
    if outputs.shape[2:] == (1,) and targets.ndim == 2:
        return (outputs[..., 0] * targets <= 0).to(outputs.dtype)
    if targets.is_floating_point():
        return (outputs - targets).square().flatten(2).sum(2)
    wrong = (outputs.argmax(-1) != targets).to(outputs.dtype)
    return wrong if wrong.ndim == 2 else wrong.flatten(2).mean(2)


def check_loss(loss: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise unless the loss exists and suits the shapes and the kind of the targets."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {list(LOSSES)}, got {loss!r}")
    if outputs.ndim < 3:
        raise ValueError(
            f"{loss} needs a network with outputs [batch, outputs], got {list(outputs.shape[1:])}: unsqueeze a single output"
        )
    if loss == "hinge" and outputs.shape[2:] != (1,):
        raise ValueError(f"hinge needs a network with one output and targets ±1, got {list(outputs.shape[2:])} outputs")
    if loss != "cross_entropy":
        return
    if targets.is_floating_point() or outputs.shape[-1] < 2:
        raise ValueError(
            "cross_entropy needs integer labels and at least two outputs, "
            f"got {targets.dtype} and {outputs.shape[-1]} outputs"
        )
    if targets.shape[2:] != outputs.shape[2:-1]:
        raise ValueError(
            f"cross_entropy needs one label per sample and position: outputs {list(outputs.shape[1:])} want labels "
            f"{list(outputs.shape[1:-1])}, got {list(targets.shape[1:])}"
        )
