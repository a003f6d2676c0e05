r"""Uniform discrete diffusion (D3PM): a token keeps its value with probability ᾱ and is redrawn among all v otherwise.

With :math:`\bar Q_t = \barα_t\,1 + (1-\barα_t)/v`, and κ = ᾱ_t/ᾱ_s the chance to be kept from s to the noisier t, Bayes gives

.. math:: q(x_s = b | x_t = a, x_0 = c) = \frac{[κ δ_{ab} + (1-κ)/v]\,[ᾱ_s δ_{bc} + (1-ᾱ_s)/v]}{ᾱ_t δ_{ac} + (1-ᾱ_t)/v}.

A model that gives p(c) is a mixture of these. Since each factor is a constant plus a delta, it costs O(v), with no v × v matrix.

Source: Austin et al., NeurIPS 2021, equations 3, 4 and Appendix A.2.1.
"""

import torch

from quire.diffusion.draws import draw_symbols
from quire.diffusion.gaussian_samplers import GaussianSampler, Step
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["UniformSampler", "uniform_posterior"]


def uniform_posterior(
    clean: Float[Tensor, "*batch symbols"],
    noisy: Shaped[Tensor, "*batch"],
    *,
    now: float | Float[Tensor, "*batch"],
    then: float | Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch symbols"]:
    """Law of the token at a cleaner level, given the noisy one and a law of the clean one; float64.

    Args:
        clean: probabilities of the clean token: of a model, or one-hot.
        noisy: the token now.
        now: signal ᾱ of the noisy level.
        then: signal ᾱ of the cleaner one, at least as large and positive.

    Raises:
        ValueError: signals that are not 0 ≤ now ≤ then ≤ 1 with then > 0, or now = 1.

    >>> uniform_posterior(torch.tensor([1.0, 0.0]), torch.tensor(1), now=0.0, then=0.5).tolist()
    [0.75, 0.25]
    """
    now = torch.as_tensor(now, dtype=torch.float64, device=clean.device)
    then = torch.as_tensor(then, dtype=torch.float64, device=clean.device)
    if not bool(((now >= 0) & (now <= then) & (then <= 1) & (then > 0) & (now < 1)).all()):
        raise ValueError("signals must obey 0 <= now <= then <= 1, then > 0 and now < 1: there is nothing to denoise")
    vocab = clean.shape[-1]
    now, then = now[..., None], then[..., None]
    seen = torch.nn.functional.one_hot(noisy.long(), vocab).double()
    weights = clean.double() / (now * seen + (1 - now) / vocab)
    kept = now / then
    stays = kept * seen + (1 - kept) / vocab
    return stays * (then * weights + (1 - then) / vocab * weights.sum(-1, keepdim=True))


class UniformSampler(GaussianSampler):
    """Ancestral sampler of the uniform process; the model gives logits of the clean tokens.

    Levels, ``timesteps`` and ``set_timesteps`` are those of the Gaussian samplers.

    >>> sampler = UniformSampler(torch.tensor([0.9, 0.5]))
    >>> sampler.step(torch.tensor([[[-9e9, 0.0]]]), 0, torch.tensor([[0]]), generator=torch.Generator()).prev_sample.tolist()
    [[1]]
    """

    def __init__(self, alphas_cumprod: Float[Tensor, " levels"], *, timestep_spacing: str = "leading"):
        super().__init__(alphas_cumprod, prediction_type="sample", timestep_spacing=timestep_spacing)

    def add_noise(
        self,
        original_samples: Shaped[Tensor, "batch *length"],
        noise: Shaped[Tensor, "batch *length"],
        timesteps: Int[Tensor, " batch"],
        *,
        generator: torch.Generator,
    ) -> Int[Tensor, "batch *length"]:
        """Put the symbols ``noise``, drawn uniformly among all, where a token is not kept at its level."""
        kept = self.alphas_cumprod[timesteps].view(-1, *[1] * (original_samples.ndim - 1))
        stays = torch.rand(original_samples.shape, generator=generator, dtype=torch.float64) < kept
        return torch.where(stays.to(original_samples.device), original_samples.long(), noise.long())

    def step(
        self,
        model_output: Float[Tensor, "..."],
        timestep: int | Int[Tensor, ""],
        sample: Shaped[Tensor, "*batch length"],
        *,
        generator: torch.Generator,
    ) -> Step:
        """One step back.

        Raises:
            ValueError: a timestep that is not one of ``timesteps``, logits of another shape.
        """
        now, then = self._signals(timestep)
        if model_output.shape[:-1] != sample.shape:
            raise ValueError(f"logits must be [{list(sample.shape)}, symbols], got {list(model_output.shape)}")
        clean = model_output.double().softmax(-1)
        law = uniform_posterior(clean, sample, now=now, then=then)
        return Step(draw_symbols(law, generator=generator), clean.argmax(-1))
