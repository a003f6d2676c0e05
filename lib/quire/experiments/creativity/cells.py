"""Cells that compare samples and scores: tensors that were made, and JSON arguments, to rows of numbers."""

import itertools
from collections.abc import Mapping

import torch

from quire.device import resolve
from quire.diffusion import nearest, pearson
from quire.experiments.creativity.images import pictures
from quire.experiments.creativity.networks import signal_levels
from quire.types import Float, Tensor

__all__ = ["best_windows", "likeness", "sources"]


def best_windows(*, calibration: Mapping[str, Tensor], machines: list[str], scales: list[int]) -> list[dict]:
    """How like a network's score each machine's is, at each step and with each window.

    Args:
        calibration: of :func:`quire.experiments.creativity.sampling.calibrated`.
        machines, scales: those that it was made with.

    Returns:
        One row per machine, step (counted from the image, 1, to the noise) and window: its cosine, the best window of the
        step, and the fraction of signal.
    """
    signal, levels = signal_levels(), calibration["level"].tolist()
    rows = []
    for machine in machines:
        best, cosines = calibration[f"scale.{machine}"].tolist(), calibration[f"cosine.{machine}"]
        for place, level in enumerate(levels):
            here = {
                "compared": machine,
                "step": len(levels) - place,
                "signal": float(signal[level]),
                "best": best[place],
            }
            rows += [
                here | {"window": scale, "cosine": cosine}
                for scale, cosine in zip(scales, cosines[place].tolist(), strict=True)
            ]
    return rows


def likeness(
    *, samples: Mapping[str, Tensor], dataset: str, num_images: int, num_test: int, side: int, device: str = "cpu"
) -> list[dict]:
    """How like a network's samples a machine's are, image by image, and how far both are from the training set.

    Args:
        samples: of :func:`quire.experiments.creativity.sampling.sampled`.
        dataset, num_images, num_test, side: the training set, that they were made with.
        device: where it is computed.

    Returns:
        One row per set of samples ("network" or a machine), number of the network's steps that it is compared with, and
        image: Pearson's r, r², and the distance to the nearest training image, and to the nearest of all their cyclic
        translates, root mean square per pixel.
    """
    bank = pictures(dataset, num_images=num_images, num_test=num_test, side=side).images.to(resolve(device))
    given = {name: images.to(bank.device) for name, images in samples.items()}
    networks = {int(name.partition(".")[2]): images for name, images in given.items() if name.startswith("network.")}
    rows = []
    for steps, reference in networks.items():
        compared = {"network": reference} | {name: one for name, one in given.items() if "." not in name}
        for name, images in compared.items():
            alike = pearson(images, reference).tolist()
            far, from_translates = (
                nearest(images, bank).distance.tolist(),
                distance_up_to_translation(images, bank).tolist(),
            )
            for number, r in enumerate(alike):
                row = {"steps": steps, "sampler": name, "number": number, "r": r, "r_squared": r**2}
                rows.append(row | {"distance": far[number], "translate_distance": from_translates[number]})
    return rows


def distance_up_to_translation(
    images: Float[Tensor, "images channels side side"], bank: Float[Tensor, "bank channels side side"]
) -> Float[Tensor, " images"]:
    """Distance to the nearest of all cyclic translates of all training images."""
    found, side = None, images.shape[2]
    for row, column in itertools.product(range(side), range(side)):
        here = nearest(images.roll((row, column), (2, 3)), bank).distance
        found = here if found is None else torch.minimum(found, here)
    return found


def sources(*, mosaic: Mapping[str, Tensor]) -> list[dict]:
    """How many training images a sample is put together from.

    Args:
        mosaic: of :func:`quire.experiments.creativity.mosaics.mosaics`.

    Returns:
        One row per sample: different training images among the windows that it is laid out with, and how many training pixels take
        part in a pixel (the exponential of the entropy), the median over pixels.
    """
    return [
        {
            "number": number,
            "num_sources": len(image.unique()),
            "taking_part": float(entropy.exp().median()),
        }
        for number, (image, entropy) in enumerate(zip(mosaic["image"], mosaic["entropy"], strict=True))
    ]
