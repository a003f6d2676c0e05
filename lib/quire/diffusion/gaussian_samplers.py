r"""Samplers of Gaussian diffusion: the ancestral one, whose steps are random, and DDIM, whose steps need not be.

Both are scheduler objects with the names and conventions of the public library *diffusers*: ``add_noise`` goes forward;
``set_timesteps(n)`` picks the levels of n steps, ``timesteps``; ``step(output, timestep, sample).prev_sample`` goes one back.
The model gives the noise ("epsilon") or the clean sample ("sample"), and each gives the other,
:math:`x = (x_t - \sqrt{1-\bar\alpha_t}\,\epsilon)/\sqrt{\bar\alpha_t}`.

Source: Ho, Jain & Abbeel, NeurIPS 2020, equations 6, 7; Song, Meng & Ermon, ICLR 2021, equations 12, 16.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from quire.diffusion.schedules import check_alphas_cumprod
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["AncestralSampler", "DDIMSampler", "GaussianSampler", "Step"]

Prediction = Literal["epsilon", "sample"]
Spacing = Literal["leading", "trailing"]


@dataclass(frozen=True)
class Step:
    """What one step back gives.

    Attributes:
        prev_sample: the sample at the next, less noisy level.
        pred_original_sample: the clean sample that the model predicts.
    """

    prev_sample: Shaped[Tensor, "*sample"]
    pred_original_sample: Shaped[Tensor, "*sample"]


class GaussianSampler:
    """What the two samplers share.

    Args:
        alphas_cumprod: signal kept at each level, see :mod:`quire.diffusion.schedules`.
        prediction_type: what the model gives.
        timestep_spacing: levels of n steps: multiples of T // n from 0 ("leading"), or the multiples of T/n less one,
            counted back from T - 1 ("trailing"; it begins at the noisiest level).

    Raises:
        ValueError: not a schedule, or names that are not known.
    """

    def __init__(
        self,
        alphas_cumprod: Float[Tensor, " levels"],
        *,
        prediction_type: Prediction = "epsilon",
        timestep_spacing: Spacing = "leading",
    ):
        if prediction_type not in ("epsilon", "sample"):
            raise ValueError(f'prediction_type must be "epsilon" or "sample", got {prediction_type!r}')
        if timestep_spacing not in ("leading", "trailing"):
            raise ValueError(f'timestep_spacing must be "leading" or "trailing", got {timestep_spacing!r}')
        self.alphas_cumprod = check_alphas_cumprod(alphas_cumprod)
        self.prediction_type, self.timestep_spacing = prediction_type, timestep_spacing
        self.set_timesteps(len(self.alphas_cumprod))

    @property
    def num_train_timesteps(self) -> int:
        """Levels T of the schedule."""
        return len(self.alphas_cumprod)

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Pick the levels of n steps, the noisiest first, as ``timesteps``.

        Raises:
            ValueError: fewer steps than one or more than levels.
        """
        total = self.num_train_timesteps
        if not 1 <= num_inference_steps <= total:
            raise ValueError(f"num_inference_steps must be in 1..{total}, got {num_inference_steps}")
        if self.timestep_spacing == "leading":
            levels = torch.arange(num_inference_steps).flip(0) * (total // num_inference_steps)
        else:
            places = torch.arange(num_inference_steps, 0, -1, dtype=torch.float64) * total / num_inference_steps
            levels = places.round().long() - 1
        self.timesteps = levels
        self._following = dict(zip(levels.tolist(), [*levels[1:].tolist(), -1], strict=True))

    def add_noise(
        self,
        original_samples: Float[Tensor, "batch *sample"],
        noise: Float[Tensor, "..."],
        timesteps: Int[Tensor, " levels"],
    ) -> Float[Tensor, "batch *sample"]:
        """Samples at these levels.

        Raises:
            ValueError: levels outside of the schedule, or noise of another shape.
        """
        if noise.shape != original_samples.shape or timesteps.shape != original_samples.shape[:1]:
            raise ValueError(
                f"noise {list(noise.shape)} and timesteps {list(timesteps.shape)} must match samples {list(original_samples.shape)}"
            )
        if len(timesteps) and not 0 <= int(timesteps.min()) <= int(timesteps.max()) < self.num_train_timesteps:
            raise ValueError(f"timesteps must be in 0..{self.num_train_timesteps - 1}, got {timesteps.tolist()}")
        kept = self.alphas_cumprod.to(timesteps.device)[timesteps].to(original_samples)
        kept = kept.view(-1, *[1] * (original_samples.ndim - 1))
        return kept.sqrt() * original_samples + (1 - kept).sqrt() * noise

    def _signals(self, timestep: int | Int[Tensor, ""]) -> tuple[float, float]:
        """Signal now, and at the next level."""
        level = int(timestep)
        if level not in self._following:
            raise ValueError(f"timestep must be one of timesteps {self.timesteps.tolist()}, got {level}")
        following = self._following[level]
        now = float(self.alphas_cumprod[level])
        return now, float(self.alphas_cumprod[following]) if following >= 0 else 1.0

    def _predicted(self, output: Tensor, sample: Tensor, now: float) -> tuple[Tensor, Tensor]:
        """Clean sample and noise that the output stands for."""
        if output.shape != sample.shape:
            raise ValueError(
                f"model_output must have the shape {list(sample.shape)} of sample, got {list(output.shape)}"
            )
        if self.prediction_type == "sample":
            return output, (sample - now**0.5 * output) / max(1 - now, 1e-12) ** 0.5
        if now == 0:
            raise ValueError("a level without signal has no clean sample for a predicted noise: predict the sample")
        return (sample - (1 - now) ** 0.5 * output) / now**0.5, output


class AncestralSampler(GaussianSampler):
    r"""Draws from the posterior of the next level given this one and the predicted clean sample (DDPM, "fixed small" variance).

    >>> sampler = AncestralSampler(torch.tensor([0.9, 0.5]), prediction_type="sample")
    >>> step = sampler.step(torch.ones(1), 0, torch.zeros(1))  # the last step gives what is predicted
    >>> step.prev_sample.tolist()
    [1.0]
    """

    def step(
        self,
        model_output: Float[Tensor, "..."],
        timestep: int | Int[Tensor, ""],
        sample: Float[Tensor, "*sample"],
        *,
        generator: torch.Generator | None = None,
    ) -> Step:
        """One step back; a CPU generator draws the noise.

        Raises:
            ValueError: a timestep that is not one of ``timesteps``, an output of another shape, no generator where one is needed.
        """
        now, then = self._signals(timestep)
        clean, _ = self._predicted(model_output, sample, now)
        kept = now / then if then else 0.0
        mean = then**0.5 * (1 - kept) / (1 - now) * clean + kept**0.5 * (1 - then) / (1 - now) * sample
        if then == 1.0:
            return Step(mean, clean)
        if generator is None:
            raise ValueError("an ancestral step is random: pass generator=")
        noise = torch.randn(sample.shape, generator=generator, dtype=sample.dtype).to(sample.device)
        return Step(mean + ((1 - then) / (1 - now) * (1 - kept)) ** 0.5 * noise, clean)


class DDIMSampler(GaussianSampler):
    """Goes to the next level along the predicted noise, plus ``eta`` times the ancestral sampler's fresh noise.

    >>> sampler = DDIMSampler(torch.tensor([0.9, 0.5]), prediction_type="sample")
    >>> sampler.step(torch.ones(1), 0, torch.zeros(1)).prev_sample.tolist()
    [1.0]
    """

    def step(
        self,
        model_output: Float[Tensor, "..."],
        timestep: int | Int[Tensor, ""],
        sample: Float[Tensor, "*sample"],
        *,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Step:
        """One step back.

        Raises:
            ValueError: as for :meth:`AncestralSampler.step`; eta outside of [0, 1].
        """
        if not 0 <= eta <= 1:
            raise ValueError(f"eta must be in [0, 1], got {eta}")
        now, then = self._signals(timestep)
        clean, noise = self._predicted(model_output, sample, now)
        fresh = eta * ((1 - then) / max(1 - now, 1e-12) * (1 - (now / then if then else 0.0))) ** 0.5
        found = then**0.5 * clean + max(1 - then - fresh**2, 0.0) ** 0.5 * noise
        if not fresh:
            return Step(found, clean)
        if generator is None:
            raise ValueError("a step with eta > 0 is random: pass generator=")
        return Step(
            found + fresh * torch.randn(sample.shape, generator=generator, dtype=sample.dtype).to(sample.device), clean
        )
