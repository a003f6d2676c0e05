r"""The recursion of deep kernels, from cosines of patches to the kernel, level by level.

A network of ``depth`` L+1 cuts an input of p_1 patches of size s_1 (each on the unit sphere) into a tree: one node of
level l reads s_l nodes of level l-1. At infinite width (ReLU, gain 2) its covariances follow the recursion

.. math::
    A = \mathrm{mean}_{children}\, R^{l-1},\quad B = \mathrm{mean}_{children}\, N^{l-1},\qquad
    R^l = \kappa_1(A),\quad N^l = \kappa_1(A) + \kappa_0(A)\,B,

started from the cosines of the patches, :math:`R^0_i = N^0_i = x_i\cdot y_i`, and read out as a mean over the nodes
of the last level: R gives the NNGP (random-feature) kernel, N the neural tangent kernel.

On tokens, whose cosines take two values, :mod:`quire.deep_kernels.tree_tangent` runs the same recursion on
:math:`\Theta = N - R`.

Source: cagnetta2023deep (definition of the hierarchical kernels); cho2009kernel for the arc-cosine functions.
"""

import torch

from quire.types import Tensor

__all__ = ["arc_cosine_step", "check_kind", "hierarchical_diagonal", "propagate"]


def propagate(opposite: Tensor, kind: str, filter_sizes: tuple[int, ...], *, by_level: bool) -> list[Tensor]:
    """Run the recursion on minus the cosines (patches first); the read-out of R or N at the end, or at each level."""
    tangent = opposite.clone() if kind == "ntk" else None
    scale = -1.0
    outputs = []
    for position, filter_size in enumerate(filter_sizes):
        if position:
            scale = 1 / (filter_size * torch.pi)
            opposite = _sum_children(feature, filter_size).mul_(-scale)
            tangent = None if tangent is None else _sum_children(total, filter_size)
        feature, total = _scaled_step(opposite, tangent, scale)
        if by_level or position == len(filter_sizes) - 1:
            top = feature if total is None else total
            outputs.append(top.mean(0).mul_(1 / torch.pi))
    return outputs


def hierarchical_diagonal(*, levels: int, kind: str) -> float:
    """K(x, x) of a kernel with that many levels: 1 for the NNGP and levels + 1 for the NTK, whatever the filters.

    >>> hierarchical_diagonal(levels=3, kind="ntk")
    4.0
    """
    check_kind(kind)
    return 1.0 if kind == "nngp" else levels + 1.0


def arc_cosine_step(cosine: Tensor, tangent: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """One layer: (kappa_1(A), kappa_1(A) + kappa_0(A) B), with one arc-cosine and one square root per entry."""
    feature, total = _scaled_step(cosine.neg(), tangent, 1.0)
    return feature.mul_(1 / torch.pi), None if total is None else total.mul_(1 / torch.pi)


def check_kind(kind: str) -> None:
    """Refuse a kernel that is neither of all weights nor of the last layer's alone."""
    if kind not in ("ntk", "nngp"):
        raise ValueError(f'kind must be "ntk" or "nngp" (random features), got {kind!r}')


def _scaled_step(opposite: Tensor, tangent: Tensor | None, scale: float) -> tuple[Tensor, Tensor | None]:
    """The same times pi, from -A (overwritten) and from B over ``scale``: every pass that can be folded is."""
    supplement = torch.acos(opposite.clamp_(-1, 1))  # pi - angle
    squared = torch.addcmul(opposite.new_ones(()), opposite, opposite, value=-1)
    squared.clamp_min_(torch.finfo(squared.dtype).tiny)
    sine = squared.mul_(squared.rsqrt())  # half of the time of the square root alone
    feature = sine.addcmul_(opposite, supplement, value=-1)
    return feature, None if tangent is None else torch.addcmul(feature, tangent, supplement, value=scale)


def _sum_children(values: Tensor, filter_size: int) -> Tensor:
    if filter_size == 1:
        return values.clone()
    children = values.unflatten(0, (-1, filter_size)).unbind(1)
    total = children[0] + children[1]  # twice as fast as a reduction
    for child in children[2:]:
        total.add_(child)
    return total
