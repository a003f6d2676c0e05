r"""How far two representations of the same data are from being one, up to a rotation (guth2023rainbow).

Features are rows of X and Y, divided by √width: then :math:`XX^\top` estimates the kernel of the layer, whatever its width.
"""

import torch

from quire.types import Float, Tensor

__all__ = ["alignment_distance", "kernel_distance"]


def alignment_distance(
    first: Float[Tensor, "*#batch samples width"], second: Float[Tensor, "*#batch rows other"]
) -> Float[Tensor, "*batch"]:
    r"""min over partial isometries A of ‖X A - Y‖² / ‖Y‖², which is :math:`(\|X\|^2 + \|Y\|^2 - 2\,\|X^\top Y\|_*) / \|Y\|^2`.

    The minimum is the squared Bures-Wasserstein distance of the two Gram matrices. A is that of :func:`quire.mechanics.best_rotation`. Sizes
    are not taken out, other than in :func:`quire.mechanics.alignment_error`.

    Raises:
        ValueError: the samples are not the same.

    >>> x = torch.eye(3)[:, :2]
    >>> float(alignment_distance(x, x.flip(1))), float(alignment_distance(0.5 * x, x))
    (0.0, 0.25)
    """
    x, y = _same_samples(first, second)
    nuclear = torch.linalg.svdvals(_triangle(x) @ _triangle(y).mT).sum(-1)
    own, other = (one.square().sum((-2, -1)) for one in (x, y))
    return ((own + other - 2 * nuclear) / other).clamp(min=0)


def _triangle(x: Tensor) -> Tensor:
    """R with the singular values of X and the least rows: the nuclear norm of XᵀY is that of R_x R_yᵀ."""
    return x.mT if x.shape[-1] <= x.shape[-2] else torch.linalg.qr(x.mT, mode="r").R


def kernel_distance(
    first: Float[Tensor, "*#batch samples width"], second: Float[Tensor, "*#batch rows other"]
) -> Float[Tensor, "*batch"]:
    r""":math:`\|XX^\top - YY^\top\|^2 / \|YY^\top\|^2`; for random features it falls as one over their number.

    Raises:
        ValueError: the samples are not the same.
    """
    x, y = _same_samples(first, second)
    target = y @ y.mT
    return (x @ x.mT - target).square().sum((-2, -1)) / target.square().sum((-2, -1))


def _same_samples(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    if first.ndim < 2 or second.ndim < 2 or first.shape[-2] != second.shape[-2]:
        raise ValueError(
            f"both must be [..., samples, width] of the same samples, got {list(first.shape)} and {list(second.shape)}"
        )
    x, y = first.double(), second.double()
    if bool((y.abs().amax((-2, -1)) == 0).any()):
        raise ValueError("the second features must not all be zero: the distance is relative to them")
    return x, y
