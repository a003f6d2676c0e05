r"""The next-token law of the grammar, exactly, from the n tokens before the last.

In the smallest sub-tree that holds the context and the last token, the siblings along the right-most path are fixed by
what is seen. When the context is the whole rest of that sub-tree (n = s^l - 1) they are parsed by table look-up and the
law follows in l steps from the marginal of the sub-tree's root; otherwise the messages of :mod:`quire.hierarchy.inference`
are used. A predictor that knows the rules up to level l and sees s^l - 1 tokens (the *hierarchical n-gram*) is this law.

Source: cagnetta2024ntp (step-wise losses); the conditional entropies are exact where the paper bounds them.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from quire.cite import cites
from quire.hierarchy.correlations import symbol_marginal
from quire.hierarchy.evidence import leaf_evidence
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.inference import leaf_marginals
from quire.hierarchy.parsing import parse
from quire.types import Float, Shaped, Tensor

__all__ = ["conditional_entropies", "divergence", "last_subtree", "last_token_posterior"]

BUDGET_BYTES = 2**27


@cites("cagnetta2024ntp", "last-token prediction")
def last_token_posterior(
    grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"], *, context: int
) -> Float[Tensor, "samples vocab"]:
    """P(X_d | the ``context`` tokens before it), float64.

    Args:
        grammar: the language.
        tokens: whole data; the last token and those before the context are not looked at.
        context: n in 0..d-1.

    Raises:
        ValueError: a context that the grammar cannot produce, or that is longer than a datum.

    >>> from quire.hierarchy import sample
    >>> grammar = RandomHierarchy(vocab=4, num_rules=4, branching=2, depth=3, num_classes=4, seed=0)  # every string
    >>> tokens = sample(grammar, 5, seed=0, replacement=True).tokens
    >>> law = last_token_posterior(grammar, tokens, context=7)
    >>> bool(torch.allclose(law, torch.full_like(law, 0.25)))
    True
    """
    if not 0 <= context < grammar.num_tokens:
        raise ValueError(f"context must be in 0..{grammar.num_tokens - 1}, got {context}: the last token is predicted")
    height = next(h for h in range(grammar.depth + 1) if grammar.branching**h > context)
    if height == 0:
        return symbol_marginal(grammar, 0, grammar.num_tokens - 1).expand(len(tokens), -1).to(tokens.device)
    subtree = last_subtree(grammar, height)
    tokens = tokens[:, -subtree.num_tokens :]
    if context == subtree.num_tokens - 1:
        return _by_look_up(subtree, tokens)
    observed = torch.zeros(subtree.num_tokens, dtype=torch.bool, device=tokens.device)
    observed[-1 - context : -1] = True
    evidence = leaf_evidence(tokens, grammar.vocab, observed=observed.expand(tokens.shape))
    return leaf_marginals(subtree, evidence)[:, -1]


def last_subtree(grammar: RandomHierarchy, height: int) -> RandomHierarchy:
    """The grammar of the last s^height tokens, its root law the marginal of that node."""
    if height == grammar.depth:
        return grammar
    laws = {level: law for level, law in (grammar.rule_law or {}).items() if level <= height}
    root = symbol_marginal(grammar, height, grammar.branching ** (grammar.depth - height) - 1)
    return replace(
        grammar,
        depth=height,
        num_classes=grammar.vocab,
        rule_law=laws or None,
        class_law=tuple(root.tolist()),
        rules=grammar.rules[:height],
    )


@cites("cagnetta2024ntp", "losses of the steps")
def conditional_entropies(
    grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"], *, contexts: Sequence[int]
) -> Float[Tensor, "contexts samples"]:
    """Entropy, in nats, of the exact law of the last token after each of the given contexts of each datum.

    The mean over data drawn from the grammar is an unbiased estimate of H_n, and H_n itself when ``tokens`` enumerates a
    grammar with equally likely data.
    """
    laws = (last_token_posterior(grammar, tokens, context=n) for n in contexts)
    return torch.stack([torch.special.entr(law).sum(-1) for law in laws])


def divergence(
    law: Float[Tensor, "*samples vocab"], log_model: Float[Tensor, "*samples vocab"]
) -> Float[Tensor, "*samples"]:
    """KL(law ‖ model) in nats, for each context: the excess of the model's cross-entropy over the exact entropy.

    Averaged over contexts it has far less noise than the mean of -log p(last token).
    """
    return -torch.special.entr(law).sum(-1) - (law * log_model.to(law).clamp(min=-1e4)).sum(-1)


def _by_look_up(subtree: RandomHierarchy, tokens: Tensor) -> Tensor:
    branching = subtree.branching
    per_sample = 8 * subtree.vocab * subtree.num_rules * 4
    results = []
    for part in tokens.split(max(1, BUDGET_BYTES // per_sample)):
        law = subtree.class_probabilities.to(part.device).expand(len(part), -1)
        for level in range(subtree.depth, 0, -1):
            width = branching ** (level - 1)
            siblings = part[:, -(branching**level) : -width].unflatten(1, (branching - 1, width))
            known = parse(subtree, siblings.flatten(0, 1)).levels[-1].view(len(part), branching - 1)
            rules = subtree.rules[level - 1].to(part.device)
            law = law[:, :, None] * subtree.rule_probabilities[level - 1].to(law)
            for child in range(branching - 1):
                law = law * (rules[..., child] == known[:, child, None, None])
            incidence = torch.nn.functional.one_hot(rules[..., -1].flatten(), subtree.vocab).to(law)
            law = law.flatten(1) @ incidence
        total = law.sum(-1, keepdim=True)
        if not bool((total > 0).all()):
            raise ValueError(f"{int((total <= 0).sum())} contexts are not grammatical: give data of this grammar")
        results.append(law / total)
    return torch.cat(results)
