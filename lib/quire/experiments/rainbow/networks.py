"""The images and the networks of the cells: two hidden ReLU layers without biases, in the standard and in the mean-field scaling."""

import math

import torch
from torch import nn

from quire.data import load
from quire.device import resolve
from quire.nets import FullyConnectedConfig, fully_connected, stack
from quire.rng import generator
from quire.training import MemberData, TrainConfig, train
from quire.types import Float, Int, Tensor

__all__ = ["IMAGES", "SCALINGS", "images_of", "trained_weights", "weights_of"]

IMAGES = ("digits", "mnist", "cifar10-subset", "cifar10")
SCALINGS = ("standard", "mean-field")
CLASSES = 10


def images_of(
    images: str, *, train: int, held_out: bool, device: str, centring: str = "image"
) -> tuple[Float[Tensor, "images pixels"], Int[Tensor, " images"]]:
    """Images as vectors, of mean zero and with a mean square of one over all pixels of the training images, with their classes.

    Args:
        images: of IMAGES.
        train: training images, drawn once, fewer than there are.
        held_out: those that are left (of digits), or the set's own test images.
        device: where they are put.
        centring: what is subtracted, the mean "image", or its mean over pixels, the mean "pixel".

    Raises:
        ValueError: there are not so many, or another centring.
        MissingData: the set is not at hand.
    """
    data = load(images)
    order = torch.randperm(len(data.labels), generator=generator("rainbow", "split", images)).numpy()
    inputs, labels = data.inputs[order], data.labels[order]
    first = torch.from_numpy(inputs[:train]).float()
    if held_out:
        own = data.test_inputs is None
        inputs, labels = (inputs[train:], labels[train:]) if own else (data.test_inputs, data.test_labels)
    elif len(inputs) < train + (data.test_inputs is None):
        raise ValueError(f"{images} has {len(data.inputs)} images, asked were {train} to train on: lower train_images")
    else:
        inputs, labels = inputs[:train], labels[:train]
    if centring not in ("image", "pixel"):
        raise ValueError(f'centring must be "image" or "pixel", got {centring!r}')
    centre = first.flatten(1).mean(0) if centring == "image" else first.mean()
    size = (first.flatten(1) - centre).square().mean().sqrt()
    values = (torch.from_numpy(inputs).float().flatten(1) - centre) / size
    place = resolve(device)
    return values.to(place), torch.from_numpy(labels).long().to(place)


def trained_weights(
    *,
    images: str,
    train_images: int,
    width: int,
    scaling: str,
    epochs: int,
    learning_rate: float,
    seeds: list[int],
    device: str,
    centring: str = "image",
) -> dict[str, Tensor]:
    """Train several networks of one width side by side.

    Args:
        images, train_images: see :func:`images_of`.
        width: of both hidden layers.
        scaling: "standard": variances 2/fan-in and one learning rate; "mean-field": an output of 1/width, and a learning rate in
            proportion to the width, so that hidden features move as much at any width.
        epochs: of heavy-ball descent, 128 images a step.
        learning_rate: 0.05 is stable in the standard scaling; in the mean-field one it is that per unit of width.
        seeds: one for each network.
        device: where they are trained.
        centring: see :func:`images_of`.

    Returns:
        start.0, start.1, start.2 and end.…: the matrices, ``[networks, rows, columns]``, as they act on what comes before them; seeds.

    Raises:
        ValueError: an unknown scaling.
    """
    x, y = images_of(images, train=train_images, held_out=False, device=device, centring=centring)
    names = [("rainbow", images, scaling, width, seed) for seed in seeds]
    drawn = [generator(*name) for name in names]
    if scaling == "standard":
        net = stack([_standard(x.shape[1], width, one) for one in drawn])
    elif scaling == "mean-field":
        config = FullyConnectedConfig(
            num_inputs=x.shape[1], depth=2, width=width, num_classes=CLASSES, vocab=None, init_scale=math.sqrt(2)
        )
        net = fully_connected(config, generators=drawn)
    else:
        raise ValueError(f"scaling must be one of {list(SCALINGS)}, got {scaling!r}")
    config = TrainConfig(learning_rate=learning_rate, max_epochs=epochs, batch_size=128, optimizer="momentum")
    samples = MemberData.shared(x, y, sizes=[len(x)] * len(seeds))
    net = net.to(x.device)
    found = train(net, samples, config=config, generators=[generator(*name, "order") for name in names]).net
    matrices = {
        f"{when}.{place}": tensor
        for when, one in (("start", net), ("end", found))
        for place, tensor in enumerate(_matrices(one, scaling))
    }
    return matrices | {"seeds": torch.tensor(seeds)}


def weights_of(weights: dict[str, Tensor], *, when: str, seed: int, device: str) -> list[Float[Tensor, "rows columns"]]:
    """The matrices of the network with this seed, at the "start" or at the "end"."""
    member = weights["seeds"].tolist().index(seed)
    return [weights[f"{when}.{place}"][member].to(resolve(device)) for place in range(3)]


def _standard(inputs: int, width: int, stream: torch.Generator) -> nn.Sequential:
    net = nn.Sequential(
        nn.Linear(inputs, width, bias=False),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.ReLU(),
        nn.Linear(width, CLASSES, bias=False),
    )
    with torch.no_grad():
        for layer in (net[0], net[2], net[4]):
            noise = torch.randn(layer.weight.shape, generator=stream, dtype=torch.float64)
            layer.weight.copy_(noise * math.sqrt(2 / layer.in_features))
    return net


def _matrices(net: nn.Module, scaling: str) -> list[Float[Tensor, "seeds rows columns"]]:
    """The matrices of all members, each with its prefactor."""
    if scaling == "standard":
        members = [net.member(place) for place in range(net.members)]
        return [torch.stack([one[layer].weight.detach() for one in members]) for layer in (0, 2, 4)]
    hidden = [weight.detach() / math.sqrt(weight.shape[1]) for weight in net.weights]
    return [one.mT.contiguous() for one in (*hidden, net.readout.detach() * net.output_scale)]
