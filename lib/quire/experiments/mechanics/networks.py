"""The networks and the data of the cells that train: handwritten digits, two hidden layers."""

import math

import torch
from torch import nn

from quire.data import load
from quire.types import Float, Int, Tensor

__all__ = ["digits", "perceptron"]


def digits(number: int) -> tuple[Float[Tensor, "images 64"], Int[Tensor, " images"]]:
    """The first so many images, standardised together, and their labels."""
    data = load("digits")
    images = torch.from_numpy(data.inputs[:number]).float().flatten(1)
    return (images - images.mean()) / images.std(), torch.from_numpy(data.labels[:number]).long()


def perceptron(width: int, nonlinearity: type[nn.Module], *, bias: bool, stream: torch.Generator) -> nn.Sequential:
    """64 inputs, two hidden layers, ten outputs; torch's uniform weights ± 1/√fan-in, from a stream."""
    sizes = [64, width, width, 10]
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out, bias=bias), nonlinearity()]
    net = nn.Sequential(*layers[:-1])
    for layer in net:
        for parameter in layer.parameters(recurse=False):
            bound = 1 / math.sqrt(layer.in_features)
            parameter.data.uniform_(-bound, bound, generator=stream)
    return net
