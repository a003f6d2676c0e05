"""What the chapter on rainbow networks runs: cells against plain modules, and against what is known of random features."""

import math

import pytest
import torch
from known_answers import finite, fits
from torch import nn

from quire.experiments.rainbow import cells, networks, plans, refitting
from quire.rainbow import features_of

ASKED = dict(images="digits", train_images=200, device="cpu")


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def weights():
    common = dict(width=24, epochs=40, seeds=[0, 1], **ASKED)
    return {
        "standard": networks.trained_weights(scaling="standard", learning_rate=0.05, **common),
        "mean-field": networks.trained_weights(scaling="mean-field", learning_rate=0.2, **common),
    }


def test_images_are_split_and_scaled():
    x, y = networks.images_of("digits", train=200, held_out=False, device="cpu")
    assert x.shape == (200, 64) and len(y) == 200
    torch.testing.assert_close(x.mean(0), torch.zeros(64), atol=1e-5, rtol=0)
    assert float(x.square().mean()) == pytest.approx(1, rel=1e-5)
    held, _ = networks.images_of("digits", train=200, held_out=True, device="cpu")
    assert len(held) == 1597 and len(torch.cat([x, held]).unique(dim=0)) == 1797
    other, _ = networks.images_of("digits", train=200, held_out=False, device="cpu", centring="pixel")
    assert float(other.mean()) == pytest.approx(0, abs=1e-5) and float(other.mean(0).abs().max()) > 0.5
    assert float(other.square().mean()) == pytest.approx(
        1, abs=0.35
    )  # about the mean pixel, in units of what is left of the mean image
    with pytest.raises(ValueError, match="lower train_images"):
        networks.images_of("digits", train=1797, held_out=False, device="cpu")
    with pytest.raises(ValueError, match="centring must be"):
        networks.images_of("digits", train=20, held_out=False, device="cpu", centring="none")


@pytest.mark.parametrize("scaling", networks.SCALINGS)
def test_networks_learn_and_their_matrices_say_what_they_say(weights, scaling):
    x, y = networks.images_of("digits", train=200, held_out=False, device="cpu")
    found = networks.weights_of(weights[scaling], when="end", seed=1, device="cpu")
    assert [tuple(one.shape) for one in found] == [(24, 64), (24, 24), (10, 24)]
    net = nn.Sequential(
        nn.Linear(64, 24, bias=False),
        nn.ReLU(),
        nn.Linear(24, 24, bias=False),
        nn.ReLU(),
        nn.Linear(24, 10, bias=False),
    )
    for layer, matrix in zip(net[::2], found, strict=True):
        layer.weight.data = matrix
    torch.testing.assert_close(features_of(found, x)[-1], net(x).detach())
    start = networks.weights_of(weights[scaling], when="start", seed=1, device="cpu")
    accuracies = [refitting.accuracy(features_of(one, x)[-1], y) for one in (start, found)]
    assert accuracies[0] < 0.4 < 0.8 < accuracies[1]
    assert float(start[0].var()) == pytest.approx(2 / 64, rel=0.1)
    size = {"standard": math.sqrt(2 / 24), "mean-field": math.sqrt(2) / 24}[scaling]
    assert float(start[2].std()) == pytest.approx(size, rel=0.2)
    with pytest.raises(ValueError, match="scaling must be one of"):
        networks.trained_weights(scaling="lazy", learning_rate=1.0, width=4, epochs=1, seeds=[0], **ASKED)


def test_random_features_approach_their_kernel():
    rows = [cells.random_features(width=width, number=0, generator=stream(width), **ASKED) for width in (64, 1024)]
    finite(rows, arguments=("width", "number", *ASKED))
    for value in ("pair", "limit", "kernel", "reference"):
        assert rows[1][value] < 0.4 * rows[0][value]
    assert all(row["limit"] < row["pair"] < 4 * row["limit"] for row in rows)  # the triangle inequality, squared
    assert all(row["limit"] < row["reference"] for row in rows)


