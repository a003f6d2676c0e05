r"""Fourier modes of a displacement field that vanishes on the frame of the image.

A component of the field on the unit square is

    τ(u, v) = Σ_{(i, j) ∈ K_c} C_ij sin(iπu) sin(jπv),    i, j ≥ 1,

and the cut-off c fixes the set K_c. Two rules are in use, and they differ already at c = 3:

* ``"paper"``: i² + j² ≤ c² (4 modes at c = 3), the rule in the text of petrini2021diffeo;
* ``"repo"``: √(i² + j²) < c + 1/2 with i, j ≤ c (6 modes at c = 3), the rule of its published code, hence
  of every published measurement.
"""

import math
from functools import lru_cache

import torch

from quire.types import Bool, Float, Tensor

__all__ = ["RULES", "active_modes", "cosine_basis", "sine_basis", "wave_numbers"]

RULES = ("paper", "repo")


@lru_cache(maxsize=64)
def active_modes(cutoff: int, rule: str) -> Bool[Tensor, "cutoff cutoff"]:
    """The set K_c as a mask over (i, j), both counted from 1.

    Args:
        cutoff: c, the largest wave number along one axis.
        rule: "paper" (i² + j² ≤ c²) or "repo" (√(i² + j²) < c + 1/2).

    Raises:
        ValueError: unknown rule, a cut-off that is not a positive integer, or a set without a mode.

    >>> [int(active_modes(3, rule).sum()) for rule in RULES]
    [4, 6]
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}, got {rule!r}: it decides which modes the cut-off keeps")
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or cutoff < 1:
        raise ValueError(f"cutoff must be an integer ≥ 1, got {cutoff!r}")
    square = wave_numbers(cutoff)
    mask = square <= cutoff**2 if rule == "paper" else square.sqrt() < cutoff + 0.5
    if not mask.any():
        raise ValueError(
            f'cutoff={cutoff} keeps no mode under rule="paper" (1² + 1² > 1): use cutoff ≥ 2 or rule="repo"'
        )
    return mask


@lru_cache(maxsize=64)
def wave_numbers(cutoff: int) -> Float[Tensor, "cutoff cutoff"]:
    """i² + j² for i, j = 1 … c, in float64.

    >>> wave_numbers(2).tolist()
    [[2.0, 5.0], [5.0, 8.0]]
    """
    index = torch.arange(1, cutoff + 1, dtype=torch.float64)
    return index[:, None] ** 2 + index[None, :] ** 2


@lru_cache(maxsize=64)
def sine_basis(size: int, cutoff: int) -> Float[Tensor, "size cutoff"]:
    """sin(iπu) on the inclusive grid u = 0, 1/(n-1), …, 1, in float64; both ends are exactly zero.

    >>> sine_basis(3, 1).flatten().tolist()
    [0.0, 1.0, 0.0]
    """
    basis = torch.sin(_phase(size, cutoff))
    basis[[0, -1]] = 0.0
    return basis


@lru_cache(maxsize=64)
def cosine_basis(size: int, cutoff: int) -> Float[Tensor, "size cutoff"]:
    """d/du sin(iπu) = iπ cos(iπu) on the same grid, in float64.

    >>> [round(value / math.pi, 6) + 0.0 for value in cosine_basis(3, 1).flatten().tolist()]
    [1.0, 0.0, -1.0]
    """
    index = torch.arange(1, cutoff + 1, dtype=torch.float64)
    return math.pi * index * torch.cos(_phase(size, cutoff))


def _phase(size: int, cutoff: int) -> Float[Tensor, "size cutoff"]:
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise ValueError(f"size must be an integer ≥ 2 (pixels along one side), got {size!r}")
    grid = torch.linspace(0, 1, size, dtype=torch.float64)
    return math.pi * grid[:, None] * torch.arange(1, cutoff + 1, dtype=torch.float64)
