r"""Objectives of generative models: the net is asked to undo a corruption that is drawn anew for every sample.

Denoising: :math:`x_t = \sqrt{\bar\alpha_t}\, x + \sqrt{1 - \bar\alpha_t}\, z`, t uniform on the levels; the loss is half
the squared distance of the output from z or from x. Masked prediction: every token is masked with probability r, r
uniform on an interval and drawn per sample; the loss is the cross-entropy of the masked tokens.

Source: Ho, Jain & Abbeel, NeurIPS 2020, equations 4 and 14; Sahoo et al., NeurIPS 2024 (masked diffusion).
"""

from dataclasses import replace
from typing import Literal

from torch.nn import functional

from quire.training.batch import Batch
from quire.training.loss_functions import losses
from quire.training.objectives import Objective
from quire.types import Float, Tensor

__all__ = ["denoising", "masked_prediction"]


def denoising(signal: Float[Tensor, " levels"], *, predict: Literal["noise", "clean"], conditioned: bool) -> Objective:
    """Half the squared distance of the output from the noise, or from the clean sample; real inputs, targets unused.

    Args:
        signal: fraction of the variance that is kept at each level, :math:`\\bar\\alpha_t` in [0, 1] (diffusers'
            ``alphas_cumprod``).
        predict: what the net gives, in the shape of its input.
        conditioned: call the net as ``net(noisy, level)``, the level an integer per sample; else as ``net(noisy)``.

    Raises:
        ValueError: a signal outside of [0, 1], or an unknown ``predict``.

    >>> import torch
    >>> objective = denoising(torch.tensor([1.0]), predict="clean", conditioned=False)  # no noise at all
    >>> batch = Batch(torch.ones(1, 2, 3), None, (torch.Generator(),))
    >>> objective(torch.nn.Identity(), batch).tolist()
    [[0.0, 0.0]]
    """
    if predict not in ("noise", "clean"):
        raise ValueError(f'predict must be "noise" or "clean", got {predict!r}')
    if signal.numel() == 0 or not bool(((signal >= 0) & (signal <= 1)).all()):
        raise ValueError(f"signal must be a fraction in [0, 1] for each level, got {signal.tolist()}")

    def corrupt(batch: Batch) -> Batch:
        clean = batch.inputs
        level, noise = batch.integers(len(signal)), batch.normal(*clean.shape[2:])
        kept = signal.to(clean)[level].view(*level.shape, *[1] * (clean.ndim - 2))
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        inputs = (noisy, level) if conditioned else noisy
        return replace(batch, inputs=inputs, targets=noise if predict == "noise" else clean)

    return Objective(lambda outputs, targets: losses(outputs, targets, loss="mse"), corrupt)


def masked_prediction(mask: int, *, rates: tuple[float, float], weighting: Literal["masked", "rate"]) -> Objective:
    """Cross-entropy (nats) of masked tokens; token inputs ``[members, batch, length]``, targets unused, outputs
    ``[members, batch, length, symbols]``.

    Args:
        mask: the token that stands for a masked one.
        rates: interval of the masking probability r.
        weighting: per sample, the mean over its "masked" tokens (zero if there are none), or their sum over length times
            "rate": the bound of the log-likelihood per token, where r is uniform on (0, 1).

    Raises:
        ValueError: rates that are not 0 ≤ low ≤ high ≤ 1 with high > 0, or an unknown weighting.

    >>> import torch
    >>> objective = masked_prediction(2, rates=(1.0, 1.0), weighting="masked")
    >>> batch = Batch(torch.tensor([[[0, 1]]]), None, (torch.Generator(),))
    >>> uniform = lambda tokens: torch.zeros(*tokens.shape, 2)
    >>> round(objective.loss(uniform(batch.inputs), objective.corrupted(batch).targets).item(), 4)
    0.6931
    """
    low, high = rates
    if weighting not in ("masked", "rate"):
        raise ValueError(f'weighting must be "masked" or "rate", got {weighting!r}')
    if not 0 <= low <= high <= 1 or high == 0:
        raise ValueError(f"rates must be 0 ≤ low ≤ high ≤ 1 with high > 0, got {rates}")

    def corrupt(batch: Batch) -> Batch:
        tokens = batch.inputs
        rate = high - (high - low) * batch.uniform()  # in (low, high]: never zero
        hidden = batch.uniform(tokens.shape[2]) < rate[..., None]
        inputs = tokens.masked_fill(hidden, mask)
        return replace(batch, inputs=inputs, targets=(tokens, hidden, rate))

    def loss(outputs: Tensor, targets: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        tokens, hidden, rate = targets
        each = functional.cross_entropy(outputs.movedim(-1, 1), tokens.long(), reduction="none") * hidden
        total = rate * tokens.shape[2] if weighting == "rate" else hidden.sum(2).clamp_min(1)
        return each.sum(2) / total

    return Objective(loss, corrupt)
