"""Draws from categorical laws, in float64: in float32 the unlikely symbols of a large alphabet are drawn too rarely."""

import torch

from quire.types import Float, Int, Tensor

__all__ = ["draw_symbols"]


def draw_symbols(weights: Float[Tensor, "*batch symbols"], *, generator: torch.Generator) -> Int[Tensor, "*batch"]:
    """One symbol for each law, by inverting its cumulative sum.

    Args:
        weights: non-negative, of any scale.
        generator: on the CPU; one uniform number for each law.

    Raises:
        ValueError: weights that are negative, not finite, or all zero.

    >>> draw_symbols(torch.tensor([[0.0, 2.0, 0.0]]), generator=torch.Generator()).tolist()
    [1]
    """
    sums = weights.double().cumsum(-1)
    total = sums[..., -1]
    if not bool((total.isfinite() & (total > 0)).all()) or bool((weights < 0).any()):
        raise ValueError("weights must be non-negative and finite, one of them positive: no symbol can be drawn")
    places = torch.rand(total.shape, generator=generator, dtype=torch.float64).to(weights.device) * total
    return (places[..., None] >= sums).sum(-1).clamp_max(weights.shape[-1] - 1)
