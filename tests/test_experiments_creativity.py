"""What the chapter on creativity runs: small cells give finite rows, samples share their noise, networks come back as they were."""

import math

import pytest
import torch
from known_answers import finite, fits, storable

from quire.diffusion import Ideal, Sources
from quire.experiments.creativity import backward, cells, plans
from quire.experiments.creativity.backward import forward_backward, journeys, susceptibility
from quire.experiments.creativity.images import pictures
from quire.experiments.creativity.mosaics import mosaics, pieces, tiles
from quire.experiments.creativity.networks import (
    classifier,
    denoiser,
    restored,
    signal_levels,
    trained_classifier,
    trained_denoiser,
)
from quire.experiments.creativity.sampling import calibrated, machine_named, sampled, sampler_of, scheduled, trajectory
from quire.rng import generator

IMAGES = dict(dataset="digits", num_images=40, num_test=10, side=8)
NET = dict(architecture="resnet-circular", width=8, layers=2)
TRAINING = dict(train_steps=8, batch_size=16, learning_rate=2e-3, seed=0)
CALIBRATION = dict(machines=["circular", "local"], scales=[1, 3, 5], sampling_steps=6, num_probes=3)


@pytest.fixture(scope="module")
def network():
    return trained_denoiser(**IMAGES, **NET, **TRAINING)


@pytest.fixture(scope="module")
def calibration(network):
    return calibrated(network=network, **IMAGES, **NET, **CALIBRATION)


# --- images


def test_pictures_are_split_once_and_between_minus_one_and_one():
    data = pictures("digits", num_images=50, num_test=20, side=8)
    assert data.images.shape == (50, 1, 8, 8) and data.test_images.shape == (20, 1, 8, 8)
    assert data.images.min() == -1 and data.images.max() == 1 and len(data.labels) == 50
    more = pictures("digits", num_images=1797, num_test=20, side=8)
    assert len(more.images) == 1777 and torch.equal(more.images[:50], data.images)
    both = torch.cat([more.images, more.test_images]).flatten(1)
    assert len(both.unique(dim=0)) == len(
        pictures("digits", num_images=1797, num_test=0, side=8).images.flatten(1).unique(dim=0)
    )
    with pytest.raises(ValueError, match="cannot spare"):
        pictures("digits", num_images=10, num_test=1000, side=8)


def test_pictures_come_at_the_size_that_is_asked():
    drawn = pictures("glyphs", num_images=6, num_test=3, side=8)
    assert drawn.images.shape == (6, 1, 8, 8) and drawn.test_images.shape == (3, 1, 8, 8)
    enlarged = pictures("digits", num_images=6, num_test=2, side=16).images
    assert enlarged.shape == (6, 1, 16, 16) and -1 <= enlarged.min() and enlarged.max() <= 1


# --- networks


def test_signal_levels_are_those_of_the_published_code():
    signal = signal_levels()
    assert len(signal) == 1000 and (signal.diff() < 0).all()
    assert signal[999] == pytest.approx(math.cos(math.pi / 2 / 1.008) ** 2) and signal[0] == pytest.approx(1, abs=1e-5)
    assert (
        sampler_of(20).timesteps.tolist()[0] == 999
        and sampler_of(20).timesteps.tolist()[-1] == 49
        and len(set(sampler_of(1000).timesteps.tolist())) == 1000
    )


def test_a_network_comes_back_as_it_was_trained(network):
    again = trained_denoiser(**IMAGES, **NET, **TRAINING)
    assert all(torch.equal(network[name], again[name]) for name in network) and 0 < network["loss"] < 3
    net = denoiser("resnet-circular", channels=1, width=8, layers=2, stream=torch.Generator())
    net = restored(net, network, device="cpu")
    assert torch.equal(net.state_dict()["leave.weight"], network["net.leave.weight"]) and not net.training


@pytest.mark.parametrize("name", ["resnet-zeros", "unet-zeros", "unet-circular", "unet-attention"])
def test_denoisers_by_name(name):
    net = denoiser(name, channels=1, width=8, layers=2, stream=generator("x"))
    assert net(torch.randn(2, 1, 8, 8), torch.tensor([0, 999])).shape == (2, 1, 8, 8)


def test_unknown_names_are_refused():
    for name in ("resnet-attention", "vgg-zeros", "resnet"):
        with pytest.raises(ValueError, match="architecture must be"):
            denoiser(name, channels=1, width=8, layers=2, stream=generator("x"))
    with pytest.raises(ValueError, match="machine must be"):
        machine_named("other", torch.zeros(1, 1, 8, 8))


# --- sampling


def test_the_sampler_of_the_ideal_score_gives_training_images_back():
    bank = pictures("digits", num_images=30, num_test=0, side=8).images
    denoise = scheduled("ideal", bank, {})
    states = list(trajectory(denoise, torch.randn(5, 1, 8, 8, generator=generator("start")), num_steps=20))
    assert [level for level, _, _ in states] == [*sampler_of(20).timesteps.tolist(), -1]
    assert torch.cdist(states[-1][1].flatten(1), bank.flatten(1)).min(1).values.max() < 1e-4


