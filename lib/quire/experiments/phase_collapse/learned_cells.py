"""Learned scattering networks: trained, and tested."""

import torch

from quire.data import load
from quire.device import resolve
from quire.nets import stack
from quire.rng import generator
from quire.scattering import ScatteringNet
from quire.training import MemberData, TrainConfig, evaluate, train
from quire.types import Float, Int, Tensor

__all__ = ["learned"]


def learned(
    *,
    images: str,
    train_images: int,
    nonlinearity: str,
    channels: list[int],
    strides: list[int],
    epochs: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> dict:
    """Train a scattering network by heavy-ball descent with a cosine schedule, and test it.

    Args:
        images: "digits", or a set of colour images with test images of its own.
        train_images: of these, at most all (but 500, of digits).
        nonlinearity: see :class:`quire.scattering.ScatteringNet`.
        channels, strides: of each block.
        epochs, learning_rate: 128 images a step.
        seed: of the weights, and of the order of the images.
        device: where it is trained.

    Returns:
        error: on test images; train_error: on the training images, at the end; weights: numbers that were learned.
    """
    (x, y), test = _split(images, train_images, device)
    stream = generator("phase collapse", images, nonlinearity, seed)
    net = ScatteringNet(
        side=x.shape[-1],
        in_channels=x.shape[1],
        channels=channels,
        strides=strides,
        num_classes=10,
        nonlinearity=nonlinearity,
        generator=stream,
    ).to(x.device)
    config = TrainConfig(
        learning_rate=learning_rate,
        max_epochs=epochs,
        batch_size=128,
        optimizer="momentum",
        weight_decay=1e-4,
        schedule="cosine",
    )
    order = generator("phase collapse", "order", images, nonlinearity, seed)
    found = train(stack([net]), MemberData.shared(x, y, sizes=[len(x)]), config=config, generators=[order]).net
    errors = [
        float(evaluate(found, MemberData.shared(*part, sizes=[len(part[0])]), loss="cross_entropy")["error"][0])
        for part in (test, (x, y))
    ]
    return {"error": errors[0], "train_error": errors[1], "weights": sum(one.numel() for one in net.parameters())}


def _split(images: str, number: int, device: str) -> tuple[tuple[Float[Tensor, "..."], Int[Tensor, " images"]], tuple]:
    """Training and test images, standardised together, channels first, with their classes."""
    data = load(images)
    inputs, labels = torch.from_numpy(data.inputs).float(), torch.from_numpy(data.labels).long()
    inputs = inputs.movedim(-1, 1) if inputs.ndim == 4 else inputs[:, None]
    order = torch.randperm(len(inputs), generator=generator("phase collapse", "split", images))
    if data.test_inputs is None:
        order, held = order[:-500], order[-500:]
        test, wanted = inputs[held], labels[held]
    else:
        test, wanted = torch.from_numpy(data.test_inputs).float(), torch.from_numpy(data.test_labels).long()
        test = test.movedim(-1, 1) if test.ndim == 4 else test[:, None]
    chosen = order[:number]
    own = inputs[chosen]
    centre, size = own.mean((0, 2, 3), keepdim=True), own.std((0, 2, 3), keepdim=True)
    place = resolve(device)
    parts = ((own - centre) / size, labels[chosen]), ((test - centre) / size, wanted)
    return tuple((x.to(place), y.to(place)) for x, y in parts)
