"""Image classifiers small enough for a book: fully-connected, LeNet, and VGG-like nets with batch
normalisation and global average pooling as options.

They are plain ``torch.nn`` modules whose layers have readable names ("conv1", "bn1", "relu1", "pool1", …,
"output"), so that forward hooks can be put on them; ``probe_layers`` lists the activations to look at,
after each non-linearity or pooling. No global random state is read: the weights come from an explicit
generator.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

__all__ = ["VisionNet", "initialize"]


class VisionNet(nn.Sequential):
    """A chain of named layers; ``probe_layers`` names the recorded ones, from the input to "output"."""

    sample_ndim = 3  # (channels, height, width)

    def __init__(self, layers: list[tuple[str, nn.Module]], probe_layers: Sequence[str]):
        super().__init__(OrderedDict(layers))
        self.probe_layers = tuple(probe_layers)


def initialize(
    net: nn.Module, *, generator: torch.Generator, scheme: Literal["uniform", "he"] = "uniform"
) -> nn.Module:
    """Draw the weights of every convolution and linear layer, in order, and reset every normalisation; in
    place.

    Args:
        net: the network (its tensors are overwritten).
        generator: CPU generator.
        scheme: "uniform": weights and biases uniform in ±1/sqrt(fan_in), torch's own default;
            "he": weights N(0, 2/fan_in) and zero biases.

    Raises:
        ValueError: unknown scheme.
    """
    if scheme not in ("uniform", "he"):
        raise ValueError(f'scheme must be "uniform" or "he", got {scheme!r}')
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                _draw(module, generator, scheme)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
    return net


def _draw(layer: nn.Conv2d | nn.Linear, generator: torch.Generator, scheme: str) -> None:
    """Weights, then biases, of one layer, in float64 and rounded."""
    fan_in = layer.weight[0].numel()
    for tensor in (layer.weight, layer.bias):
        if tensor is None:
            continue
        if scheme == "uniform":
            draws = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).mul_(2).sub_(1)
            draws.div_(math.sqrt(fan_in))
        elif tensor is layer.weight:
            draws = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            draws.mul_(math.sqrt(2.0 / fan_in))
        else:
            draws = torch.zeros(tensor.shape, dtype=torch.float64)
        tensor.copy_(draws)


def fully_connected_vision(input_shape, num_classes, *, hidden: int, width: int) -> VisionNet:
    """``hidden`` layers of ``width`` units."""
    layers: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    inputs = math.prod(input_shape)
    for k in range(hidden):
        layers += [(f"linear{k + 1}", nn.Linear(inputs, width)), (f"relu{k + 1}", nn.ReLU())]
        inputs = width
    layers.append(("output", nn.Linear(inputs, num_classes)))
    return VisionNet(layers, [*(f"relu{k + 1}" for k in range(hidden)), "output"])


def lenet(input_shape, num_classes) -> VisionNet:
    """Two 5 x 5 convolutions with max pooling, two hidden linear layers."""
    channels, height, width = input_shape
    sides = [((side - 4) // 2 - 4) // 2 for side in (height, width)]
    if min(sides) < 1:
        raise ValueError(f"lenet needs images of at least 16 x 16 pixels, got {height} x {width}")
    layers = [
        ("conv1", nn.Conv2d(channels, 6, 5)),
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(6, 16, 5)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("linear3", nn.Linear(16 * math.prod(sides), 120)),
        ("relu3", nn.ReLU()),
        ("linear4", nn.Linear(120, 84)),
        ("relu4", nn.ReLU()),
        ("output", nn.Linear(84, num_classes)),
    ]
    return VisionNet(layers, ["pool1", "pool2", "relu3", "relu4", "output"])


def vgg(input_shape, num_classes, *, stages: Sequence[Sequence[int]], batch_norm: bool, global_pool: bool) -> VisionNet:
    """Stages of 3 x 3 convolutions (one per width in the stage), each stage closed by a 2 x 2 max pooling."""
    channels, height, width = input_shape
    if min(height, width) < 2 ** len(stages):
        raise ValueError(
            f"{len(stages)} poolings need images of at least {2 ** len(stages)} pixels a side, got {height} x {width}: "
            "pad or upsample the images, or take a net with fewer stages"
        )
    layers: list[tuple[str, nn.Module]] = []
    probes, count = [], 0
    for stage, widths in enumerate(stages):
        for position, outputs in enumerate(widths):
            count += 1
            layers.append((f"conv{count}", nn.Conv2d(channels, outputs, 3, padding=1, bias=not batch_norm)))
            if batch_norm:
                layers.append((f"bn{count}", nn.BatchNorm2d(outputs)))
            layers.append((f"relu{count}", nn.ReLU()))
            if position < len(widths) - 1:
                probes.append(f"relu{count}")
            channels = outputs
        layers.append((f"pool{stage + 1}", nn.MaxPool2d(2)))
        probes.append(f"pool{stage + 1}")
        height, width = height // 2, width // 2
    if global_pool:
        layers.append(("gap", nn.AdaptiveAvgPool2d(1)))
        probes.append("gap")
        height = width = 1
    layers += [("flatten", nn.Flatten()), ("output", nn.Linear(channels * height * width, num_classes))]
    return VisionNet(layers, [*probes, "output"])
