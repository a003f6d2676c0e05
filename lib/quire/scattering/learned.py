r"""A network that learns only what mixes channels: fixed wavelets, standardisation, a nonlinearity, a learned 1×1 matrix (guth2022phase).

Block by block, each channel is filtered by an average and by Morlet wavelets in L directions; what comes out is standardised, so that a threshold
means the same in every channel; the average is kept as it is, the coefficients pass the nonlinearity, and a matrix mixes all of them. There
are no biases and no learned spatial filters; a linear classifier reads out.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from quire.scattering.filters import SIGMA, XI, gabor
from quire.scattering.phases import NONLINEARITIES
from quire.types import Float, Tensor

__all__ = ["ScatteringNet"]

REACH = (
    3  # of a filter, in pixels: 3.75 widths of its window, with four angles (with more, windows are longer, and cut)
)
MEDIAN = math.sqrt(2 * math.log(2))  # of the modulus of a complex number whose parts are standard normal
EPSILON = 1e-6  # under the root of the modulus, for a derivative at zero


class ScatteringNet(nn.Module):
    """Channels are mixed by learned matrices; space by fixed wavelets.

    Args:
        side: pixels of the images, which are taken to be periodic.
        in_channels: of the images.
        channels: after the matrix of each block.
        strides: of each block, 1 or 2.
        num_classes: outputs.
        nonlinearity: "modulus", "soft" (threshold: the median of the amplitudes of normal coefficients), "rectified" or "linear".
        angles: directions of the wavelets.
        generator: of the initial matrices, on the CPU.

    Raises:
        ValueError: lists of different lengths, an unknown nonlinearity, strides that do not divide the side.
    """

    sample_ndim = 3

    def __init__(
        self,
        *,
        side: int,
        in_channels: int,
        channels: Sequence[int],
        strides: Sequence[int],
        num_classes: int,
        nonlinearity: str,
        angles: int = 4,
        generator: torch.Generator,
    ):
        super().__init__()
        if len(channels) != len(strides) or not channels or nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"expected as many strides as channels, and a nonlinearity of {list(NONLINEARITIES)}; got channels "
                f"{list(channels)}, strides {list(strides)} and {nonlinearity!r}"
            )
        if side % math.prod(strides) or side // math.prod(strides[:-1]) < 2:
            raise ValueError(f"strides {list(strides)} do not divide images of side {side}")
        self.nonlinearity, self.strides = nonlinearity, tuple(strides)
        self.register_buffer("filters", _spatial_filters(angles))
        parts = 1 + angles * (1 if nonlinearity == "modulus" else 2)
        self.matrices, self.norms = nn.ModuleList(), nn.ModuleList()
        before = in_channels
        for width in channels:
            self.norms.append(nn.BatchNorm2d((1 + 2 * angles) * before, affine=False))
            self.matrices.append(nn.Conv2d(parts * before, width, 1, bias=False))
            before = width
        self.norms.append(nn.BatchNorm2d(before, affine=False))
        self.classifier = nn.Linear(before * (side // math.prod(strides)) ** 2, num_classes)
        with torch.no_grad():
            for layer in (*self.matrices, self.classifier):
                noise = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
                layer.weight.copy_(noise / math.sqrt(layer.weight[0].numel()))
            self.classifier.bias.zero_()

    def forward(self, images: Float[Tensor, "batch channels side side"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        hidden = images
        for matrix, norm, stride in zip(self.matrices, self.norms[:-1], self.strides, strict=True):
            coefficients = norm(self._filtered(hidden, stride).flatten(1, 2))
            low, *waves = coefficients.unflatten(1, (hidden.shape[1], len(self.filters))).tensor_split(self.cuts, 2)
            hidden = matrix(torch.cat([low, *self._nonlinear(*waves)], 2).flatten(1, 2))
        return self.classifier(self.norms[-1](hidden).flatten(1))

    @property
    def cuts(self) -> tuple[int, int]:
        """Where real parts begin among the filters, and where imaginary parts do."""
        return 1, 1 + (len(self.filters) - 1) // 2

    def _filtered(self, x: Tensor, stride: int) -> Float[Tensor, "batch channels filters rows columns"]:
        """Average and coefficients of every channel."""
        side = x.shape[-1]
        reach = min(REACH, side - 1)  # of a torus that is smaller than the filters, the middle of these
        own = self.filters[:, :, REACH - reach : REACH + reach + 1, REACH - reach : REACH + reach + 1]
        padded = functional.pad(x, [reach] * 4, mode="circular")
        found = functional.conv2d(padded.flatten(0, 1)[:, None], own, stride=stride)
        return found.unflatten(0, x.shape[:2])

    def _nonlinear(self, real: Tensor, imaginary: Tensor) -> list[Tensor]:
        """The same functions as :func:`quire.scattering.applied`, in real numbers and with a derivative at zero."""
        if self.nonlinearity == "linear":
            return [real, imaginary]
        if self.nonlinearity == "rectified":
            return [real.relu(), imaginary.relu()]
        amplitude = (real.square() + imaginary.square() + EPSILON).sqrt()
        if self.nonlinearity == "modulus":
            return [amplitude]
        kept = (amplitude - MEDIAN).relu() / amplitude
        return [real * kept, imaginary * kept]


def _spatial_filters(angles: int) -> Float[Tensor, "filters 1 size size"]:
    """An average, the real parts of the wavelets, then their imaginary parts; each wavelet has a mean square of one on white noise."""
    side, slant = 64, 4 / angles
    shape = dict(sigma=SIGMA, slant=slant)
    waves = []
    for angle in range(angles):
        turn = angle * math.pi / angles
        window, wave = gabor(side, angle=turn, wave=0.0, **shape), gabor(side, angle=turn, wave=XI, **shape)
        waves.append(_cut(wave - wave.sum() / window.sum() * window))
    waves = torch.stack([one / one.abs().square().sum().sqrt() for one in waves])
    low = _cut(gabor(side, sigma=SIGMA, angle=0.0, wave=0.0, slant=1.0)).real
    return torch.cat([low[None] / low.norm(), waves.real, waves.imag])[:, None].float()


def _cut(values: Tensor) -> Tensor:
    """The pixels within reach of the origin, which comes into the middle, less their mean where that of all is zero."""
    inner = values.roll((REACH, REACH), (0, 1))[: 2 * REACH + 1, : 2 * REACH + 1]
    return inner - inner.mean() if abs(complex(values.sum())) < 1e-9 else inner
