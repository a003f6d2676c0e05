r"""Trees drawn from the exact law given evidence on the leaves: one pass of messages up, one draw of every node down.

A node of symbol a takes rule k with probability proportional to f_k Π_i M(child i, rule_i(a, k)), M the messages that came up.

Source: sum-product (Pearl 1982) on the trees of cagnetta2024ntp.
"""

from collections.abc import Iterator

import torch

from quire.hierarchy.evidence import BUDGET_BYTES, chunks
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.messages import at_the_root, upward
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
    for part in chunks(grammar, evidence, budget_bytes):
        steps = list(_descend(grammar, part, draws=1, generator=generator))
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
    ideal reverse process makes of it, in one pass instead of many steps. Cost O(P d v m + P draws d m). The floor of the
    upward pass is to read s messages of each of the v m rules at every node, s v m (d - 1)/(s - 1) numbers a datum; it is
    ten to twenty times away from that on one core, most of it in gathering.

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
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    parts = []
    for part in chunks(grammar, evidence, budget_bytes):
        steps = list(_descend(grammar, part, draws=draws, generator=generator))
        parts.append([symbols for symbols, _ in steps[::-1]])
    return tuple(torch.cat(level) for level in zip(*parts, strict=True))


def _descend(
    grammar: RandomHierarchy, evidence: Tensor, *, draws: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Symbols of the nodes (samples, draws, nodes) from the root to the leaves, and the rules of their parents."""
    messages, scale = upward(grammar, evidence)
    roots = at_the_root(grammar, messages, scale, strict=True)[0]
    symbols = _draw(roots[:, None].expand(-1, draws, -1), generator)[..., None]
    yield symbols, symbols[..., :0]
    for level in range(grammar.depth, 0, -1):
        rules = grammar.rules[level - 1].to(evidence.device)[symbols]  # samples draws nodes rules children
        below = messages[level - 1].unflatten(1, (symbols.shape[2], grammar.branching))
        weights = grammar.rule_probabilities[level - 1].to(evidence).expand(rules.shape[:4])
        for child in range(grammar.branching):
            message = below[:, None, :, child].expand(-1, draws, -1, -1)
            weights = weights * message.gather(3, rules[..., child])
        chosen = _draw(weights, generator)
        symbols = rules.gather(3, chosen[..., None, None].expand(-1, -1, -1, 1, grammar.branching))[:, :, :, 0].flatten(
            2
        )
        yield symbols, chosen


def _draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(weights.shape[:-1], generator=generator, dtype=torch.float64).to(weights.device)
    cumulative = weights.double().cumsum(-1)
    chosen = torch.searchsorted(cumulative, (uniform * cumulative[..., -1])[..., None], right=True)[..., 0]
    return chosen.clamp(max=weights.shape[-1] - 1)
