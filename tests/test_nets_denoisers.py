"""Denoisers of images: what a pixel sees, which translates they commute with, and where their weights come from."""

import pytest
import torch

from quire.nets import denoising_resnet, denoising_unet
from quire.nets.level_embedding import LevelEmbedding
from quire.rng import generator
from quire.training import MemberData, TrainConfig, denoising, train

LEVELS = 10


def resnet(padding="circular", *, channels=1, width=8, layers=3, seed=0):
    drawn = dict(num_levels=LEVELS, generator=generator("denoisers", seed))
    return denoising_resnet(channels, width=width, layers=layers, padding=padding, **drawn)


def unet(padding="circular", *, attention=0, widths=(8, 12, 16), seed=0):
    drawn = dict(num_levels=LEVELS, generator=generator("denoisers", seed))
    return denoising_unet(1, widths=widths, padding=padding, attention=attention, **drawn)


def images(*shape):
    return torch.randn(shape, generator=generator("denoisers", "images"))


LEVEL = torch.tensor([0, 7])


def commutes(net, shift, side=12):
    """Largest difference between the output of a rolled image and the rolled output."""
    noisy = images(2, 1, side, side)
    with torch.no_grad():
        return (net(noisy.roll(shift, (2, 3)), LEVEL) - net(noisy, LEVEL).roll(shift, (2, 3))).abs().max()


def sees(net, side=13):
    """Which pixels the middle output depends on."""
    noisy = images(1, 1, side, side).requires_grad_()
    net(noisy, LEVEL[:1])[0, 0, side // 2, side // 2].backward()
    return noisy.grad[0, 0] != 0


@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_a_pixel_sees_a_square_that_grows_with_the_layers(padding):
    for layers in (1, 2, 3):
        seen = sees(resnet(padding, layers=layers, width=32))
        inner = slice(6 - layers, 7 + layers)
        assert seen[inner, inner].float().mean() > 0.9 and seen.sum() == seen[inner, inner].sum()
        assert seen[6 - layers].any() and seen[:, 6 + layers].any()


def test_circular_networks_commute_with_translates_and_others_do_not():
    assert commutes(resnet("circular"), (1, 5)) < 1e-6
    assert commutes(resnet("zeros"), (1, 5)) > 1e-3
    assert commutes(unet("circular"), (4, 8)) < 1e-6
    assert commutes(unet("circular"), (1, 0)) > 1e-4
    assert commutes(unet("zeros"), (4, 8)) > 1e-3


def test_with_attention_a_pixel_sees_everything():
    local, far = sees(unet(widths=(8, 16)), side=32), sees(unet(widths=(8, 16), attention=1), side=32)
    assert not local[:6].any() and local[14:18, 14:18].any()
    assert far[:2].any() and far[-2:].any() and far.float().mean() > 0.5
    assert commutes(unet("circular", attention=1), (4, 8)) < 1e-6  # attention alone knows no places


@pytest.mark.parametrize("make", [resnet, unet, lambda **more: unet(attention=3, **more)])
def test_weights_come_from_the_generator_alone(make):
    noisy = images(2, 1, 8, 8)
    torch.manual_seed(1)
    first = make()(noisy, LEVEL)
    torch.manual_seed(2)
    assert torch.equal(first, make()(noisy, LEVEL)) and not torch.equal(first, make(seed=1)(noisy, LEVEL))
    assert first.shape == noisy.shape and first.isfinite().all()


def test_the_level_matters_sample_by_sample():
    net, noisy = resnet(), images(2, 1, 8, 8)
    with torch.no_grad():
        together = net(noisy, LEVEL)
        assert torch.allclose(together[1:], net(noisy[1:], LEVEL[1:]), atol=1e-6)
        assert not torch.allclose(together[1:], net(noisy[1:], LEVEL[:1]), atol=1e-4)


def test_levels_have_different_features():
    found = LevelEmbedding(16, 1000)(torch.arange(1000))
    distance = torch.cdist(found, found) + torch.eye(1000)
    assert distance.min() > 0.05 and found.abs().max() <= 1


def test_networks_learn_to_denoise_one_image():
    image = images(1, 1, 8, 8).expand(16, -1, -1, -1).contiguous()
    signal = torch.linspace(0.99, 0.1, LEVELS)
    objective = denoising(signal, predict="clean", conditioned=True)
    config = TrainConfig(learning_rate=1e-2, max_steps=150, batch_size=16, optimizer="adam", loss=objective)
    data = MemberData.shared(image, torch.zeros(16), sizes=[16])
    for net in (resnet("zeros"), unet("zeros", widths=(16, 16), attention=1)):
        run = train(net, data, config=config, generators=[generator("batches")])
        assert 2 * run.train_loss.item() / 64 < 0.3 * image.var()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: resnet(width=0), "width must be at least 1"),
        (lambda: resnet(layers=0), "layers must be at least 1"),
        (lambda: resnet(channels=0), "channels must be at least 1"),
        (lambda: unet(widths=()), "at least one width"),
        (lambda: unet(widths=(8, 0)), r"widths\[1\] must be at least 1"),
        (lambda: unet(attention=4), "attention at 0 to 3"),
        (lambda: unet()(images(2, 1, 6, 8), LEVEL), "multiples of 4"),
        (lambda: LevelEmbedding(5, 10), "even width"),
        (lambda: LevelEmbedding(4, 0), "num_levels ≥ 1"),
    ],
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
