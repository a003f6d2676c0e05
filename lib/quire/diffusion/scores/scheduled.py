"""A score machine in the place of a trained denoiser: called with noisy images and integer levels, whatever it compares."""

from collections.abc import Sequence
from typing import Literal

import torch

from quire.diffusion.scores.score_machine import ScoreMachine
from quire.types import Float, Int, Tensor

__all__ = ["ScheduledMachine", "nearest_scales"]


class ScheduledMachine:
    """A machine with a window size at each level of noise.

    Args:
        machine: the machine.
        signal: fraction of signal at each level, as for :func:`quire.training.denoising`.
        scales: window size at each level; None for machines that compare whole images.
        predict: whether it gives the expected "noise", or the "clean" image.

    Raises:
        ValueError: another number of scales than of levels.

    >>> from quire.diffusion.scores.machines import Ideal
    >>> bank = torch.ones(1, 1, 2, 2)
    >>> denoise = ScheduledMachine(Ideal(bank), torch.tensor([0.9, 0.1]), scales=None, predict="clean")
    >>> denoise(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1])).unique().tolist()
    [1.0]
    """

    def __init__(
        self,
        machine: ScoreMachine,
        signal: Float[Tensor, " levels"],
        *,
        scales: Sequence[int] | None,
        predict: Literal["noise", "clean"],
    ):
        if scales is not None and len(scales) != len(signal):
            raise ValueError(
                f"there must be a scale for each of {len(signal)} levels, got {len(scales)}: nearest_scales(...) makes them"
            )
        if predict not in ("noise", "clean"):
            raise ValueError(f'predict must be "noise" or "clean", got {predict!r}')
        self.machine, self.signal, self.predict = machine, signal.double(), predict
        self.scales = None if scales is None else torch.tensor(list(scales))

    def __call__(
        self, noisy: Float[Tensor, "batch channels height width"], level: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The noise, or the clean image, that the machine expects."""
        ask = self.machine.noise if self.predict == "noise" else self.machine.mean
        level = level.cpu()
        abar = self.signal[level]
        if self.scales is None:
            return ask(noisy, abar)
        found, own = torch.empty_like(noisy), self.scales[level]
        for scale in own.unique().tolist():
            rows = (own == scale).nonzero().flatten()
            found[rows] = ask(noisy[rows], abar[rows], scale)
        return found


def nearest_scales(levels: Sequence[int], scales: Sequence[int], *, num_levels: int) -> list[int]:
    """A scale for every level: that of the nearest one among some; of two equally near ones, of the first.

    >>> nearest_scales([0, 4], [1, 5], num_levels=6)
    [1, 1, 1, 5, 5, 5]
    """
    if not levels or len(levels) != len(scales):
        raise ValueError(f"each level needs its scale, and there must be one, got {list(levels)} and {list(scales)}")
    distance = (torch.arange(num_levels)[:, None] - torch.tensor(list(levels))[None]).abs()
    return torch.tensor(list(scales))[distance.argmin(1)].tolist()
