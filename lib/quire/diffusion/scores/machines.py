r"""What a denoiser learns from a training set if it can be nothing but local, or equivariant, or both: closed forms.

With noisy images :math:`x = \sqrt{\bar\alpha}\,x_0 + \sqrt{1 - \bar\alpha}\,z` the best denoiser of a class averages training
data :math:`\varphi` with posterior weights :math:`\propto e^{-\|x - \sqrt{\bar\alpha}\varphi\|^2 / 2(1 - \bar\alpha)}`. The class says
what is averaged, and which pixels are compared:

========================= ============================================================================================
machine                   the output at pixel p is the average of
========================= ============================================================================================
:class:`Ideal`            pixel p of the training images, compared as a whole
:class:`Equivariant`      pixel p of all their cyclic translates, compared as a whole
:class:`Local`            pixel p of the training images, compared through the k × k window around it
:class:`EquivariantLocal` *all* pixels of the training images, compared through the windows around them
:class:`BoundaryBroken`   all pixels that see the frame in the same way, compared through their windows and the zeros beyond
========================= ============================================================================================

Source: kamb2025analytic, Section 3.
"""

from typing import Literal

from quire.cite import cites
from quire.diffusion.scores import neighbourhoods
from quire.diffusion.scores.neighbourhoods import Block
from quire.diffusion.scores.score_machine import MEMORY, ScoreMachine
from quire.diffusion.scores.windows import centre_of, check_window, translates, whole, windows
from quire.types import Float, Int, Tensor

__all__ = ["BoundaryBroken", "Equivariant", "EquivariantLocal", "Ideal", "Local"]


class _Whole(ScoreMachine):
    """Compares images as a whole."""

    def look(self, images: Tensor, scale: int | None) -> Float[Tensor, "images positions dims"]:
        """The image."""
        return whole(images)

    def blocks(self, scale: int | None) -> list[Block]:
        """One output, all that the bank shows."""
        shown = self.look_at_bank(self.bank.images[:1], scale).shape[1]
        return [Block(_count(1), _count(shown))]

    def answer(self, scale: int | None) -> list[int]:
        """All pixels."""
        channels, height, width = self.shape
        return list(range(channels * height * width))

    def check_scale(self, scale: int | None) -> None:
        """There is none."""
        if scale is not None:
            raise ValueError(f"{type(self).__name__} compares whole images and has no scale, got {scale}: leave it out")


class _Windowed(ScoreMachine):
    """Compares windows, with zeros beyond the frame."""

    padding: Literal["zeros", "circular"] = "zeros"

    def look(self, images: Tensor, scale: int | None) -> Float[Tensor, "images positions dims"]:
        """The windows around all pixels."""
        return windows(images, scale, padding=self.padding)

    def answer(self, scale: int | None) -> list[int]:
        """The central pixel."""
        return centre_of(scale, self.shape[0])

    def check_scale(self, scale: int | None) -> None:
        """An odd number that suits the padding."""
        if scale is None:
            raise ValueError(f"{type(self).__name__} compares windows: give their size, scale=3 for 3 × 3 pixels")
        check_window(scale, self.shape[1:], padding=self.padding)


@cites("kamb2025analytic", "the ideal score machine")
class Ideal(_Whole):
    """The exact score of the noisy training set: it can only give training images back.

    >>> import torch
    >>> bank = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    >>> Ideal(bank).mean(torch.zeros(1, 1, 2, 2), 0.0).flatten().tolist()  # nothing but noise: the average
    [0.5, 0.5, 0.5, 0.5]
    """


@cites("kamb2025analytic", "the equivariant score machine")
class Equivariant(_Whole):
    """The exact score of the noisy training set and all its cyclic translates."""

    def look_at_bank(self, images: Tensor, scale: int | None) -> Float[Tensor, "images positions dims"]:
        """All translates."""
        return translates(images)


@cites("kamb2025analytic", "the local score machine")
class Local(_Windowed):
    """Each pixel looks at its window, and knows where it is; beyond the frame are zeros.

    >>> import torch
    >>> Local(torch.ones(1, 1, 4, 4)).mean(torch.randn(1, 1, 4, 4), 0.5, 3).unique().tolist()  # one image: itself
    [1.0]
    """

    def blocks(self, scale: int | None) -> list[Block]:
        """The same position."""
        return neighbourhoods.same_position(*self.shape[1:], scale)


@cites("kamb2025analytic", "the equivariant local score machine")
class EquivariantLocal(_Windowed):
    """Each pixel looks at its window, and does not know where it is; windows continue on the opposite side.

    Args:
        bank, memory: as for all machines.
        train_patches: the training windows are "circular" too, at all positions, which minimises the loss of a circular
            network; or only the "valid" ones, within the images, as in the code of the literature.

    Raises:
        ValueError: another choice.

    >>> import torch
    >>> image = torch.arange(9.0).view(1, 1, 3, 3)
    >>> machine, rolled = EquivariantLocal(image, train_patches="circular"), image.roll(1, -1)
    >>> bool(machine.mean(rolled, 0.9, 3).equal(machine.mean(image, 0.9, 3).roll(1, -1)))
    True
    """

    padding = "circular"

    def __init__(
        self,
        bank: Float[Tensor, "images channels height width"],
        *,
        train_patches: Literal["circular", "valid"],
        memory: int = MEMORY,
    ):
        super().__init__(bank, memory=memory)
        if train_patches not in ("circular", "valid"):
            raise ValueError(f'train_patches must be "circular" or "valid", got {train_patches!r}')
        self.train_patches = train_patches

    def blocks(self, scale: int | None) -> list[Block]:
        """All positions, or those whose windows lie within."""
        rule = neighbourhoods.all_positions if self.train_patches == "circular" else neighbourhoods.valid_positions
        return rule(*self.shape[1:], scale)


@cites("kamb2025analytic", "the boundary-broken equivariant local score machine")
class BoundaryBroken(_Windowed):
    """Each pixel looks at its window and at the zeros beyond the frame, which tell it where it is if it is near.

    From a window as large as the image on, every pixel knows its position: the machine is :class:`Local`.
    """

    def blocks(self, scale: int | None) -> list[Block]:
        """Positions that see the frame in the same way."""
        return neighbourhoods.same_border(*self.shape[1:], scale)


def _count(number: int) -> Int[Tensor, "1 number"]:
    return neighbourhoods.all_positions(1, number, 1)[0].sources
