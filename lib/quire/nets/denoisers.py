"""Denoisers of images that are nothing but convolutions: a residual network and a U-Net, with zero or circular padding.

The residual network adds relu(convolution(state + level)) to its state, layer by layer, so that its output at a pixel
depends on a square around it; with circular padding it commutes with all translates, with zero padding the frame is felt.
The U-Net has two convolutions at each resolution, max pooling and 2 × 2 transposed convolutions; it commutes with translates by
multiples of its coarsest pixel. With self-attention it is neither local nor equivariant. No layer is normalised.

Source: kamb2025analytic, Appendix C (architectures); sizes are arguments here.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from quire.nets.level_embedding import LevelEmbedding
from quire.nets.vision import initialize
from quire.types import Float, Int, Tensor

__all__ = ["Denoiser", "denoising_resnet", "denoising_unet"]

Frame = Literal["zeros", "circular"]


class Denoiser(nn.Module):
    """Called as ``net(noisy, level)``, the levels integers; gives images in the shape of the noisy ones."""

    sample_ndim = 3
    probe_layers = ("output",)


def denoising_resnet(
    channels: int, *, width: int, layers: int, padding: Frame, num_levels: int, generator: torch.Generator
) -> Denoiser:
    """A residual network of 3 × 3 convolutions.

    Args:
        channels: of the images.
        width: channels within.
        layers: 3 × 3 convolutions; a pixel sees 2 · layers + 1 pixels a side.
        padding: "zeros" or "circular".
        num_levels: levels of noise.
        generator: CPU generator of the weights.

    Raises:
        ValueError: sizes that are not positive.

    >>> stream = torch.Generator().manual_seed(0)
    >>> net = denoising_resnet(1, width=8, layers=2, padding="circular", num_levels=10, generator=stream)
    >>> image, level = torch.randn(1, 1, 6, 6), torch.tensor([3])
    >>> bool(torch.allclose(net(image.roll(2, 3), level), net(image, level).roll(2, 3), atol=1e-6))
    True
    """
    _positive(channels=channels, width=width, layers=layers)
    return _drawn(lambda: _ResNet(channels, width, layers, padding, num_levels), generator)


def denoising_unet(
    channels: int, *, widths: Sequence[int], padding: Frame, attention: int, num_levels: int, generator: torch.Generator
) -> Denoiser:
    """A U-Net.

    Args:
        channels: of the images.
        widths: channels at each resolution, the finest first; each next one halves the image.
        padding: "zeros" or "circular".
        attention: at how many of the coarsest resolutions there is self-attention, 0 for a net of convolutions only.
        num_levels: levels of noise.
        generator: CPU generator of the weights.

    Raises:
        ValueError: no width, sizes that are not positive, or more attention than resolutions. Images that cannot be halved as
            often are refused when they come.
    """
    _positive(channels=channels, **{f"widths[{k}]": width for k, width in enumerate(widths)})
    if not widths or not 0 <= attention <= len(widths):
        raise ValueError(
            f"a U-Net needs at least one width, and attention at 0 to {len(widths)} resolutions, got {list(widths)} and {attention}"
        )
    return _drawn(lambda: _UNet(channels, tuple(widths), padding, attention, num_levels), generator)


class _ResNet(Denoiser):
    def __init__(self, channels: int, width: int, layers: int, padding: Frame, num_levels: int):
        super().__init__()
        self.level = LevelEmbedding(4 * (width // 4 + 1), num_levels)
        self.enter = _convolution(channels, width, padding)
        self.shifts = nn.ModuleList(nn.Linear(self.level.width, width) for _ in range(layers - 1))
        self.convolutions = nn.ModuleList(_convolution(width, width, padding) for _ in range(layers - 1))
        self.leave = nn.Conv2d(width, channels, 1)

    def forward(
        self, noisy: Float[Tensor, "batch channels height width"], level: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch channels height width"]:
        features, state = self.level(level), self.enter(noisy)
        for shift, convolution in zip(self.shifts, self.convolutions, strict=True):
            state = state + F.relu(convolution(state + _everywhere(shift(features))))
        return self.leave(state)


class _UNet(Denoiser):
    def __init__(self, channels: int, widths: tuple[int, ...], padding: Frame, attention: int, num_levels: int):
        super().__init__()
        self.level = LevelEmbedding(4 * (widths[0] // 2 + 1), num_levels)
        more, depth = (self.level.width, padding), len(widths)
        attends = [k >= depth - attention for k in range(depth)]
        inputs = (channels, *widths)
        self.down = nn.ModuleList(_Block(inputs[k], widths[k], attends[k], *more) for k in range(depth))
        self.widen = nn.ModuleList(nn.Conv2d(widths[k + 1], 4 * widths[k], 1) for k in range(depth - 1))
        self.up = nn.ModuleList(_Block(2 * widths[k], widths[k], attends[k], *more) for k in range(depth - 1))
        self.leave = nn.Conv2d(widths[0], channels, 1)

    def forward(
        self, noisy: Float[Tensor, "batch channels height width"], level: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch channels height width"]:
        coarse = 2 ** len(self.widen)
        if noisy.shape[2] % coarse or noisy.shape[3] % coarse:
            raise ValueError(
                f"a U-Net of {len(self.down)} resolutions needs sides that are multiples of {coarse}, got "
                f"{list(noisy.shape[2:])}: pad the images, or take fewer widths"
            )
        features, state, kept = self.level(level), noisy, []
        for block in self.down:
            state = block(F.max_pool2d(state, 2) if kept else state, features)
            kept.append(state)
        for k in reversed(range(len(self.up))):
            widened = F.pixel_shuffle(self.widen[k](state), 2)  # a transposed convolution of 2 × 2 pixels
            state = self.up[k](torch.cat([kept[k], widened], 1), features)
        return self.leave(state)


class _Block(nn.Module):
    """relu(convolution) twice on the state and its level, then self-attention if there is some."""

    def __init__(self, inputs: int, outputs: int, attends: bool, features: int, padding: Frame):
        super().__init__()
        self.shift = nn.Linear(features, outputs)
        self.first = _convolution(inputs, outputs, padding)
        self.second = _convolution(outputs, outputs, padding)
        self.attention = _SelfAttention(outputs) if attends else nn.Identity()

    def forward(
        self, state: Float[Tensor, "batch inputs height width"], features: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch outputs height width"]:
        hidden = F.relu(self.first(state) + _everywhere(self.shift(features)))
        return self.attention(F.relu(self.second(hidden)))


class _SelfAttention(nn.Module):
    """state + what the pixels see of each other, one head."""

    def __init__(self, width: int):
        super().__init__()
        self.look = nn.Conv2d(width, 3 * width, 1)
        self.leave = nn.Conv2d(width, width, 1)

    def forward(self, state: Float[Tensor, "batch width rows columns"]) -> Float[Tensor, "batch width rows columns"]:
        queries, keys, values = self.look(state).flatten(2).mT.chunk(3, 2)
        seen = F.scaled_dot_product_attention(queries, keys, values)
        return state + self.leave(seen.mT.unflatten(2, state.shape[2:]))


def _convolution(inputs: int, outputs: int, padding: Frame) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=padding)


def _everywhere(features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width 1 1"]:
    return features[:, :, None, None]


def _positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _drawn(make, generator: torch.Generator) -> Denoiser:
    """The net with weights from the generator alone."""
    with torch.device("meta"):
        net = make()
    return initialize(net.to_empty(device="cpu"), generator=generator)
