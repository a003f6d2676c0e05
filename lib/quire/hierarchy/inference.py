r"""Exact inference on the tree by sum-product, for any evidence on the leaves.

With evidence M_0(p, x) at the leaves (one-hot where a token is seen, all ones where it is masked, likelihoods in general),

    up:    M_l(p, a)     = Σ_k f_k Π_i M_{l-1}(ps+i, rule_i(a, k))
    down:  D_{l-1}(ps+i, c) = Σ_{a,k: rule_i(a,k)=c} D_l(p, a) f_k Π_{j≠i} M_{l-1}(ps+j, rule_j(a, k))

with D_L the law of the classes; the marginal of a node is proportional to M·D. Messages are normalised node by node and
the logarithm of the scale is carried along. Cost O(P d v m s); samples are processed in chunks of a given memory.

Source: cagnetta2024ntp (the ensemble); sum-product (Pearl 1982) on its trees.
"""

from collections.abc import Iterator

import torch

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.trees import Trees
from quire.types import Bool, Float, Shaped, Tensor

__all__ = [
    "leaf_evidence",
    "leaf_marginals",
    "log_likelihood",
    "node_marginals",
    "root_posterior",
    "sample_posterior",
]

BUDGET_BYTES = 2**27


def leaf_evidence(
    tokens: Shaped[Tensor, "samples tokens"],
    vocab: int,
    *,
    observed: Bool[Tensor, "*samples tokens"] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Float[Tensor, "samples tokens vocab"]:
    """One-hot where a token is observed (all of them if None), all ones where it is not."""
    evidence = (tokens.long()[..., None] == torch.arange(vocab, device=tokens.device)).to(dtype)
    return evidence if observed is None else torch.where(observed[..., None], evidence, 1.0)


@cites("cagnetta2024rhm", "definition of the model")
def log_likelihood(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples"]:
    """log Σ_x P(x) Π_p evidence(p, x_p); -inf where the evidence excludes every datum.

    >>> from quire.hierarchy import RandomHierarchy, sample
    >>> grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4, seed=0)
    >>> tokens = sample(grammar, 3, seed=0, replacement=True).tokens
    >>> value = log_likelihood(grammar, leaf_evidence(tokens, 4))
    >>> bool(torch.allclose(value.exp(), torch.tensor(1 / grammar.num_data, dtype=torch.float64)))
    True
    """
    parts = [_root(grammar, *_up(grammar, part))[1] for part in _chunks(grammar, evidence, budget_bytes)]
    return torch.cat(parts)


@cites("cagnetta2024rhm", "definition of the model")
def root_posterior(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples classes"]:
    """P(class | evidence).

    Raises:
        ValueError: some evidence has probability zero.
    """
    return torch.cat(
        [_root(grammar, *_up(grammar, part), strict=True)[0] for part in _chunks(grammar, evidence, budget_bytes)]
    )


@cites("cagnetta2024ntp", "definition of the ensemble")
def node_marginals(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> tuple[Float[Tensor, "samples _ _"], ...]:
    """Posterior law of every node given the evidence: entry l has shape (P, s^(L-l), symbols of level l).

    Raises:
        ValueError: some evidence has probability zero.
    """
    parts = []
    for part in _chunks(grammar, evidence, budget_bytes):
        messages, scale = _up(grammar, part)
        marginals = [_root(grammar, messages, scale, strict=True)[0][:, None]]
        down = grammar.class_probabilities.to(part).expand(len(part), 1, -1)
        for level in range(grammar.depth, 0, -1):
            down = _down(grammar, level, down, messages[level - 1])
            marginals.append(_normalised(down * messages[level - 1]))
        parts.append(marginals[::-1])
    return tuple(torch.cat(level) for level in zip(*parts, strict=True))


def leaf_marginals(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, "samples tokens vocab"]:
    """P(X_p = x | evidence) at every position: what an ideal denoiser predicts."""
    return node_marginals(grammar, evidence, budget_bytes=budget_bytes)[0]


def sample_posterior(
    grammar: RandomHierarchy, evidence: Float[Tensor, "samples tokens vocab"], *, generator: torch.Generator
) -> Trees:
    """One derivation per datum, drawn from the law of trees given the evidence.

    Raises:
        ValueError: some evidence has probability zero.
    """
    messages, scale = _up(grammar, evidence)
    symbols = _draw(_root(grammar, messages, scale, strict=True)[0], generator)[:, None]
    labels, choices = symbols[:, 0], []
    for level in range(grammar.depth, 0, -1):
        rules = grammar.rules[level - 1].to(evidence.device)[symbols]  # samples nodes rules children
        below = messages[level - 1].unflatten(1, (symbols.shape[1], grammar.branching))
        weights = grammar.rule_probabilities[level - 1].to(evidence).expand(rules.shape[:3])
        for child in range(grammar.branching):
            weights = weights * below[:, :, child].gather(2, rules[..., child])
        chosen = _draw(weights, generator)
        choices.append(chosen)
        symbols = rules.gather(2, chosen[..., None, None].expand(-1, -1, 1, grammar.branching))[:, :, 0].flatten(1)
    return Trees(labels=labels, choices=torch.cat(choices, dim=1))


def _up(grammar: RandomHierarchy, evidence: Tensor) -> tuple[list[Tensor], Tensor]:
    """Messages of every level, largest entry 1 at each node, and the log of the scale taken out."""
    messages, scale = [evidence], torch.zeros(len(evidence)).to(evidence)
    for level in range(1, grammar.depth + 1):
        gathered = _gathered(grammar, level, messages[-1])
        product = gathered[0]
        for other in gathered[1:]:
            product = product * other
        message = product @ grammar.rule_probabilities[level - 1].to(evidence)
        largest = message.amax(-1, keepdim=True)
        messages.append(message / torch.where(largest > 0, largest, 1.0))
        scale = scale + largest.log().sum((1, 2))
    return messages, scale


def _gathered(grammar: RandomHierarchy, level: int, message: Tensor) -> list[Tensor]:
    """For each child, its message at the symbol that every (parent, rule) gives it: (P, nodes, parents, rules)."""
    rules = grammar.rules[level - 1].to(message.device)
    below = message.unflatten(1, (-1, grammar.branching))
    shape = (len(message), below.shape[1], *rules.shape[:2])
    return [below[:, :, i].index_select(2, rules[..., i].flatten()).view(shape) for i in range(grammar.branching)]


def _down(grammar: RandomHierarchy, level: int, down: Tensor, message: Tensor) -> Tensor:
    gathered = _gathered(grammar, level, message)
    rules = grammar.rules[level - 1].to(message.device)
    before = down[..., None] * grammar.rule_probabilities[level - 1].to(message)
    after = [torch.ones((), dtype=message.dtype, device=message.device)]
    for other in gathered[:0:-1]:
        after.append(after[-1] * other)
    children = []
    for child, suffix in enumerate(after[::-1]):
        # a product with the incidence matrix (parent, rule) -> symbol, deterministic on every device
        incidence = torch.nn.functional.one_hot(rules[..., child].flatten(), grammar.vocab).to(message)
        children.append((before * suffix).flatten(2) @ incidence)
        before = before * gathered[child]
    result = torch.stack(children, dim=2).flatten(1, 2)
    return result / result.amax(-1, keepdim=True)


def _root(grammar, messages, scale, *, strict=False) -> tuple[Tensor, Tensor]:
    joint = grammar.class_probabilities.to(scale) * messages[-1][:, 0]
    total = joint.sum(-1)
    if strict and not bool(((total > 0) & torch.isfinite(scale)).all()):
        number = int((~((total > 0) & torch.isfinite(scale))).sum())
        raise ValueError(f"the evidence of {number} of {len(total)} data excludes every datum of the grammar: check it")
    return joint / total[:, None], scale + total.log()


def _normalised(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)


def _draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(weights.shape[:-1], generator=generator, dtype=torch.float64).to(weights.device)
    cumulative = weights.double().cumsum(-1)
    chosen = torch.searchsorted(cumulative, (uniform * cumulative[..., -1])[..., None], right=True)[..., 0]
    return chosen.clamp(max=weights.shape[-1] - 1)


def _chunks(grammar: RandomHierarchy, evidence: Tensor, budget_bytes: int) -> Iterator[Tensor]:
    shape = (grammar.num_tokens, grammar.vocab)
    if tuple(evidence.shape[1:]) != shape:
        raise ValueError(f"evidence must have shape (samples, {shape[0]}, {shape[1]}), got {tuple(evidence.shape)}")
    symbols = max(grammar.vocab, grammar.num_classes)
    per_sample = 4 * grammar.num_tokens * symbols * grammar.num_rules * evidence.element_size()
    return iter(evidence.split(max(1, budget_bytes // per_sample)))
