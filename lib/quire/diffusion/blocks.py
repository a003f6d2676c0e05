r"""Blocks of change: which sites change together when data are noised and denoised.

:math:`σ_i` says whether site i of the restored datum differs from the original. Its covariance at distance r, averaged over
the pairs of sites at that distance, is C(r); the susceptibility

.. math:: χ = \sum_{ij} C_{ij} \Big/ \sum_i C_{ii}

counts the sites that change together: 1 if all change on their own. The correlation length ξ is the smallest distance at
which C(r) < C(0)/10.

**The order of averages matters.** Many restored data may belong to one original. Covariances "within" each original, then
averaged over originals, say what *denoising* changes together, and are the literature's; covariances of all draws "together"
add the covariance of :math:`⟨σ_i⟩` from original to original. Where sites are "alike", as the leaves of random trees, one mean
is subtracted for all of them, which one draw an original suffices for.

Source: sclocchi2025probing, Section 3.
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Bool, Float, Shaped, Tensor

__all__ = ["Blocks", "changed", "line_distances", "pair_blocks", "patch_distances", "tree_blocks"]

ORDERS = ("within", "together", "alike")
FRACTION = 0.1  # of C(0), below which sites count as uncorrelated


@dataclass(frozen=True, eq=False)
class Blocks:
    """What changes together.

    Attributes:
        distance: r, increasing from 0.
        correlation: C(r); on trees one value for each level of the lowest common ancestor, at r = s^ℓ.
        susceptibility: χ.
        changed: ⟨σ⟩, the fraction of sites that change.
    """

    distance: Float[Tensor, " distances"]
    correlation: Float[Tensor, " distances"]
    susceptibility: float
    changed: float

    @property
    def length(self) -> float:
        """ξ: the smallest distance with C(r) < C(0)/10; infinite if there is none."""
        below = self.correlation < FRACTION * self.correlation[0]
        return float(self.distance[below][0]) if bool(below.any()) else float("inf")


def changed(
    original: Shaped[Tensor, "originals sites"], restored: Shaped[Tensor, "originals draws sites"]
) -> Bool[Tensor, "originals draws sites"]:
    """σ: where each restored datum differs from its original.

    >>> changed(torch.tensor([[1, 2]]), torch.tensor([[[1, 0], [1, 2]]])).tolist()
    [[[False, True], [False, False]]]
    """
    return restored != original[:, None]


@cites("sclocchi2025probing", "correlations on the tree")
def tree_blocks(spins: Shaped[Tensor, "originals draws sites"], branching: int, *, order: str) -> Blocks:
    """C at each level of the lowest common ancestor, by sums over blocks: it reads the spins once, never pairs of them.

    Args:
        spins: σ at the s^L leaves, in any two values.
        branching: s.
        order: of the averages: "within" each original, all draws "together", or with sites that are "alike".

    Raises:
        ValueError: leaves that are no power of s; an unknown order; "within" with a single draw; spins that are all equal.

    >>> spins = torch.tensor([[[0, 0, 1, 1], [1, 1, 0, 0]]])
    >>> found = tree_blocks(spins, 2, order="alike")
    >>> (found.correlation / found.correlation[0]).tolist(), found.susceptibility
    ([1.0, 1.0, -1.0], 0.0)
    """
    levels = _depth(spins.shape[2], branching)
    sums = _deviations(spins, order)
    inside = [float(sums.square().mean())]  # Σ of C over the block of a site, level by level
    for _ in range(levels):
        sums = sums.unflatten(2, (-1, branching)).sum(3)
        inside.append(float(sums.square().sum(2).mean()) / spins.shape[2])
    sizes = torch.tensor([branching**level for level in range(levels + 1)], dtype=torch.float64)
    blocks = torch.tensor(inside, dtype=torch.float64)
    correlation = torch.cat([blocks[:1], blocks.diff() / sizes.diff()])
    distance = torch.cat([torch.zeros(1, dtype=torch.float64), sizes[1:]])
    return Blocks(distance, correlation, inside[-1] / inside[0], float(spins.double().mean()))


@cites("sclocchi2025probing", "correlations of tokens and of patches")
def pair_blocks(
    spins: Shaped[Tensor, "originals draws sites"], distances: Float[Tensor, "_ _"], *, order: str
) -> Blocks:
    """C at each distance that occurs between two sites: of characters in a line, of patches of an image, of anything.

    Args:
        spins: σ, in any two values.
        distances: of each pair of sites, see :func:`line_distances` and :func:`patch_distances`.
        order: as for :func:`tree_blocks`.

    Raises:
        ValueError: distances of other sites; otherwise as for :func:`tree_blocks`.

    >>> spins = torch.tensor([[[0, 0], [1, 1]]])
    >>> pair_blocks(spins, line_distances(2), order="together").susceptibility
    2.0
    """
    if tuple(distances.shape) != (spins.shape[2], spins.shape[2]):
        raise ValueError(f"distances must be of {spins.shape[2]} sites, got shape {tuple(distances.shape)}")
    deviation = _deviations(spins, order).flatten(0, 1)
    covariance = deviation.T @ deviation / len(deviation)
    found, group = distances.double().unique(return_inverse=True)
    pairs = torch.zeros(len(found), dtype=torch.float64, device=spins.device)
    count = pairs.clone().index_add_(0, group.flatten(), torch.ones_like(covariance).flatten())
    total = pairs.index_add_(0, group.flatten(), covariance.flatten())
    susceptibility = float(covariance.sum() / covariance.diagonal().sum())
    return Blocks(found, total / count, susceptibility, float(spins.double().mean()))


def line_distances(sites: int) -> Float[Tensor, "sites sites"]:
    """|i - j| for the sites of a line.

    >>> line_distances(3)[0].tolist()
    [0.0, 1.0, 2.0]
    """
    place = torch.arange(sites, dtype=torch.float64)
    return (place[:, None] - place).abs()


def patch_distances(height: int, width: int) -> Float[Tensor, "sites sites"]:
    """Euclidean distance of the patches of an image, row by row, in patches.

    >>> patch_distances(2, 2)[0].square().round().tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([row.flatten(), column.flatten()], 1).double()
    return (place[:, None] - place).square().sum(2).sqrt()


def _deviations(spins: Tensor, order: str) -> Tensor:
    """σ minus its mean, scaled so that means of products are unbiased covariances."""
    if order not in ORDERS:
        raise ValueError(f"order must be one of {list(ORDERS)}, got {order!r}")
    values, (originals, draws, sites) = spins.double(), spins.shape
    if values.numel() == 0 or bool((values == values.flatten()[0]).all()):
        raise ValueError(
            f"spins of shape {tuple(spins.shape)} are all equal: nothing changes, and χ is a ratio of nothings"
        )
    axes = {"within": (1,), "together": (0, 1), "alike": (0, 1, 2)}[order]
    averaged = {"within": draws, "together": originals * draws, "alike": originals * draws * sites}[order]
    if averaged < 2:
        raise ValueError(
            f'order "{order}" needs two draws at least, got spins of shape {tuple(spins.shape)}: restore each original '
            'several times, or take "alike" where sites are'
        )
    return (values - values.mean(axes, keepdim=True)) * (averaged / (averaged - 1)) ** 0.5


def _depth(sites: int, branching: int) -> int:
    """L with s^L = sites."""
    depth, size = 0, 1
    while size < sites and branching > 1:
        depth, size = depth + 1, size * branching
    if size != sites:
        raise ValueError(f"{sites} sites are not the leaves of a tree with {branching} children a node")
    return depth
