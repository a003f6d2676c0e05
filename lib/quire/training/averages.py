"""Averages of the members' losses along the run: over the last window, since the last checkpoint, and what is not finite."""

from collections.abc import Sequence

import torch

from quire.types import Bool, Float, Int, Tensor

__all__ = ["LossAverages"]


class LossAverages:
    """Losses of the members that still run.

    Args:
        window: steps of each member's window.
        last_only: the average over the last window is the last loss (members stop before their step).
        device: where the losses are.
    """

    def __init__(self, window: Int[Tensor, " members"], *, last_only: bool, device: torch.device):
        self.window, self.last_only = window, last_only
        self._sums = torch.zeros(2, window.numel(), dtype=torch.float64, device=device)  # window, checkpoint
        self._closed = torch.full((window.numel(),), torch.nan, dtype=torch.float64)
        self._unchecked: list[Tensor] = []
        self._checkpoint = 0

    def add(self, means: Float[Tensor, " members"]) -> None:
        """The losses of one step."""
        self._unchecked.append(means)
        self._sums += means

    def close(self, step: int, stop_loss: float | None) -> list[int]:
        """End the windows that end at this step; the members whose average is below ``stop_loss``."""
        closed = step % self.window == 0
        if self.last_only or not bool(closed.any()):
            return []
        average = self._sums[0].cpu() / self.window
        self._closed = torch.where(closed, average, self._closed)
        self._sums[0].masked_fill_(closed.to(self._sums.device), 0.0)
        return [] if stop_loss is None else _rows(closed & (average < stop_loss))

    def diverged(self, step: int) -> dict[int, tuple[int, float]]:
        """Member → step and value of its first loss that is not finite, since the last call."""
        if not self._unchecked:
            return {}
        recent = torch.stack(self._unchecked).cpu()
        self._unchecked = []
        bad = ~recent.isfinite()
        found = {}
        for row in _rows(bad.any(0)):
            first = int(bad[:, row].nonzero()[0])
            found[row] = step - recent.shape[0] + 1 + first, float(recent[first, row])
        return found

    def last_window(self, step: int, rows: Sequence[int], means: Tensor) -> Float[Tensor, " rows"]:
        """Average over the last complete window, or over what there is; ``means`` are the losses of this step."""
        if self.last_only:
            return means[rows].double().cpu()
        partial = self._sums[0].cpu() / (step % self.window).clamp_min(1)
        return torch.where(self._closed.isfinite(), self._closed, partial)[rows]

    def since_checkpoint(self, step: int, rows: Sequence[int]) -> Float[Tensor, " rows"]:
        """Average over the steps since the last checkpoint."""
        return self._sums[1, rows].cpu() / max(1, step - self._checkpoint)

    def checkpoint(self, step: int) -> None:
        """A checkpoint was written at this step."""
        self._sums[1].zero_()
        self._checkpoint = step

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only."""
        self.window, self._closed = self.window[rows], self._closed[rows]
        self._sums = self._sums[:, rows]


def _rows(mask: Bool[Tensor, " members"]) -> list[int]:
    return mask.nonzero().flatten().tolist()
