"""The stream of batches of the members that still run: drawn from permutations, or the whole set each time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from quire.rng import generator
from quire.training.batch import Batch
from quire.training.config import TrainConfig
from quire.training.data import MemberData
from quire.training.sampler import BatchSampler
from quire.types import Float, Tensor

__all__ = ["Augment", "Batches"]

Augment = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


class Batches:
    """Endless batches of all members.

    Args:
        data: on the device where the batches are wanted.
        config: batch_size and reduction.
        generators: one per member; the streams of the augmentation and of the objective are named by one number drawn
            from it, the order of the samples uses it itself.
        augment: see :func:`quire.training.train`.
        dtype: of the weights of the samples.
    """

    def __init__(
        self,
        data: MemberData,
        config: TrainConfig,
        generators: Sequence[torch.Generator],
        augment: Augment | None,
        dtype: torch.dtype,
    ):
        self.data, self.reduction, self.augment, self.dtype = data, config.reduction, augment, dtype
        self.seeds = [int(torch.randint(2**62, (), generator=one)) for one in generators]
        self.augmenting = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        self.drawing = [generator("training.objective", seed) for seed in self.seeds]
        self.sampler = None
        if config.batch_size is not None:
            self.sampler = BatchSampler(data.sizes.tolist(), config.batch_size, generators)
        self._whole: Batch | None = None

    def next(self) -> Batch:
        """The next batch of every member."""
        batch = self._all() if self.sampler is None else self._some()
        return batch if self.augment is None else replace(batch, inputs=self._augmented(batch))

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only."""
        self.data, self._whole = self.data.select(rows), None
        self.augmenting = [self.augmenting[row] for row in rows]
        self.drawing = [self.drawing[row] for row in rows]
        if self.sampler is not None:
            self.sampler.keep(rows)

    def _some(self) -> Batch:
        inputs, targets = self.data.batch(self.sampler.next())
        return Batch(inputs, targets, tuple(self.drawing))

    def _all(self) -> Batch:
        """Every sample of every member, gathered once; shorter sets are padded with their last sample."""
        if self._whole is None:
            sizes = self.data.sizes
            inputs, targets = self.data.batch(torch.arange(int(sizes.max())).clamp_max(sizes[:, None] - 1))
            equal = len(set(sizes.tolist())) == 1
            counts, weights = (None, None) if equal else (tuple(sizes.tolist()), self._weights().to(inputs.device))
            self._whole = Batch(inputs, targets, tuple(self.drawing), counts, weights)
        return self._whole

    def _weights(self) -> Float[Tensor, "members batch"]:
        sizes = self.data.sizes[:, None]
        own = torch.arange(int(sizes.max())) < sizes
        return (own / sizes.double() if self.reduction == "mean" else own).to(self.dtype)

    def _augmented(self, batch: Batch) -> Tensor:
        if batch.sizes is None:
            return self.augment(batch.inputs, self.augmenting)
        inputs = batch.inputs.clone()
        for row, size in enumerate(batch.sizes):  # the padding must not use up a member's random numbers
            inputs[row : row + 1, :size] = self.augment(inputs[row : row + 1, :size], self.augmenting[row : row + 1])
        return inputs
