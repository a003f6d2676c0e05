r"""Sum-product messages on the tree of a grammar: up from the leaves, and down from the root.

With evidence M_0(p, x) at the leaves, each leaf's largest entry scaled to 1,

    up:    M_l(p, a)     = Σ_k f_k Π_i M_{l-1}(ps+i, rule_i(a, k))
    down:  D_{l-1}(ps+i, c) = Σ_{a,k: rule_i(a,k)=c} D_l(p, a) f_k Π_{j≠i} M_{l-1}(ps+j, rule_j(a, k))

with D_L the law of the classes. Messages are scaled node by node and the logarithm of the scale is carried along.

Source: sum-product (Pearl 1982) on the trees of cagnetta2024ntp.
"""

import torch

from quire.hierarchy.evidence import scaled
from quire.hierarchy.grammar import RandomHierarchy
from quire.types import Tensor

__all__ = ["at_the_root", "downward", "upward"]


def upward(grammar: RandomHierarchy, evidence: Tensor) -> tuple[list[Tensor], Tensor]:
    """Messages of every level, largest entry 1 at each node, and the log of the scale taken out."""
    leaves, scale = scaled(evidence)
    messages = [leaves]
    for level in range(1, grammar.depth + 1):
        gathered = _gathered(grammar, level, messages[-1])
        product = gathered[0]
        for other in gathered[1:]:
            product = product * other
        message, logs = scaled(product @ grammar.rule_probabilities[level - 1].to(evidence))
        messages.append(message)
        scale = scale + logs
    return messages, scale


def downward(grammar: RandomHierarchy, level: int, down: Tensor, message: Tensor) -> Tensor:
    """D of the level below ``level``, from D of that level and M of the level below."""
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


def at_the_root(
    grammar: RandomHierarchy, messages: list[Tensor], scale: Tensor, *, strict: bool
) -> tuple[Tensor, Tensor]:
    """P(class | evidence) and the log-likelihood; ``strict`` refuses evidence of probability zero."""
    joint = grammar.class_probabilities.to(scale) * messages[-1][:, 0]
    total = joint.sum(-1)
    possible = (total > 0) & torch.isfinite(scale)
    if strict and not bool(possible.all()):
        raise ValueError(
            f"the evidence of {int((~possible).sum())} of {len(total)} data excludes every datum of the grammar: check it"
        )
    return joint / total[:, None], scale + total.log()


def _gathered(grammar: RandomHierarchy, level: int, message: Tensor) -> list[Tensor]:
    """For each child, its message at the symbol that every (parent, rule) gives it: (P, nodes, parents, rules)."""
    rules = grammar.rules[level - 1].to(message.device)
    below = message.unflatten(1, (-1, grammar.branching))
    shape = (len(message), below.shape[1], *rules.shape[:2])
    return [below[:, :, i].index_select(2, rules[..., i].flatten()).view(shape) for i in range(grammar.branching)]
