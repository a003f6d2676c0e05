"""Machines beside networks: schedules of windows, calibration, similarity, and cosines of layers, on known answers."""

import math

import pytest
import torch
from torch import nn

from quire.diffusion import (
    BoundaryBroken,
    EquivariantLocal,
    Ideal,
    ScheduledMachine,
    above_floor,
    agreement,
    best_scale,
    layer_cosines,
    layer_scales,
    nearest,
    nearest_scales,
    pearson,
)
from quire.rng import generator


def images(*shape, name="images"):
    return torch.randn(shape, generator=generator("comparisons", name), dtype=torch.float64)


# --- a machine as a denoiser


def test_a_scheduled_machine_uses_the_window_of_each_level():
    bank, noisy = images(5, 1, 6, 6), images(4, 1, 6, 6, name="noisy")
    machine, signal = BoundaryBroken(bank), torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)
    denoise = ScheduledMachine(machine, signal, scales=[1, 3, 5], predict="noise")
    found = denoise(noisy, torch.tensor([2, 0, 1, 0]))
    for row, level in enumerate([2, 0, 1, 0]):
        expected = machine.noise(noisy[row : row + 1], float(signal[level]), [1, 3, 5][level])
        assert torch.allclose(found[row], expected[0], atol=1e-12)
    clean = ScheduledMachine(Ideal(bank), signal, scales=None, predict="clean")
    assert torch.allclose(clean(noisy, torch.tensor([1] * 4)), Ideal(bank).mean(noisy, 0.5), atol=1e-12)


def test_noise_and_clean_image_are_one_prediction():
    bank, noisy = images(5, 1, 6, 6), images(2, 1, 6, 6, name="noisy")
    signal, level = torch.tensor([0.3], dtype=torch.float64), torch.tensor([0, 0])
    noise, clean = (
        ScheduledMachine(Ideal(bank), signal, scales=None, predict=kind)(noisy, level) for kind in ("noise", "clean")
    )
    assert torch.allclose(math.sqrt(0.3) * clean + math.sqrt(0.7) * noise, noisy, atol=1e-12)


def test_a_schedule_needs_a_window_for_each_level():
    with pytest.raises(ValueError, match="a scale for each of 3 levels"):
        ScheduledMachine(BoundaryBroken(images(2, 1, 4, 4)), torch.ones(3), scales=[3], predict="noise")
    with pytest.raises(ValueError, match="each level needs its scale"):
        nearest_scales([1, 2], [3], num_levels=4)


# --- calibration


def test_calibration_finds_the_window_of_a_machine():
    bank, noisy = images(40, 1, 8, 8), images(6, 1, 8, 8, name="noisy")
    machine, scales = EquivariantLocal(bank, train_patches="circular"), [1, 3, 5, 7]
    for true in scales:
        noise = machine.noise(noisy, 0.6, true)
        for criterion in ("cosine", "distance"):
            found = agreement(machine, noisy, noise, abar=0.6, scales=scales, criterion=criterion)
            assert found.shape == (4, 6) and best_scale(found, scales) == true
        assert found.max(0).values.abs().max() < 1e-10
    with pytest.raises(ValueError, match="at least one scale"):
        agreement(machine, noisy, noisy, abar=0.6, scales=[])


def test_the_best_scale_is_a_median():
    agreements = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]])
    assert best_scale(agreements, [3, 5, 7]) == 5


# --- similarity


def test_pearson_is_scipys():
    from scipy import stats

    first, second = images(5, 2, 4, 4), images(5, 2, 4, 4, name="others")
    expected = [
        stats.pearsonr(u.flatten().numpy(), v.flatten().numpy()).statistic for u, v in zip(first, second, strict=True)
    ]
    assert torch.allclose(pearson(first, second), torch.tensor(expected, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(pearson(first, -2 * first + 5), -torch.ones(5, dtype=torch.float64))
    assert pearson(torch.ones(1, 1, 2, 2), torch.rand(1, 1, 2, 2)).isnan().all()
    with pytest.raises(ValueError, match="one by one"):
        pearson(first, second[:2])


def test_the_nearest_training_image():
    bank = images(100, 1, 4, 4)
    found = nearest(bank[[7, 70]] + 0.01, bank)
    assert found.number.tolist() == [7, 70] and torch.allclose(found.distance, torch.full((2,), 0.01).double())
    assert nearest(bank[[3]], bank).distance.item() == 0
    with pytest.raises(ValueError, match="one shape"):
        nearest(bank, bank[..., :2])


# --- layers of a classifier


class _Net(nn.Module):
    """A layer with places, and sums over them."""

    probe_layers = ("inner", "output")

    def __init__(self):
        super().__init__()
        self.inner = nn.Identity()

    def forward(self, inputs):
        return self.inner(inputs).flatten(2).sum(2)


def by_hand(first, second, reference, axes):
    mean, deviation = reference.mean(axes, keepdim=True), (reference.var(axes, keepdim=True) + 1e-8).sqrt()
    u, v = (((one - mean) / deviation).flatten(1) for one in (first, second))
    return (u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1))


@pytest.mark.parametrize(("per", "axes"), [("channel", (0, 2, 3)), ("unit", (0,))])
def test_layer_cosines_are_their_formula(per, axes):
    reference, first, second = (images(6, 3, 4, 4, name=name) for name in ("reference", "first", "second"))
    found = layer_cosines(_Net(), first, second, layer_scales(_Net(), reference, per=per))
    assert torch.allclose(found["inner"], by_hand(first, second, reference, axes), atol=1e-12)
    sums = [one.flatten(2).sum(2) for one in (first, second, reference)]
    assert torch.allclose(found["output"], by_hand(*sums, (0,)), atol=1e-12)
    same = layer_cosines(_Net(), first, first, layer_scales(_Net(), reference, per=per))
    assert torch.allclose(same["inner"], torch.ones(6).double())


def test_the_mean_image_is_a_floor_that_units_do_not_have():
    mean_image = 3 * images(1, 1, 8, 8, name="mean")
    first, second = (mean_image + images(300, 1, 8, 8, name=name) for name in ("first", "second"))
    floors = {
        per: layer_cosines(_Net(), first, second, layer_scales(_Net(), first, per=per))["inner"].mean().item()
        for per in ("channel", "unit")
    }
    share = mean_image.var(correction=0) / (mean_image.var(correction=0) + 1)
    assert floors["channel"] == pytest.approx(share.item(), abs=0.03) and abs(floors["unit"]) < 0.02
    assert above_floor(floors["channel"], floors["channel"]) == 0 and above_floor(1.0, 0.3) == 1


def test_units_that_hardly_vary_do_not_count():
    reference, first = images(50, 1, 4, 4, name="reference"), images(5, 1, 4, 4, name="first")
    second = images(5, 1, 4, 4, name="second")
    reference[..., 0] *= 1e-3
    found = layer_cosines(_Net(), first, second, layer_scales(_Net(), reference, per="unit"))["inner"]
    assert torch.allclose(found, by_hand(first[..., 1:], second[..., 1:], reference[..., 1:], (0,)), atol=1e-12)


def test_what_cannot_be_compared_is_refused():
    net, pictures = _Net(), images(4, 3, 4, 4)
    with pytest.raises(ValueError, match="two images"):
        layer_scales(net, pictures[:1], per="unit")
    with pytest.raises(ValueError, match="in pairs"):
        layer_cosines(net, pictures, pictures[:2], layer_scales(net, pictures, per="unit"))
    with pytest.raises(KeyError, match="no layer"):
        layer_scales(net, pictures, per="unit", layers=["other"])
