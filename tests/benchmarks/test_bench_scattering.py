"""Scattering beside kymatio's torch frontend on the same filters, as a ratio; skipped where kymatio does not import."""

import pytest
import torch
from timing import cpu_seconds

from quire.scattering import morlet_bank, scattering

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("side, scales, angles", [(32, 2, 8), (64, 3, 4)])
def test_beside_kymatio(benchmark, side, scales, angles):
    """32 images, single precision, orders one and two."""
    frontend = pytest.importorskip("kymatio.scattering2d.frontend.torch_frontend")
    inner = side - 2 ** (scales + 1)  # it pads to the side
    other = frontend.ScatteringTorch2D(J=scales, shape=(inner, inner), L=angles, pre_pad=True)
    bank = morlet_bank(side, scales=scales, angles=angles).to(torch.float32)
    images = torch.randn(32, side, side, generator=torch.Generator().manual_seed(0))
    assert other(images).shape[1] == scattering(images, bank).shape[1]
    ratio = cpu_seconds(lambda: other(images)) / cpu_seconds(lambda: scattering(images, bank))
    benchmark.extra_info["kymatio"] = ratio
    benchmark.pedantic(lambda: scattering(images, bank), rounds=1)
    assert ratio > 0.5
