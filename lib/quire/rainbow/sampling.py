r"""A network of random features that does what a trained network does (guth2023rainbow, Algorithm of the rainbow model).

Layer by layer, rows with the covariance of the trained ones are drawn (:func:`quire.rainbow.sample_rows`) and turned to what the layers
below say: with :math:`\hat W_j = W'_j A_{j-1}`, where A maps the sampled features onto the trained ones as well as a partial isometry can.
Without it the covariances stand in coordinates that mean nothing to the layer below.

Spaces are treated as samples: a matrix may act on the channels of images ``[samples, channels, …]``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from quire.mechanics import best_rotation
from quire.rainbow.weight_rows import sample_rows
from quire.types import Float, Tensor

__all__ = ["Rainbow", "features_of", "matrices_of", "sample_rainbow"]


@dataclass(frozen=True)
class Rainbow:
    """Sampled networks, one along each leading entry.

    Attributes:
        weights: the matrices, ``[draws, rows, columns]``, the last of which reads out; what stands between them is that of the trained
            network.
        features: after each hidden matrix, of the inputs that they were aligned on, ``[draws, samples, channels, …]``.
    """

    weights: tuple[Tensor, ...]
    features: tuple[Tensor, ...]


def sample_rainbow(
    weights: Sequence[Float[Tensor, "_ _"]],
    inputs: Float[Tensor, "samples _ ..."],
    *,
    draws: int,
    generator: torch.Generator,
    widths: Sequence[int] | None = None,
    law: str = "gaussian",
    aligned: bool = True,
    between: Sequence[Callable] | Callable = torch.relu,
) -> Rainbow:
    """Draw networks whose weights have the covariances of a trained one.

    Args:
        weights: of the trained network, without biases; the last reads out and is kept, but for the rotation.
        inputs: training inputs, on which features are aligned.
        draws: networks.
        generator: on the CPU.
        widths: rows of each hidden matrix; those of the trained network if none are given.
        law: of the rows, see :func:`sample_rows`.
        aligned: turn each layer to the one below; without it, only at the trained widths.
        between: what follows each hidden matrix, one function or one for each, from ``[batch, rows, …]`` to ``[batch, channels, …]``.

    Raises:
        ValueError: matrices that do not fit one another, other widths without alignment.
    """
    widths = [len(one) for one in weights[:-1]] if widths is None else list(widths)
    _check(weights, widths, aligned)
    stages = [between] * len(widths) if callable(between) else list(between)
    trained, sampled = inputs, inputs.expand(draws, *inputs.shape)
    rotation = None  # of what the inputs say, to itself
    found, features = [], []
    for weight, width, stage in zip(weights[:-1], widths, stages, strict=True):
        rows = sample_rows(weight, (draws, width), law=law, generator=generator)
        found.append(_turned(rows, rotation))
        trained = stage(_applied(weight, trained))
        sampled = _staged(stage, _applied(found[-1], sampled))
        features.append(sampled)
        rotation = _rotation(sampled, trained) if aligned else None
    last = weights[-1].expand(draws, *weights[-1].shape)
    return Rainbow(weights=(*found, _turned(last, rotation)), features=tuple(features))


def features_of(
    weights: Sequence[Float[Tensor, "*draws _ _"]],
    inputs: Float[Tensor, "samples _ ..."],
    *,
    between: Sequence[Callable] | Callable = torch.relu,
) -> list[Tensor]:
    """What each matrix of a network (or of several, along leading axes) makes of inputs: hidden features, then outputs."""
    stages = [between] * (len(weights) - 1) if callable(between) else list(between)
    hidden = inputs.expand(*weights[0].shape[:-2], *inputs.shape)
    found = []
    for weight, stage in zip(weights[:-1], stages, strict=True):
        hidden = _staged(stage, _applied(weight, hidden)) if weight.ndim > 2 else stage(_applied(weight, hidden))
        found.append(hidden)
    return [*found, _applied(weights[-1], hidden)]


def matrices_of(net: nn.Sequential) -> list[Float[Tensor, "rows columns"]]:
    """The matrices of a plain network of linear layers.

    Raises:
        ValueError: a layer has biases (append a one to its input instead), or there are fewer than two.
    """
    layers = [one for one in net if isinstance(one, nn.Linear)]
    if len(layers) < 2 or any(one.bias is not None for one in layers):
        raise ValueError(f"expected two linear layers or more, without biases, got {layers}")
    return [one.weight.detach() for one in layers]


def _applied(weight: Tensor, inputs: Tensor) -> Tensor:
    """The matrices on the channels: ``[…, samples, rows, …]``."""
    draws = weight.ndim - 2
    flat = inputs.flatten(draws + 2) if inputs.ndim > draws + 2 else inputs[..., None]
    return (weight.unsqueeze(draws) @ flat).reshape(
        *inputs.shape[: draws + 1], weight.shape[-2], *inputs.shape[draws + 2 :]
    )


def _staged(stage: Callable, values: Tensor) -> Tensor:
    """A stage on draws and samples together: it knows samples alone."""
    return stage(values.flatten(0, 1)).unflatten(0, values.shape[:2])


def _rotation(sampled: Tensor, trained: Tensor) -> Tensor:
    """√(trained width / sampled width) A of each draw, ``[draws, sampled channels, trained channels]``."""
    source = sampled.movedim(2, -1).flatten(1, -2)  # [draws, samples and places, channels]
    target = trained.movedim(1, -1).flatten(0, -2)
    turn = best_rotation(source, target.expand(len(source), *target.shape))
    return (math.sqrt(target.shape[-1] / source.shape[-1]) * turn).to(sampled)


def _turned(rows: Tensor, rotation: Tensor | None) -> Tensor:
    return rows if rotation is None else rows @ rotation.mT


def _check(weights: Sequence[Tensor], widths: list[int], aligned: bool) -> None:
    if len(weights) < 2 or any(one.ndim != 2 for one in weights):
        raise ValueError(f"expected two matrices or more, got {[list(one.shape) for one in weights]}")
    if len(widths) != len(weights) - 1:
        raise ValueError(f"expected a width for each of {len(weights) - 1} hidden matrices, got {widths}")
    if not aligned and widths != [len(one) for one in weights[:-1]]:
        raise ValueError("without alignment the widths are those of the trained network: leave out widths")
