"""Metropolis-adjusted Langevin steps of a field: of all of it, or of the details in a band given all other coefficients.

v' = v - h g + √(2h) n, accepted with log-ratio -E' + E - (|v - v' + h g'|² - |v' - v + h g|²) / 4h, where g is the gradient by v.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from quire.multiscale.wavelets import Band
from quire.types import Float, Tensor

__all__ = ["LangevinRun", "Law", "langevin"]


@runtime_checkable
class Law(Protocol):
    """An energy of fields and its gradient, as :class:`quire.multiscale.Phi4` and :class:`quire.multiscale.FittedEnergy` have them."""

    def energy(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples"]:
        """In units of the temperature."""

    def gradient(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples side side"]:
        """Derivative by each site."""


@dataclass(frozen=True)
class LangevinRun:
    """What a run of chains leaves.

    Attributes:
        fields: at the end, one of each chain.
        overlaps: mean over the chains of the inner product of the moving coefficients with those at the start, before the first
            step and after every one, divided by their number.
        acceptance: fraction of accepted steps.
    """

    fields: Float[Tensor, "chains side side"]
    overlaps: Float[Tensor, "times"]
    acceptance: float


def langevin(
    fields: Float[Tensor, "chains side side"],
    law: Law,
    *,
    band: Band | None,
    step: float,
    steps: int,
    generator: torch.Generator,
) -> LangevinRun:
    """Move each field, or its details in a band with all else held, by exact Langevin steps.

    Args:
        fields: where the chains start; each is a chain.
        law: whose energy and gradient are followed.
        band: of what moves; None moves everything.
        step: h, also the unit of physical time.
        steps: how many.
        generator: of noise and acceptance.

    Raises:
        ValueError: bad fields, a step that is not positive, or fewer than one step.
    """
    if not (step > 0 and math.isfinite(step)) or steps < 1:
        raise ValueError(f"expected step > 0 and steps ≥ 1, got {step} and {steps}")

    def moving(values: Tensor) -> Tensor:
        return values.flatten(1) if band is None else band.analyse(values)

    def placed(coefficients: Tensor) -> Tensor:
        return coefficients.reshape(fields.shape) if band is None else band.synthesise(coefficients)

    start, accepted = moving(fields), 0.0
    energies, slopes = law.energy(fields), moving(law.gradient(fields))
    overlaps = [_overlap(start, start)]
    for _ in range(steps):
        noise = torch.randn(start.shape, dtype=start.dtype, generator=generator)
        change = math.sqrt(2 * step) * noise - step * slopes
        proposal = fields + placed(change)
        new_energies, new_slopes = law.energy(proposal), moving(law.gradient(proposal))
        forward, back = (change + step * slopes).square().sum(1), (step * new_slopes - change).square().sum(1)
        log_ratio = energies - new_energies - (back - forward) / (4 * step)
        taken = torch.rand(len(fields), dtype=start.dtype, generator=generator) < log_ratio.clamp(max=0).exp()
        fields = torch.where(taken[:, None, None], proposal, fields)
        energies = torch.where(taken, new_energies, energies)
        slopes = torch.where(taken[:, None], new_slopes, slopes)
        overlaps.append(_overlap(start, moving(fields)))
        accepted += float(taken.double().mean())
    return LangevinRun(fields, torch.stack(overlaps), accepted / steps)


def _overlap(start: Tensor, now: Tensor) -> Tensor:
    return (start * now).mean()
