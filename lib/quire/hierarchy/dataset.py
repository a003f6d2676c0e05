"""Data of a grammar as a data set of torch, for a loader and a training loop of one's own."""

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.parsing import parse
from quire.hierarchy.sampling import sample
from quire.types import Shaped, Tensor

__all__ = ["HierarchyDataset"]


class HierarchyDataset(Dataset):
    """Tokens and classes, and if asked for the latent symbols of every level above the tokens, as int64.

    An item is ``(tokens [d], class)``, or ``(tokens, class, latents)`` with the symbols of levels 1 … L in one tensor, from
    the lowest level to the root. A loader's batch is taken at once.

    Args:
        grammar: the language.
        num_samples: how many data.
        seed: of the draw.
        replacement: whether data may repeat.
        split: "train" and "test" share no datum where there is no replacement, see :func:`quire.hierarchy.sample`.
        latents: give the latent symbols too.

    Raises:
        ValueError: more data than there are, another split; see :func:`quire.hierarchy.sample`.

    >>> grammar = RandomHierarchy(vocab=3, num_rules=2, branching=2, depth=2, num_classes=3)
    >>> data = HierarchyDataset(grammar, 5, seed=0, replacement=False, latents=True)
    >>> [part.shape for part in data[[0, 1]]]
    [torch.Size([2, 4]), torch.Size([2]), torch.Size([2, 3])]
    """

    def __init__(
        self,
        grammar: RandomHierarchy,
        num_samples: int,
        *,
        seed: int,
        replacement: bool,
        split: str = "train",
        latents: bool = False,
    ):
        drawn = sample(grammar, num_samples, seed=seed, replacement=replacement, split=split)
        self.grammar = grammar
        self.tokens: Shaped[Tensor, "samples tokens"] = drawn.tokens.long()
        self.labels: Shaped[Tensor, " samples"] = drawn.labels.long()
        self.latents = None
        if latents:
            levels = parse(grammar, drawn.tokens).levels
            self.latents = torch.cat([level.long().reshape(num_samples, -1) for level in levels[1:]], dim=1)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> tuple[Tensor, ...]:
        found = self.tokens[index], self.labels[index]
        return found if self.latents is None else (*found, self.latents[index])

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, ...]]:
        """The items of a batch, taken at once."""
        return list(zip(*self[torch.as_tensor(indices)], strict=True))
