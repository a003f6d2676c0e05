"""A Cholesky factor that says what is wrong instead of adding jitter.

Coincident points make a Gram matrix singular. The factorisation then either breaks down or, worse, goes on with a
pivot that is nothing but rounding. Both are refused here, with the pair of points that is to blame.
"""

import math

import torch

from quire.types import Float, Tensor

__all__ = ["SingularGramError", "cholesky_factor"]


STRIP = 256  # rows that are compared with columns at a time
SYMMETRIC = 1e-4  # by how much the triangles may differ, over the diagonal: float32 by another order of summation


class SingularGramError(ValueError):
    """A Gram matrix that has no Cholesky factor in this precision."""


def cholesky_factor(gram: Float[Tensor, "point point"], *, ridge: float, jitter: float) -> Float[Tensor, "point point"]:
    r"""Lower factor of :math:`K + (\delta + \epsilon)\,1`, its leading blocks being the factors of the leading blocks.

    Args:
        gram: symmetric positive definite kernel matrix, in float64 unless the ridge is large.
        ridge: :math:`\delta \ge 0`, part of the model.
        jitter: :math:`\epsilon \ge 0`, a concession to rounding; 0 unless there is a reason, which the caller records.

    Raises:
        ValueError: ridge or jitter is negative, or the matrix is not square, not finite or not symmetric.
        SingularGramError: the matrix is singular to rounding; names the smallest pivot and the closest pair of points.

    >>> cholesky_factor(4 * torch.eye(2, dtype=torch.float64), ridge=0.0, jitter=0.0).diagonal().tolist()
    [2.0, 2.0]
    """
    for name, value in (("ridge", ridge), ("jitter", jitter)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be ≥ 0 and finite, got {value}: 0 means interpolation")
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or not gram.numel():
        raise ValueError(
            f"gram must be a square matrix, got shape {tuple(gram.shape)}: pass K(X, X) of the training points"
        )
    if not bool(torch.isfinite(gram).all()):
        where = (~torch.isfinite(gram)).nonzero()[0].tolist()
        raise ValueError(f"gram must be finite, got {gram[tuple(where)]} at {tuple(where)}: check the inputs")
    _check_symmetric(gram)
    shifted = gram.clone()
    shifted.diagonal().add_(ridge + jitter)
    diagonal = shifted.diagonal().clone()
    info = torch.empty((), dtype=torch.int32, device=gram.device)
    factor, info = torch.linalg.cholesky_ex(shifted, out=(shifted, info))  # in place: no third copy of the matrix
    threshold = len(gram) * torch.finfo(gram.dtype).eps * diagonal.max()
    if int(info):
        _refuse(gram, diagonal, int(info) - 1, float(threshold))
    pivots = factor.diagonal().square()
    if bool((pivots < threshold).any()):
        _refuse(gram, diagonal, int(pivots.argmin()), float(threshold))
    return factor


def _check_symmetric(gram: Tensor) -> None:
    """Raise unless both triangles agree: the factorisation reads one of them. In strips, so that no second matrix is made."""
    largest = float(gram.diagonal().abs().max())
    for start in range(0, len(gram), STRIP):
        rows = slice(start, start + STRIP)
        apart = float((gram[rows] - gram[:, rows].T).abs().max())
        if apart > SYMMETRIC * largest:
            raise ValueError(
                f"gram must be symmetric, its two triangles differ by {apart:.3g} near row {start}: pass K(X, X), or "
                "(gram + gram.T) / 2 if that is rounding"
            )


def _refuse(gram, diagonal, point: int, threshold: float) -> None:
    """Explain a vanishing pivot by the other point that is nearest in the kernel's own metric."""
    leading = gram[: point + 1, : point + 1].clone()
    leading.diagonal().copy_(diagonal[: point + 1])
    factor = torch.linalg.cholesky_ex(leading[:point, :point])[0]
    row = torch.linalg.solve_triangular(factor, leading[:point, point:], upper=False)
    pivot = float(diagonal[point] - row.square().sum())
    squared = gram.diagonal() + gram[point, point] - 2 * gram[point]
    squared[point] = math.inf
    other = int(squared.argmin())
    pair = sorted((other, point))
    raise SingularGramError(
        f"the Gram matrix is singular to rounding: the smallest pivot is {pivot:.3g} at point {point}, below "
        f"{threshold:.3g}; points {pair[0]} and {pair[1]} are the closest pair (squared kernel distance "
        f"{float(squared[other]):.3g}): remove duplicate points, give a ridge > 0, or a jitter > 0 that you report"
    )
