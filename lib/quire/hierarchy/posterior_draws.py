r"""Trees drawn from their exact law given evidence on the leaves, so many data at a time that they fit into memory.

Where the evidence is that of a noisy datum, this is the law of what an ideal reverse process makes of it: one pass up the tree and
one draw of every node down, instead of many steps.

Source: sclocchi2025phase (exact denoising by belief propagation).
"""

import torch

from quire.hierarchy.evidence import BUDGET_BYTES
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.posterior import tree_posteriors
from quire.hierarchy.trees import Trees
from quire.types import Float, Int, Tensor

__all__ = ["sample_nodes", "sample_posterior"]


def sample_posterior(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    generator: torch.Generator,
    budget_bytes: int = BUDGET_BYTES,
) -> Trees:
    """One derivation per datum, drawn from the law of trees given the evidence.

    Raises:
        ValueError: some evidence has probability zero, is negative or not finite, or has another shape.
    """
    labels, choices = [], []
    for part in tree_posteriors(grammar, evidence, budget_bytes=budget_bytes):
        steps = list(part.descend(1, generator=generator))
        labels.append(steps[0][0][:, 0, 0])
        choices.append(torch.cat([chosen[:, 0] for _, chosen in steps[1:]], dim=1))
    return Trees(labels=torch.cat(labels), choices=torch.cat(choices))


def sample_nodes(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    draws: int,
    generator: torch.Generator,
    budget_bytes: int = BUDGET_BYTES,
) -> tuple[Int[Tensor, "samples draws _"], ...]:
    """Symbols of every node in several draws of the tree given each evidence: entry l has shape (P, draws, s^(L-l)).

    Messages go up once for all draws of a datum. Where the evidence is that of a noisy datum, this is the law of what an
    ideal reverse process makes of it, in one pass instead of many steps. Cost O(P d v m + P draws d m).

    Args:
        draws: n, at least 1.

    Raises:
        ValueError: draws < 1; some evidence has probability zero, is negative or not finite, or has another shape.

    >>> from quire.hierarchy import RandomHierarchy, leaf_evidence, sample
    >>> grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4, seed=0)
    >>> tokens = sample(grammar, 3, seed=0, replacement=True).tokens
    >>> drawn = sample_nodes(grammar, leaf_evidence(tokens, 4), draws=5, generator=torch.Generator())
    >>> bool((drawn[0] == tokens[:, None]).all()), drawn[2].shape
    (True, torch.Size([3, 5, 1]))
    """
    parts = tree_posteriors(grammar, evidence, draws=draws, budget_bytes=budget_bytes)
    drawn = [part.sample(draws, generator=generator) for part in parts]
    return tuple(torch.cat(level) for level in zip(*drawn, strict=True))
