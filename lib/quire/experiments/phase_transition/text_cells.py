"""Cells on masked text: what a perfect denoiser changes together in the text of a grammar, of a chain, and token by token."""

import math

import torch

from quire.diffusion import (
    PersistentChain,
    changed,
    line_distances,
    mask,
    mask_evidence,
    pair_blocks,
)
from quire.hierarchy import RandomHierarchy, sample, sample_nodes
from quire.types import Tensor

__all__ = ["text_blocks"]

SHOWN = 32  # largest distance of a row


def text_blocks(
    *,
    text: str,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    persistence: float,
    noise: float,
    grammars: int,
    strings: int,
    block: int,
    generator: torch.Generator,
    device: str,
) -> list[dict]:
    """Mask a fraction t, restore by the exact posterior, and correlate the changes along the line.

    Args:
        text: "grammar"; "chain", where a token repeats the one before with probability ``persistence``; or "tokens", all
            independent of each other.
        vocab, num_rules, branching, depth: of the grammars; all texts have s^L tokens.
        persistence: ρ of the chain.
        noise: t.
        grammars, strings: texts are ``grammars`` times ``strings``.
        block: number of the block of texts, which are its own.

    Returns:
        A row for each distance up to 32: C(r)/C(0), and in each row χ of the whole text.
    """
    length = branching**depth
    if text == "grammar":
        seeds = range(block * grammars, (block + 1) * grammars)
        settings = [RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed) for seed in seeds]
        parts = [
            _masked_and_restored(
                sample(grammar, strings, seed=seed, replacement=True).tokens.long().to(device),
                vocab,
                noise,
                generator,
                lambda evidence, grammar=grammar: sample_nodes(grammar, evidence, draws=1, generator=generator)[0],
            )
            for seed, grammar in zip(seeds, settings, strict=True)
        ]
        return _rows(torch.cat(parts))
    if text not in ("chain", "tokens"):
        raise ValueError(f'text must be "grammar", "chain" or "tokens", got {text!r}')
    chain = PersistentChain(vocab, persistence if text == "chain" else 0.0)
    tokens = chain.sample(grammars * strings, length, generator=generator).to(device)
    restore = lambda evidence: chain.restore(evidence, draws=1, generator=generator)  # noqa: E731
    return _rows(_masked_and_restored(tokens, vocab, noise, generator, restore))


def _masked_and_restored(tokens: Tensor, vocab: int, noise: float, generator: torch.Generator, restore) -> Tensor:
    """σ: where the restored text differs."""
    evidence = mask_evidence(tokens, vocab, seen=mask(tokens, rate=noise, generator=generator))
    return changed(tokens, restore(evidence))


def _rows(spins: Tensor) -> list[dict]:
    share, length = float(spins.double().mean()), spins.shape[2]
    relative, susceptibility = [math.nan] * length, math.nan
    if 0 < share < 1:
        found = pair_blocks(spins, line_distances(length), order="alike")
        relative = (found.correlation / found.correlation[0]).tolist()
        susceptibility = found.susceptibility
    return [
        {"distance": r, "correlation": relative[r], "susceptibility": susceptibility, "share": share}
        for r in range(min(length, SHOWN + 1))
    ]
