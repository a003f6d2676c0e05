r"""Are two networks' representations of the same data alike? (kornblith2019similarity; guth2023rainbow.)

*Linear CKA* compares Gram matrices of centred features and is blind to rotations and to the scale. The *alignment error* is what is left
when one representation has been turned onto the other by the best orthogonal map (Procrustes), relative to its size.
"""

import torch

from quire.types import Float, Tensor

__all__ = ["alignment_error", "best_rotation", "linear_cka"]


def linear_cka(first: Float[Tensor, "samples width"], second: Float[Tensor, "rows other"]) -> float:
    """‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) of centred features: one where they agree up to rotation and scale.

    Raises:
        ValueError: other numbers of samples, fewer than two, or features that are all alike.

    >>> x = torch.eye(3)[:, :2]
    >>> round(linear_cka(x, -3 * x.flip(1)), 6)
    1.0
    """
    x, y = _pair(first, second)
    x, y = x - x.mean(0), y - y.mean(0)
    sizes = (x.T @ x).norm() * (y.T @ y).norm()
    if float(sizes) == 0:
        raise ValueError("features of all samples are alike: there is nothing to compare")
    return float((y.T @ x).square().sum() / sizes)


def best_rotation(
    first: Float[Tensor, "*#batch samples width"], second: Float[Tensor, "*#batch rows other"]
) -> Float[Tensor, "*batch width other"]:
    """The partial isometry A for which ‖X A - Y‖ is smallest: U Vᵀ of the singular value decomposition of XᵀY.

    Where there are fewer samples than features, what is decomposed is a matrix of samples by samples.

    Raises:
        ValueError: other numbers of samples, fewer than two, or features that are all zero.
    """
    x, y = _pair(first, second)
    (x, outside), (y, inside) = _short(x), _short(y)
    left, _, right = torch.linalg.svd(x.mT @ y, full_matrices=False)
    return (outside @ left) @ (right @ inside.mT)


def _short(x: Tensor) -> tuple[Tensor, Tensor]:
    """X = X' Qᵀ with no more columns than samples, and Q, of orthonormal columns."""
    samples, width = x.shape[-2:]
    if width <= samples:
        return x, torch.eye(width, dtype=x.dtype, device=x.device)
    basis, triangle = torch.linalg.qr(x.mT)
    return triangle.mT, basis


def alignment_error(first: Float[Tensor, "samples width"], second: Float[Tensor, "rows other"]) -> float:
    """‖X A - Y‖² / (‖X‖ ‖Y‖) with the best A, where X and Y are scaled to one size: between 0 and 2.

    The features are not centred, other than in CKA: the mean is part of a representation.

    >>> x = torch.eye(3)[:, :2]
    >>> round(alignment_error(x, -3 * x.flip(1)), 6)
    0.0
    """
    x, y = _pair(first, second)
    x, y = x / x.norm(), y / y.norm()
    return float((x @ best_rotation(x, y) - y).square().sum())


def _pair(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    if first.ndim < 2 or first.ndim != second.ndim or first.shape[:-1] != second.shape[:-1] or first.shape[-2] < 2:
        raise ValueError(
            f"both must be [samples, width] of the same two samples or more, got {list(first.shape)}, {list(second.shape)}"
        )
    x, y = first.double(), second.double()
    if any(bool((one.abs().amax((-2, -1)) == 0).any()) for one in (x, y)):
        raise ValueError("features must not all be zero")
    return x, y
