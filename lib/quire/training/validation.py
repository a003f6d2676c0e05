"""Held-out losses along the run: the best step of each member, and its patience."""

from collections.abc import Sequence

import torch

from quire.nets import Ensemble
from quire.rng import generator
from quire.training.config import TrainConfig
from quire.training.data import MemberData
from quire.training.evaluation import evaluate
from quire.types import Float, Int, Tensor

__all__ = ["Validation"]


class Validation:
    """The validation sets of the members that still run, and the best loss of all members.

    Args:
        data: one set per member, or None (then every metric is nan).
        config: loss and patience.
        seeds: one per member; an objective that draws gets the same numbers at every look.

    Attributes:
        best: lowest validation loss of each member, infinite before the first look.
        best_step: its step.
    """

    def __init__(self, data: MemberData | None, config: TrainConfig, seeds: Sequence[int]):
        self.data, self.config, self.seeds = data, config, list(seeds)
        self.best = torch.full((len(self.seeds),), torch.inf, dtype=torch.float64)
        self.best_step = torch.zeros(len(self.seeds), dtype=torch.long)
        self._stale = torch.zeros(len(self.seeds), dtype=torch.long)

    def look(
        self, net: Ensemble, rows: Sequence[int], members: Int[Tensor, " rows"], step: int
    ) -> dict[str, Float[Tensor, " rows"]]:
        """Loss and error of the members in these rows.

        Args:
            net: these members only.
            rows: their places among those that run.
            members: their numbers.
            step: now.
        """
        if self.data is None:
            return {name: torch.full((len(rows),), torch.nan) for name in ("loss", "error")}
        streams = [generator("training.validation", self.seeds[int(member)]) for member in members]
        metrics = evaluate(net, self.data.select(rows), loss=self.config.loss, generators=streams)
        improved = members[metrics["loss"] < self.best[members]]
        self.best[members] = torch.fmin(self.best[members], metrics["loss"])
        self.best_step[improved] = step
        self._stale[members] += 1
        self._stale[improved] = 0
        return metrics

    def improved(self, member: int) -> bool:
        """Whether the last look at a member was its best."""
        return self.data is not None and int(self._stale[member]) == 0

    def exhausted(self, member: int) -> bool:
        """Whether a member has had as many looks without a better loss as its patience allows."""
        return (
            self.data is not None
            and self.config.patience is not None
            and int(self._stale[member]) >= self.config.patience
        )

    def best_loss(self) -> Float[Tensor, " members"]:
        """The lowest loss of each member, nan where it was never looked at."""
        return torch.where(self.best.isfinite(), self.best, torch.nan)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only."""
        if self.data is not None:
            self.data = self.data.select(rows)
