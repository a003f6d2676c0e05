"""The tree of a deep convolutional network with non-overlapping filters, and the size of what its nodes see.

Level 1 has one node per patch of ``filter_sizes[0]`` inputs; a node of level l reads ``filter_sizes[l-1]`` nodes of
level l-1. The inputs below one node of level l are its *meta-patch*. As each patch of size s_1 lies on a unit sphere,
a meta-patch of level l has

    d_eff(l) = (s_1 - 1) s_2 ... s_l          degrees of freedom.

Source: cagnetta2023deep, favero2025physics (hierarchical kernels; effective dimensionality of the meta-patches).
"""

from dataclasses import dataclass
from math import prod

from quire.cite import cites

__all__ = ["Architecture", "effective_dimension", "fully_connected", "meta_patches"]


@dataclass(frozen=True)
class Architecture:
    """Filter sizes from the input upwards, and how many top nodes the read-out averages.

    Args:
        filter_sizes: s_1, s_2, … s_L (inputs for the first, nodes for the others).
        readout_size: number of nodes of the last level; 1 when the filters cover the whole input.

    Raises:
        ValueError: no filter, or a size below one.

    >>> tree = Architecture(filter_sizes=(2, 2, 2))
    >>> tree.depth, tree.input_length, tree.num_nodes(1), tree.cut(1)
    (4, 8, 4, Architecture(filter_sizes=(2,), readout_size=4))
    """

    filter_sizes: tuple[int, ...]
    readout_size: int = 1

    def __post_init__(self):
        sizes = tuple(self.filter_sizes)
        if not sizes or any(int(size) != size or size < 1 for size in (*sizes, self.readout_size)):
            raise ValueError(
                "filter_sizes and readout_size must be integers ≥ 1, at least one filter, got "
                f"{sizes} and {self.readout_size}: name the filters from the input upwards, such as (2, 2, 2)"
            )
        object.__setattr__(self, "filter_sizes", tuple(int(size) for size in sizes))

    @property
    def depth(self) -> int:
        """Layers of weights: one per filter, and the read-out."""
        return len(self.filter_sizes) + 1

    @property
    def input_length(self) -> int:
        """Inputs that the tree covers."""
        return prod(self.filter_sizes) * self.readout_size

    def num_nodes(self, level: int) -> int:
        """Nodes of a level, 1 being the level of the patches."""
        check_level(self, level)
        return prod(self.filter_sizes[level:]) * self.readout_size

    def cut(self, level: int) -> "Architecture":
        """The network that stops after ``level`` and reads out all the nodes found there."""
        return Architecture(self.filter_sizes[:level], self.num_nodes(level))

    def require_length(self, length: int) -> None:
        """Refuse inputs that the filters do not tile."""
        if length != self.input_length:
            product = prod(self.filter_sizes)
            remedy = (
                f"readout_size={length // product} averages over the {length // product} nodes at the top"
                if length % product == 0
                else f"choose filters whose product divides {length}"
            )
            raise ValueError(
                f"filter_sizes {self.filter_sizes} times readout_size {self.readout_size} cover {self.input_length} "
                f"inputs, got inputs of length {length}: {remedy}"
            )


def fully_connected(input_length: int, *, hidden_layers: int) -> Architecture:
    """The fully-connected network as a tree: one patch that holds the whole input, then filters of size one.

    >>> fully_connected(8, hidden_layers=3)
    Architecture(filter_sizes=(8, 1, 1), readout_size=1)
    """
    return Architecture((input_length,) + (1,) * (hidden_layers - 1))


@cites("cagnetta2023deep", "effective dimensionality of the meta-patches")
def effective_dimension(architecture: Architecture, level: int) -> int:
    """d_eff(l) = (s_1 - 1) s_2 … s_l: degrees of freedom of the inputs below one node of a level.

    Raises:
        ValueError: the architecture has no such level.

    >>> [effective_dimension(Architecture((2, 2, 2)), level) for level in (1, 2, 3)]
    [1, 2, 4]
    """
    check_level(architecture, level)
    return (architecture.filter_sizes[0] - 1) * prod(architecture.filter_sizes[1:level])


def meta_patches(architecture: Architecture) -> list[dict]:
    """One row per node: its level, its place, the inputs [start, stop) of its meta-patch, and its d_eff.

    >>> meta_patches(Architecture((2, 2)))[-1]
    {'level': 2, 'node': 0, 'start': 0, 'stop': 4, 'parent': -1, 'effective_dimension': 2}
    """
    rows = []
    for level in range(1, architecture.depth):
        width = prod(architecture.filter_sizes[:level])
        last = level == architecture.depth - 1
        for node in range(architecture.num_nodes(level)):
            rows.append(
                {
                    "level": level,
                    "node": node,
                    "start": node * width,
                    "stop": (node + 1) * width,
                    "parent": -1 if last else node // architecture.filter_sizes[level],
                    "effective_dimension": effective_dimension(architecture, level),
                }
            )
    return rows


def check_level(architecture: Architecture, level: int) -> None:
    """Refuse a level, or a sector of the spectrum, that the tree does not have."""
    if not 1 <= level <= len(architecture.filter_sizes):
        raise ValueError(
            f"filter_sizes {architecture.filter_sizes} have the levels 1 to {len(architecture.filter_sizes)}, "
            f"got {level}: a sector is the level of the smallest meta-patch that holds a mode; add filters for more"
        )
