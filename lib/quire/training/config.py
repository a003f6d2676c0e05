"""How to train: one frozen description, made of JSON values unless the loss is a callable."""

import math
from dataclasses import dataclass
from typing import Literal

from quire.training.objectives import Loss, as_objective

__all__ = ["TrainConfig"]

CHOICES = {
    "optimizer": ("sgd", "momentum", "adam"),
    "reduction": ("mean", "sum"),
    "schedule": ("constant", "cosine", "exponential"),
    "select": ("last", "best"),
    "on_divergence": ("raise", "stop"),
}


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
        loss: "cross_entropy", "mse", "hinge", or an objective: a callable (net, batch) -> [members, batch], see
            :mod:`quire.training.objectives`.
        reduction: a step descends the "mean" of the losses of the batch, or their "sum" (then the losses that
            are compared and reported are sums, too).
        schedule: "constant", "cosine" or "exponential", from the learning rate to ``final_fraction`` of it.
        final_fraction: see schedule.
        schedule_period: fraction of the run that the schedule takes; a cosine shorter than the run climbs
            back.
        stop_loss: a member stops when its training loss, averaged over an epoch (and at least
            ``stop_window`` steps), is below; None: never.
        stop_window: see stop_loss.
        stop_before_step: with whole-set steps: a member whose loss is below ``stop_loss`` stops before it takes
            the step, so that the loss is that of the weights that it keeps; looks at the loss at every step.
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
    loss: Loss = "cross_entropy"
    reduction: Literal["mean", "sum"] = "mean"
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    final_fraction: float = 0.0
    schedule_period: float = 1.0
    stop_loss: float | None = None
    stop_window: int = 1
    stop_before_step: bool = False
    patience: int | None = None
    select: Literal["last", "best"] = "last"
    checkpoints_per_decade: int = 10
    on_divergence: Literal["raise", "stop"] = "raise"

    def __post_init__(self):
        _check_rates(self)
        _check_counts(self)
        _check_choices(self)
        _check_ranges(self)
        _check_schedule(self)
        if self.stop_before_step and (self.stop_loss is None or self.batch_size is not None):
            raise ValueError(
                "stop_before_step needs a stop_loss and batch_size=None: the loss of a batch is not that of the weights"
            )


def _check_rates(config: TrainConfig) -> None:
    rates = config.learning_rate if isinstance(config.learning_rate, tuple) else (config.learning_rate,)
    if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise ValueError(f"learning_rate must be positive and finite, got {config.learning_rate}")


def _check_counts(config: TrainConfig) -> None:
    if (config.max_steps is None) == (config.max_epochs is None):
        raise ValueError("give exactly one of max_steps and max_epochs")
    for name in ("max_steps", "max_epochs", "batch_size", "patience"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1 or None, got {value}")
    for name in ("stop_window", "checkpoints_per_decade"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(config, name)}")


def _check_choices(config: TrainConfig) -> None:
    as_objective(config.loss)
    for name, known in CHOICES.items():
        if getattr(config, name) not in known:
            raise ValueError(f"{name} must be one of {list(known)}, got {getattr(config, name)!r}")


def _check_ranges(config: TrainConfig) -> None:
    if not 0 <= config.momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), got {config.momentum}")
    if config.optimizer == "adam" and not all(0 <= decay < 1 for decay in config.adam_betas):
        raise ValueError(f"adam_betas must lie in [0, 1), got {config.adam_betas}")
    if config.weight_decay < 0:
        raise ValueError(f"weight_decay must be ≥ 0, got {config.weight_decay}")
    if config.stop_loss is not None and config.stop_loss <= 0:
        raise ValueError(f"stop_loss must be positive or None, got {config.stop_loss}")


def _check_schedule(config: TrainConfig) -> None:
    if not 0 <= config.final_fraction <= 1:
        raise ValueError(f"final_fraction must lie in [0, 1], got {config.final_fraction}")
    if not config.schedule_period > 0:
        raise ValueError(f"schedule_period must be positive, got {config.schedule_period}")
    if config.schedule == "exponential" and config.final_fraction == 0:
        raise ValueError("an exponential schedule needs final_fraction > 0, got 0")
