"""What is made once and kept as tensors: the pictures of a figure, and the trained networks that several cells measure."""

import math

import torch
from torch import nn

from quire.device import resolve
from quire.diffeo import MaxEntropyDiffeo
from quire.experiments.diffeo.images import VisionData, vision_data
from quire.nets import VisionNet, build
from quire.rng import generator
from quire.training import MemberData, TrainConfig, random_shift, train
from quire.types import Float, Tensor

__all__ = ["gallery", "initial_network", "trained_network"]


def gallery(*, cutoffs: list[int], multiples: list[float], rule: str, size: int, seed: int) -> dict[str, Tensor]:
    """A ruled picture, deformed at each cut-off and at multiples of its largest admissible temperature.

    One seed is one draw of coefficients for each cut-off: every temperature scales the same field.

    Args:
        cutoffs, rule: of the ensembles.
        multiples: temperatures in units of T_max.
        size: pixels of a side.
        seed: of the draws.

    Returns:
        pictures: [cutoff · multiple, size, size] in bytes, the multiples of the first cut-off first.
    """
    axis = torch.linspace(0, 1, size)
    lines = torch.sin(8 * math.pi * axis).abs() ** 10
    picture = torch.maximum(lines[:, None], lines[None, :]) * (0.35 + 0.65 * axis[:, None])
    warped = []
    for cutoff in cutoffs:
        ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
        draw = ensemble.sample(1, generator("gallery", cutoff, seed))
        for multiple in multiples:
            temperature = multiple * ensemble.temperature_range().high
            image = ensemble.warp(picture.view(1, 1, size, size), draw, temperature, interpolation="bilinear")
            warped.append((255 * image[0, 0]).round().to(torch.uint8))
    return {"pictures": torch.stack(warped)}


def trained_network(
    *,
    dataset: str,
    architecture: str,
    num_train: int,
    seed: int,
    num_test: int,
    num_steps: int,
    batch_size: int,
    learning_rate: float,
    optimizer: str,
    weight_decay: float,
    schedule_period: float,
    max_shift: int,
    flip: bool,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Train one network and keep what it has learnt. Its initial weights need not be kept: :func:`initial_network`.

    Args:
        dataset: of :func:`quire.experiments.diffeo.images.vision_data`.
        architecture: of :func:`quire.nets.build`.
        num_train: P.
        seed: of the weights, the training set and its order.
        num_test: images for the test error.
        num_steps: gradient steps, with a cosine schedule of period ``schedule_period``; the last weights are used.
        batch_size, learning_rate, optimizer, weight_decay: of :class:`quire.training.TrainConfig`.
        max_shift: random translation in training, in pixels; ``flip`` adds reflections.
        device: where it is trained.

    Returns:
        trained.<name>: parameters and buffers; mean, deviation: of the images' standardisation; train_loss, train_error,
        test_error: in float64, of the trained network. One that has diverged has a loss that is not finite.
    """
    data = vision_data(dataset, num_train=num_train, num_test=num_test, seed=seed)
    classes = int(max(data.targets.max(), data.test_targets.max())) + 1
    initial = initial_network(architecture, shape=tuple(data.inputs.shape[1:]), num_classes=classes, seed=seed)
    config = TrainConfig(
        learning_rate=learning_rate,
        max_steps=num_steps,
        batch_size=batch_size,
        optimizer=optimizer,
        weight_decay=weight_decay,
        schedule="cosine",
        schedule_period=schedule_period,
        on_divergence="stop",
    )
    augment = random_shift(max_shift, flip=flip, fill=data.blank) if max_shift or flip else None
    order = generator("batches", dataset, architecture, num_train, seed)
    samples = MemberData.shared(data.inputs, data.targets, sizes=[num_train])
    run = train(initial.to(resolve(device)), samples, config=config, generators=[order], augment=augment)
    found = {f"trained.{name}": tensor for name, tensor in run.net.state_dict().items()}
    return (
        found
        | {"train_loss": run.train_loss[0], "mean": data.mean, "deviation": data.deviation}
        | _errors(run.net, data)
    )


def initial_network(architecture: str, *, shape: tuple[int, ...], num_classes: int, seed: int) -> VisionNet:
    """The network of a seed before training, on the CPU."""
    stream = generator("weights", architecture, seed)
    return build(architecture, input_shape=shape, num_classes=num_classes, generator=stream)


def _errors(network: nn.Module, data: VisionData) -> dict[str, Float[Tensor, ""]]:
    return {
        "train_error": _error(network, data.inputs, data.targets),
        "test_error": _error(network, data.test_inputs, data.test_targets),
    }


@torch.no_grad()
def _error(network: nn.Module, images: Tensor, labels: Tensor) -> Float[Tensor, ""]:
    """Fraction misclassified, in evaluation mode."""
    network.eval()
    place = next(network.parameters()).device
    wrong = [
        (network(part.to(place)).argmax(1).cpu() != truth).sum()
        for part, truth in zip(images.split(1000), labels.split(1000), strict=True)
    ]
    return (torch.stack(wrong).sum() / len(labels)).double()