def test_accuracies_come_for_each_kind(weights):
    rows = cells.accuracies(weights=weights["standard"], seed=0, draws=2, generator=stream(), **ASKED)
    finite(rows, arguments=("weights", "seed", "draws", *ASKED))
    counts = {kind: [row["accuracy"] for row in rows if row["kind"] == kind] for kind in {row["kind"] for row in rows}}
    assert {kind: len(one) for kind, one in counts.items()} == {
        "trained": 1, "gaussian": 2, "shifted": 2, "resampled": 2, "unaligned": 2, "refitted": 2, "random": 1,
    }  # fmt: skip
    assert max(counts["unaligned"]) < 0.4 < min(counts["refitted"])


def test_distances_are_zero_to_oneself(weights):
    asked = dict(weights=weights["standard"], draws=2, generator=stream(), **ASKED)
    rows = finite(cells.distances(first=0, second=0, **asked), arguments=("weights", "draws", *ASKED))
    own = [row["distance"] for row in rows if row["kind"] == "trained"]
    assert own == pytest.approx([0, 0], abs=1e-9) and len(rows) == 2 * 5
    other = {(row["kind"], row["layer"]): row["distance"] for row in cells.distances(first=0, second=1, **asked)}
    assert 0 < other["trained", 1] < other["random", 1]


def test_spectra_and_moments(weights):
    rows = finite(cells.spectra(weights=weights["standard"], seed=0, most=5, device="cpu"))
    assert len(rows) == 2 * 2 * 5
    first = [row["eigenvalue"] for row in rows if (row["layer"], row["when"]) == (2, "start")]
    assert first == sorted(first, reverse=True) and 1 < first[0] < 4.5  # the edge of a square matrix: four
    normal = {
        f"{when}.{place}": torch.randn(1, 4000, 8, generator=stream(place))
        for when in ("start", "end")
        for place in (0, 1, 2)
    }
    normal["seeds"] = torch.tensor([0])
    moments = finite(cells.row_moments(weights=normal, seed=0, directions=3, device="cpu"))
    assert len(moments) == 12 and max(abs(row["kurtosis"]) for row in moments) < 0.4


def test_a_new_classifier_tells_apart_what_can_be():
    labels = torch.arange(3).repeat(20)
    apart = torch.eye(3)[labels].expand(2, 60, 3)
    assert refitting.refitted_accuracy(apart, apart, labels=labels, test_labels=labels).tolist() == [1, 1]
    assert refitting.accuracy(torch.eye(3), torch.tensor([0, 1, 1])) == pytest.approx(2 / 3)


def test_a_new_classifier_is_that_of_scikit_learn():
    """The same objective, solved to the end: where its tolerance stops changes no more than one of 500 answers."""
    from sklearn.linear_model import LogisticRegression

    parts = [networks.images_of("digits", train=400, held_out=held, device="cpu") for held in (False, True)]
    (x, y), (held, wanted) = parts[0], (parts[1][0][:500], parts[1][1][:500])
    size = x.double().square().sum(1).mean().sqrt()
    other = LogisticRegression(C=1 / refitting.RIDGE, fit_intercept=False, tol=1e-8, max_iter=5000)
    theirs = other.fit((x / size).double().numpy(), y.numpy()).score((held / size).double().numpy(), wanted.numpy())
    ours = refitting.refitted_accuracy(x[None], held[None], labels=y, test_labels=wanted)
    assert float(ours[0]) == pytest.approx(theirs, abs=1 / 500 + 1e-9) and theirs > 0.8


def test_plans():
    training = dict(
        images="digits", train_images=200, widths=[8, 16], rates={"standard": 0.05, "mean-field": 0.2}, epochs=1
    )
    more = {"generator": None, "device": "cpu"}
    planned = plans.network_cells(**training, seeds=3, draws=2)
    assert len(planned) == 2 * 2 * 3 and fits(cells.accuracies, [one | more for one in planned])
    planned = plans.pair_cells(**training, seeds=1, draws=2)
    assert [(one["first"], one["second"]) for one in planned] == 4 * [(0, 1)]
    assert fits(cells.distances, [one | more for one in planned])
    planned = plans.start_cells(training=training, seeds=2, most=[4])
    assert fits(cells.spectra, [one | {"device": "cpu"} for one in planned])
    planned = plans.feature_cells(images="digits", train_images=200, widths=[4], draws=2)
    assert fits(cells.random_features, [one | more for one in planned])
