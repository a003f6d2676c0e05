"""When a member ends, how fast it goes, and the steps at which there is book-keeping to do."""

import math
from collections.abc import Sequence

import torch

from quire.training.config import TrainConfig
from quire.types import Float, Int, Tensor

__all__ = ["Schedule", "checkpoints"]

CHECK_EVERY = 16  # steps between two looks at whether the losses are finite


def checkpoints(max_steps: int, per_decade: int) -> list[int]:
    """Log-spaced steps from 1 to ``max_steps``, both included.

    >>> checkpoints(100, 2)
    [1, 3, 10, 32, 100]
    """
    count = math.ceil(per_decade * math.log10(max_steps)) + 1 if max_steps > 1 else 1
    steps = {min(max_steps, round(10 ** (k / per_decade))) for k in range(count)}
    return sorted(steps | {max_steps})


class Schedule:
    """Learning rates and last steps of the members that still run.

    Args:
        config: how.
        scale: factor of the learning rates.
        sizes: training samples of each member.

    Raises:
        ValueError: the learning rates are not one, or one per member.

    Attributes:
        limit: last step of each member.
        window: steps over which its loss is averaged to decide whether it stops: an epoch, or more.
        checkpoints: steps at which the history is written.
    """

    def __init__(self, config: TrainConfig, scale: float, sizes: Int[Tensor, " members"]):
        members = sizes.numel()
        rates = config.learning_rate if isinstance(config.learning_rate, tuple) else (config.learning_rate,) * members
        if len(rates) != members:
            raise ValueError(f"learning_rate must be one number or {members}, one per network, got {len(rates)}")
        epoch = -(-sizes // (config.batch_size or int(sizes.max())))
        self.config, self.base = config, torch.tensor(rates, dtype=torch.float64) * scale
        self.limit = epoch * config.max_epochs if config.max_epochs else torch.full_like(epoch, config.max_steps)
        self.window = epoch.clamp_min(config.stop_window)
        self.checkpoints = set(checkpoints(int(self.limit.max()), config.checkpoints_per_decade))
        one_end = config.schedule == "constant" or len(set(self.limit.tolist())) == 1
        self._together = len(set(rates)) == 1 and one_end

    def rate(self, step: int) -> float | Float[Tensor, " members"]:
        """Learning rate of a step (counted from one): one number where all members have the same."""
        return float(self.rates(step, slice(0, 1))) if self._together else self.rates(step, slice(None))

    def rates(self, step: int, rows: slice | Sequence[int]) -> Float[Tensor, " members"]:
        """Learning rate of these members at a step."""
        config, base = self.config, self.base[rows]
        if config.schedule == "constant":
            return base
        progress = (step - 1) / (config.schedule_period * self.limit[rows].double())
        if config.schedule == "cosine":
            factor = config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + torch.cos(math.pi * progress))
        else:
            factor = config.final_fraction**progress
        return base * factor

    def due(self, step: int) -> int:
        """The next step after this one with book-keeping to do."""
        events = [int(self.limit.min()), step + CHECK_EVERY]
        events += [later for later in self.checkpoints if later > step]
        if not self.config.stop_before_step:
            events.append(int(((step // self.window + 1) * self.window).min()))
        return min(events)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only."""
        self.base, self.limit, self.window = self.base[rows], self.limit[rows], self.window[rows]
