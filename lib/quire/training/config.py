"""How to train: one frozen, JSON-able description."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from quire.types import Float, Tensor

__all__ = ["TrainConfig", "checkpoints", "learning_rates"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of :func:`quire.training.train`.

    Attributes:
        learning_rate: multiplied by the net's ``learning_rate_scale`` for sgd and momentum (the width, with
            a mean-field readout), as it stands for adam; one number, or one per member.
        max_steps: steps at which every member stops; exactly one of it and ``max_epochs``.
        max_epochs: the same in passes through the member's own training set.
        batch_size: samples per step, drawn by passing through random permutations of the member's set (a
            batch may straddle two of them, and repeats samples when it exceeds the set); None for the whole
            set at each step.
        optimizer: "sgd", "momentum" (heavy ball, torch's convention) or "adam".
        momentum: of the heavy ball.
        weight_decay: added to the gradient as weight_decay · weights.
        adam_betas: decay of the two moments.
        loss: "cross_entropy", "mse" or "hinge".
        schedule: "constant", "cosine" or "exponential", from the learning rate to ``final_fraction`` of it.
        final_fraction: see schedule.
        schedule_period: fraction of the run that the schedule takes; a cosine shorter than the run climbs
            back.
        stop_loss: a member stops when its training loss, averaged over an epoch (and at least
            ``stop_window`` steps), is below; None: never.
        stop_window: see stop_loss.
        patience: a member stops after this many checkpoints without a better validation loss; None: never.
        select: weights that are returned: "last", or "best" by the loss on the validation set.
        checkpoints_per_decade: log-spaced steps at which the history is written and the validation set
            evaluated.
        on_divergence: a loss that is not finite is an error ("raise"), or stops that member ("stop").
    """

    learning_rate: float | tuple[float, ...]
    max_steps: int | None = None
    max_epochs: int | None = None
    batch_size: int | None = 128
    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    adam_betas: tuple[float, float] = (0.9, 0.999)
    loss: Literal["cross_entropy", "mse", "hinge"] = "cross_entropy"
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    final_fraction: float = 0.0
    schedule_period: float = 1.0
    stop_loss: float | None = None
    stop_window: int = 1
    patience: int | None = None
    select: Literal["last", "best"] = "last"
    checkpoints_per_decade: int = 10
    on_divergence: Literal["raise", "stop"] = "raise"

    def __post_init__(self):
        rates = self.learning_rate if isinstance(self.learning_rate, tuple) else (self.learning_rate,)
        if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
            raise ValueError(f"learning_rate must be positive and finite, got {self.learning_rate}")
        if (self.max_steps is None) == (self.max_epochs is None):
            raise ValueError("give exactly one of max_steps and max_epochs")
        for name in ("max_steps", "max_epochs", "batch_size", "patience"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 or None, got {getattr(self, name)}")
        for name in ("stop_window", "checkpoints_per_decade"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        options = {
            "optimizer": ("sgd", "momentum", "adam"),
            "loss": ("cross_entropy", "mse", "hinge"),
            "schedule": ("constant", "cosine", "exponential"),
            "select": ("last", "best"),
            "on_divergence": ("raise", "stop"),
        }
        for name, known in options.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {list(known)}, got {getattr(self, name)!r}")
        for name in ("momentum", *(("adam_betas",) if self.optimizer == "adam" else ())):
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if not 0 <= value < 1:
                    raise ValueError(f"{name} must lie in [0, 1), got {values}")
        if self.weight_decay < 0 or (self.stop_loss is not None and self.stop_loss <= 0):
            raise ValueError(
                f"weight_decay must be ≥ 0 and stop_loss > 0, got {self.weight_decay} and {self.stop_loss}"
            )
        if not 0 <= self.final_fraction <= 1 or not self.schedule_period > 0:
            raise ValueError(
                f"final_fraction must lie in [0, 1] and schedule_period be positive, "
                f"got {self.final_fraction} and {self.schedule_period}"
            )
        if self.schedule == "exponential" and self.final_fraction == 0:
            raise ValueError("an exponential schedule needs final_fraction > 0, got 0")


def checkpoints(max_steps: int, per_decade: int) -> list[int]:
    """Log-spaced steps from 1 to ``max_steps``, both included.

    >>> checkpoints(100, 2)
    [1, 3, 10, 32, 100]
    """
    count = math.ceil(per_decade * math.log10(max_steps)) + 1 if max_steps > 1 else 1
    steps = {min(max_steps, round(10 ** (k / per_decade))) for k in range(count)}
    return sorted(steps | {max_steps})


def learning_rates(
    config: TrainConfig, base: Float[Tensor, " members"], step: int, max_steps: Float[Tensor, " members"]
) -> Float[Tensor, " members"]:
    """Learning rate of each member at a step (counted from one), given its number of steps."""
    if config.schedule == "constant":
        return base
    progress = (step - 1) / (config.schedule_period * max_steps)
    if config.schedule == "cosine":
        factor = config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + torch.cos(math.pi * progress))
    else:
        factor = config.final_fraction**progress
    return base * factor
