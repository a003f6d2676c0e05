"""Scattering: filters and transforms against sums in space and against kymatio where it imports, nonlinearities, learned networks."""

import math

import numpy as np
import pytest
import torch

from quire.scattering import NONLINEARITIES, ScatteringNet, applied, morlet_bank, scattering, wavelet_coefficients
from quire.scattering.filters import gabor


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def test_wavelets_have_no_mean_and_sit_at_their_frequencies():
    bank = morlet_bank(32, scales=2, angles=4)
    assert bank.bands.shape == (2, 4, 32, 32) and bank.scales == 2 and bank.side == 32
    assert float(bank.bands[:, :, 0, 0].abs().max()) < 1e-15
    assert float(bank.low[0, 0]) == pytest.approx(1, abs=1e-9)
    frequency = 2 * math.pi * torch.fft.fftfreq(32, dtype=torch.float64)
    for scale in range(2):
        for angle in range(4):
            top = divmod(int(bank.bands[scale, angle].argmax()), 32)
            found = torch.tensor([frequency[top[0]], frequency[top[1]]])
            assert float((found - bank.frequencies[scale, angle]).norm()) < 0.25
            assert float(bank.frequencies[scale, angle].norm()) == pytest.approx(3 * math.pi / 4 / 2**scale)


def test_two_images_of_the_torus_on_each_side_are_enough(monkeypatch):
    """At the coarsest scale that fits, with the eight angles of the literature, what is left out is five widths of a window away."""
    bank = morlet_bank(16, scales=3, angles=8)
    monkeypatch.setattr("quire.scattering.filters.IMAGES", 6)
    more = morlet_bank(16, scales=3, angles=8)
    assert float((bank.bands - more.bands).abs().max()) < 1e-6 and float((bank.low - more.low).abs().max()) < 1e-12


def test_coefficients_are_sums_over_places():
    images, bank = normal(2, 8, 8), morlet_bank(8, scales=1, angles=2)
    found = wavelet_coefficients(images, bank)
    filters = torch.fft.ifft2(bank.bands)
    wanted = torch.zeros_like(found)
    for i in range(8):
        for j in range(8):
            for u in range(8):
                for v in range(8):
                    wanted[..., i, j] += images[:, None, None, (i - u) % 8, (j - v) % 8] * filters[..., u, v]
    torch.testing.assert_close(found, wanted)
    slope = gabor(8, sigma=0.8, angle=0.0, wave=0.0, slant=1.0)
    assert float(slope.real.sum()) == pytest.approx(1, abs=1e-3) and float(slope.imag.abs().max()) == 0


def test_first_and_second_order_are_averages_of_what_full_resolution_gives():
    """At the finest scale, and one path of second order, with nothing folded before the end."""
    images, bank = normal(3, 16, 16), morlet_bank(16, scales=2, angles=3)
    found = scattering(images, bank)
    assert found.shape == (3, 1 + 6 + 9, 4, 4)
    z = wavelet_coefficients(images, bank).abs()

    def averaged(maps):
        return torch.fft.ifft2(torch.fft.fft2(maps) * bank.low).real[..., ::4, ::4]

    torch.testing.assert_close(found[:, 0], averaged(images))
    torch.testing.assert_close(found[:, 1:4], averaged(z[:, 0]))
    second = wavelet_coefficients(z[:, 0, 1], bank)[:, 1, 2].abs()
    error = (found[:, 1 + 6 + 3 + 2] - averaged(second)).abs().max() / averaged(second).abs().max()
    assert float(error) < 0.05  # the second wavelet's map is kept at half the resolution
    linear = scattering(images, bank, order=1, nonlinearity="linear")
    assert linear.shape == (3, 1 + 2 * 6, 4, 4)
    torch.testing.assert_close(
        torch.complex(linear[:, 1], linear[:, 4]), _average(wavelet_coefficients(images, bank)[:, 0, 0], bank)
    )


def _average(maps, bank):
    return torch.fft.ifft2(torch.fft.fft2(maps) * bank.low)[..., ::4, ::4]


