"""What all score machines do: ask the bank through windows, and turn the average into a score, a noise, or its sources."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch

from quire.diffusion.scores.attention import attend
from quire.diffusion.scores.mosaic import Sources, placed, winners
from quire.diffusion.scores.neighbourhoods import Block
from quire.diffusion.scores.patch_bank import Keys, PatchBank
from quire.diffusion.scores.questions import Question, check_noisy, check_signal, parts, precision
from quire.types import Float, Tensor

__all__ = ["MEMORY", "ScoreMachine"]

MEMORY = 2**28  # bytes of windows


class ScoreMachine(ABC):
    """Base of the machines; they differ in their windows and in which of them are compared.

    Args:
        bank: the training images.
        memory: bytes that their windows may take.

    Raises:
        ValueError: the bank is empty, not images, or not finite.
    """

    def __init__(self, bank: Float[Tensor, "images channels height width"], *, memory: int = MEMORY):
        self.bank = PatchBank(bank, memory=memory)
        self.shape = tuple(bank.shape[1:])

    @abstractmethod
    def blocks(self, scale: int | None) -> list[Block]:
        """Which output positions are compared with which positions of training images."""

    @abstractmethod
    def look(self, images: Tensor, scale: int | None) -> Float[Tensor, "images positions dims"]:
        """Windows of noisy images."""

    def look_at_bank(self, images: Tensor, scale: int | None) -> Float[Tensor, "images positions dims"]:
        """Windows of training images."""
        return self.look(images, scale)

    @abstractmethod
    def answer(self, scale: int | None) -> list[int]:
        """Components of a window that are the output at its position."""

    @abstractmethod
    def check_scale(self, scale: int | None) -> None:
        """Raise unless the machine has windows of this size."""

    def mean(
        self,
        noisy: Float[Tensor, "batch channels height width"],
        abar: float | Float[Tensor, " batch"],
        scale: int | None = None,
    ) -> Float[Tensor, "batch channels height width"]:
        """The denoised images E[x_0 | x].

        Args:
            noisy: noisy images.
            abar: fraction of the variance that is signal, in [0, 1), one for all or one for each image.
            scale: size k of the windows in pixels; None for the machines that compare whole images.

        Raises:
            ValueError: images of another shape than the bank's, or not finite; abar outside of [0, 1); a scale that is even,
                missing, superfluous, or too large for circular windows.
        """
        columns = self.answer(scale) if self._checked(scale) else []
        found = None
        for question, block, number in self._questions(noisy, abar, scale):
            if found is None:
                found = question.seen.new_empty(len(noisy), question.seen.shape[1], len(columns))
            queries = question.queries(block)
            seen = attend(queries, (keys.keys for keys in self._keys(block, number, scale, queries)))
            question.write(block, seen.mean[..., columns], found)
        return found.mT.reshape(noisy.shape).to(noisy.dtype)

    def score(
        self, noisy: Tensor, abar: float | Float[Tensor, " batch"], scale: int | None = None
    ) -> Float[Tensor, "batch channels height width"]:
        """The score ∇ log p of the noisy images; see :meth:`mean`."""
        mean, signal = self.mean(noisy, abar, scale), check_signal(abar, noisy).view(-1, 1, 1, 1)
        return ((signal.sqrt() * mean - noisy) / (1 - signal)).to(noisy.dtype)

    def noise(
        self, noisy: Tensor, abar: float | Float[Tensor, " batch"], scale: int | None = None
    ) -> Float[Tensor, "batch channels height width"]:
        """The expected noise, -√(1 - abar) times the score; see :meth:`mean`."""
        mean, signal = self.mean(noisy, abar, scale), check_signal(abar, noisy).view(-1, 1, 1, 1)
        return ((noisy - signal.sqrt() * mean) / (1 - signal).sqrt()).to(noisy.dtype)

    def sources(self, noisy: Tensor, abar: float | Float[Tensor, " batch"], scale: int | None = None) -> Sources:
        """Which training pixel has the largest weight in each output pixel, and how many take part; see :meth:`mean`.

        Machines that compare whole images say so of each pixel of the image that wins.
        """
        self._checked(scale)
        found = None
        for question, block, number in self._questions(noisy, abar, scale):
            if found is None:
                found = question.seen.new_empty(len(noisy), question.seen.shape[1], 3, dtype=torch.float64)
            queries = question.queries(block)
            chunks = lambda: self._keys(block, number, scale, queries)  # noqa: B023, E731
            question.write(block, winners(queries, chunks, dims=question.seen.shape[2]), found)
        positions = self.look_at_bank(self.bank.images[:1], scale).shape[1]
        return placed(found, positions=positions, shape=self.shape[1:])

    def _checked(self, scale: int | None) -> bool:
        self.check_scale(scale)
        return True

    def _questions(self, noisy: Tensor, abar: object, scale: int | None) -> Iterator[tuple[Question, Block, int]]:
        """Each part of the batch with each block."""
        check_noisy(noisy, self.shape)
        signal = check_signal(abar, noisy)
        dims = self.look(noisy[:1], scale).shape[2]
        dtype = precision(noisy, signal, self.bank.images, dims)
        blocks = self.blocks(scale)
        exact, look = noisy.to(dtype), lambda images: self.look(images, scale)
        for question in parts(exact, signal.to(dtype), look, memory=self.bank.memory):
            for number, block in enumerate(blocks):
                yield question, block, number

    def _keys(self, block: Block, number: int, scale: int | None, like: Tensor) -> Iterator[Keys]:
        return self.bank.chunks(lambda images: self.look_at_bank(images, scale), block, name=(scale, number), like=like)
