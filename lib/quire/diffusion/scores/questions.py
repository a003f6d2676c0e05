"""Noisy images as the queries of an attention: checked, in the precision that their noise asks for, in parts."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from quire.diffusion.scores.neighbourhoods import Block
from quire.diffusion.scores.patch_bank import ALIGNED, EXTRA
from quire.types import Float, Shaped, Tensor

__all__ = ["Question", "check_noisy", "check_signal", "parts", "precision"]

TOLERATED = 0.02  # rounding of a logit, relative error of a weight


@dataclass(frozen=True, eq=False)
class Question:
    """Windows of some noisy images.

    Attributes:
        rows: which images of the batch.
        seen: their windows.
        signal: fraction of signal of each.
    """

    rows: slice
    seen: Float[Tensor, "batch positions dims"]
    signal: Float[Tensor, " batch"]

    def queries(self, block: Block) -> Float[Tensor, "groups queries dims"]:
        """What multiplies the keys of a block: √ā x / (1 - ā), -ā / (1 - ā), 1, and zeros."""
        batch, _, dims = self.seen.shape
        groups, outputs = block.outputs.shape
        chosen = self.seen.index_select(1, block.outputs.flatten().to(self.seen.device))
        found = self.seen.new_zeros(groups, batch, outputs, -(-(dims + EXTRA) // ALIGNED) * ALIGNED)
        signal = self.signal[:, None, None]
        found[..., :dims] = (chosen * (signal.sqrt() / (1 - signal))).unflatten(1, (groups, outputs)).transpose(0, 1)
        found[..., dims] = -(signal / (1 - signal))[:, 0]
        found[..., dims + 1] = 1
        return found.flatten(1, 2)

    def write(
        self,
        block: Block,
        answers: Shaped[Tensor, "groups queries values"],
        into: Shaped[Tensor, "whole_batch positions values"],
    ) -> None:
        """Put the answers to :meth:`queries` to their images and positions."""
        groups, outputs = block.outputs.shape
        sorted_by_image = answers.unflatten(1, (-1, outputs)).transpose(0, 1).flatten(1, 2)
        into[self.rows].index_copy_(1, block.outputs.flatten().to(into.device), sorted_by_image.to(into))


def parts(noisy: Tensor, signal: Float[Tensor, " batch"], look, *, memory: int) -> Iterator[Question]:
    """The windows of a batch, of as many images at a time as the memory holds them and what is computed with them."""
    one = look(noisy[:1])
    bytes_of_one = one.shape[1] * (one.shape[2] + EXTRA + ALIGNED) * one.element_size()
    together = max(1, memory // (8 * bytes_of_one))
    for start in range(0, len(noisy), together):
        rows = slice(start, start + together)
        yield Question(rows, look(noisy[rows]), signal[rows])


def check_noisy(noisy: Tensor, shape: tuple[int, ...]) -> None:
    """Raise unless these are finite images of the bank's shape."""
    if not noisy.is_floating_point() or noisy.ndim != 4 or tuple(noisy.shape[1:]) != shape or len(noisy) == 0:
        raise ValueError(
            f"noisy must be real images [batch, {', '.join(map(str, shape))}] like those of the bank, got "
            f"{list(noisy.shape)} of {noisy.dtype}: convert them, or build the machine from images of that shape"
        )
    if not bool(noisy.isfinite().all()):
        raise ValueError("noisy images must be finite, got nan or inf: look at the step that made them")


def check_signal(abar: float | Float[Tensor, " batch"], noisy: Tensor) -> Float[Tensor, " batch"]:
    """The fraction of signal of each image, in float64 on their device.

    Raises:
        ValueError: outside of [0, 1), or neither one number nor one for each image.
    """
    signal = torch.as_tensor(abar, dtype=torch.float64, device=noisy.device)
    if signal.ndim > 1 or signal.numel() not in (1, len(noisy)):
        raise ValueError(f"abar must be one number, or one for each of {len(noisy)} images, got {list(signal.shape)}")
    if not bool(((signal >= 0) & (signal < 1)).all()):
        raise ValueError(
            f"abar, the fraction of signal, must lie in [0, 1), got {signal.tolist()}: without noise there is no score; "
            "clamp it, for example to 1 - 1e-6"
        )
    return signal.reshape(-1).expand(len(noisy))


def precision(noisy: Tensor, signal: Float[Tensor, " batch"], bank: Tensor, dims: int) -> torch.dtype:
    """float32 where the rounding of the largest possible logit stays below two per cent of a weight, else float64.

    >>> images = torch.ones(1, 1, 8, 8)
    >>> precision(images, torch.tensor([0.5]), images, 9), precision(images, torch.tensor([1 - 1e-9]), images, 9)
    (torch.float32, torch.float64)
    """
    if noisy.dtype == torch.float64:
        return torch.float64
    largest = float(bank.abs().max())
    factor = float((signal.sqrt() * (noisy.detach().abs().max() + signal.sqrt() * largest) / (1 - signal)).max())
    rounding = dims * factor * largest * torch.finfo(torch.float32).eps / 2
    return torch.float32 if rounding < TOLERATED else torch.float64
