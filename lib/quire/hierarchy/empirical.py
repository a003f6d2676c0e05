r"""Correlations measured in data, with the noise that finite data put into them.

From P pairs (x, y), Ĉ(μ, ν) = P̂(μ, ν) - P̂(μ) P̂(ν). Its mean square over the v² entries estimates signal + floor: when x and
y are independent the floor is Σ_μ p(1-p) Σ_ν q(1-q) / (v² P) (1/(v² P) for large alphabets), which is subtracted in
``corrected``. The root of the mean square saturates at the root of the floor.

Source: cagnetta2024ntp, Eqs. (6) and (8), and the noise floor of an empirical correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Int, Shaped, Tensor

__all__ = ["Correlation", "last_token_correlations", "pair_correlation", "pair_counts"]


@dataclass(frozen=True)
class Correlation:
    """Mean squared covariance of two symbols: as measured, its noise floor, their difference; and its operator norm.

    ``norm`` is the largest singular value of the covariance matrix.
    """

    measured: float
    floor: float
    norm: float

    @property
    def corrected(self) -> float:
        """Estimate of the mean square without the noise; it can be negative."""
        return self.measured - self.floor


def pair_counts(
    first: Shaped[Tensor, "samples"], second: Shaped[Tensor, "samples"], sizes: tuple[int, int]
) -> Int[Tensor, "first second"]:
    """Joint histogram of two integer variables in [0, sizes[0]) and [0, sizes[1]).

    >>> pair_counts(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), (2, 2)).tolist()
    [[0, 2], [1, 0]]
    """
    codes = first.long() * sizes[1] + second.long()
    return torch.bincount(codes, minlength=sizes[0] * sizes[1]).view(sizes)


@cites("cagnetta2024ntp", "correlations of two tokens")
def pair_correlation(
    first: Shaped[Tensor, "samples"], second: Shaped[Tensor, "samples"], sizes: tuple[int, int]
) -> Correlation:
    """Correlation of two variables, from P joint observations.

    Raises:
        ValueError: no observation.
    """
    if not len(first):
        raise ValueError("a correlation needs at least one observation, got none")
    joint = pair_counts(first, second, sizes).double() / len(first)
    p, q = joint.sum(1), joint.sum(0)
    covariance = joint - p[:, None] * q
    entries = sizes[0] * sizes[1]
    floor = (p * (1 - p)).sum() * (q * (1 - q)).sum() / (entries * len(first))
    norm = torch.linalg.matrix_norm(covariance, 2)
    return Correlation(float(covariance.square().mean()), float(floor), float(norm))


@cites("cagnetta2024ntp", "Fig. 1")
def last_token_correlations(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, distances: Sequence[int]
) -> list[Correlation]:
    """Correlation of the last token with the one t before it, for every t asked for."""
    last = tokens[:, -1]
    return [pair_correlation(tokens[:, -1 - t], last, (vocab, vocab)) for t in distances]
