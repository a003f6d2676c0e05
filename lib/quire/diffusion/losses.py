r"""Losses of diffusion models, as objectives of :func:`quire.training.train`.

=================== ============================= ====================================================================
model               loss                          it bounds
=================== ============================= ====================================================================
Gaussian            half the squared error of ε   :func:`quire.training.denoising` with ``predict="noise"``
masked, flat        cross-entropy of hidden ones  each sample the mean over its hidden tokens: :func:`masked_loss`, "flat"
masked, 1/t         the same over t, summed       -log P(x)/d, exactly where the model is exact: :func:`masked_loss`, "1/t"
uniform             divergence of the posteriors  T times it, less what does not depend on the model: :func:`uniform_loss`
=================== ============================= ====================================================================

Source: Ho, Jain & Abbeel, NeurIPS 2020; Sahoo et al., NeurIPS 2024, equation 10; Austin et al., NeurIPS 2021, equation 1.
"""

from dataclasses import replace

from quire.diffusion.schedules import check_alphas_cumprod
from quire.diffusion.uniform_diffusion import uniform_posterior
from quire.training import Batch, Objective, denoising, masked_prediction
from quire.types import Float, Tensor

__all__ = ["masked_loss", "noise_loss", "uniform_loss"]


def noise_loss(alphas_cumprod: Float[Tensor, " levels"], *, conditioned: bool = True) -> Objective:
    """Half the squared distance from the noise; the net is called with the level unless ``conditioned`` is false."""
    return denoising(check_alphas_cumprod(alphas_cumprod), predict="noise", conditioned=conditioned)


def masked_loss(mask: int, *, weight: str) -> Objective:
    """Cross-entropy of hidden tokens, each hidden with probability t, t uniform on (0, 1); nats per token.

    Args:
        mask: the token that stands for a hidden one.
        weight: "1/t", whose average is the bound of -log P(x) per token; or "flat", the mean over the hidden tokens.

    Raises:
        ValueError: another weight.
    """
    if weight not in ("1/t", "flat"):
        raise ValueError(f'weight must be "1/t" or "flat", got {weight!r}')
    return masked_prediction(mask, rates=(0.0, 1.0), weighting="rate" if weight == "1/t" else "masked")


def uniform_loss(alphas_cumprod: Float[Tensor, " levels"], vocab: int, *, conditioned: bool) -> Objective:
    """Divergence of the exact one-step posterior from the model's, nats per token, at a level drawn uniformly.

    At the lowest level it is the cross-entropy of the clean token. Token inputs ``[members, batch, length]``, outputs
    ``[members, batch, length, vocab]``, logits of the clean tokens.

    Args:
        alphas_cumprod: signal kept at each level.
        vocab: v.
        conditioned: call the net as ``net(tokens, level)``.
    """
    signal = check_alphas_cumprod(alphas_cumprod)

    def corrupt(batch: Batch) -> Batch:
        tokens = batch.inputs.long()
        level = batch.integers(len(signal))
        now = signal.to(tokens.device)[level][..., None]
        before = signal.to(tokens.device)[(level - 1).clamp_min(0)][..., None]
        then = before.masked_fill((level == 0)[..., None], 1.0)
        stays = batch.uniform(tokens.shape[2]) < now
        noisy = stays * tokens + ~stays * batch.integers(vocab, tokens.shape[2])
        inputs = (noisy, level) if conditioned else noisy
        return replace(batch, inputs=inputs, targets=(tokens, noisy, now.expand(noisy.shape), then.expand(noisy.shape)))

    def loss(outputs: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        tokens, noisy, now, then = targets
        truth = outputs.new_zeros(outputs.shape).scatter_(-1, tokens[..., None], 1.0)
        exact = uniform_posterior(truth, noisy, now=now, then=then)
        model = uniform_posterior(outputs.double().softmax(-1), noisy, now=now, then=then)
        found = (exact * (exact.clamp_min(1e-300).log() - model.clamp_min(1e-300).log())).sum(-1)
        return found.mean(2).to(outputs.dtype)

    return Objective(loss, corrupt)
