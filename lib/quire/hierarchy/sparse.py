r"""The Sparse Random Hierarchy Model: informative symbols at random places among empty ones.

Every node writes s informative children into a patch of s(s_0+1) places. *Blocks* (model A): child i stands somewhere in
its own block of s_0+1 places. *Anywhere* (model B): the s children keep their order and take any places of the patch. An
empty symbol writes only empty symbols, so that a datum has (s(s_0+1))^L places, s^L of them informative. Small shifts of
the children, a discrete diffeomorphism, leave the class unchanged.

Source: tomasini2024sparse, definition of the model.
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.sampling import sample
from quire.rng import generator
from quire.types import Int, Shaped, Tensor

__all__ = ["SparseHierarchy", "sample_sparse"]

PLACEMENTS = ("blocks", "anywhere")


@cites("tomasini2024sparse", "definition of the sparse model")
@dataclass(frozen=True)
class SparseHierarchy:
    """A grammar whose data are spread over empty places.

    Args:
        grammar: of the informative symbols.
        num_empty: s_0, empty places per informative one.
        placement: "blocks" or "anywhere".
    """

    grammar: RandomHierarchy
    num_empty: int
    placement: str

    def __post_init__(self):
        if self.num_empty < 0:
            raise ValueError(f"num_empty must be >= 0, got {self.num_empty}: 0 is the dense hierarchy")
        if self.placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {PLACEMENTS}, got {self.placement!r}")
        if self.num_tokens > 2**20:
            raise ValueError(f"a datum would have {self.num_tokens} places, more than 2**20: lower num_empty or depth")

    @property
    def patch_size(self) -> int:
        """Places per node, s(s_0 + 1): the filter size of a network that matches the tree."""
        return self.grammar.branching * (self.num_empty + 1)

    @property
    def num_tokens(self) -> int:
        """Places of a datum, (s(s_0+1))^L."""
        return self.patch_size**self.grammar.depth


@cites("tomasini2024sparse", "definition of the sparse model")
def sample_sparse(
    hierarchy: SparseHierarchy, num_samples: int, *, seed: int, split: str = "train"
) -> tuple[Shaped[Tensor, "samples places"], Shaped[Tensor, "samples"]]:
    """Independent data: tokens, the empty symbol being ``vocab``, and classes.

    The first P of P' > P samples are the same.

    >>> grammar = RandomHierarchy(vocab=4, num_rules=4, branching=2, depth=2, num_classes=4, seed=0)
    >>> tokens, _ = sample_sparse(SparseHierarchy(grammar, 1, "blocks"), 3, seed=0)
    >>> tokens.shape, (tokens < 4).sum(1).tolist()
    (torch.Size([3, 16]), [4, 4, 4])
    """
    grammar = hierarchy.grammar
    data = sample(grammar, num_samples, seed=seed, replacement=True, split=split)
    places = _places(hierarchy, num_samples, generator("hierarchy.sparse", seed, split))
    dtype = torch.uint8 if grammar.vocab < 2**8 else torch.int64
    tokens = torch.full((num_samples, hierarchy.num_tokens), grammar.vocab, dtype=dtype)
    return tokens.scatter_(1, places, data.tokens.to(dtype)), data.labels


def _places(hierarchy: SparseHierarchy, samples: int, numbers: torch.Generator) -> Int[Tensor, "samples leaves"]:
    """Place of every informative leaf: digits of a number in base s(s_0+1), one per level."""
    grammar, patch = hierarchy.grammar, hierarchy.patch_size
    nodes = grammar.num_choices
    uniform = torch.rand(samples, nodes * patch, generator=numbers, dtype=torch.float64).view(samples, nodes, patch)
    if hierarchy.placement == "blocks":
        blocks = uniform.view(samples, nodes, grammar.branching, -1)
        offsets = blocks.argmax(-1) + torch.arange(grammar.branching) * (hierarchy.num_empty + 1)
    else:
        offsets = uniform.topk(grammar.branching, dim=-1).indices.sort(-1).values
    places, first = torch.zeros(samples, 1, dtype=torch.int64), 0
    for _ in range(grammar.depth, 0, -1):
        width = places.shape[1]
        places = (places[..., None] * patch + offsets[:, first : first + width]).flatten(1)
        first += width
    return places
