"""Cells on blocks of change in trees: what exact denoising changes together. JSON arguments to rows."""

import math

import torch

from quire.diffusion import (
    MeanField,
    changed,
    epsilon_evidence,
    mean_field_correlation,
    mean_field_susceptibility,
    tree_blocks,
)
from quire.experiments.phase_transition.noised import evidence_of, strings_of
from quire.hierarchy import sample_nodes
from quire.types import Tensor

__all__ = ["channel_blocks", "epsilon_blocks"]


def epsilon_blocks(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    noise: float,
    grammars: int,
    strings: int,
    block: int,
    generator: torch.Generator,
    device: str,
) -> list[dict]:
    """What the ε-process changes together, in a block of grammars, beside the mean field: a row for each level of ancestors.

    Args:
        vocab, num_rules, branching, depth: of the grammars.
        noise: ε.
        grammars: of this block; the leaves of all of them are alike.
        strings: of each grammar.
        block: number of the block: its grammars and data are its own.
    """
    spins = []
    for seed in range(block * grammars, (block + 1) * grammars):
        grammar, tokens = strings_of(vocab, num_rules, branching, depth, strings, seed, device)
        evidence = epsilon_evidence(tokens, vocab, noise=noise)
        spins.append(changed(tokens, sample_nodes(grammar, evidence, draws=1, generator=generator)[0]))
    theory, at = MeanField(vocab, num_rules, branching), torch.tensor(noise, dtype=torch.float64)
    expected, peak = mean_field_correlation(theory, at, depth), float(mean_field_susceptibility(theory, at, depth))
    rows = _block_rows(torch.cat(spins), branching)
    for row in rows:
        row["mean_field_correlation"] = float(expected[row["level"]] / expected[0])
        row["mean_field_susceptibility"] = peak
    return rows


def channel_blocks(
    *,
    channel: str,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    noise: float,
    grammars: int,
    strings: int,
    block: int,
    generator: torch.Generator,
    device: str,
) -> list[dict]:
    """What a real channel changes together: as :func:`epsilon_blocks`, with no theory beside it.

    Args:
        channel: as for :func:`channel_levels`.
        vocab, num_rules, branching, depth, noise, grammars, strings, block: as for :func:`epsilon_blocks`.
    """
    spins = []
    for seed in range(block * grammars, (block + 1) * grammars):
        grammar, tokens = strings_of(vocab, num_rules, branching, depth, strings, seed, device)
        evidence = evidence_of(channel, tokens, vocab, noise, generator)
        spins.append(changed(tokens, sample_nodes(grammar, evidence, draws=1, generator=generator)[0]))
    return _block_rows(torch.cat(spins), branching)


def _block_rows(spins: Tensor, branching: int) -> list[dict]:
    """A row for each level; without correlations (nan) where nothing changed, or everything."""
    sizes, share = _sizes(spins.shape[2], branching), float(spins.double().mean())
    relative, susceptibility = [math.nan] * len(sizes), math.nan
    if 0 < share < 1:
        found = tree_blocks(spins, branching, order="alike")
        relative = (found.correlation / found.correlation[0]).tolist()
        susceptibility = found.susceptibility
    return [
        {
            "level": level,
            "distance": float(size),
            "correlation": relative[level],
            "susceptibility": susceptibility,
            "share": share,
        }
        for level, size in enumerate(sizes)
    ]


def _sizes(leaves: int, branching: int) -> list[int]:
    """1, s, s², …, the leaves below a node of each level."""
    sizes = [1]
    while sizes[-1] < leaves:
        sizes.append(sizes[-1] * branching)
    return sizes
