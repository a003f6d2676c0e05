r"""Evidence on the leaves of a tree: for every position and symbol, the likelihood of what was seen there.

One-hot where a token is known, all ones where it is masked, anything that is proportional to a likelihood in between. A
leaf's scale carries no information about the tree: it is taken out before messages are sent, so that only ratios of the
entries of one leaf meet in products, and its logarithm is given back to the log-likelihood.
"""

import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.types import Bool, Float, Shaped, Tensor

__all__ = ["BUDGET_BYTES", "check_evidence", "leaf_evidence"]

BUDGET_BYTES = 2**27


def leaf_evidence(
    tokens: Shaped[Tensor, "samples tokens"],
    vocab: int,
    *,
    observed: Bool[Tensor, "*samples tokens"] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Float[Tensor, "samples tokens vocab"]:
    """One-hot where a token is observed (all of them if None), all ones where it is not.

    >>> leaf_evidence(torch.tensor([[1, 0]]), 2, observed=torch.tensor([[True, False]])).tolist()
    [[[0.0, 1.0], [1.0, 1.0]]]
    """
    evidence = (tokens.long()[..., None] == torch.arange(vocab, device=tokens.device)).to(dtype)
    return evidence if observed is None else torch.where(observed[..., None], evidence, 1.0)


def check_evidence(grammar: RandomHierarchy, evidence: Tensor) -> None:
    """Refuse evidence of another shape, or with entries that cannot be likelihoods.

    Raises:
        ValueError: another number of leaves or symbols; an entry that is negative, infinite or not a number.
    """
    shape = (grammar.num_tokens, grammar.vocab)
    if tuple(evidence.shape[1:]) != shape:
        raise ValueError(f"evidence must have shape (samples, {shape[0]}, {shape[1]}), got {tuple(evidence.shape)}")
    wrong = ~(torch.isfinite(evidence) & (evidence >= 0))
    if bool(wrong.any()):
        where = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(
            f"evidence must be ≥ 0 and finite, got {float(evidence[where])} at (sample, position, symbol) {where}: "
            "give likelihoods, of any scale"
        )
