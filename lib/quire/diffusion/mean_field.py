r"""Mean-field theory of denoising on random hierarchies: one number a level, averaged over rules, and its phase transition.

In the ε-process every leaf is believed to be its true token with probability :math:`p_0 = 1 - ε + ε/v` and each of the others
with ε/v. Let :math:`p_l` be the belief in the true symbol of a node of level l given the leaves below it. The ratio of the
expectations over random rules gives, with :math:`q = p^s`,

.. math:: p_{l+1} = F(p_l),\quad F(p) = \frac{q + a(1 - q)}{q + f(1 - q)},\quad
   a = \frac{m - 1}{v^s - 1},\quad f = \frac{mv - 1}{v^s - 1},\quad F'(p) = \frac{s\,p^{s-1}(f - a)}{(q + f(1 - q))^2}.

1 and 1/v are fixed points. Where both are stable there is an unstable one between them, :math:`p_*`, and the class is lost
at once when ε passes :math:`ε_* = (1 - p_*)/(1 - 1/v)`; the width of the step shrinks as :math:`F'(p_*)^{-L}`.

Source: sclocchi2025phase, "Phase transition in the diffusion of the Random Hierarchy Model" (the map and F'(1) < 1); the
condition at 1/v and the closed forms are derived here.
"""

from dataclasses import dataclass

import torch
from scipy.optimize import brentq

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["MeanField"]


