"""Strings of random grammars, and the evidence that real channels leave of them."""

import torch

from quire.diffusion import (
    gaussian_evidence,
    gaussian_noise,
    mask,
    mask_evidence,
    uniform_evidence,
    uniform_noise,
)
from quire.hierarchy import RandomHierarchy, sample
from quire.types import Float, Shaped, Tensor

__all__ = ["evidence_of", "strings_of"]


def strings_of(
    vocab: int, num_rules: int, branching: int, depth: int, strings: int, seed: int, device: str
) -> tuple[RandomHierarchy, Shaped[Tensor, "strings tokens"]]:
    """A grammar with v classes, and independent strings of it on a device."""
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
    return grammar, sample(grammar, strings, seed=seed, replacement=True).tokens.long().to(device)


def evidence_of(
    channel: str, tokens: Tensor, vocab: int, noise: float, generator: torch.Generator
) -> Float[Tensor, "strings tokens vocab"]:
    """Noise the strings by a channel, and give the evidence that this leaves; float64.

    Args:
        channel: "mask" (noise is t), "uniform" or "gaussian" (noise is 1 - ᾱ).
        tokens: the strings.
        vocab: v.
        noise: from 0, none, to 1, nothing but noise.
        generator: of the noise.

    Raises:
        ValueError: another channel.
    """
    if channel == "mask":
        return mask_evidence(tokens, vocab, seen=mask(tokens, rate=noise, generator=generator))
    signal = 1 - noise
    if channel == "uniform":
        return uniform_evidence(uniform_noise(tokens, vocab, signal=signal, generator=generator), vocab, signal=signal)
    if channel == "gaussian":
        return gaussian_evidence(gaussian_noise(tokens, vocab, signal=signal, generator=generator), signal=signal)
    raise ValueError(f'channel must be "mask", "uniform" or "gaussian", got {channel!r}')
