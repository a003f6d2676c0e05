"""What the chapter runs: small cells give finite scalar rows, shared draws are shared, conventions are passed on."""

import math

import pytest
import torch

from quire.experiments import diffeo as run
from quire.experiments import diffeo_networks as nets
from quire.nets import TreeConfig, tree_cnn
from quire.rng import generator

SETTINGS = {
    "num_test": 60, "num_probes": 40, "num_steps": 25, "batch_size": 32, "learning_rate": 2e-3, "optimizer": "adam",
    "weight_decay": 0.0, "schedule_period": 1.0, "max_shift": 2, "flip": False, "displacements": [1.0],
    "interpolations": ["bilinear"], "cutoff": 3, "rule": "repo", "law": "asymptotic", "reduce": "median",
    "denominator": "off_diagonal", "noise_matching": "per_image", "initial_normalization": "batch",
    "shuffled_normalization": "reference", "every_layer": False,
}  # fmt: skip
SCALE = {
    "num_networks": 2, "length": 16, "scale": 4, "gap": 0, "width": 8, "num_train": 60, "batch_size": 8, "learning_rate": 0.1,
    "stop_loss": 0.01, "max_steps": 40, "num_probes": 50,
}  # fmt: skip
STRIPES = {
    "num_networks": 3, "dim": 5, "num_hidden": 20, "initial_scale": 1e-3, "learning_rate": 1.0, "target_loss": 0.1,
    "max_steps": 3000, "num_test": 2000, "noises": [0.01, 0.1],
}  # fmt: skip


def scalars(rows):
    return all(isinstance(value, int | float | str | bool) for row in rows for value in row.values())


def test_laws_agree_with_monte_carlo():
    rows = run.laws(5, rule="paper", num_fields=4000, seed=0)
    assert {row["quantity"] for row in rows} == {"gradient energy", "squared displacement"} and scalars(rows)
    for row in rows:
        assert abs(row["measured"] - row["exact"]) < 4 * row["stderr"]
        assert row["exact"] != row["asymptotic"]


def test_bijectivity_falls_with_temperature():
    rows = run.bijectivity(3, rule="repo", num_fields=60, multiples=[0.1, 1.0, 5.0], seed=0)
    assert [row["probability"] for row in rows] == sorted((row["probability"] for row in rows), reverse=True)
    assert rows[0]["probability"] == 1 and rows[-1]["probability"] < 0.1 and scalars(rows)


def test_gallery_scales_one_draw():
    still, moved = (run.gallery(3, multiple, rule="repo", size=16, seed=0) for multiple in (0.0, 0.5))
    assert len(still) == 256 and scalars(still)
    assert max(abs(a["brightness"] - b["brightness"]) for a, b in zip(still, moved, strict=True)) > 0.01


def test_a_network_is_measured_before_and_after_training():
    rows = nets.network_stability("digits", "fc-l2", 100, 0, **SETTINGS)
    assert [(row["state"], row["layer"]) for row in rows] == [("initial", "output"), ("trained", "output")]
    assert scalars(rows) and all(math.isfinite(row["relative"]) for row in rows)
    assert rows[0]["diffeo"] / rows[0]["noise"] == pytest.approx(rows[0]["relative"])
    assert 0 <= rows[0]["test_error"] < 0.9


def test_layers_and_shuffled_channels():
    options = SETTINGS | {"every_layer": True, "num_steps": 5, "interpolations": ["bilinear", "gaussian"]}
    rows = nets.network_stability("glyphs", "vgg3-bn-gap", 40, 1, **options)
    assert len(rows) == 2 * 3 * 5 and {row["state"] for row in rows} == {"initial", "trained", "shuffled"}
    assert [row["layer"] for row in rows[:5]] == ["pool1", "pool2", "pool3", "gap", "output"]
    assert rows[4]["depth"] == 1 and scalars(rows)


def test_displacements_share_their_draws():
    options = SETTINGS | {"displacements": [0.5, 1.0], "num_steps": 1}
    both = nets.network_stability("digits", "fc-l4", 50, 0, **options)
    alone = nets.network_stability("digits", "fc-l4", 50, 0, **options | {"displacements": [1.0]})
    assert [row for row in both if row["displacement"] == 1.0] == alone


def test_pooling_rows():
    rows = run.pooling(1, 2, 2, size=64, depth=4)
    assert [row["diffeo"] for row in rows] == pytest.approx([0.5, 0.25, 0.125, 0.0625])
    assert math.isnan(rows[0]["diffeo_limit"])
    assert run.pooling(2, 3, 1, size=64, depth=3)[1]["diffeo_limit"] == pytest.approx(3 / (2 * 8))


def test_stripes_obey_the_small_noise_identity():
    rows = run.stripes(40, 0, **STRIPES)
    assert len(rows) == 6 and scalars(rows)
    for row in rows:
        if row["noise_norm"] == 0.01:
            assert row["relative"] == pytest.approx(row["predicted"], rel=0.15)


def test_digits_are_enlarged_standardised_and_split_once():
    inputs, targets, test_inputs, test_targets, blank = nets.vision_data("digits", 1297, 500, seed=0)
    assert inputs.shape == (1297, 1, 28, 28) and test_inputs.shape == (500, 1, 28, 28)
    assert inputs.mean().abs() < 1e-5 and abs(inputs.std() - 1) < 1e-4
    assert (
        torch.allclose(inputs[..., 0, :], torch.tensor(blank), atol=1e-5) and len(targets) + len(test_targets) == 1797
    )
    assert torch.equal(test_inputs, nets.vision_data("digits", 10, 500, seed=1)[2])
    assert not torch.equal(inputs[:10], nets.vision_data("digits", 1297, 500, seed=1)[0][:10])


def test_more_images_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="asked 1298"):
        nets.vision_data("digits", 1298, 500, seed=0)


@pytest.mark.parametrize("task", ["distance", "block"])
def test_scale_detection_rows(task):
    rows = nets.scale_detection(task, 0, **SCALE)
    assert len(rows) == 2 * 2 * 4 and scalars(rows)
    assert [row["patch"] for row in rows if row["state"] == "trained" and row["network"] == 0] == [2, 4, 8, 16]
    for row in rows:
        assert 0 <= row["zero_mode"] <= 1 and row["diffeo"] > 0 and row["noise"] > 0
        assert math.isnan(row["zero_mode_of_change"]) == (row["state"] == "initial")
        assert row["diffeo_pooling"] == pytest.approx(2.0 ** -row["layer"] if row["layer"] < 4 else 0)
    again = nets.scale_detection(task, 0, **SCALE)
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
        filters = nets._filters(net, layer, 0)
        assert filters.shape == (3, channels, 2) and nets._zero_mode(filters) == pytest.approx(1.0)
    shifted = net(torch.tensor([[0.0, 1.0, 0.0, 0.0]])) - net(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    assert shifted.abs().max() < 1e-7


def test_moved_pixels_stay_apart_and_noise_has_their_norm():
    images, shifted, noisy = nets._ring_probes(32, 100)
    assert ((images > 0).sum(1) == 2).all() and ((shifted > 0).sum(1) == 2).all()
    assert torch.allclose((noisy - images).norm(dim=1), (shifted - images).norm(dim=1), rtol=1e-5)
    assert not (images * shifted).any()  # each of the two has moved
