"""The images that networks of the chapter are trained and probed on: standardised, split anew for each seed, as tensors.

What all seeds shared, the error over seeds would not know of. So each seed tests and probes on images of its own: the held-out
images of four seeds in a row do not overlap where the data set has four times as many.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from quire.data import Dataset, load
from quire.rng import generator
from quire.types import Float, Int, Tensor

__all__ = ["VisionData", "probe_images", "vision_data"]

SIDE = 28  # pixels of drawn characters, and of digits once they are enlarged
FOLDS = 4  # seeds in a row whose test images are apart


@dataclass(frozen=True)
class VisionData:
    """Standardised images of a run.

    Attributes:
        inputs, targets: training images and their labels.
        test_inputs, test_targets: test images, standardised in the same way.
        mean, deviation: of each channel over all images that may be trained on, before standardisation.
    """

    inputs: Float[Tensor, "train channel size size"]
    targets: Int[Tensor, " train"]
    test_inputs: Float[Tensor, "test channel size size"]
    test_targets: Int[Tensor, " test"]
    mean: Float[Tensor, "1 channel 1 1"]
    deviation: Float[Tensor, "1 channel 1 1"]

    @property
    def blank(self) -> float:
        """The value of a black pixel, averaged over channels."""
        return float((-self.mean / self.deviation).mean())


def vision_data(dataset: str, *, num_train: int, num_test: int, seed: int) -> VisionData:
    """Training and test images of a data set.

    "digits" (8 × 8) are enlarged to 20 × 20 by bicubic interpolation and padded to 28 × 28: at their native size a
    displacement of one pixel is not a diffeomorphism.

    Args:
        dataset: a name of :func:`quire.data.load` that has images.
        num_train, num_test: numbers of images.
        seed: of the training and test images.

    Raises:
        ValueError: the data set has fewer images than asked.
    """
    data = _load(dataset, num_train, num_test, seed)
    test, test_labels = _test_images(data, num_test, seed)
    images, labels = _training_images(data, num_test, seed)
    if len(images) < num_train or len(test) < num_test:
        raise ValueError(
            f"{dataset} has {len(images)} training and {len(test)} test images, asked {num_train} and {num_test}"
        )
    mean = images.mean((0, 2, 3), keepdim=True)
    deviation = images.std((0, 2, 3), keepdim=True)
    chosen = torch.randperm(len(images), generator=generator("subset", dataset, seed))[:num_train]
    standardised = (images[chosen] - mean) / deviation
    return VisionData(standardised, labels[chosen], (test - mean) / deviation, test_labels, mean, deviation)


def probe_images(
    dataset: str,
    num_probes: int,
    *,
    seed: int,
    mean: Float[Tensor, "1 channel 1 1"],
    deviation: Float[Tensor, "1 channel 1 1"],
) -> Float[Tensor, "probe channel size size"]:
    """The first test images of a seed, standardised as the training images of a network were.

    Raises:
        ValueError: the data set has fewer images than asked.
    """
    images, _ = _test_images(_load(dataset, 1, num_probes, seed), num_probes, seed)
    if len(images) < num_probes:
        raise ValueError(f"{dataset} has {len(images)} test images, asked {num_probes}")
    return (images - mean) / deviation


def _load(dataset: str, num_train: int, num_test: int, seed: int) -> Dataset:
    if dataset == "glyphs":
        return load(dataset, num_samples=num_train, num_test=num_test, size=SIDE, seed=seed)
    return load(dataset)


def _test_images(data: Dataset, num_test: int, seed: int) -> tuple[Tensor, Tensor]:
    """Of the official test images, or of all images, those that a seed holds out."""
    official = data.test_inputs is not None
    inputs, labels = (data.test_inputs, data.test_labels) if official else (data.inputs, data.labels)
    chosen = _order(data.name, len(inputs), seed)[:num_test].numpy()
    return _channels_first(inputs[chosen], data.peak), torch.from_numpy(labels[chosen])


def _training_images(data: Dataset, num_test: int, seed: int) -> tuple[Tensor, Tensor]:
    """All images that are not test images."""
    images, labels = _channels_first(data.inputs, data.peak), torch.from_numpy(data.labels)
    if data.test_inputs is not None:
        return images, labels
    chosen = _order(data.name, len(images), seed)[num_test:]
    return images[chosen], labels[chosen]


def _order(name: str, available: int, seed: int) -> Int[Tensor, " available"]:
    """One order of all images for every four seeds, each of which begins a quarter further; of drawn images their own."""
    if name == "glyphs":
        return torch.arange(available)  # each seed draws its own
    order = torch.randperm(available, generator=generator("split", name, seed // FOLDS))
    return order.roll(-(seed % FOLDS) * (available // FOLDS))


def _channels_first(pixels, peak: int) -> Tensor:
    images = torch.from_numpy(pixels).float() / peak
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    if images.shape[-1] == 8:
        images = F.pad(F.interpolate(images, size=20, mode="bicubic", align_corners=False), [4] * 4)
    return images.contiguous()
