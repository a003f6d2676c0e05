r"""How alike two sets of images look to the layers of a classifier: cosines of standardised activations.

Activations are standardised over a reference set, "per_channel" (one mean and variance for all places of a channel, the
convention of the literature) or "per_unit" (each place has its own). The mean image of a channel survives the first: two
images that have nothing to do with one another have a positive cosine in early layers, a *floor*, which is measured by random
pairs, and

.. math:: \frac{\cos - \mathrm{floor}}{1 - \mathrm{floor}}

is zero for unrelated images and one for equal ones.

Source: sclocchi2025phase, Section 4 (forward-backward experiments on images).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from quire.nets import activations
from quire.types import Float, Tensor

__all__ = ["LayerScales", "above_floor", "layer_cosines", "layer_scales"]

TINY = 1e-8  # added to a variance
STILL = (
    0.01  # of the mean variance of a layer: what varies less is left out, or its rare changes would be all that counts
)


@dataclass(frozen=True, eq=False)
class LayerScales:
    """Mean and deviation of the activations of each layer, in shapes that broadcast over a batch.

    The deviation is infinite, so that the activation does not count, where the variance is below a hundredth of the layer's mean.
    """

    mean: dict[str, Float[Tensor, "..."]]
    deviation: dict[str, Float[Tensor, "..."]]


def layer_scales(
    net: nn.Module,
    images: Float[Tensor, "images channels height width"],
    *,
    per: Literal["channel", "unit"],
    layers: Sequence[str] | None = None,
) -> LayerScales:
    """Means and deviations of the activations on a reference set.

    Args:
        net: a classifier, in evaluation mode, with ``probe_layers``, or any layers that have a name.
        images: the reference set, at least two.
        per: "channel" or "unit"; of a layer without places, each unit is a channel.
        layers: names; all ``probe_layers`` if None.

    Raises:
        ValueError: fewer than two images, or an unknown ``per``.
    """
    if len(images) < 2:
        raise ValueError(f"deviations need at least two images, got {len(images)}")
    if per not in ("channel", "unit"):
        raise ValueError(f'per must be "channel" or "unit", got {per!r}')
    mean, deviation = {}, {}
    for name, found in activations(net, images, layers=layers).items():
        axes = (0, *range(2, found.ndim)) if per == "channel" else (0,)
        mean[name], variance = found.mean(axes, keepdim=True), found.var(axes, keepdim=True)
        moving = variance >= STILL * variance.mean()
        deviation[name] = torch.where(moving, (variance + TINY).sqrt(), torch.inf)
    return LayerScales(mean, deviation)


def layer_cosines(
    net: nn.Module,
    first: Float[Tensor, "images channels height width"],
    second: Float[Tensor, "others channels height width"],
    scales: LayerScales,
) -> dict[str, Float[Tensor, " images"]]:
    """Cosine of the standardised activations of each pair of images, by layer.

    Args:
        net: the classifier.
        first, second: pairs of images.
        scales: of :func:`layer_scales`.

    Raises:
        ValueError: not the same number of images.
    """
    if first.shape != second.shape:
        raise ValueError(f"images are compared in pairs, got {list(first.shape)} and {list(second.shape)}")
    layers = list(scales.mean)
    seen = activations(net, torch.cat([first, second]), layers=layers)
    found = {}
    for name in layers:
        standardised = ((seen[name] - scales.mean[name]) / scales.deviation[name]).flatten(1)
        found[name] = torch.cosine_similarity(standardised[: len(first)], standardised[len(first) :])
    return found


def above_floor(cosine: float, floor: float) -> float:
    """The cosine, rescaled so that unrelated images have zero.

    >>> above_floor(0.75, 0.5)
    0.5
    """
    return (cosine - floor) / (1 - floor)
