"""EfficientNet-Lite0: inverted residual blocks without attention, 4.7 million weights (Tan and Le 2019; its "lite" form).

Names are those of the published file of ImageNet weights, so that ``load_state_dict`` takes it strictly. Convolutions with stride
pad as TensorFlow does, more behind than before, which the weights were trained with.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from quire.types import Float, Tensor

__all__ = ["EfficientNetLite0"]

BLOCKS = [  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


class _SamePadding(nn.Conv2d):
    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(entering, leaving, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        more = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in inputs.shape[-2:]]
        before_and_behind = [half for size in reversed(more) for half in (size // 2, size - size // 2)]
        return super().forward(functional.pad(inputs, before_and_behind))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    def __init__(self, entering: int, leaving: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = entering * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and entering == leaving
        if self.expands:
            self._expand_conv = _SamePadding(entering, inner, 1)
            self._bn0 = _norm(inner)
        self._depthwise_conv = _SamePadding(inner, inner, kernel, stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv = _SamePadding(inner, leaving, 1)
        self._bn2 = _norm(leaving)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.relu6(self._bn0(self._expand_conv(inputs))) if self.expands else inputs
        hidden = functional.relu6(self._bn1(self._depthwise_conv(hidden)))
        hidden = self._bn2(self._project_conv(hidden))
        return hidden + inputs if self.skips else hidden


class EfficientNetLite0(nn.Module):
    """From images ``[batch, 3, height, width]`` of any size, normalised to about [-1, 1], to 1000 logits.

    Args:
        generator: where the random initialisation comes from: normal, of variance 2/fan-out for convolutions, 1/inputs for the last.

    >>> net = EfficientNetLite0(generator=torch.Generator()).eval()
    >>> net.features(torch.zeros(2, 3, 32, 32)).shape, sum(p.numel() for p in net.parameters())
    (torch.Size([2, 1280]), 4652008)
    """

    def __init__(self, *, generator: torch.Generator):
        super().__init__()
        self._conv_stem, self._bn0 = _SamePadding(3, 32, 3, stride=2), _norm(32)
        blocks, entering = [], 32
        for repeats, kernel, stride, expansion, leaving in BLOCKS:
            for number in range(repeats):
                blocks.append(_Block(entering, leaving, kernel, stride if number == 0 else 1, expansion))
                entering = leaving
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _SamePadding(entering, 1280, 1), _norm(1280)
        self._fc = nn.Linear(1280, 1000)
        self._initialize(generator)

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1280"]:
        """What the last layer sees: the mean over the places."""
        hidden = functional.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            hidden = block(hidden)
        return functional.relu6(self._bn1(self._conv_head(hidden))).mean((2, 3))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1000"]:
        """Logits of ImageNet's classes."""
        return self._fc(self.features(images))

    def _initialize(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.out_channels * module.kernel_size[0] ** 2 // module.groups
                module.weight.data.normal_(0, math.sqrt(2 / fan), generator=generator)
            elif isinstance(module, nn.Linear):
                module.weight.data.normal_(0, math.sqrt(1 / module.in_features), generator=generator)
                module.bias.data.zero_()
