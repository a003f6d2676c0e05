r"""Samplers of masked diffusion: tokens are hidden one by one, and filled in again from what a model says of them.

The law of the hidden tokens does not depend on the time, so that any order of filling samples from the same law, if the model
is exact and one token is filled at a time. Filling several at once takes them as independent, given those that are seen.

Source: Sahoo et al., NeurIPS 2024, equation 7 (steps in time); Uria, Murray & Larochelle, ICML 2014 (any order).
"""

from collections.abc import Callable

import torch

from quire.diffusion.draws import draw_symbols
from quire.diffusion.gaussian_samplers import Step
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["MaskedSampler", "sample_any_order"]

Model = Callable[[Tensor], Tensor]


def sample_any_order(
    model: Model,
    shape: tuple[int, ...],
    *,
    mask: int,
    at_once: int = 1,
    generator: torch.Generator,
    start: Int[Tensor, "*batch length"] | None = None,
    device: torch.device | str = "cpu",
) -> Int[Tensor, "*batch length"]:
    """Fill hidden strings in an order that is drawn anew for each of them.

    Args:
        model: from tokens ``[*batch, length]`` to logits ``[*batch, length, symbols]``.
        shape: (*batch, length) of the strings.
        mask: the token that stands for a hidden one.
        at_once: tokens that are filled between two calls of the model.
        generator: on the CPU.
        start: strings of which some tokens are hidden already, to be filled in; None: all are.
        device: where the model is.

    Raises:
        ValueError: a start of another shape, at_once below one, an empty shape, logits of another shape, or logits that admit no symbol.

    >>> certain = lambda tokens: torch.tensor([0.0, -torch.inf]).expand(*tokens.shape, 2)
    >>> sample_any_order(certain, (1, 3), mask=2, generator=torch.Generator()).tolist()
    [[0, 0, 0]]
    """
    if at_once < 1 or len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"at_once must be >= 1 and shape (*batch, length) positive, got {at_once} and {shape}")
    if start is not None and tuple(start.shape) != tuple(shape):
        raise ValueError(f"start must have the shape {list(shape)}, got {list(start.shape)}")
    tokens = torch.full(shape, mask, dtype=torch.long, device=device) if start is None else start.long().clone()
    # hidden places first, in random order: strings with fewer of them are left as they are when theirs are filled
    rank = torch.rand(shape, generator=generator, dtype=torch.float64).to(device) + (tokens != mask)
    most = int((tokens == mask).sum(-1).max())
    for places in rank.argsort(-1)[..., :most].split(at_once, -1):
        drawn, seen = filled(model(tokens), tokens, places, generator), tokens.gather(-1, places)
        tokens.scatter_(-1, places, torch.where(seen == mask, drawn, seen))
    return tokens


class MaskedSampler:
    """Steps in time from s to t < s: a hidden token stays hidden with probability t/s, and else is drawn.

    Times are (level + 1)/T, so that the noisiest level hides everything. The names are those of *diffusers*, and the model
    gives logits.

    Args:
        num_levels: T.
        mask: the token that stands for a hidden one.

    Raises:
        ValueError: no level.

    >>> sampler = MaskedSampler(4, mask=2)
    >>> sampler.step(torch.tensor([[[0.0, -9e9]]]), 0, torch.tensor([[2]]), generator=torch.Generator()).prev_sample.tolist()
    [[0]]
    """

    def __init__(self, num_levels: int, *, mask: int):
        if num_levels < 1:
            raise ValueError(f"num_levels must be at least 1, got {num_levels}")
        self.num_train_timesteps, self.mask = num_levels, mask
        self.alphas_cumprod = 1 - torch.arange(1, num_levels + 1, dtype=torch.float64) / num_levels
        self.set_timesteps(num_levels)

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Levels of n steps, evenly spaced from the noisiest, as ``timesteps``.

        Raises:
            ValueError: fewer steps than one or more than levels.
        """
        total = self.num_train_timesteps
        if not 1 <= num_inference_steps <= total:
            raise ValueError(f"num_inference_steps must be in 1..{total}, got {num_inference_steps}")
        places = torch.arange(num_inference_steps, 0, -1, dtype=torch.float64) * total / num_inference_steps
        self.timesteps = places.round().long() - 1
        self._following = dict(zip(self.timesteps.tolist(), [*self.timesteps[1:].tolist(), -1], strict=True))

    def add_noise(
        self,
        original_samples: Shaped[Tensor, "batch *length"],
        noise: Float[Tensor, "batch *length"],
        timesteps: Int[Tensor, " batch"],
    ) -> Int[Tensor, "batch *length"]:
        """Hide the tokens whose ``noise``, uniform on [0, 1), lies below the rate of the level."""
        rates = (1 - self.alphas_cumprod[timesteps]).view(-1, *[1] * (original_samples.ndim - 1))
        return original_samples.long().masked_fill(noise.double() < rates, self.mask)

    def step(
        self,
        model_output: Float[Tensor, "..."],
        timestep: int | Int[Tensor, ""],
        sample: Shaped[Tensor, "*batch length"],
        *,
        generator: torch.Generator,
    ) -> Step:
        """One step back; tokens that are seen stay as they are.

        Raises:
            ValueError: a timestep that is not one of ``timesteps``, logits of another shape.
        """
        level = int(timestep)
        if level not in self._following:
            raise ValueError(f"timestep must be one of timesteps {self.timesteps.tolist()}, got {level}")
        hidden = sample == self.mask
        everywhere = torch.arange(sample.shape[-1], device=sample.device).expand(sample.shape)
        drawn = torch.where(hidden, filled(model_output, sample, everywhere, generator), sample)
        stays = (self._following[level] + 1) / (level + 1)
        shown = torch.rand(sample.shape, generator=generator, dtype=torch.float64).to(sample.device) >= stays
        return Step(torch.where(hidden & ~shown, self.mask, drawn), drawn)


def filled(logits: Tensor, tokens: Tensor, places: Tensor, generator: torch.Generator) -> Tensor:
    """Symbols drawn for some places of each string."""
    if logits.shape[:-1] != tokens.shape:
        raise ValueError(f"the model must give logits [{list(tokens.shape)}, symbols], got {list(logits.shape)}")
    chosen = logits.gather(-2, places[..., None].expand(*places.shape, logits.shape[-1]))
    return draw_symbols(chosen.double().softmax(-1), generator=generator)
