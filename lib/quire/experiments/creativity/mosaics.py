"""The mosaic made visible: which training pixels the pixels of a machine's samples come from, piece by piece."""

from collections.abc import Mapping

import torch

from quire.device import resolve
from quire.diffusion import Sources
from quire.experiments.creativity.images import pictures
from quire.experiments.creativity.networks import signal_levels
from quire.experiments.creativity.sampling import grid_levels, machine_named, scheduled, start, trajectory
from quire.rng import generator
from quire.types import Float, Int, Tensor

__all__ = ["mosaics", "pieces"]

DIM = 0.25  # brightness of what is not used of a training image


def mosaics(
    *,
    calibration: Mapping[str, Tensor],
    machine: str,
    dataset: str,
    num_images: int,
    num_test: int,
    side: int,
    sampling_steps: int,
    traced_step: int,
    num_samples: int,
    shown_sources: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Samples of a machine, traced back at a late step to their training images.

    Args:
        calibration, machine, dataset, num_images, num_test, side: as for :func:`.sampling.sampled`, one local machine.
        sampling_steps: of the sampler.
        traced_step: steps before the end at which the sources are asked for; the scale is the calibrated one of that step.
        num_samples: images.
        shown_sources: training images that are shown of each sample, those with the most pixels first.
        device: where it is computed.

    Returns:
        sample, copied: the samples, and the same put together from the winning training pixels; pieces: pixels of one piece
        (one training image, one displacement) in one colour; used: the training images, what is not used of them dimmed;
        image, row, column, entropy: of the sources; window: the scale.
    """
    data = pictures(dataset, num_images=num_images, num_test=num_test, side=side)
    bank = data.images.to(resolve(device))
    level = grid_levels(sampling_steps)[-traced_step]
    window = int(calibration[f"scale.{machine}"][-traced_step])
    states = trajectory(
        scheduled(machine, bank, calibration), start(num_samples, bank, "samples"), num_steps=sampling_steps
    )
    kept = {place: state for place, state, _ in states if place in (level, -1)}
    asked = machine_named(machine, bank).sources(kept[level], float(signal_levels()[level]), window)
    found = {"image": asked.image, "row": asked.row, "column": asked.column, "entropy": asked.entropy}
    shown = {
        "sample": kept[-1],
        "copied": bank[asked.image, :, asked.row, asked.column].movedim(-1, 1),
        "pieces": _coloured(pieces(asked)),
        "used": torch.stack([_used(asked, bank, k, shown_sources) for k in range(num_samples)]),
    }
    return found | shown | {"window": torch.tensor(window)}


def pieces(sources: Sources) -> Int[Tensor, "batch height width"]:
    """A number for each piece of an image: pixels from one training image under one displacement, on a torus.

    >>> one = torch.tensor([[[0, 1]]])
    >>> zero = torch.zeros_like(one)
    >>> pieces(Sources(zero, zero, one, one.double(), one.double())).tolist()
    [[[0, 0]]]
    """
    _, height, width = sources.image.shape
    rows = (sources.row - torch.arange(height, device=sources.row.device)[:, None]) % height
    columns = (sources.column - torch.arange(width, device=sources.row.device)) % width
    return (sources.image * height + rows) * width + columns


def _coloured(numbers: Int[Tensor, "batch height width"]) -> Float[Tensor, "batch height width 3"]:
    """Each number its colour, the same in all images."""
    distinct, place = numbers.unique(return_inverse=True)
    colours = torch.rand(len(distinct), 3, generator=generator("creativity", "colours"))
    return (0.15 + 0.8 * colours).to(numbers.device)[place]


def _used(sources: Sources, bank: Tensor, sample: int, count: int) -> Float[Tensor, "count channels side side"]:
    """The training images with the most pixels in a sample, what is not used of them dimmed towards black."""
    numbers, pixels = sources.image[sample].unique(return_counts=True)
    most = numbers[pixels.argsort(descending=True, stable=True)][:count]
    found = torch.full((count, *bank.shape[1:]), -1.0, device=bank.device)
    for place, number in enumerate(most.tolist()):
        mask = torch.zeros(bank.shape[2:], dtype=torch.bool, device=bank.device)
        here = sources.image[sample] == number
        mask[sources.row[sample][here], sources.column[sample][here]] = True
        found[place] = torch.where(mask, bank[number], (bank[number] + 1) * DIM - 1)
    return found
