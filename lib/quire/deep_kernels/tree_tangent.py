r"""The lazy limit of a tree-matched network on tokens: its neural tangent kernel, and the classifier it gives.

Whitened one-hot tokens have cosine 1 if equal and -1/(v-1) otherwise. Level by level, the means over the s children of
the covariance Σ and of the tangent kernel Θ of the level below give

    Σ' = κ_1(mean Σ),    Θ' = κ_0(mean Σ) (mean Σ + mean Θ),

and the kernel of the network is Σ^L + Θ^L: the recursion of :mod:`quire.deep_kernels.recursion` with N = Σ + Θ. The filters of different positions meet independent weights above, so that
the convolutional network and the locally connected one share this kernel. A one-hidden-layer fully-connected network is
the tree with a single level whose branching is the length.

Source: jacot2018ntk; cagnetta2024rhm, Fig. 14 (lazy training).
"""

import torch

from quire.cite import cites
from quire.kernels import arccos_kernel_degree0, arccos_kernel_degree1
from quire.types import Float, Shaped, Tensor

__all__ = ["tree_tangent_kernel"]

BUDGET_BYTES = 2**28


@cites("cagnetta2024rhm", "Fig. 14")
def tree_tangent_kernel(
    left: Shaped[Tensor, "rows tokens"], right: Shaped[Tensor, "columns tokens"], *, vocab: int, branching: int
) -> Float[Tensor, "rows columns"]:
    """Tangent kernel of the infinitely wide tree-matched network, float64.

    Args:
        left: tokens.
        right: tokens of the same length, a power of ``branching``.
        vocab: v.
        branching: filter size of every layer; the length itself for a fully-connected network with one hidden layer.

    Raises:
        ValueError: the length is not a power of ``branching``.

    >>> x = torch.tensor([[0, 1, 2, 1]])
    >>> round(float(tree_tangent_kernel(x, x, vocab=3, branching=2)), 12)  # one per layer
    3.0
    """
    length, depth = left.shape[1], 0
    while branching**depth < length:
        depth += 1
    if branching**depth != length or depth == 0:
        raise ValueError(f"the length must be a power of branching = {branching}, got {length}")
    rows = max(1, BUDGET_BYTES // (8 * 4 * length * len(right)))
    return torch.cat([_kernel(part, right, vocab, branching, depth) for part in left.split(rows)])


def _kernel(left: Tensor, right: Tensor, vocab: int, branching: int, depth: int) -> Tensor:
    same = left[:, None, :] == right[None, :, :]
    covariance = torch.where(same, 1.0, -1.0 / (vocab - 1)).double()
    tangent = torch.zeros_like(covariance)
    for _ in range(depth):
        mean = covariance.unflatten(-1, (-1, branching)).mean(-1)
        tangent = tangent.unflatten(-1, (-1, branching)).mean(-1)
        tangent = arccos_kernel_degree0(mean) * (mean + tangent)
        covariance = arccos_kernel_degree1(mean)
    return (covariance + tangent)[..., 0]
