"""Residual networks in the form used on small images: a 3 x 3 stem, four stages of basic blocks, global
average pooling."""

from collections import OrderedDict

from torch import nn
from torch.nn import functional

from quire.nets.vision import VisionNet
from quire.types import Float, Tensor

__all__ = ["BasicBlock", "resnet"]


class BasicBlock(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), with a 1 x 1 convolution on the shortcut where the shape
    changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            short = [
                ("conv", nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)),
                ("bn", nn.BatchNorm2d(outputs)),
            ]
            self.shortcut = nn.Sequential(OrderedDict(short))

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch outputs new_height new_width"]:
        """The block's output."""
        hidden = functional.relu(self.bn1(self.conv1(inputs)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(inputs))


def resnet(input_shape, num_classes, *, blocks, width: int) -> VisionNet:
    """``blocks[k]`` basic blocks of ``width * 2**k`` channels in stage k; each stage after the first halves
    the image."""
    channels = input_shape[0]
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, width, 3, padding=1, bias=False)),
        ("bn1", nn.BatchNorm2d(width)),
        ("relu1", nn.ReLU()),
    ]
    probes, inputs = ["relu1"], width
    for stage, count in enumerate(blocks):
        for block in range(count):
            name = f"stage{stage + 1}_block{block + 1}"
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append((name, BasicBlock(inputs, width * 2**stage, stride)))
            probes.append(name)
            inputs = width * 2**stage
    layers += [
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("output", nn.Linear(inputs, num_classes)),
    ]
    return VisionNet(layers, [*probes, "gap", "output"])
