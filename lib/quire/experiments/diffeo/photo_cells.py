"""A network that somebody else trained on natural images, layer by layer: EfficientNet-Lite0, with ImageNet's weights and without."""

import torch

from quire.data import imagenet_weights, load
from quire.device import resolve
from quire.diffeo import MaxEntropyDiffeo, Perturbation, layer_stability, perturb
from quire.nets import EfficientNetLite0
from quire.rng import generator
from quire.types import Float, Tensor

__all__ = ["photo_stability"]

BLOCKS = (0, 3, 6, 9, 12, 15)  # of sixteen, after which is measured
LAYERS = [f"_blocks.{block}" for block in BLOCKS]


def photo_stability(
    *,
    pretrained: bool,
    normalizations: list[str],
    num_crops: int,
    side: int,
    displacement: float,
    cutoff: int,
    rule: str,
    law: str,
    reduce: str,
    denominator: str,
    noise_matching: str,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """Stability after six of the network's sixteen blocks and at its output, on crops of two photographs.

    Crops, fields and noises are those of a seed, whatever the weights and the normalisation.

    Args:
        pretrained: ImageNet's weights, or random ones.
        normalizations: what batch normalisation does, see :mod:`quire.diffeo`; "running" is left out for random weights.
        num_crops: squares that are cut out of the photographs at random, half out of each.
        side: their pixels.
        displacement: typical displacement in pixels, under ``law``.
        cutoff, rule, law, reduce, denominator, noise_matching: conventions of :mod:`quire.diffeo`.
        seed: of crops, fields, noises, and random weights.
        device: where it is measured.

    Returns:
        One row per normalisation and layer: block (16 for the output), R_f, D_f and G_f.

    Raises:
        MissingData: the weights are not at hand.
    """
    net = EfficientNetLite0(generator=generator("diffeo", "photos", "weights", seed))
    if pretrained:
        net.load_state_dict(torch.load(imagenet_weights(), weights_only=True, map_location="cpu"))
    source = generator("diffeo", "photos", num_crops, side, cutoff, rule, seed)
    ensemble = MaxEntropyDiffeo(side, cutoff, rule=rule)
    temperature = ensemble.temperature(displacement, law=law)
    moved = _perturbed(num_crops, ensemble, source, resolve(device), temperature, noise_matching)
    rows, averages = [], {"reduce": reduce, "denominator": denominator}
    for normalization in normalizations:
        if pretrained or normalization != "running":
            asked = {"layers": LAYERS, "normalization": normalization, **averages}
            found = layer_stability(net.eval().to(resolve(device)), moved, **asked).values()
            rows += [
                {
                    "normalization": normalization,
                    "block": block,
                    "relative": one.relative,
                    "diffeo": one.diffeo,
                    "noise": one.noise,
                }
                for block, one in zip([*BLOCKS, 16], found, strict=True)
            ]
    return rows


def _perturbed(number: int, ensemble, source: torch.Generator, place, temperature, noise_matching: str) -> Perturbation:
    """Crops, each with a field and a noise of its own."""
    images = _crops(number, ensemble.size, source)
    coefficients, noise = ensemble.sample(number, source), torch.randn(images.shape, generator=source)
    given = {"coefficients": coefficients.to(place), "noise": noise.to(place), "temperature": temperature}
    return perturb(images.to(place), ensemble, **given, interpolation="bilinear", noise_matching=noise_matching)


def _crops(number: int, side: int, source: torch.Generator) -> Float[Tensor, "crop 3 side side"]:
    """Squares of the two photographs in turn, at random places, with values between -1 and 1 as the network expects."""
    photos = torch.from_numpy(load("photos").inputs).movedim(-1, 1).float() / 127.5 - 1
    found = []
    for index in range(number):
        top, left = (int(torch.randint(length - side + 1, (1,), generator=source)) for length in photos.shape[-2:])
        found.append(photos[index % len(photos), :, top : top + side, left : left + side])
    return torch.stack(found)
