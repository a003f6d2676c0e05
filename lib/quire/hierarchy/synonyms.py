r"""Synonymic sensitivity: does a representation change when a symbol is spelled in another way?

    S_{k,l} = E ‖h_k(x) - h_k(p_l x)‖² / E ‖h_k(x) - h_k(y)‖²

where x, y are independent data and p_l x keeps the tree of x down to level l and draws the rules of the level-l symbols
and of everything below anew. S is 1 for a representation that ignores the hierarchy and 0 for one that is a function of
the level-l symbols. A new rule equals the old one with probability 1/m: ``change`` forces every level-l symbol to change
its rule.

Source: cagnetta2024rhm, synonymic sensitivity.
"""

from collections.abc import Callable

import torch

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.trees import Trees, expand
from quire.types import Float, Shaped, Tensor

__all__ = ["redraw_below", "sensitivity", "synonymic_sensitivity"]


@cites("cagnetta2024rhm", "exchange of synonyms")
def redraw_below(
    grammar: RandomHierarchy, trees: Trees, *, level: int, change: bool, generator: torch.Generator
) -> Trees:
    """Trees with the same symbols down to a level, and new rules from there to the tokens.

    Args:
        grammar: the language.
        trees: derivations.
        level: l in 1..L, the lowest level that is kept.
        change: every level-l symbol takes a rule that differs from the one it had (needs m >= 2); the rules below are
            drawn independently in either case.
        generator: on the CPU.

    Raises:
        ValueError: a level outside 1..L, or no other rule to change to.
    """
    if not 1 <= level <= grammar.depth:
        raise ValueError(f"level must be in 1..depth = {grammar.depth}, got {level}: tokens have no synonyms")
    if change and grammar.num_rules < 2:
        raise ValueError("change=True needs num_rules >= 2, got 1: a symbol with one rule has no synonym")
    choices, first = trees.choices.long().clone(), 0
    for height in range(grammar.depth, 0, -1):
        width = grammar.branching ** (grammar.depth - height)
        nodes = slice(first, first + width)
        first += width
        if height > level:
            continue
        weights = grammar.rule_probabilities[height - 1].expand(len(choices) * width, -1).clone()
        if change and height == level:
            weights.scatter_(1, choices[:, nodes].reshape(-1, 1).cpu(), 0.0)
        drawn = torch.multinomial(weights, 1, generator=generator)
        choices[:, nodes] = drawn.view(-1, width).to(choices.device)
    return Trees(labels=trees.labels, choices=choices)


@cites("cagnetta2024rhm", "synonymic sensitivity")
def sensitivity(reference: Float[Tensor, "samples *features"], changed: Float[Tensor, "samples *features"]) -> float:
    """E‖h(x) - h(px)‖² / E‖h(x) - h(y)‖² over pairs of different samples; nan if the representation is constant.

    >>> h = torch.tensor([[0.0], [1.0], [2.0]])
    >>> sensitivity(h, h), sensitivity(h, h + 1)
    (0.0, 0.5)
    """
    first, second = reference.flatten(1).double(), changed.flatten(1).double()
    moved = (first - second).square().sum(1).mean()
    # the mean over ordered pairs of different samples is twice the unbiased variance
    apart = 2 * first.var(dim=0, correction=1).sum()
    return float(moved / apart)


@cites("cagnetta2024rhm", "Figs. 5, 6")
def synonymic_sensitivity(
    grammar: RandomHierarchy,
    trees: Trees,
    represent: Callable[[Shaped[Tensor, "samples tokens"]], list[Tensor]],
    *,
    change: bool,
    generator: torch.Generator,
) -> Float[Tensor, "layers levels"]:
    """S_{k,l} of every layer k and level l = 1..L.

    Args:
        grammar: the language.
        trees: derivations of the probing data.
        represent: tokens -> activations of every layer, each (P, …).
        change: see :func:`redraw_below`.
        generator: on the CPU.
    """
    reference = represent(expand(grammar, trees)[0])
    columns = []
    for level in range(1, grammar.depth + 1):
        other = redraw_below(grammar, trees, level=level, change=change, generator=generator)
        changed = represent(expand(grammar, other)[0])
        columns.append([sensitivity(a, b) for a, b in zip(reference, changed, strict=True)])
    return torch.tensor(columns, dtype=torch.float64).T
