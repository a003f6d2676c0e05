r"""Sum-product messages on the tree of a grammar: up from the leaves, and down from the root.

With evidence M_0(p, x) at the leaves,

    up:    M_l(p, a)     = Σ_k f_k Π_i M_{l-1}(ps+i, rule_i(a, k))
    down:  D_{l-1}(ps+i, c) = Σ_{a,k: rule_i(a,k)=c} D_l(p, a) f_k Π_{j≠i} M_{l-1}(ps+j, rule_j(a, k))

with D_L the law of the classes. Messages of many data stand side by side: symbols first, the nodes of all data in one last axis.
What a rule needs of a child is then a row of numbers that lie together: gathering, multiplying and summing over rules run along
it, and on the way down each rule's row is added to the row of the symbol that it produces. That is several times faster than
symbols last, where each number is fetched on its own.

Source: sum-product (Pearl 1982) on the trees of cagnetta2024ntp.
"""

from collections.abc import Iterator

import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.types import Tensor

__all__ = ["rows_down", "rows_up", "scaled_rows"]

BLOCK_BYTES = 2**21  # of the rows of all rules at one level: what a core's cache holds


def rows_up(grammar: RandomHierarchy, level: int, message: Tensor) -> Tensor:
    """M of a level from M of the level below, not scaled."""
    weights = grammar.rule_probabilities[level - 1].to(message)
    parts = []
    for block in _blocks(grammar, level, message):
        children = _of_rules(grammar, level, block)
        product = children[0]
        for other in children[1:]:
            product = product * other
        parts.append((product * weights[:, None]).sum(1))
    return torch.cat(parts, 1)


def rows_down(grammar: RandomHierarchy, level: int, down: Tensor, message: Tensor) -> Tensor:
    """D of the level below ``level``, from D of that level and M of the level below; largest entry of each column 1."""
    weights, s = grammar.rule_probabilities[level - 1].to(message), grammar.branching
    produced = grammar.rules[level - 1].to(message.device).long().flatten(0, 1)
    parts, start = [], 0
    for block in _blocks(grammar, level, message):
        nodes = block.shape[1] // s
        before = down[:, None, start : start + nodes] * weights[:, None]
        start += nodes
        found = block.new_zeros(len(block), nodes, s)
        for child, product in enumerate(_all_but_one(before, _of_rules(grammar, level, block))):
            found[:, :, child] = _added(len(block), produced[:, child], product.flatten(0, 1))
        parts.append(found.flatten(1))
    result = torch.cat(parts, 1)
    return result / result.amax(0)


def _all_but_one(before: Tensor, children: list[Tensor]) -> Iterator[Tensor]:
    """``before`` times the product of all children but each in turn; nothing is divided, since masks give zeros."""
    after = [torch.ones((), dtype=before.dtype, device=before.device)]
    for other in children[:0:-1]:
        after.append(after[-1] * other)
    for child, suffix in zip(children, after[::-1], strict=True):
        yield before * suffix
        before = before * child


def _of_rules(grammar: RandomHierarchy, level: int, message: Tensor) -> list[Tensor]:
    """For each child, its message at the symbol that every (parent, rule) gives it: (parents, rules, nodes)."""
    rules, s = grammar.rules[level - 1].to(message.device), grammar.branching
    children = (message[:, child::s].contiguous().index_select(0, rules[..., child].flatten()) for child in range(s))
    return [child.unflatten(0, rules.shape[:2]) for child in children]


def _blocks(grammar: RandomHierarchy, level: int, message: Tensor) -> Iterator[Tensor]:
    """Children of so many nodes that the rows of all rules stay in the cache."""
    rows = grammar.rules[level - 1].shape[0] * grammar.num_rules * message.element_size()
    return iter(message.split(max(1, BLOCK_BYTES // rows) * grammar.branching, 1))


def _added(symbols: int, produced: Tensor, rows: Tensor) -> Tensor:
    """Rows added up by the symbol that each rule produces; on accelerators by a matrix product, whose order is fixed."""
    if rows.device.type == "cpu":
        return rows.new_zeros(symbols, rows.shape[1]).index_add_(0, produced, rows)
    return torch.nn.functional.one_hot(produced, symbols).to(rows).T @ rows


def scaled_rows(message: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Columns whose largest entry is 1, and for each datum the sum of the logs of what was taken out."""
    largest = message.amax(0)
    return message / torch.where(largest > 0, largest, 1.0), largest.log().view(samples, -1).sum(1)
