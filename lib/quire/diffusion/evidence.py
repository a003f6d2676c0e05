r"""What noise leaves on the leaves: likelihoods :math:`h_i(a) \propto P(x_{t,i} | x_{0,i} = a)` of four processes.

========== ======================================================= ==========================================================
process    noise                                                   evidence h(a)
========== ======================================================= ==========================================================
ε          none: the belief is centred on the *true* token          1 - ε + ε/v for the true token, ε/v for the others
masking    a token is hidden with probability t                    one-hot where it is seen, all ones where it is hidden
uniform    a token is kept with ᾱ, else redrawn among all v         ᾱ [a = x] + (1 - ᾱ)/v
Gaussian   :math:`x = \sqrt{ᾱ}\,e_a + \sqrt{1 - ᾱ}\,z` in v dimensions    softmax of :math:`\sqrt{ᾱ}\,x_a/(1 - ᾱ)`
========== ======================================================= ==========================================================

The ε-process is no channel: it knows the true token and spreads the belief evenly, without the fluctuations of real noise.
The mean field (:mod:`quire.diffusion.mean_field`) is a theory of it, and of it alone.

Source: sclocchi2025phase (ε-process, Gaussian); sclocchi2025probing (masking); Austin et al., NeurIPS 2021 (uniform).
"""

import torch

from quire.cite import cites
from quire.diffusion.mean_field import check_noise
from quire.hierarchy import leaf_evidence
from quire.types import Bool, Float, Int, Shaped, Tensor

__all__ = [
    "epsilon_evidence",
    "gaussian_evidence",
    "gaussian_noise",
    "mask",
    "mask_evidence",
    "uniform_evidence",
    "uniform_noise",
]


@cites("sclocchi2025phase", "the simplified process")
def epsilon_evidence(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, noise: float
) -> Float[Tensor, "samples tokens vocab"]:
    """Belief 1 - ε + ε/v in the true token, ε/v in each of the others; float64.

    Args:
        tokens: integers in [0, vocab).
        vocab: v.
        noise: ε in [0, 1].

    Raises:
        ValueError: noise outside of [0, 1], tokens outside of the vocabulary.

    >>> epsilon_evidence(torch.tensor([[1]]), 2, noise=0.5).tolist()
    [[[0.25, 0.75]]]
    """
    _check(tokens, vocab, noise, "noise")
    return _mixed(tokens, vocab, 1 - noise)


def mask(
    tokens: Shaped[Tensor, "samples tokens"], *, rate: float, generator: torch.Generator
) -> Bool[Tensor, "samples tokens"]:
    """Which tokens are still seen, each with probability 1 - t.

    Args:
        tokens: of any kind; their shape is what counts.
        rate: t in [0, 1].

    Raises:
        ValueError: rate outside of [0, 1].
    """
    check_noise(torch.tensor(rate), "rate")
    return torch.rand(tokens.shape, generator=generator, dtype=torch.float64).to(tokens.device) >= rate


@cites("sclocchi2025probing", "masking diffusion")
def mask_evidence(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, seen: Bool[Tensor, "samples tokens"]
) -> Float[Tensor, "samples tokens vocab"]:
    """One-hot where a token is seen, all ones where it is not; float64.

    Raises:
        ValueError: tokens outside of the vocabulary.

    >>> mask_evidence(torch.tensor([[1, 0]]), 2, seen=torch.tensor([[True, False]])).tolist()
    [[[0.0, 1.0], [1.0, 1.0]]]
    """
    _check(tokens, vocab, 0.0, "rate")
    return leaf_evidence(tokens, vocab, observed=seen)


def uniform_noise(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, signal: float, generator: torch.Generator
) -> Int[Tensor, "samples tokens"]:
    """Keep each token with probability ᾱ, and draw it anew among all symbols otherwise.

    Args:
        tokens: integers in [0, vocab).
        vocab: v.
        signal: ᾱ in [0, 1].

    Raises:
        ValueError: signal outside of [0, 1], tokens outside of the vocabulary.
    """
    _check(tokens, vocab, signal, "signal")
    kept = torch.rand(tokens.shape, generator=generator, dtype=torch.float64) < signal
    drawn = torch.randint(vocab, tokens.shape, generator=generator)
    return torch.where(kept.to(tokens.device), tokens.long(), drawn.to(tokens.device))


def uniform_evidence(
    noisy: Shaped[Tensor, "samples tokens"], vocab: int, *, signal: float
) -> Float[Tensor, "samples tokens vocab"]:
    """ᾱ [a = x] + (1 - ᾱ)/v; float64.

    Raises:
        ValueError: as for :func:`uniform_noise`.

    >>> uniform_evidence(torch.tensor([[1]]), 2, signal=0.5).tolist()
    [[[0.25, 0.75]]]
    """
    _check(noisy, vocab, signal, "signal")
    return _mixed(noisy, vocab, signal)


def gaussian_noise(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, signal: float, generator: torch.Generator
) -> Float[Tensor, "samples tokens vocab"]:
    """:math:`\\sqrt{ᾱ}` times the one-hot token plus :math:`\\sqrt{1 - ᾱ}` times white noise; float64.

    Raises:
        ValueError: as for :func:`uniform_noise`.
    """
    _check(tokens, vocab, signal, "signal")
    white = torch.randn(*tokens.shape, vocab, generator=generator, dtype=torch.float64).to(tokens.device)
    return signal**0.5 * leaf_evidence(tokens, vocab) + (1 - signal) ** 0.5 * white


@cites("sclocchi2025phase", "Gaussian noise on one-hot tokens")
def gaussian_evidence(
    noisy: Float[Tensor, "samples tokens vocab"], *, signal: float
) -> Float[Tensor, "samples tokens vocab"]:
    """softmax of :math:`\\sqrt{ᾱ}\\,x_a/(1 - ᾱ)`: all one-hots have one norm, which cancels; float64.

    Without noise (ᾱ = 1) the exponent is infinite, and the limit is taken: one-hot at the largest entry.

    Raises:
        ValueError: signal outside of [0, 1], or entries that are not finite.

    >>> gaussian_evidence(torch.tensor([[[0.0, 1.0]]], dtype=torch.float64), signal=1.0).tolist()
    [[[0.0, 1.0]]]
    """
    check_noise(torch.tensor(signal), "signal")
    if not bool(torch.isfinite(noisy).all()):
        raise ValueError("noisy must be finite: it holds nan or inf")
    values = noisy.double()
    if signal == 1:
        return torch.nn.functional.one_hot(values.argmax(-1), values.shape[-1]).double()
    return torch.softmax(signal**0.5 / (1 - signal) * values, -1)


def _mixed(tokens: Tensor, vocab: int, share: float) -> Tensor:
    """``share`` on the token, the rest evenly on all symbols."""
    return share * leaf_evidence(tokens, vocab) + (1 - share) / vocab


def _check(tokens: Tensor, vocab: int, value: float, name: str) -> None:
    check_noise(torch.tensor(value), name)
    if tokens.is_floating_point() or tokens.is_complex():
        raise ValueError(f"tokens must be integers, got {tokens.dtype}")
    if tokens.numel() and not (0 <= int(tokens.min()) and int(tokens.max()) < vocab):
        raise ValueError(f"tokens must be in [0, {vocab}), got {int(tokens.min())}..{int(tokens.max())}")
