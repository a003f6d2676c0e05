"""Random teachers: Gaussian fields drawn on training and test points together."""

import torch

from quire.cite import cites
from quire.regression.cholesky import cholesky_factor
from quire.types import Float, Tensor

__all__ = ["draw_teachers"]


@cites("spigler2020asymptotic", "Gaussian random field as a teacher")
def draw_teachers(
    gram: Float[Tensor, "point point"], *, num_teachers: int, generator: torch.Generator, jitter: float = 0.0
) -> Float[Tensor, "point teacher"]:
    """Draw functions from a Gaussian field, jointly on all points (training first, then test).

    Args:
        gram: teacher kernel between all points.
        num_teachers: how many independent functions.
        generator: CPU generator; the draw is then moved to the device of ``gram``.
        jitter: added to the diagonal against rounding; 0 unless the kernel is very smooth.

    Raises:
        ValueError: fewer than one teacher, or a bad Gram matrix.

    >>> draw_teachers(torch.eye(3), num_teachers=2, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """
    if num_teachers < 1:
        raise ValueError(f"num_teachers must be ≥ 1, got {num_teachers}: one column is one teacher")
    factor = cholesky_factor(gram, ridge=0.0, jitter=jitter)
    noise = torch.randn(len(gram), num_teachers, generator=generator, dtype=gram.dtype)
    return factor @ noise.to(gram.device)