def test_one_step_of_the_sampler_is_its_formula():
    bank = pictures("digits", num_images=30, num_test=0, side=8).images
    noise, signal = torch.randn(3, 1, 8, 8, generator=generator("start")), signal_levels()
    states = list(trajectory(scheduled("ideal", bank, {}), noise, num_steps=4))
    now, then = float(signal[999]), float(signal[749])
    clean = Ideal(bank).mean(noise, now)
    predicted = (noise - math.sqrt(now) * clean) / math.sqrt(1 - now)
    assert torch.allclose(states[1][1], math.sqrt(then) * clean + math.sqrt(1 - then) * predicted, atol=1e-5)


def test_calibration_keeps_levels_windows_and_cosines(calibration):
    assert calibration["level"].tolist() == sampler_of(6).timesteps.tolist()
    for name in ("circular", "local"):
        assert set(calibration[f"scale.{name}"].tolist()) <= {1, 3, 5}
        assert calibration[f"cosine.{name}"].shape == (6, 3) and calibration[f"cosine.{name}"].abs().max() <= 1
    rows = finite(cells.best_windows(calibration=calibration, machines=["circular", "local"], scales=[1, 3, 5]))
    assert len(rows) == 2 * 6 * 3 and {row["step"] for row in rows} == set(range(1, 7))
    first = rows[0]
    assert first["step"] == 6 and first["cosine"] == calibration["cosine.circular"][0, 0]


def test_samples_start_from_one_noise_and_are_compared_image_by_image(network, calibration):
    asked = dict(machines=CALIBRATION["machines"], sampling_steps=6, network_steps=[6, 12], num_samples=4)
    found = sampled(network=network, calibration=calibration, **IMAGES, **NET, **asked)
    assert found.keys() == {"network.6", "network.12", "circular", "local", "equivariant", "ideal"}
    assert all(images.shape == (4, 1, 8, 8) and images.isfinite().all() for images in found.values())
    rows = storable(cells.likeness(samples=found, **IMAGES), arguments=IMAGES)
    assert len(rows) == 2 * 5 * 4
    of_network = [row for row in rows if row["sampler"] == "network"]
    assert all(row["r"] == pytest.approx(1) for row in of_network)
    shifted = [row for row in rows if row["sampler"] == "equivariant"]
    assert max(row["translate_distance"] for row in shifted) < 1e-3 < max(row["distance"] for row in shifted)
    ideal = [row for row in rows if row["sampler"] == "ideal"]
    assert max(row["distance"] for row in ideal) < 1e-3 and all(row["r_squared"] == row["r"] ** 2 for row in rows)


# --- mosaics


def test_pieces_are_pixels_moved_together():
    row, column = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    image = torch.zeros(1, 4, 4, dtype=torch.long)
    image[0, :, 2:] = 1
    moved = Sources(image, (row[None] + 1) % 4, (column[None] + 3) % 4, image.double(), image.double())
    assert torch.equal(pieces(moved)[0, :, :2].unique(), pieces(moved)[0, :1, 0]) and len(pieces(moved).unique()) == 2


def test_tiles_are_whole_windows():
    bank = torch.arange(64.0).view(1, 1, 8, 8)
    row, column = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    zero = torch.zeros(1, 8, 8, dtype=torch.long)
    moved = Sources(zero, (row[None] + 2) % 8, (column[None] + 5) % 8, zero.double(), zero.double())
    for window in (1, 3, 5, 7):
        found = tiles(moved, window)
        assert torch.equal(bank[found.image, 0, found.row, found.column], bank[:, 0].roll((-2, -5), (1, 2)))
    scattered = Sources(
        zero, torch.randint(8, (1, 8, 8), generator=generator("rows")), column[None], zero.double(), zero.double()
    )
    found = tiles(scattered, 3)
    assert len(pieces(found).unique()) <= 9
    assert torch.equal(found.row[0, :3, 0], (scattered.row[0, 1, 1] + torch.tensor([-1, 0, 1])) % 8)


def test_a_mosaic_is_put_together_from_training_pixels(calibration):
    asked = dict(machine="circular", sampling_steps=6, traced_step=2, num_samples=3, shown_sources=2)
    found = mosaics(calibration=calibration, **IMAGES, **asked)
    bank = pictures(**IMAGES).images
    assert torch.isin(found["patched"], bank).all() and found["used"].shape == (3, 2, 1, 8, 8)
    assert found["window"] == calibration["scale.circular"][-2]
    pixel = bank[found["image"][1, 2, 3], 0, found["row"][1, 2, 3], found["column"][1, 2, 3]]
    assert found["patched"][1, 0, 2, 3] == pixel
    rows = finite(cells.sources(mosaic=found))
    assert [row["num_sources"] for row in rows] == [len(image.unique()) for image in found["image"]]


# --- forward and back


