"""Losses of each member on its own batch; the members' gradients do not mix because the total is their
sum."""

from torch.nn import functional

from quire.types import Float, Shaped, Tensor

__all__ = ["errors", "losses"]

LOSSES = ("cross_entropy", "mse", "hinge")


def losses(
    outputs: Float[Tensor, "members batch outputs"], targets: Shaped[Tensor, "members batch ..."], *, loss: str
) -> Float[Tensor, "members batch"]:
    """The loss of every sample.

    Args:
        outputs: of the networks.
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
    classes = outputs.shape[2]
    if loss == "cross_entropy":
        check_loss(loss, classes, targets)
        columns = outputs.transpose(1, 2).contiguous()  # samples innermost: several times faster on a CPU
        return functional.cross_entropy(columns, targets.long(), reduction="none")
    if loss == "mse":
        if not targets.is_floating_point() and classes > 1:
            targets = functional.one_hot(targets.long(), classes)
        return (outputs - targets.reshape(outputs.shape)).square().sum(2).mul(0.5)
    check_loss(loss, classes, targets)
    return (1.0 - outputs[..., 0] * targets).clamp_min(0.0)


def errors(
    outputs: Float[Tensor, "members batch outputs"], targets: Shaped[Tensor, "members batch ..."]
) -> Float[Tensor, "members batch"]:
    """One where the sample is misclassified: by the largest output, or by the sign of a single one (targets
    ±1). For real targets of another kind: the squared distance."""
    if outputs.shape[2] == 1 and targets.ndim == 2:
        return (outputs[..., 0] * targets <= 0).to(outputs.dtype)
    if targets.is_floating_point():
        return (outputs - targets).square().sum(2)
    return (outputs.argmax(2) != targets).to(outputs.dtype)


def check_loss(loss: str, outputs: int, targets: Tensor) -> None:
    """Raise unless the loss exists and suits the shape and the kind of the targets."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {list(LOSSES)}, got {loss!r}")
    if loss == "hinge" and outputs != 1:
        raise ValueError(f"hinge needs a network with one output and targets ±1, got {outputs} outputs")
    if loss == "cross_entropy" and (targets.is_floating_point() or outputs < 2):
        raise ValueError(
            f"cross_entropy needs integer labels and at least two outputs, got {targets.dtype} and {outputs} outputs"
        )