def test_it_is_kymatios_transform():
    frontend = pytest.importorskip("kymatio.scattering2d.frontend.torch_frontend")
    angles = 4
    other = frontend.ScatteringTorch2D(J=2, shape=(24, 24), L=angles, pre_pad=True)  # 24 and what it pads: 32
    images = normal(4, 32, 32)
    theirs, ours = other(images.float()).double(), scattering(images, morlet_bank(32, scales=2, angles=angles))
    place = [(angles // 2 - 1 - turn) % angles for turn in range(angles)]  # of the angles of kymatio
    first = [1 + scale * angles + place[turn] for scale in range(2) for turn in range(angles)]
    second = [1 + 2 * angles + place[a] * angles + place[b] for a in range(angles) for b in range(angles)]
    ours = ours[:, [0, *first, *second], 1:-1, 1:-1]  # it cuts the border off
    assert float((ours - theirs).abs().max()) < 1e-4 * float(theirs.abs().max())  # its π has five digits


@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_a_rectifier_is_half_an_amplitude_and_half_a_soft_threshold(threshold):
    t = torch.complex(normal(1000), torch.zeros(1000, dtype=torch.float64))
    rectified = applied(t, "rectified", threshold).real
    amplitude, soft = (t.abs() - threshold).relu(), applied(t, "soft", threshold).real
    torch.testing.assert_close(rectified, amplitude / 2 + soft / 2)


def test_phases_are_kept_or_not():
    z = torch.complex(normal(50), normal(50, seed=1))
    turn = torch.polar(torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.9, dtype=torch.float64))
    for name in ("linear", "soft"):
        torch.testing.assert_close(applied(turn * z, name, 0.5), turn * applied(z, name, 0.5))
    torch.testing.assert_close(applied(turn * z, "modulus"), applied(z, "modulus"))
    assert bool(torch.isfinite(torch.view_as_real(applied(0 * z, "soft", 0.5))).all())
    with pytest.raises(ValueError, match="expected a nonlinearity of"):
        applied(z, "hard")
    with pytest.raises(ValueError, match="must not be negative"):
        applied(z, "soft", -0.1)


def test_a_quantile_of_amplitudes_vanishes():
    images, bank = normal(40, 16, 16), morlet_bank(16, scales=1, angles=2)
    from quire.scattering.transform import _quantile

    z = wavelet_coefficients(images, bank)[:, 0]
    kept = applied(z, "soft", _quantile(z, 0.5)).abs() > 0
    assert float(kept.double().mean()) == pytest.approx(0.5, abs=0.01)


def test_bad_input_of_transforms():
    bank = morlet_bank(16, scales=2, angles=2)
    for images in (normal(2, 8, 8), normal(16, 16), torch.complex(normal(1, 16, 16), normal(1, 16, 16))):
        with pytest.raises((ValueError, TypeError), match=r"expected real images|problem arose"):
            scattering(images, bank)
    for wrong in (dict(order=3), dict(quantile=1.0)):
        with pytest.raises(ValueError, match="an order of 0, 1 or 2"):
            scattering(normal(1, 16, 16), bank, **wrong)
    for wrong in (dict(scales=0, angles=1), dict(scales=1, angles=0), dict(scales=3, angles=1)):
        with pytest.raises(ValueError, match="a side must be a multiple"):
            morlet_bank(12, **wrong)


def net(nonlinearity="modulus", **options):
    asked = dict(side=8, in_channels=2, channels=[5, 6], strides=[1, 2], num_classes=3, angles=4) | options
    return ScatteringNet(nonlinearity=nonlinearity, generator=stream(), **asked)


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_learned_networks_have_gradients_and_fixed_filters(nonlinearity):
    model = net(nonlinearity).double()
    images = normal(20, 2, 8, 8)
    outputs = model(images)
    assert outputs.shape == (20, 3)
    outputs.square().sum().backward()
    assert all(bool(torch.isfinite(one.grad).all()) and float(one.grad.abs().max()) > 0 for one in model.parameters())
    assert "filters" not in dict(model.named_parameters())
    rows = model.matrices[0].weight.shape[1]
    assert rows == 2 * (1 + 4 * (1 if nonlinearity == "modulus" else 2))


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_the_first_block_is_what_it_is_said_to_be(nonlinearity):
    """Filters by sums over places, standardisation by hand, the nonlinearity of complex numbers."""
    model = net(nonlinearity).double()
    images = normal(30, 2, 8, 8, seed=3)
    raw = model._filtered(images, 1)
    filters = model.filters[:, 0].numpy()
    wanted = np.zeros(raw.shape[-2:])
    for i in range(8):
        for j in range(8):
            for u in range(-3, 4):
                for v in range(-3, 4):
                    wanted[i, j] += filters[2, u + 3, v + 3] * float(images[4, 1, (i + u) % 8, (j + v) % 8])
    np.testing.assert_allclose(raw[4, 1, 2].numpy(), wanted, atol=1e-12)
    mean, size = raw.mean((0, 3, 4), keepdim=True), raw.var((0, 3, 4), keepdim=True, correction=0).add(1e-5).sqrt()
    low, real, imaginary = ((raw - mean) / size).split([1, 4, 4], 2)
    z = applied(
        torch.complex(real, imaginary), nonlinearity, {"soft": math.sqrt(2 * math.log(2))}.get(nonlinearity, 0.0)
    )
    parts = [z] if nonlinearity == "modulus" else [z.real, z.imag]
    hidden = torch.einsum(
        "oc,bcij->boij", model.matrices[0].weight[:, :, 0, 0], torch.cat([low, *parts], 2).flatten(1, 2)
    )
    caught = []
    hook = model.matrices[0].register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    model(images)
    hook.remove()
    torch.testing.assert_close(caught[0], hidden, atol=1e-4, rtol=1e-4)


def test_shifts_of_the_images_shift_the_coefficients():
    model = net(strides=[1, 1], side=8).double()
    images = normal(2, 2, 8, 8)
    torch.testing.assert_close(
        model._filtered(images.roll(3, -1), 1), model._filtered(images, 1).roll(3, -1), atol=1e-12, rtol=0
    )


def test_what_cannot_be_built_is_said():
    for wrong in (dict(channels=[5]), dict(channels=[], strides=[]), dict(nonlinearity="hard")):
        with pytest.raises(ValueError, match="as many strides as channels"):
            net(**wrong)
    with pytest.raises(ValueError, match="do not divide"):
        net(strides=[1, 3])
    assert net(side=2, strides=[1, 2]).double()(normal(3, 2, 2, 2)).shape == (3, 3)
