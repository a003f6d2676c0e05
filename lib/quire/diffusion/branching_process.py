r"""Which nodes of a tree an ideal denoiser changes: a branching process from the root, and its correlations.

Mean field says more than level by level (:mod:`quire.diffusion.mean_field`): drawn from the root down, every node is either
"kept" or "changed", and its children depend on it alone. With p the belief at the children and :math:`q = p^s`, a kept
parent picks its true rule, which keeps all children, with probability A; given any other rule, a child is kept with
probability B, and two given siblings with probability :math:`B_2`:

.. math:: A = \frac{q}{q + a(1 - q)},\quad B = \frac{p - q}{1 - q},\quad B_2 = \frac{p^2 - q}{1 - q},\quad
   M_{l-1} = M_l A_l + (1 - M_l A_l) B_l,

from :math:`M_L = p_L`. Two leaves whose lowest common ancestor has level ℓ have, with :math:`λ_k = A_k(1 - B_k)`,

.. math:: C(ℓ) = \big[M_ℓ A_ℓ + (1 - M_ℓ A_ℓ) B_{2,ℓ} - M_{ℓ-1}^2\big]\prod_{k<ℓ} λ_k^2,\qquad C(0) = M_0(1 - M_0).

At ε* λ is the same at all levels, :math:`F'(p_*) = s\,λ_*`: C decays as a power of the distance :math:`r = s^ℓ`.

Source: sclocchi2025probing, Section 3 (dynamical correlations, susceptibility); this form is derived here, and gives the
marginals of :meth:`quire.diffusion.MeanField.kept` exactly.
"""

import math
from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.diffusion.mean_field import MeanField, check_noise
from quire.types import Float, Int, Tensor

__all__ = [
    "Branching",
    "branching",
    "correlation_exponent",
    "length_exponent",
    "mean_field_correlation",
    "mean_field_susceptibility",
    "susceptibility_diverges",
]


@dataclass(frozen=True, eq=False)
class Branching:
    """The process for trees of depth L; entry l - 1 of the rules' probabilities belongs to parents of level l.

    Attributes:
        kept: M_l, the chance that a node is kept, from the leaves to the root.
        true_rule: A_l, that a kept parent picks the rule that is there.
        child: B_l, that a child is kept given another rule.
        siblings: B_2,l, that two given siblings are.
        children: s.
    """

    kept: Float[Tensor, "levels *noises"]
    true_rule: Float[Tensor, "depth *noises"]
    child: Float[Tensor, "depth *noises"]
    siblings: Float[Tensor, "depth *noises"]
    children: int

    def draw(self, count: int, *, generator: torch.Generator) -> Int[Tensor, "count leaves"]:
        """Which leaves are kept (1) and changed (0) in trees of one noise; for s = 2, where pairs say everything.

        Raises:
            ValueError: another s, or several noises.
        """
        if self.children != 2 or self.kept.ndim > 1:
            raise ValueError(f"draw needs two children and one noise, got s = {self.children}, {self.kept.shape[1:]}")
        state = _draw(self.kept[-1].expand(count, 1), generator)
        for level in range(len(self.child), 0, -1):
            true, child = self.true_rule[level - 1], self.child[level - 1]
            both = state & _draw(true.expand(state.shape), generator)
            which = torch.rand(state.shape, generator=generator, dtype=torch.float64)
            left, right = both | (which < child), both | ((which >= child) & (which < 2 * child))
            state = torch.stack([left, right], 2).flatten(1)
        return state.long()


