"""Samples from a denoiser that is not told the noise level: climb along its residual, and put back less noise than was removed.

With the residual f(y) = y - x̂(y), an estimate of the noise: σ_t = |f(y)|/√N, h_t = h₀ t / (1 + h₀ (t - 1)),
γ_t² = ((1 - b h_t)² - (1 - h_t)²) σ_t²,  y <- y - h_t f(y) + γ_t n, until σ_t is below what is wanted.

Source: Kadkhodaie & Simoncelli, NeurIPS 2021 (the algorithm, h₀ = 0.01, b = 0.01); kadkhodaie2023learning (given clean coarse coefficients).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from quire.types import Float, Tensor

__all__ = ["Ascent", "climb"]


@dataclass(frozen=True)
class Ascent:
    """Where the climb ends.

    Attributes:
        samples: y.
        noise: σ of each sample when it ended.
        steps: how many there were.
    """

    samples: Float[Tensor, "samples *shape"]
    noise: Float[Tensor, "samples"]
    steps: int


def climb(
    residual: Callable[[Tensor], Tensor],
    start: Float[Tensor, "samples *shape"],
    *,
    first_step: float,
    share: float,
    last_noise: float,
    most_steps: int,
    generator: torch.Generator,
) -> Ascent:
    """Climb from noise until the estimated noise of every sample is at most ``last_noise``, or for ``most_steps``.

    Args:
        residual: f, from y to an estimate of its noise, of the same shape.
        start: y at first, noise of a standard deviation beyond that of the data.
        first_step: h₀, in (0, 1].
        share: b, in (0, 1]: the smaller, the more noise is put back; at 1 none.
        last_noise: σ at which a sample is done; it moves no more.
        most_steps: after which the climb ends in any case.
        generator: CPU generator of the noise.

    Raises:
        ValueError: a step or a share outside of (0, 1], a noise that is not positive, or fewer than one step.
    """
    if not (0 < first_step <= 1 and 0 < share <= 1 and last_noise > 0 and most_steps >= 1):
        raise ValueError(
            "expected first_step and share in (0, 1], last_noise > 0, most_steps ≥ 1, got "
            f"{first_step}, {share}, {last_noise}, {most_steps}"
        )
    y, steps, wide = start, 0, (-1, *[1] * (start.ndim - 1))
    while True:
        noise = residual(y)
        sigma = noise.flatten(1).square().mean(1).sqrt()
        moving = sigma > last_noise
        if steps == most_steps or not bool(moving.any()):
            return Ascent(y, sigma, steps)
        steps += 1
        step = first_step * steps / (1 + first_step * (steps - 1))
        gamma = sigma * ((1 - share * step) ** 2 - (1 - step) ** 2) ** 0.5
        fresh = torch.randn(y.shape, generator=generator, dtype=y.dtype).to(y.device)
        y = torch.where(moving.reshape(wide), y - step * noise + gamma.reshape(wide) * fresh, y)
