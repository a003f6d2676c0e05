r"""The law of a whole tree given evidence on its leaves: one pass up, from which marginals and draws both follow.

A node of symbol a takes rule k with probability proportional to f_k Π_i M(child i, rule_i(a, k)), M the messages that came up: so
trees are drawn from their exact law, root first.

Source: sum-product (Pearl 1982) on the trees of cagnetta2024ntp; sclocchi2025phase uses it as the exact denoiser.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.hierarchy.evidence import BUDGET_BYTES, check_evidence
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.messages import rows_down, rows_up, scaled_rows
from quire.types import Float, Int, Tensor

__all__ = ["TreePosterior", "parts_within", "passes_up", "tree_posterior", "tree_posteriors"]


@dataclass(frozen=True, eq=False)
class TreePosterior:
    """What one pass up the tree found.

    Attributes:
        grammar: the language.
        messages: M_l, of shape (symbols of level l, P s^(L-l)), the largest entry of each column 1.
        log_likelihood: log Σ_x P(x) Π_p evidence(p, x_p) of each datum.
    """

    grammar: RandomHierarchy
    messages: tuple[Float[Tensor, "_ _"], ...]
    log_likelihood: Float[Tensor, " samples"]

    def below(self) -> tuple[Float[Tensor, "samples _ _"], ...]:
        """Belief in each symbol of a node given the evidence below it alone: (P, s^(L-l), symbols) for level l.

        With all symbols equally likely beforehand; a subtree's own posterior of its root.
        """
        return tuple(self._by_datum(message / message.sum(0)) for message in self.messages)

    def law_of_class(self) -> Float[Tensor, "samples classes"]:
        """P(class | evidence)."""
        joint = self.grammar.class_probabilities.to(self.messages[-1])[:, None] * self.messages[-1]
        return (joint / joint.sum(0)).T

    def marginals(self) -> tuple[Float[Tensor, "samples _ _"], ...]:
        """Law of each node given the evidence on all leaves: (P, s^(L-l), symbols)."""
        down = self.grammar.class_probabilities.to(self.messages[-1])[:, None].expand_as(self.messages[-1])
        found = []
        for level in range(self.grammar.depth, -1, -1):
            law = down * self.messages[level]
            found.append(self._by_datum(law / law.sum(0)))
            if level:
                down = rows_down(self.grammar, level, down, self.messages[level - 1])
        return tuple(found[::-1])

    def sample(self, draws: int, *, generator: torch.Generator) -> tuple[Int[Tensor, "samples draws _"], ...]:
        """Symbols of every node in several draws of each tree: (P, draws, s^(L-l)) for level l.

        Raises:
            ValueError: draws < 1.
        """
        if draws < 1:
            raise ValueError(f"draws must be at least 1, got {draws}")
        return tuple(symbols for symbols, _ in list(self.descend(draws, generator=generator))[::-1])

    def descend(self, draws: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """From the root to the leaves, symbols (P, draws, nodes), and the rules that their parents took."""
        samples, s = len(self.log_likelihood), self.grammar.branching
        classes = self.grammar.class_probabilities.to(self.messages[-1])[:, None] * self.messages[-1]
        symbols = _draw(classes.T[:, None].expand(-1, draws, -1), generator)[..., None]
        yield symbols, symbols[..., :0]
        for level in range(self.grammar.depth, 0, -1):
            rules = self.grammar.rules[level - 1].to(symbols.device).long()
            message = self._by_datum(self.messages[level - 1]).contiguous()
            vocab, children = message.shape[2], message.shape[1]
            place = torch.arange(samples * children, device=symbols.device).view(samples, 1, -1, s) * vocab
            weights = self.grammar.rule_probabilities[level - 1].to(message)
            for child in range(s):
                asked = rules[..., child][symbols] + place[..., child, None]  # samples draws nodes rules
                weights = weights * message.view(-1)[asked]
            chosen = _draw(weights, generator)
            symbols = rules[symbols, chosen].flatten(2)
            yield symbols, chosen

    def _by_datum(self, message: Tensor) -> Tensor:
        return message.T.unflatten(0, (len(self.log_likelihood), -1))


@cites("sclocchi2025phase", "exact denoising by belief propagation")
def tree_posterior(grammar: RandomHierarchy, evidence: Float[Tensor, "samples tokens vocab"]) -> TreePosterior:
    """One pass of messages up the tree, for all data at once: see :func:`tree_posteriors` for a memory budget.

    Cost O(P d v m): s v m (d - 1)/(s - 1) numbers are gathered and multiplied for each datum, the floor of any implementation
    with a table of rules. For marginals the pass down does as much for each child again.

    Args:
        grammar: the language.
        evidence: likelihoods ≥ 0 of every symbol at every position, of any scale.

    Raises:
        ValueError: evidence of another shape, negative or not finite, or that excludes every datum.

    >>> from quire.hierarchy import RandomHierarchy, leaf_evidence, sample
    >>> grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4, seed=0)
    >>> tokens = sample(grammar, 3, seed=0, replacement=True).tokens
    >>> found = tree_posterior(grammar, leaf_evidence(tokens, 4))
    >>> bool((found.sample(5, generator=torch.Generator())[0] == tokens[:, None]).all())
    True
    >>> round(float(found.log_likelihood.exp().mean()) * grammar.num_data, 9)
    1.0
    """
    messages, log_likelihood = passes_up(grammar, evidence)
    possible = torch.isfinite(log_likelihood)
    if not bool(possible.all()):
        raise ValueError(
            f"the evidence of {int((~possible).sum())} of {len(evidence)} data excludes every datum of the grammar: check it"
        )
    return TreePosterior(grammar, messages, log_likelihood)


def passes_up(grammar: RandomHierarchy, evidence: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
    """Messages of every level, and the log-likelihood of each datum, -inf where the evidence excludes all of them.

    Raises:
        ValueError: evidence of another shape, negative or not finite.
    """
    check_evidence(grammar, evidence)
    samples = len(evidence)
    message, logs = scaled_rows(evidence.flatten(0, 1).T.contiguous(), samples)
    messages = [message]
    for level in range(1, grammar.depth + 1):
        message, more = scaled_rows(rows_up(grammar, level, messages[-1]), samples)
        messages.append(message)
        logs = logs + more
    total = (grammar.class_probabilities.to(message)[:, None] * message).sum(0)
    return tuple(messages), logs + total.log()


def tree_posteriors(
    grammar: RandomHierarchy,
    evidence: Float[Tensor, "samples tokens vocab"],
    *,
    draws: int = 1,
    budget_bytes: int = BUDGET_BYTES,
) -> Iterator[TreePosterior]:
    """:func:`tree_posterior` of so many data at a time that messages, marginals and ``draws`` draws of each fit the budget.

    Raises:
        ValueError: as for :func:`tree_posterior`; draws < 1.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    return (tree_posterior(grammar, part) for part in parts_within(grammar, evidence, budget_bytes, draws))


def parts_within(grammar: RandomHierarchy, evidence: Tensor, budget_bytes: int, draws: int = 0) -> tuple[Tensor, ...]:
    """Evidence of so many data at a time that messages, marginals and draws of each fit the budget.

    Raises:
        ValueError: evidence of another shape, negative or not finite.
    """
    check_evidence(grammar, evidence)
    messages = 6 * grammar.num_tokens * max(grammar.vocab, grammar.num_classes)
    drawn = 4 * draws * grammar.num_tokens * grammar.num_rules
    return evidence.split(max(1, budget_bytes // ((messages + drawn) * evidence.element_size())))


def _draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(weights.shape[:-1], generator=generator, dtype=torch.float64).to(weights.device)
    cumulative = weights.double().cumsum(-1)
    chosen = torch.searchsorted(cumulative, (uniform * cumulative[..., -1])[..., None], right=True)[..., 0]
    return chosen.clamp(max=weights.shape[-1] - 1)
