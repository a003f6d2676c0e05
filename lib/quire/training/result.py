"""What a training run gives back."""

from dataclasses import dataclass

from torch import nn

from quire.types import Float, Int, Tensor

__all__ = ["TrainResult"]


@dataclass(frozen=True, eq=False)
class TrainResult:
    """The trained networks and what happened to each.

    Attributes:
        net: all members, in the order given, with the selected weights ("last" or "best"); a plain module
            if one was given.
        steps: steps that each member took.
        stop_reasons: "stop_loss", "max_steps", "patience" or "diverged", per member.
        train_loss: training loss of each member, averaged over its last window (an epoch) of steps.
        best_step: step with the lowest validation loss (0 without a validation set).
        best_validation_loss: that loss (nan without a validation set).
        history: columns of equal length, one entry per member and checkpoint: "member", "step",
            "learning_rate", "train_loss" (mean over the steps since the last checkpoint),
            "validation_loss", "validation_error" (nan without a validation set). The last entry of a member
            is where it stopped.
    """

    net: nn.Module
    steps: Int[Tensor, " members"]
    stop_reasons: tuple[str, ...]
    train_loss: Float[Tensor, " members"]
    best_step: Int[Tensor, " members"]
    best_validation_loss: Float[Tensor, " members"]
    history: dict[str, Tensor]

    def rows(self) -> list[dict]:
        """The history as a list of flat dictionaries."""
        columns = {name: column.tolist() for name, column in self.history.items()}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