def branching(theory: MeanField, noise: Float[Tensor, "*noises"], depth: int) -> Branching:
    """The process at noise ε on trees of depth L.

    Raises:
        ValueError: noise outside of [0, 1], or depth < 0.

    >>> noise = torch.tensor([0.2, 0.8], dtype=torch.float64)
    >>> theory = MeanField(vocab=16, num_rules=4, branching=2)
    >>> bool(torch.allclose(branching(theory, noise, 5).kept, theory.kept(noise, 5)))
    True
    """
    beliefs, s = theory.upward(noise, depth), theory.branching
    below = beliefs[:-1]
    whole = below**s
    true_rule = whole / (whole + theory.synonyms * (1 - whole))
    powers = below[None] ** torch.arange(s, dtype=below.dtype).view(-1, *[1] * below.ndim)
    child = below * powers[: s - 1].sum(0) / powers.sum(0)  # (p - p^s)/(1 - p^s) with 1 - p divided out
    siblings = below**2 * powers[: s - 2].sum(0) / powers.sum(0)
    kept = [beliefs[-1]]
    for level in range(depth, 0, -1):
        true = kept[-1] * true_rule[level - 1]
        kept.append(true + (1 - true) * child[level - 1])
    return Branching(torch.stack(kept[::-1]), true_rule, child, siblings, s)


@cites("sclocchi2025probing", "dynamical correlation function")
def mean_field_correlation(
    theory: MeanField, noise: Float[Tensor, "*noises"], depth: int
) -> Float[Tensor, "levels *noises"]:
    """C(ℓ), the covariance of "kept" at two leaves whose lowest common ancestor has level ℓ; C(0) is the variance.

    Raises:
        ValueError: noise outside of [0, 1], or depth < 0.
    """
    process = branching(theory, noise, depth)
    variance = process.kept[0] * (1 - process.kept[0])
    true = process.kept[1:] * process.true_rule
    at_ancestor = true + (1 - true) * process.siblings - process.kept[:-1] ** 2
    passed_on = process.true_rule * (1 - process.child)
    below = torch.cat([torch.ones_like(variance)[None], passed_on[:-1].square().cumprod(0)])[:depth]
    return torch.cat([variance[None], at_ancestor * below])


@cites("sclocchi2025probing", "dynamical susceptibility")
def mean_field_susceptibility(
    theory: MeanField, noise: Float[Tensor, "*noises"], depth: int
) -> Float[Tensor, "*noises"]:
    """χ = 1 + Σ_ℓ (s - 1) s^(ℓ-1) C(ℓ)/C(0): how many leaves change together.

    Raises:
        ValueError: noise outside of (0, 1], where something changes, or depth < 0.

    >>> theory = MeanField(vocab=32, num_rules=8, branching=2)
    >>> round(float(mean_field_susceptibility(theory, torch.tensor(0.73, dtype=torch.float64), 8)), 2)
    6.91
    """
    check_noise(noise, "noise")
    if not bool((noise > 0).all()):
        raise ValueError("noise must be above zero: nothing changes without noise, and χ is a ratio of nothings")
    correlation = mean_field_correlation(theory, noise, depth)
    s = theory.branching
    pairs = torch.tensor([(s - 1) * s ** (level - 1) for level in range(1, depth + 1)], dtype=noise.dtype)
    return 1 + torch.tensordot(pairs, correlation[1:] / correlation[0], dims=1)


def correlation_exponent(theory: MeanField) -> float:
    """η of C(r) ~ r^-η at ε*: 2 ln(1/λ*)/ln s with λ* = F'(p*)/s.

    Raises:
        ValueError: there is no transition.

    >>> round(correlation_exponent(MeanField(vocab=32, num_rules=8, branching=2)), 2)
    0.94
    """
    return 2 * math.log(theory.branching / theory.sharpening()) / math.log(theory.branching)


def length_exponent(theory: MeanField) -> float:
    """ν of the correlation length ξ ~ |ε - ε*|^-ν: ln s / ln F'(p*).

    Raises:
        ValueError: there is no transition.
    """
    return math.log(theory.branching) / math.log(theory.sharpening())


def susceptibility_diverges(theory: MeanField) -> bool:
    """Whether χ at ε* grows with the depth for ever: s λ*² = F'(p*)²/s > 1.

    Raises:
        ValueError: there is no transition.
    """
    return theory.sharpening() ** 2 > theory.branching


def _draw(chance: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(chance.shape, generator=generator, dtype=torch.float64) < chance
