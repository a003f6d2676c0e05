"""The networks of the chapter: denoisers by name, and the classifier, trained once and kept as tensors."""

from collections.abc import Mapping

import torch
from torch import nn

from quire.device import resolve
from quire.diffusion import cosine_schedule
from quire.experiments.creativity.images import Pictures, pictures
from quire.nets import build, denoising_resnet, denoising_unet
from quire.rng import generator
from quire.training import MemberData, TrainConfig, denoising, train
from quire.types import Float, Tensor

__all__ = [
    "NUM_LEVELS",
    "classifier",
    "denoiser",
    "restored",
    "signal_levels",
    "trained_classifier",
    "trained_denoiser",
]

NUM_LEVELS = 1000  # levels of noise that a network is trained on; level t has noise, level 0 a little


def signal_levels() -> Float[Tensor, " levels"]:
    """Fraction of signal at each level: the convention of the literature's code."""
    return cosine_schedule(NUM_LEVELS, normalised=False)


def denoiser(architecture: str, *, channels: int, width: int, layers: int, stream: torch.Generator) -> nn.Module:
    """An untrained denoiser.

    Args:
        architecture: "resnet-zeros", "resnet-circular", "unet-zeros", "unet-circular" or "unet-attention".
        channels: of the images.
        width: channels within; a U-Net has half of them at the finest of two or three resolutions, and doubles them.
        layers: 3 × 3 convolutions of a residual network, resolutions of a U-Net.
        stream: generator of the weights.

    Raises:
        ValueError: another architecture.
    """
    kind, _, padding = architecture.partition("-")
    drawn = dict(num_levels=NUM_LEVELS, generator=stream)
    if kind == "resnet" and padding in ("zeros", "circular"):
        return denoising_resnet(channels, width=width, layers=layers, padding=padding, **drawn)
    if kind == "unet" and padding in ("zeros", "circular", "attention"):
        frame, attention = ("zeros", layers) if padding == "attention" else (padding, 0)
        widths = [width * 2**k for k in range(layers)]
        return denoising_unet(channels, widths=widths, padding=frame, attention=attention, **drawn)
    raise ValueError(
        f"architecture must be resnet- or unet- with zeros or circular, or unet-attention, got {architecture!r}"
    )


def trained_denoiser(
    *,
    dataset: str,
    num_images: int,
    num_test: int,
    side: int,
    architecture: str,
    width: int,
    layers: int,
    train_steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Train a network to predict the noise, by Adam with a cosine schedule.

    Args:
        dataset, num_images, num_test, side: of :func:`quire.experiments.creativity.images.pictures`.
        architecture, width, layers: of :func:`denoiser`.
        train_steps, batch_size, learning_rate: of the training.
        seed: of the weights, the batches and the noise.
        device: where it is trained.

    Returns:
        net.<name>: the weights; loss: mean squared error of a pixel of the noise, over the last passes.
    """
    data = pictures(dataset, num_images=num_images, num_test=num_test, side=side)
    shape = data.images.shape
    stream = generator("creativity", "weights", architecture, seed)
    net = denoiser(architecture, channels=shape[1], width=width, layers=layers, stream=stream)
    objective = denoising(signal_levels(), predict="noise", conditioned=True)
    config = TrainConfig(
        learning_rate=learning_rate,
        max_steps=train_steps,
        batch_size=batch_size,
        optimizer="adam",
        schedule="cosine",
        loss=objective,
    )
    samples = MemberData.shared(data.images, torch.zeros(shape[0]), sizes=[shape[0]])
    order = generator("creativity", "batches", architecture, seed)
    run = train(net.to(resolve(device)), samples, config=config, generators=[order])
    loss = 2 * run.train_loss[0] / data.images[0].numel()
    return {f"net.{name}": tensor for name, tensor in run.net.state_dict().items()} | {"loss": loss}


def classifier(*, channels: int, side: int, num_classes: int, seed: int) -> nn.Module:
    """An untrained classifier with named layers."""
    drawn = generator("creativity", "classifier", seed)
    return build("vgg6-bn-gap", input_shape=(channels, side, side), num_classes=num_classes, generator=drawn)


def trained_classifier(
    *, dataset: str, num_images: int, num_test: int, side: int, classifier_steps: int, seed: int, device: str = "cpu"
) -> dict[str, Tensor]:
    """Train a classifier on the images that the denoiser is trained on.

    Returns:
        net.<name>: parameters and buffers; test_error: fraction of the test images misclassified.
    """
    data = pictures(dataset, num_images=num_images, num_test=num_test, side=side)
    net = classifier(channels=data.images.shape[1], side=side, num_classes=_classes(data), seed=seed)
    config = TrainConfig(
        learning_rate=2e-3, max_steps=classifier_steps, batch_size=64, optimizer="adam", schedule="cosine"
    )
    samples = MemberData.shared(data.images, data.labels, sizes=[len(data.images)])
    order = generator("creativity", "classifier batches", seed)
    net = train(net.to(resolve(device)), samples, config=config, generators=[order]).net
    place = next(net.parameters()).device
    with torch.no_grad():
        wrong = net(data.test_images.to(place)).argmax(1).cpu() != data.test_labels
    return {f"net.{name}": tensor for name, tensor in net.state_dict().items()} | {"test_error": wrong.double().mean()}


def restored(net: nn.Module, tensors: Mapping[str, Tensor], *, device: str) -> nn.Module:
    """The network with weights that were kept, ready to be asked."""
    net.load_state_dict({name.removeprefix("net."): one for name, one in tensors.items() if name.startswith("net.")})
    return net.to(resolve(device)).eval()


def _classes(data: Pictures) -> int:
    return int(max(data.labels.max(), data.test_labels.max())) + 1
