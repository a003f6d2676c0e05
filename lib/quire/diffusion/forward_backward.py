r"""Forward and back: noise a datum of a known grammar, restore it by the exact posterior, and see what is still there.

An ideal reverse process that starts at the noisy datum ends at a draw from :math:`P(x_0 | x_t)`, latent nodes included. On a
tree this law is exact and costs one pass of messages and one of draws (:func:`quire.hierarchy.sample_nodes`), where a
simulated process takes as many passes as it has steps.

Source: sclocchi2025phase, Section "Theory" (exact denoising by belief propagation).
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.hierarchy import RandomHierarchy, parse, sample_nodes, tree_posteriors
from quire.types import Bool, Float, Shaped, Tensor

__all__ = ["TrueBeliefs", "restored_nodes", "true_beliefs", "true_nodes"]


@dataclass(frozen=True, eq=False)
class TrueBeliefs:
    """Belief in what was really there, for every node: entry l of each has shape (samples, s^(L-l)).

    Attributes:
        below: given the leaves below the node alone; the p_l of the mean field.
        everywhere: given all leaves: the chance that an ideal denoiser restores the node.
    """

    below: tuple[Float[Tensor, "samples _"], ...]
    everywhere: tuple[Float[Tensor, "samples _"], ...]


def true_nodes(
    grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"]
) -> tuple[Shaped[Tensor, "samples _"], ...]:
    """Symbols of all nodes of grammatical strings, from the leaves to the class.

    Raises:
        ValueError: a string that the grammar does not produce.
    """
    parsed = parse(grammar, tokens)
    foreign = parsed.labels < 0
    if bool(foreign.any()):
        raise ValueError(f"{int(foreign.sum())} of {len(tokens)} strings are not of this grammar: they have no tree")
    return parsed.levels


@cites("sclocchi2025phase", "exact denoising by belief propagation")
def true_beliefs(
    grammar: RandomHierarchy,
    tokens: Shaped[Tensor, "samples tokens"],
    evidence: Float[Tensor, "samples tokens vocab"],
) -> TrueBeliefs:
    """Belief in the true symbol of each node, given evidence of the same data.

    Raises:
        ValueError: strings that are not of the grammar; evidence of another shape, or that excludes every datum.
    """
    nodes, below, everywhere, start = true_nodes(grammar, tokens), [], [], 0
    for part in tree_posteriors(grammar, evidence):
        there = [symbols[start : start + len(part.log_likelihood)] for symbols in nodes]
        start += len(part.log_likelihood)
        below.append([_at(beliefs, symbols) for beliefs, symbols in zip(part.below(), there, strict=True)])
        everywhere.append([_at(beliefs, symbols) for beliefs, symbols in zip(part.marginals(), there, strict=True)])
    return TrueBeliefs(_joined(below), _joined(everywhere))


@cites("sclocchi2025phase", "forward-backward experiment")
def restored_nodes(
    grammar: RandomHierarchy,
    tokens: Shaped[Tensor, "samples tokens"],
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    draws: int,
    generator: torch.Generator,
) -> tuple[Bool[Tensor, "samples draws _"], ...]:
    """Whether each node has its true symbol again, in several draws of the restored tree; from the leaves to the class.

    Raises:
        ValueError: as for :func:`true_beliefs`; draws < 1.
    """
    nodes = true_nodes(grammar, tokens)
    drawn = sample_nodes(grammar, evidence, draws=draws, generator=generator)
    return tuple(found == symbols[:, None] for found, symbols in zip(drawn, nodes, strict=True))


def _joined(parts: list[list[Tensor]]) -> tuple[Tensor, ...]:
    return tuple(torch.cat(level) for level in zip(*parts, strict=True))


def _at(beliefs: Tensor, symbols: Tensor) -> Tensor:
    return beliefs.gather(2, symbols.long()[..., None])[..., 0]
