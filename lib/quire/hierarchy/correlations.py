r"""Exact covariances of one grammar, in O(L v^3): nothing is sampled.

With A_{l,i}(a, c) = P(child i = c | parent a of level l), two nodes whose lowest common ancestor has level l are joined by
the rules of that ancestor, and each then walks down its own branch:

    P(x, y) = [A … A]ᵀ J [A … A],   J(b, c) = Σ_a π_l(a) Σ_k f_k 1[rule_i(a,k) = b] 1[rule_j(a,k) = c].

Source: cagnetta2024rhm (class and tokens); cagnetta2024ntp (tokens).
"""

import torch

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy
from quire.types import Float, Tensor

__all__ = [
    "child_law",
    "class_string_covariance",
    "class_token_covariance",
    "lca_level",
    "node_joint",
    "string_token_covariance",
    "symbol_marginal",
    "token_covariance",
]


def child_law(grammar: RandomHierarchy, level: int, child: int) -> Float[Tensor, "parents vocab"]:
    """A(a, c) = P(child i of a level-``level`` symbol a is c), float64."""
    rules = torch.nn.functional.one_hot(grammar.rules[level - 1][..., child], grammar.vocab).double()
    return torch.einsum("k,akc->ac", grammar.rule_probabilities[level - 1], rules)


def symbol_marginal(grammar: RandomHierarchy, level: int, position: int) -> Float[Tensor, "symbols"]:
    """Law of the symbol at a position (from 0) of a level.

    Raises:
        ValueError: no node of the tree.
    """
    _check_node(grammar, level, position)
    return grammar.class_probabilities @ _descend(grammar, grammar.depth, 0, level, position)


def lca_level(grammar: RandomHierarchy, first: int, second: int) -> int:
    """Height of the lowest common ancestor of two tokens; 0 for a token and itself.

    Raises:
        ValueError: a position outside of the string.

    >>> grammar = RandomHierarchy(vocab=2, num_rules=2, branching=2, depth=3, num_classes=2, seed=0)
    >>> [lca_level(grammar, 7 - t, 7) for t in range(8)]
    [0, 1, 2, 2, 3, 3, 3, 3]
    """
    for token in (first, second):
        _check_node(grammar, 0, token)
    return _lca(grammar, (0, first), (0, second))


@cites("cagnetta2024ntp", "joint law of two symbols")
def node_joint(
    grammar: RandomHierarchy, first: tuple[int, int], second: tuple[int, int]
) -> Float[Tensor, "first second"]:
    """Joint law of two nodes, each given as (level, position), none below the other.

    Raises:
        ValueError: a node outside the tree, or an ancestor of the other.
    """
    for level, position in (first, second):
        _check_node(grammar, level, position)
    top = _lca(grammar, first, second)
    if top <= max(first[0], second[0]):
        raise ValueError(f"node {first} and node {second} lie on one branch: take two branches")
    branching = grammar.branching
    places = [position // branching ** (top - 1 - level) for level, position in (first, second)]
    law = symbol_marginal(grammar, top, places[0] // branching)
    one, other = (
        torch.nn.functional.one_hot(grammar.rules[top - 1][..., place % branching], grammar.vocab).double()
        for place in places
    )
    joint = torch.einsum("a,k,akb,akc->bc", law, grammar.rule_probabilities[top - 1], one, other)
    left, right = (_descend(grammar, top - 1, p, *node) for p, node in zip(places, (first, second), strict=True))
    return left.T @ joint @ right


@cites("cagnetta2024ntp", "correlations of two tokens, Eq. (6)")
def token_covariance(grammar: RandomHierarchy, first: int, second: int) -> Float[Tensor, "vocab vocab"]:
    """C(μ, ν) = P(X_i = μ, X_j = ν) - P(X_i = μ) P(X_j = ν) of the tokens at two positions.

    >>> grammar = RandomHierarchy(vocab=4, num_rules=4, branching=2, depth=3, num_classes=4, seed=0)  # every string
    >>> bool(token_covariance(grammar, 0, 7).abs().max() < 1e-15)
    True
    """
    return _covariance(node_joint(grammar, (0, first), (0, second)))


@cites("cagnetta2024ntp", "correlations of a string and a token")
def string_token_covariance(
    grammar: RandomHierarchy, node: tuple[int, int], token: int
) -> Float[Tensor, "symbols rules vocab"]:
    """Covariance of a token with the string below a node, for every string (symbol, rule) that the rules write there.

    A node of level 1 gives strings of tokens; one of level l, strings of level l-1 symbols.
    """
    covariance = _covariance(node_joint(grammar, node, (0, token)))
    return covariance[:, None, :] * grammar.rule_probabilities[node[0] - 1][:, None]


@cites("cagnetta2024rhm", "correlations of the class and a token")
def class_token_covariance(grammar: RandomHierarchy, position: int) -> Float[Tensor, "classes vocab"]:
    """C(α, x) = P(Y = α, X_i = x) - P(Y = α) P(X_i = x).

    Raises:
        ValueError: a position outside of the string.
    """
    return _class_covariance(grammar, 0, position)


@cites("cagnetta2024rhm", "correlations of the class and a string")
def class_string_covariance(grammar: RandomHierarchy, patch: int) -> Float[Tensor, "classes vocab rules"]:
    """Covariance of the class with the strings of s tokens of a patch: entry (α, a, k) is rule k of symbol a.

    Synonyms have the same covariance when their rules are equally likely.
    """
    if grammar.depth == 1:
        joint = grammar.class_probabilities.diag() - grammar.class_probabilities.outer(grammar.class_probabilities)
    else:
        joint = _class_covariance(grammar, 1, patch)
    return joint[..., None] * grammar.rule_probabilities[0]


def _class_covariance(grammar: RandomHierarchy, level: int, position: int) -> Tensor:
    _check_node(grammar, level, position)
    conditional = _descend(grammar, grammar.depth, 0, level, position)
    return grammar.class_probabilities[:, None] * (conditional - symbol_marginal(grammar, level, position))


def _covariance(joint: Tensor) -> Tensor:
    return joint - joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)


def _descend(grammar: RandomHierarchy, top: int, place: int, level: int, position: int) -> Tensor:
    """P(symbol at (level, position) | symbol of its ancestor at height ``top``)."""
    law = torch.eye(grammar.num_symbols(top), dtype=torch.float64)
    for height in range(top, level, -1):
        law = law @ child_law(
            grammar, height, position // grammar.branching ** (height - 1 - level) % grammar.branching
        )
    return law


def _check_node(grammar: RandomHierarchy, level: int, position: int) -> None:
    """Raise unless the tree has this node: a position that it has not would give the law of another one, or never end."""
    number = grammar.branching ** (grammar.depth - level) if 0 <= level <= grammar.depth else 0
    if not 0 <= position < number:
        raise ValueError(
            f"(level, position) = {(level, position)} is not a node: levels are 0..{grammar.depth}, positions of level l "
            f"0..{grammar.branching}^({grammar.depth} - l) - 1"
        )


def _lca(grammar: RandomHierarchy, first: tuple[int, int], second: tuple[int, int]) -> int:
    level = max(first[0], second[0])
    while first[1] // grammar.branching ** (level - first[0]) != second[1] // grammar.branching ** (level - second[0]):
        level += 1
    return level
