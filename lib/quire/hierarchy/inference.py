r"""Exact inference on the tree by sum-product, for any evidence on the leaves.

One pass of messages up the tree gives the likelihood of the evidence and the law of the class, a second one down again the
law of every node (:mod:`quire.hierarchy.posterior`): the marginal of a node is proportional to M·D. The evidence may have any
scale at each leaf (:mod:`quire.hierarchy.evidence`). Cost O(P d v m s); samples are processed in chunks of a given memory.

Source: cagnetta2024ntp (the ensemble); sum-product (Pearl 1982) on its trees.
"""

import torch

from quire.cite import cites
from quire.hierarchy.evidence import BUDGET_BYTES
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.posterior import parts_within, passes_up, tree_posteriors
from quire.types import Float, Tensor

__all__ = ["leaf_marginals", "log_likelihood", "node_marginals", "root_posterior"]


@cites("cagnetta2024rhm", "definition of the model")
def log_likelihood(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples"]:
    """log Σ_x P(x) Π_p evidence(p, x_p); -inf where the evidence excludes every datum.

    Args:
        grammar: the language.
        evidence: likelihoods ≥ 0 of every symbol at every position, each position on a scale of its own.
        budget_bytes: memory of the messages of one chunk of samples; it does not change the result.

    Raises:
        ValueError: evidence of another shape, negative or not finite.

    >>> from quire.hierarchy import RandomHierarchy, leaf_evidence, sample
    >>> grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4, seed=0)
    >>> tokens = sample(grammar, 3, seed=0, replacement=True).tokens
    >>> value = log_likelihood(grammar, leaf_evidence(tokens, 4))
    >>> bool(torch.allclose(value.exp(), torch.tensor(1 / grammar.num_data, dtype=torch.float64)))
    True
    """
    parts = parts_within(grammar, evidence, budget_bytes)
    return torch.cat([passes_up(grammar, part)[1] for part in parts])


@cites("cagnetta2024rhm", "definition of the model")
def root_posterior(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples classes"]:
    """P(class | evidence).

    Raises:
        ValueError: some evidence has probability zero, is negative or not finite, or has another shape.
    """
    found = tree_posteriors(grammar, evidence, budget_bytes=budget_bytes)
    return torch.cat([part.law_of_class() for part in found])


@cites("cagnetta2024ntp", "definition of the ensemble")
def node_marginals(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> tuple[Float[Tensor, "samples _ _"], ...]:
    """Posterior law of every node given the evidence: entry l has shape (P, s^(L-l), symbols of level l).

    Raises:
        ValueError: some evidence has probability zero, is negative or not finite, or has another shape.
    """
    found = [part.marginals() for part in tree_posteriors(grammar, evidence, budget_bytes=budget_bytes)]
    return tuple(torch.cat(level) for level in zip(*found, strict=True))


def leaf_marginals(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples tokens vocab"]:
    """P(X_p = x | evidence) at every position: what an ideal denoiser predicts."""
    return node_marginals(grammar, evidence, budget_bytes=budget_bytes)[0]
