"""Rainbow networks: alignment against scipy and by brute force, covariances of new rows, networks that are sampled."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from quire.mechanics import best_rotation
from quire.rainbow import (
    alignment_distance,
    covariance_spectrum,
    features_of,
    kernel_distance,
    matrices_of,
    sample_rainbow,
    sample_rows,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


@pytest.mark.parametrize("shapes", [((30, 6), (30, 6)), ((30, 4), (30, 7)), ((8, 20), (8, 20)), ((8, 20), (8, 5))])
def test_the_distance_is_the_least_that_a_partial_isometry_leaves(shapes):
    x, y = (normal(*shape, seed=seed) for seed, shape in enumerate(shapes))
    turn = best_rotation(x, y)
    left = float((x @ turn - y).square().sum() / y.square().sum())
    values = torch.linalg.svdvals(turn)
    assert bool(((values - 1).abs() < 1e-9).logical_or(values < 1e-9).all())
    _, scale = scipy.linalg.orthogonal_procrustes(*_padded(x, y))
    least = (x.square().sum() + y.square().sum() - 2 * scale) / y.square().sum()
    torch.testing.assert_close(alignment_distance(x, y), least)
    if shapes[0][1] <= shapes[1][1]:  # A keeps all of X: nothing else is lost
        assert left == pytest.approx(float(least))
    for seed in range(20):
        other = torch.linalg.qr(normal(max(turn.shape), min(turn.shape), seed=seed))[0]
        other = other if other.shape == turn.shape else other.mT
        assert float((x @ other - y).square().sum() / y.square().sum()) > left - 1e-12


def _padded(x, y):
    width = max(x.shape[1], y.shape[1])
    return (np.pad(one.numpy(), ((0, 0), (0, width - one.shape[1]))) for one in (x, y))


def test_distances_are_those_of_gram_matrices():
    x, y = normal(12, 5), normal(12, 9, seed=1)
    grams = [(one @ one.mT).numpy() for one in (x, y)]
    root = scipy.linalg.sqrtm(grams[0]).real
    bures = np.trace(grams[0]) + np.trace(grams[1]) - 2 * np.trace(scipy.linalg.sqrtm(root @ grams[1] @ root).real)
    assert float(alignment_distance(x, y)) == pytest.approx(bures / np.trace(grams[1]), abs=1e-6)
    wanted = np.sum((grams[0] - grams[1]) ** 2) / np.sum(grams[1] ** 2)
    assert float(kernel_distance(x, y)) == pytest.approx(wanted)
    turned = x @ torch.linalg.qr(normal(5, 5, seed=2))[0]
    assert float(alignment_distance(x, turned)) == pytest.approx(0, abs=1e-12)
    batch = torch.stack([x, 2 * x])
    torch.testing.assert_close(alignment_distance(batch, y)[1], alignment_distance(2 * x, y))
    with pytest.raises(ValueError, match="same samples"):
        alignment_distance(x, y[:5])
    with pytest.raises(ValueError, match="not all be zero"):
        kernel_distance(x, 0 * y)


def test_rotations_come_for_batches():
    x, y = normal(3, 10, 4), normal(3, 10, 6, seed=1)
    torch.testing.assert_close(best_rotation(x, y)[1], best_rotation(x[1], y[1]))
    with pytest.raises(ValueError, match="same two samples"):
        best_rotation(x, y[:, :5])


def test_new_rows_have_the_old_covariance():
    weight = normal(7, 5) + 1
    for law, centre in (("gaussian", 0.0), ("shifted", weight.mean(0)), ("resampled", weight.mean(0))):
        rows = sample_rows(weight, (40, 2500), law=law, generator=stream(3)).flatten(0, 1)
        covariance = weight.mT @ weight / 7
        error = (rows.mT @ rows / len(rows) - covariance).norm() / covariance.norm()
        assert float(error) < 0.02, law
        assert float((rows.mean(0) - centre).norm()) < 0.03, law
    chosen = sample_rows(weight, (1, 50), law="resampled", generator=stream())[0]
    assert bool((chosen[:, None] == weight).all(-1).any(1).all())
    assert sample_rows(weight.expand(2, 7, 5), (3, 4), law="resampled", generator=stream()).shape == (3, 2, 4, 5)
    eigenvalues = torch.linalg.eigvalsh(weight.mT @ weight / 7).flip(0)
    torch.testing.assert_close(covariance_spectrum(weight), eigenvalues)
    with pytest.raises(ValueError, match="law must be one of"):
        sample_rows(weight, (1, 1), law="normal", generator=stream())
    with pytest.raises(ValueError, match="at least one new row"):
        sample_rows(weight, (1, 0), generator=stream())


def plain():
    net = nn.Sequential(nn.Linear(5, 40, bias=False), nn.ReLU(), nn.Linear(40, 3, bias=False)).double()
    for number, layer in enumerate((net[0], net[2])):
        layer.weight.data = normal(*layer.weight.shape, seed=number) / math.sqrt(layer.in_features)
    return net


def test_features_are_those_of_the_plain_network():
    net, x = plain(), normal(11, 5, seed=4)
    hidden, outputs = features_of(matrices_of(net), x)
    torch.testing.assert_close(outputs, net(x).detach())
    stacked = [torch.stack([one, 2 * one]) for one in matrices_of(net)]
    both = features_of(stacked, x)
    torch.testing.assert_close(both[0][1], 2 * hidden)
    torch.testing.assert_close(both[1][1], 4 * outputs)
    with pytest.raises(ValueError, match="without biases"):
        matrices_of(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))


@pytest.mark.parametrize("widths", [[40], [4000]])
def test_a_wide_sample_of_white_rows_says_what_the_network_says(widths):
    """Wider is nearer, and a permutation of the rows, which is an exact sample, is exact."""
    net, x = matrices_of(plain()), normal(200, 5, seed=5)
    found = sample_rainbow(net, x, draws=4, widths=widths, generator=stream(1))
    assert [tuple(one.shape) for one in found.weights] == [(4, widths[0], 5), (4, 3, widths[0])]
    outputs = features_of(found.weights, x)[-1]
    error = (outputs - features_of(net, x)[-1]).square().mean() / features_of(net, x)[-1].square().mean()
    assert float(error) < {40: 0.3, 4000: 0.08}[widths[0]]
    torch.testing.assert_close(found.features[0], features_of(found.weights, x)[0])


def test_rows_in_another_order_are_turned_back(monkeypatch):
    net, x = matrices_of(plain()), normal(200, 5, seed=5)
    order = torch.randperm(40, generator=stream(2))
    monkeypatch.setattr("quire.rainbow.sampling.sample_rows", lambda weight, shape, **_: weight[order].expand(2, 40, 5))
    found = sample_rainbow(net, x, draws=2, generator=stream())
    torch.testing.assert_close(features_of(found.weights, x)[-1][1], features_of(net, x)[-1])
    alone = sample_rainbow(net, x, draws=2, generator=stream(), aligned=False)
    assert float((features_of(alone.weights, x)[-1][1] - features_of(net, x)[-1]).norm()) > 1


def test_channels_of_images_and_stages_between():
    """Matrices on the channels of images, a pooling between: the same as position by position."""
    weights = [normal(6, 2), normal(4, 6, seed=1)]
    images = normal(9, 2, 3, 3, seed=2)

    def between(values):
        return values.relu().mean((2, 3), keepdim=True)

    hidden, outputs = features_of(weights, images, between=between)
    wanted = torch.einsum("ij,njab->niab", weights[0], images).relu().mean((2, 3), keepdim=True)
    torch.testing.assert_close(hidden, wanted)
    assert outputs.shape == (9, 4, 1, 1)
    found = sample_rainbow(weights, images, draws=3, generator=stream(), between=between)
    assert found.features[0].shape == (3, 9, 6, 1, 1)
    assert features_of(found.weights, images, between=between)[-1].shape == (3, 9, 4, 1, 1)


def test_what_cannot_be_sampled_is_said():
    net, x = matrices_of(plain()), normal(20, 5)
    for given, message in (
        (dict(widths=[3, 3]), "a width for each of 1"),
        (dict(widths=[30], aligned=False), "without alignment"),
    ):
        with pytest.raises(ValueError, match=message):
            sample_rainbow(net, x, draws=1, generator=stream(), **given)
    with pytest.raises(ValueError, match="two matrices"):
        sample_rainbow(net[:1], x, draws=1, generator=stream())
