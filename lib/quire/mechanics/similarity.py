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
    first: Float[Tensor, "samples width"], second: Float[Tensor, "rows other"]
) -> Float[Tensor, "width other"]:
    """The partial isometry A for which ‖X A - Y‖ is smallest: U Vᵀ of the singular value decomposition of XᵀY."""
    x, y = _pair(first, second)
    left, _, right = torch.linalg.svd(x.T @ y, full_matrices=False)
    return left @ right


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
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second) or len(first) < 2:
        raise ValueError(
            f"both must be [samples, width] of the same two samples or more, got {list(first.shape)}, {list(second.shape)}"
        )
    x, y = first.double(), second.double()
    if float(x.norm()) == 0 or float(y.norm()) == 0:
        raise ValueError("features must not all be zero")
    return x, y
