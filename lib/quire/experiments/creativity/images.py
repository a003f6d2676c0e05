"""The images of the chapter, between -1 and 1, at one size, in an order that is drawn once."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from quire.data import Dataset, load
from quire.rng import generator
from quire.types import Float, Int, Tensor

__all__ = ["Pictures", "pictures"]


@dataclass(frozen=True)
class Pictures:
    """Images to train on, and others.

    Attributes:
        images, labels: the training set, which is also the bank of the machines.
        test_images, test_labels: images that are not in it.
    """

    images: Float[Tensor, "train channels side side"]
    labels: Int[Tensor, " train"]
    test_images: Float[Tensor, "test channels side side"]
    test_labels: Int[Tensor, " test"]


def pictures(dataset: str, *, num_images: int, num_test: int, side: int) -> Pictures:
    """Images of a data set.

    Args:
        dataset: "digits", "glyphs", "mnist", "cifar10-subset" or "cifar10".
        num_images, num_test: at most so many; of a set without test images, the last of a fixed random order are the test.
        side: pixels; images of 28 pixels are padded to 32 first.

    Raises:
        ValueError: more test images than the data set can spare.
    """
    if dataset == "glyphs":
        data = load(dataset, num_samples=num_images, num_test=num_test, size=side)
    else:
        data = load(dataset)
    order = torch.randperm(len(data.inputs), generator=generator("creativity", "order", dataset))
    spare = data.test_inputs is None
    if num_test > (len(order) // 2 if spare else len(data.test_inputs)):
        raise ValueError(f"{dataset} cannot spare {num_test} test images: ask for fewer")
    training = order[: len(order) - num_test] if spare else order
    training = training[:num_images]
    images, labels = _tensors(data, test=False, chosen=training, side=side)
    chosen = order[len(order) - num_test :] if spare else torch.arange(num_test)
    test_images, test_labels = _tensors(data, test=not spare, chosen=chosen, side=side)
    return Pictures(images, labels, test_images, test_labels)


def _tensors(data: Dataset, *, test: bool, chosen: Int[Tensor, " images"], side: int) -> tuple[Tensor, Tensor]:
    inputs, labels = (data.test_inputs, data.test_labels) if test else (data.inputs, data.labels)
    pixels = torch.from_numpy(inputs[chosen.numpy()]).float() / (data.peak / 2) - 1
    images = pixels[:, None] if pixels.ndim == 3 else pixels.movedim(3, 1)
    return _at_size(images.contiguous(), side), torch.from_numpy(labels[chosen.numpy()])


def _at_size(images: Float[Tensor, "images channels rows columns"], side: int) -> Tensor:
    if images.shape[-1] == 28 and side != 28:
        images = F.pad(images, [2] * 4, value=-1.0)
    if images.shape[-1] == side:
        return images
    if images.shape[-1] > side:
        return F.interpolate(images, size=side, mode="area")
    return F.interpolate(images, size=side, mode="bicubic", align_corners=False).clamp(-1, 1)
