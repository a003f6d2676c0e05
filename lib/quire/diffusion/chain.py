r"""A Markov chain, noised and restored exactly: what correlations along a line do without a tree.

Filtered forwards and drawn backwards, :math:`P(x_i | x_{i+1}, \text{evidence}_{\le i}) \propto α_i(x_i)\,T(x_i, x_{i+1})` with
:math:`α_i = h_i \cdot (α_{i-1} T)`: a draw from the law of the whole chain given evidence at every site, O(d v²).

Source: Rabiner, Proceedings of the IEEE 77 (1989) 257 (forward recursion); drawing backwards is Carter & Kohn, Biometrika 81
(1994) 541.
"""

from dataclasses import dataclass

import torch

from quire.types import Float, Int, Tensor

__all__ = ["PersistentChain"]


@dataclass(frozen=True)
class PersistentChain:
    """Each symbol repeats the one before with probability ρ, and is drawn anew among all v otherwise.

    All symbols are equally likely, and two sites r apart are correlated as ρ^r.

    Args:
        vocab: v, at least 2.
        persistence: ρ in [0, 1).

    Raises:
        ValueError: other numbers.
    """

    vocab: int
    persistence: float

    def __post_init__(self):
        if self.vocab < 2 or not 0 <= self.persistence < 1:
            raise ValueError(
                f"a chain needs vocab ≥ 2 and persistence in [0, 1), got {self.vocab} and {self.persistence}"
            )

    def sample(self, count: int, length: int, *, generator: torch.Generator) -> Int[Tensor, "count length"]:
        """Strings of the chain."""
        fresh = torch.randint(self.vocab, (count, length), generator=generator)
        renewed = torch.rand(count, length, generator=generator, dtype=torch.float64) >= self.persistence
        renewed[:, 0] = True
        latest = torch.where(renewed, torch.arange(length), 0).cummax(1).values  # where the run of a site began
        return fresh.gather(1, latest)

    def restore(
        self, evidence: Float[Tensor, "count length vocab"], *, draws: int, generator: torch.Generator
    ) -> Int[Tensor, "count draws length"]:
        """Strings drawn from their law given the evidence.

        Args:
            evidence: likelihoods ≥ 0 of every symbol at every site, float64.
            draws: of each string.

        Raises:
            ValueError: evidence of another vocabulary, or that excludes every string.
        """
        if evidence.shape[2] != self.vocab:
            raise ValueError(f"evidence must be of {self.vocab} symbols, got {evidence.shape[2]}")
        filtered = self._filtered(evidence)
        length = evidence.shape[1]
        last = _draw(filtered[:, -1, None].expand(-1, draws, -1), generator)
        found = [last]
        for site in range(length - 2, -1, -1):
            found.append(_draw(filtered[:, site, None] * self._into(found[-1]), generator))
        return torch.stack(found[::-1], 2)

    def _filtered(self, evidence: Tensor) -> Tensor:
        """Belief in the symbol of each site given the evidence up to it."""
        belief = torch.full_like(evidence[:, 0], 1 / self.vocab)
        beliefs = []
        for site in range(evidence.shape[1]):
            ahead = belief if site == 0 else self.persistence * belief + (1 - self.persistence) / self.vocab
            weight = ahead * evidence[:, site]
            total = weight.sum(1, keepdim=True)
            if not bool((total > 0).all()):
                raise ValueError(f"the evidence excludes every string at site {site}: check it")
            belief = weight / total
            beliefs.append(belief)
        return torch.stack(beliefs, 1)

    def _into(self, following: Tensor) -> Tensor:
        """The chance of each symbol's being followed by this one."""
        same = following[..., None] == torch.arange(self.vocab, device=following.device)
        return self.persistence * same + (1 - self.persistence) / self.vocab


def _draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    cumulative = weights.cumsum(-1)
    uniform = torch.rand(*weights.shape[:-1], 1, generator=generator, dtype=torch.float64).to(weights)
    return torch.searchsorted(cumulative, uniform * cumulative[..., -1:], right=True)[..., 0].clamp(
        max=weights.shape[-1] - 1
    )
