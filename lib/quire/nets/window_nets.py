"""Denoisers whose output at a pixel sees a square window and nothing else, at any depth: 3 × 3 and 1 × 1 convolutions.

The first layers are 3 × 3 and widen the window by two pixels each, the others 1 × 1, so that networks with small and with large windows have
the same depth. Without biases f(a y) = a f(y) for a > 0: what is learned at one level of noise serves at others, and the level need not
be told, if the window is large enough to see it.

Source: kadkhodaie2023learning (architecture; there 21 layers of 64 channels), Mohan et al., ICLR 2020 (no biases).
"""

import torch
from torch import nn

from quire.nets.vision import initialize
from quire.types import Float, Tensor

__all__ = ["WindowDenoiser", "window_denoiser"]


class WindowDenoiser(nn.Module):
    """Called as ``net(images)``: [batch, inputs, height, width] to [batch, outputs, height, width], zeros beyond the frame."""

    sample_ndim = 3
    probe_layers = ("output",)

    def __init__(self, inputs: int, outputs: int, width: int, layers: int, window: int, bias: bool):
        super().__init__()
        widths = [inputs, *[width] * (layers - 1), outputs]
        sizes = [3 if layer < window // 2 else 1 for layer in range(layers)]
        parts: list[nn.Module] = []
        for before, after, size in zip(widths[:-1], widths[1:], sizes, strict=True):
            parts += [nn.Conv2d(before, after, size, padding=size // 2, bias=bias), nn.ReLU()]
        self.layers = nn.Sequential(*parts[:-1])

    def forward(
        self, images: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        return self.layers(images)


def window_denoiser(
    inputs: int, outputs: int, *, width: int, layers: int, window: int, bias: bool, generator: torch.Generator
) -> WindowDenoiser:
    """A network with its weights drawn.

    Args:
        inputs, outputs: channels.
        width: channels within.
        layers: convolutions.
        window: side of the window that an output sees, odd, at most 2 · layers + 1.
        bias: whether there are biases.
        generator: CPU generator of the weights.

    Raises:
        ValueError: sizes that are not positive, or another window.

    >>> stream = torch.Generator().manual_seed(0)
    >>> net = window_denoiser(1, 1, width=8, layers=3, window=5, bias=False, generator=stream)
    >>> image = torch.randn(1, 1, 9, 9)
    >>> bool(torch.allclose(net(3 * image), 3 * net(image), atol=1e-6))
    True
    """
    if min(inputs, outputs, width, layers) < 1:
        raise ValueError(f"sizes must be ≥ 1, got {inputs}, {outputs}, width {width}, layers {layers}")
    if not (window % 2 and 1 <= window <= 2 * layers + 1):
        raise ValueError(f"{layers} layers see an odd window of 1 to {2 * layers + 1} pixels, got {window}")
    with torch.device("meta"):
        net = WindowDenoiser(inputs, outputs, width, layers, window, bias)
    return initialize(net.to_empty(device="cpu"), generator=generator)
