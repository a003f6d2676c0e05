"""Mini-batches of all members: each member passes through random permutations of its own samples.

Member k's stream depends on its generator and its number of samples only, not on the other members.
"""

from collections.abc import Sequence

import torch

from quire.types import Int, Tensor

__all__ = ["BatchSampler"]

BLOCK = 64  # steps drawn at a time


class BatchSampler:
    """Endless batches of sample numbers.

    Args:
        sizes: number of samples of each member.
        batch_size: samples per member and batch.
        generators: one CPU generator per member.

    >>> sampler = BatchSampler([5], 5, [torch.Generator().manual_seed(0)])
    >>> sorted(sampler.next()[0].tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, sizes: Sequence[int], batch_size: int, generators: Sequence[torch.Generator]):
        self.sizes, self.batch_size, self.generators = list(sizes), batch_size, list(generators)
        self._left = [torch.empty(0, dtype=torch.long) for _ in self.sizes]
        self._block = torch.empty(len(self.sizes), 0, batch_size, dtype=torch.long)
        self._cursor = 0

    def next(self) -> Int[Tensor, "members batch"]:
        """The next batch of every member."""
        if self._cursor == self._block.shape[1]:
            rows = [self._refill(member) for member in range(len(self.sizes))]
            self._block, self._cursor = torch.stack(rows).unflatten(1, (BLOCK, self.batch_size)), 0
        self._cursor += 1
        return self._block[:, self._cursor - 1]

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self.sizes = [self.sizes[k] for k in members]
        self.generators = [self.generators[k] for k in members]
        self._left = [self._left[k] for k in members]
        self._block = self._block[list(members)]

    def _refill(self, member: int) -> Tensor:
        wanted, size, generator = BLOCK * self.batch_size, self.sizes[member], self.generators[member]
        parts, found = [self._left[member]], self._left[member].numel()
        if found < wanted:
            epochs = -(-(wanted - found) // size)
            if epochs <= 16:
                parts += [torch.randperm(size, generator=generator) for _ in range(epochs)]
            else:  # many short permutations at once
                draws = torch.rand(epochs, size, generator=generator, dtype=torch.float64)
                parts.append(draws.argsort(1).flatten())
        stream = torch.cat(parts)
        self._left[member] = stream[wanted:].clone()
        return stream[:wanted]
