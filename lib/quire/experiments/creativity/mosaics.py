"""The mosaic made visible: which training pixels the pixels of a machine's samples come from, piece by piece."""

from collections.abc import Mapping

import torch

from quire.device import resolve
from quire.diffusion import Sources
from quire.experiments.creativity.images import pictures
from quire.experiments.creativity.networks import signal_levels
from quire.experiments.creativity.sampling import machine_named, sampler_of, scheduled, start, trajectory
from quire.rng import generator
from quire.types import Float, Int, Tensor

__all__ = ["mosaics", "pieces", "tiles"]

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
        shown_sources: training images that are shown of each sample, those that give it most light first.
        device: where it is computed.

    Returns:
        sample: the samples; patched: windows that touch one another, each replaced by the training window with the largest
        weight; pieces: pixels from one training image under one displacement in one colour; used: the training images, what is
        not used of them dimmed; image, row, column: of each pixel's source; entropy: of the weights of each pixel; window.
    """
    bank = pictures(dataset, num_images=num_images, num_test=num_test, side=side).images.to(resolve(device))
    level = sampler_of(sampling_steps).timesteps.tolist()[-traced_step]
    window = int(calibration[f"scale.{machine}"][-traced_step])
    noise = start(num_samples, bank, "samples")
    states = trajectory(scheduled(machine, bank, calibration), noise, num_steps=sampling_steps)
    kept = {place: state for place, state, _ in states if place in (level, -1)}
    asked = machine_named(machine, bank).sources(kept[level], float(signal_levels()[level]), window)
    tiled = tiles(asked, window)
    patched = bank[tiled.image, :, tiled.row, tiled.column].movedim(-1, 1)
    shown = {
        "sample": kept[-1],
        "patched": patched,
        "pieces": _coloured(pieces(tiled)),
        "used": torch.stack([_used(tiled, bank, k, shown_sources) for k in range(num_samples)]),
    }
    found = {"image": tiled.image, "row": tiled.row, "column": tiled.column, "entropy": asked.entropy}
    return found | shown | {"window": torch.tensor(window)}


def tiles(sources: Sources, window: int) -> Sources:
    """The image laid out with windows that touch: each pixel gets the source of the middle of its window, and its own place there.

    Windows are laid from the first row and column on; the last ones are cut by the frame.

    >>> zero, place = torch.zeros(1, 1, 4, dtype=torch.long), torch.tensor([[[3, 2, 1, 0]]])
    >>> tiles(Sources(zero, zero, place, place.double(), place.double()), 3).column.tolist()  # the middle pixel came from 2
    [[[1, 2, 3, 0]]]
    """
    _, height, width = sources.image.shape
    rows, columns = (torch.arange(side, device=sources.row.device) for side in (height, width))
    middle_row, middle_column = (
        (place // window * window + window // 2).clamp(max=len(place) - 1) for place in (rows, columns)
    )
    chosen = [one[:, middle_row][:, :, middle_column] for one in (sources.image, sources.row, sources.column)]
    row = (chosen[1] + (rows - middle_row)[:, None]) % height
    column = (chosen[2] + columns - middle_column) % width
    weight, entropy = (one[:, middle_row][:, :, middle_column] for one in (sources.weight, sources.entropy))
    return Sources(chosen[0], row, column, weight, entropy)


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
    """The training images that give a sample most of its light, what is not used of them dimmed towards black."""
    here = bank[sources.image[sample], :, sources.row[sample], sources.column[sample]].sum(2) + bank.shape[1]
    numbers, place = sources.image[sample].unique(return_inverse=True)
    light = torch.zeros(len(numbers), device=bank.device).index_add_(0, place.flatten(), here.flatten())
    most = numbers[light.argsort(descending=True, stable=True)][:count]
    found = torch.full((count, *bank.shape[1:]), -1.0, device=bank.device)
    for place, number in enumerate(most.tolist()):
        mask = torch.zeros(bank.shape[2:], dtype=torch.bool, device=bank.device)
        pixels = sources.image[sample] == number
        mask[sources.row[sample][pixels], sources.column[sample][pixels]] = True
        found[place] = torch.where(mask, bank[number], (bank[number] + 1) * DIM - 1)
    return found
