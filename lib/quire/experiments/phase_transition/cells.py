"""Cells on exact denoising of grammars: what is kept at each level. JSON arguments to rows.

A level is counted from the leaves, 0, to the class, L.
"""

import torch

from quire.diffusion import MeanField, epsilon_evidence, restored_nodes, true_beliefs
from quire.experiments.phase_transition.noised import evidence_of, strings_of

__all__ = ["channel_levels", "epsilon_levels"]


def epsilon_levels(
    *, vocab: int, num_rules: int, branching: int, depth: int, noise: float, strings: int, seed: int, device: str
) -> list[dict]:
    """The ε-process, level by level: belief in the true symbol from below and from all leaves, exactly and in mean field.

    Args:
        vocab, num_rules, branching, depth: of the grammar, which has v classes.
        noise: ε.
        strings: data of the grammar.
        seed: of the rules and of the data.
    """
    grammar, tokens = strings_of(vocab, num_rules, branching, depth, strings, seed, device)
    believed = true_beliefs(grammar, tokens, epsilon_evidence(tokens, vocab, noise=noise))
    theory, at = MeanField(vocab, num_rules, branching), torch.tensor(noise, dtype=torch.float64)
    upward, kept = theory.upward(at, depth), theory.kept(at, depth)
    return [
        {
            "level": level,
            "belief": float(believed.below[level].mean()),
            "mean_field_belief": float(upward[level]),
            "kept": float(believed.everywhere[level].mean()),
            "mean_field_kept": float(kept[level]),
        }
        for level in range(depth + 1)
    ]


def channel_levels(
    *,
    channel: str,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    noise: float,
    strings: int,
    seed: int,
    generator: torch.Generator,
    device: str,
) -> list[dict]:
    """A real channel, level by level: belief in the true symbol, and how often a draw of the posterior restores it.

    Args:
        channel: "mask" (noise is t), "uniform" or "gaussian" (noise is 1 - ᾱ).
        vocab, num_rules, branching, depth, strings, seed: as for :func:`epsilon_levels`.
        noise: from 0, none, to 1, nothing but noise.
    """
    grammar, tokens = strings_of(vocab, num_rules, branching, depth, strings, seed, device)
    evidence = evidence_of(channel, tokens, vocab, noise, generator)
    believed = true_beliefs(grammar, tokens, evidence)
    restored = restored_nodes(grammar, tokens, evidence, draws=1, generator=generator)
    return [
        {
            "level": level,
            "belief": float(believed.below[level].mean()),
            "kept": float(believed.everywhere[level].mean()),
            "restored": float(restored[level].double().mean()),
        }
        for level in range(depth + 1)
    ]