def test_a_perfect_denoiser_brings_an_image_back():
    image = pictures("digits", num_images=5, num_test=0, side=8).images[:1]
    denoise = scheduled("ideal", image, {})
    for time in (0.1, 1.0):
        found = journeys(
            denoise, image.expand(2, -1, -1, -1), time=time, reverse_steps=10, num_draws=3, stream=generator("x")
        )
        assert found.shape == (3, 2, 1, 8, 8) and (found - image).abs().max() < 0.05
    with pytest.raises(ValueError, match="time must be"):
        journeys(denoise, image, time=0.0, reverse_steps=10, num_draws=1, stream=generator("x"))


def test_the_reverse_process_has_the_variance_of_its_posterior():
    """Of two images, the journeys from pure noise reach each as often as its posterior says: half of the time."""
    bank = torch.stack([torch.full((1, 2, 2), -0.8), torch.full((1, 2, 2), 0.8)])
    denoise = scheduled("ideal", bank, {})
    found = journeys(
        denoise, bank[:1].expand(400, -1, -1, -1), time=1.0, reverse_steps=50, num_draws=1, stream=generator("y")
    )
    share = (found.mean((0, 2, 3, 4)) > 0).double().mean()
    assert share == pytest.approx(0.5, abs=0.1) and (found.abs() - 0.8).abs().max() < 0.05


def test_susceptibility_counts_what_changes_together():
    before, stream = torch.zeros(50, 1, 8, 8), generator("changes")
    alone = torch.randn(200, 50, 1, 8, 8, generator=stream)
    assert susceptibility(before, alone) == pytest.approx(1, abs=0.1)
    together = torch.randn(200, 50, 1, 1, 1, generator=stream).expand(-1, -1, -1, 8, 8)
    assert susceptibility(before, together) == pytest.approx(64)
    blocks = torch.randn(200, 50, 1, 4, 4, generator=stream).repeat_interleave(2, 3).repeat_interleave(2, 4)
    assert susceptibility(before, blocks) == pytest.approx(4, rel=0.1)
    assert math.isnan(susceptibility(before, alone[:1])) and math.isnan(
        susceptibility(before, torch.ones(3, 50, 1, 8, 8))
    )


def test_a_classifier_judges_journeys(network):
    judge = trained_classifier(**IMAGES, classifier_steps=10, seed=0)
    assert 0 <= judge["test_error"] <= 1
    asked = dict(times=[0.1, 1.0], reverse_steps=5, num_draws=2)
    rows = storable(forward_backward(network=network, judge=judge, **IMAGES, **NET, seed=0, **asked), arguments=asked)
    net = classifier(channels=1, side=8, num_classes=10, seed=0)
    assert len(rows) == 2 * 2 * len(net.probe_layers) and {row["time"] for row in rows} == {0.1, 1.0}
    assert all(-1 <= row["cosine"] <= 1 and 0 <= row["kept"] <= 1 for row in rows)
    first = {row["time"]: row["cosine"] for row in rows if row["layer"] == "relu1" and row["per"] == "channel"}
    assert first[0.1] > first[1.0]


# --- plans


def test_plans_fit_their_cells():
    shown = plans.data("digits", 30, num_test=0)
    recipes = {
        "resnet-zeros": dict(width=8, layers=2, train_steps=4, seeds=2),
        "resnet-circular": dict(width=8, layers=2, train_steps=4, seeds=2),
    }
    nets = plans.networks(shown, recipes, batch_size=8, learning_rate=1e-3)
    assert len({handle.key for _, handle in nets}) == 4
    found = plans.calibrations(nets, largest=9, sampling_steps=6, num_probes=2)
    drawn = plans.samples_of(found, network_steps=[6], num_samples=2)
    assert fits(cells.best_windows, plans.window_cells(found)) and fits(cells.likeness, plans.likeness_cells(drawn))
    assert plans.first_of(drawn, "resnet-circular") is drawn[2][1]
    assert len(plans.mosaics_of(found, traced_step=2, num_samples=2, shown_sources=2)) == len(found)
    assert [said["architecture"] for said, *_ in plans.of_architecture(found, "resnet-circular")] == [
        "resnet-circular"
    ] * 2
    assert found[2][2].arguments["scales"] == [1, 3, 5, 7] and found[0][2].arguments["machines"] == ["border", "local"]
    journey = plans.data("digits", 30, num_test=5)
    recipe = dict(architecture="unet-zeros", width=8, layers=2, train_steps=4)
    training = dict(batch_size=8, learning_rate=1e-3)
    asked = dict(times=[0.5], seeds=2, classifier_steps=3, training=training, reverse_steps=5, num_draws=2)
    assert fits(backward.forward_backward, plans.backward_cells(journey, recipe, **asked))


@pytest.mark.parametrize("name", ["digits", "glyphs", "mnist", "cifar10-subset", "cifar10"])
def test_plans_never_ask_for_more_than_there_is(name):
    found = plans.data(name, 10**7, num_test=10**7)
    assert found["num_images"] + (found["num_test"] if name == "digits" else 0) <= plans.SIZES[name]
    assert found["num_test"] <= plans.SPARE[name]