@cites("sclocchi2025phase", "mean field of the Random Hierarchy Model")
@dataclass(frozen=True)
class MeanField:
    """The theory for grammars with v symbols a level, m rules a symbol and s children a node.

    Args:
        vocab: v, at least 2.
        num_rules: m, from 1 to v^(s-1).
        branching: s, at least 2.

    Raises:
        ValueError: numbers of which there is no unambiguous grammar.

    >>> theory = MeanField(vocab=32, num_rules=8, branching=2)
    >>> round(theory.critical_belief(), 4), round(theory.critical_noise(), 4)
    (0.2917, 0.7312)
    """

    vocab: int
    num_rules: int
    branching: int

    def __post_init__(self):
        if self.vocab < 2 or self.branching < 2:
            raise ValueError(f"vocab and branching must be at least 2, got {self.vocab} and {self.branching}")
        if not 1 <= self.num_rules <= self.vocab ** (self.branching - 1):
            raise ValueError(
                f"num_rules must be in [1, {self.vocab ** (self.branching - 1)}] (v^(s-1), so that no string has two "
                f"parents), got {self.num_rules}"
            )

    @property
    def fill(self) -> float:
        """f: the chance that a string other than the one that is there is grammatical."""
        return (self.num_rules * self.vocab - 1) / self._others

    @property
    def synonyms(self) -> float:
        """a: the chance that such a string is a synonym, one of the m - 1 other rules of the true symbol."""
        return (self.num_rules - 1) / self._others

    @property
    def _others(self) -> int:
        """Strings other than the one that is there."""
        return self.vocab**self.branching - 1

    def update(self, belief: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """F: from the belief in the true symbol of each child to that in the true symbol of their parent."""
        whole = belief**self.branching
        return (whole + self.synonyms * (1 - whole)) / (whole + self.fill * (1 - whole))

    def slope(self, belief: float) -> float:
        """F', which multiplies a small change of the belief from one level to the next."""
        whole = belief**self.branching
        step = self.branching * belief ** (self.branching - 1) * (self.fill - self.synonyms)
        return step / (whole + self.fill * (1 - whole)) ** 2

    def has_transition(self) -> bool:
        """Whether 1 (nothing lost) and 1/v (nothing known) are both stable: f < f_c and m > s (v-1) v^(s-1)/(v^s-1).

        Otherwise the class of a deep tree is lost at any noise, or never quite lost.
        """
        return self.slope(1.0) < 1 and self.slope(1 / self.vocab) < 1

    def critical_fill(self) -> float:
        """f_c = (mv-1)/(s m (v-1)): from this f on the class is lost at any noise; 1/s for large v."""
        return (self.num_rules * self.vocab - 1) / (self.branching * self.num_rules * (self.vocab - 1))

    def critical_belief(self) -> float:
        """p*, the unstable fixed point: (m-1)/(v-m) for s = 2, the root of a quadratic for s = 3, by bisection beyond.

        Raises:
            ValueError: there is no transition.
        """
        self._check_transition()
        if self.branching == 2:
            return (self.num_rules - 1) / (self.vocab - self.num_rules)
        if self.branching == 3:
            linear = (1 - self.synonyms) / (1 - self.fill) - 1 - 1 / self.vocab
            return (linear + (linear**2 + 4 * self.synonyms * self.vocab / (1 - self.fill)) ** 0.5) / 2
        return self.bisected_belief()

    def bisected_belief(self) -> float:
        """p* as a root of (F(p) - p)/((p - 1/v)(1 - p)), which has a sign at both ends; for any s.

        Raises:
            ValueError: there is no transition.
        """
        self._check_transition()
        low, high = 1 / self.vocab, 1.0

        def excess(belief: float) -> float:
            if belief == low:
                return (self.slope(low) - 1) / (high - low)
            if belief == high:
                return (1 - self.slope(high)) / (high - low)
            moved = float(self.update(torch.tensor(belief, dtype=torch.float64)))
            return (moved - belief) / ((belief - low) * (high - belief))

        return float(brentq(excess, low, high, xtol=1e-14))

    def critical_noise(self) -> float:
        """ε*, where the belief at the leaves is p*.

        Raises:
            ValueError: there is no transition.
        """
        return (1 - self.critical_belief()) / (1 - 1 / self.vocab)

    def sharpening(self) -> float:
        """F'(p*) > 1: the width of the transition in ε shrinks by this factor with each level.

        Raises:
            ValueError: there is no transition.
        """
        return self.slope(self.critical_belief())

    def upward(self, noise: Float[Tensor, "*noises"], depth: int) -> Float[Tensor, "levels *noises"]:
        """p_0, …, p_L: the belief in the true symbol given the leaves below a node, from the leaves to the root.

        Args:
            noise: ε in [0, 1], float64.
            depth: L.

        Raises:
            ValueError: noise outside of [0, 1], or depth < 0.
        """
        check_noise(noise, "noise")
        if depth < 0:
            raise ValueError(f"depth must be at least 0, got {depth}")
        beliefs = [1 - noise + noise / self.vocab]
        for _ in range(depth):
            beliefs.append(self.update(beliefs[-1]))
        return torch.stack(beliefs)

    def downward(self, upward: Float[Tensor, "levels *noises"]) -> Float[Tensor, "levels *noises"]:
        """Q_0, …, Q_L: the belief in the true symbol given all leaves that are *not* below the node.

        Ratio of the expectations over rules, exact for independent siblings. At the root, 1/v.
        """
        below = [torch.full_like(upward[0], 1 / self.vocab)]
        for belief in upward[:-1].flip(0):
            given, siblings = below[-1], belief ** (self.branching - 1)
            wrong = (self.num_rules - given) / self._others
            true = given * siblings + wrong * (1 - siblings)
            below.append(true / (true + wrong * (self.vocab - 1)))
        return torch.stack(below[::-1])

    def kept(self, noise: Float[Tensor, "*noises"], depth: int) -> Float[Tensor, "levels *noises"]:
        """The chance that an ideal denoiser restores the true symbol of a node, level by level from the leaves: p Q, normalised.

        Raises:
            ValueError: as for :meth:`upward`.
        """
        inside = self.upward(noise, depth)
        outside = self.downward(inside)
        true, wrong = inside * outside, (1 - inside) * (1 - outside) / (self.vocab - 1)
        return true / (true + wrong)

    def _check_transition(self) -> None:
        if not self.has_transition():
            raise ValueError(
                f"v = {self.vocab}, m = {self.num_rules}, s = {self.branching} has no transition: F'(1) = "
                f"{self.slope(1.0):.3f} and F'(1/v) = {self.slope(1 / self.vocab):.3f} must both be below 1 (see "
                "has_transition)"
            )


def check_noise(values: Tensor, name: str) -> None:
    """Refuse what is not a probability."""
    if values.numel() == 0 or not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"{name} must lie in [0, 1], got {values.flatten()[:5].tolist()}")
