"""Pooling and linear invariance: exact sums against brute force and Monte-Carlo, exponents, the small-noise identity."""

import math

import numpy as np
import pytest
import torch

from quire.diffeo import (
    StripeNet,
    draw_stripe_networks,
    pooling_asymptotics,
    pooling_matrix,
    pooling_stability,
    stripe_labels,
    stripe_relative_stability,
    train_stripes,
)
from quire.rng import generator


def log_slope(values, start):
    depth = np.arange(1, len(values) + 1)
    return np.polyfit(np.log(depth[start - 1 :]), np.log(values.numpy()[start - 1 :]), 1)[0]


def brute_force(size, depth, filter_size, stride, dim):
    """All positions of the pixel, the full d-dimensional map, D_k and the expectation of the rectified noise."""
    matrix = torch.eye(size, dtype=torch.float64)
    for _ in range(depth):
        matrix = pooling_matrix(len(matrix), filter_size=filter_size, stride=stride) @ matrix
    full = matrix
    for _ in range(dim - 1):
        full = torch.kron(full, matrix)
    variance = 2.0 / size**dim
    mean, second = math.sqrt(variance / (2 * math.pi)), variance / 2
    strides = size ** (dim - 1)
    moved = full.T.reshape(size, strides, -1).roll(1, 0).reshape(size**dim, -1)
    response = (full.T**2).sum(1).mean()
    diffeo = ((full.T - moved) ** 2).sum(1).mean() / (2 * response)
    noise = []
    for pixel in range(size**dim):
        expected = torch.full((size**dim,), mean, dtype=torch.float64)
        spread = torch.full((size**dim,), second - mean**2, dtype=torch.float64)
        expected[pixel], spread[pixel] = 0.0, variance
        noise.append(((full @ expected) ** 2).sum() + ((full**2) @ spread).sum())
    return diffeo, torch.stack(noise).mean() / (2 * response)


@pytest.mark.parametrize(
    ("size", "depth", "filter_size", "stride", "dim"),
    [(12, 3, 3, 1, 1), (16, 2, 2, 2, 1), (16, 2, 4, 2, 1), (8, 2, 3, 1, 2), (8, 2, 2, 2, 2), (9, 1, 5, 3, 1)],
)
def test_factorised_sums_equal_brute_force(size, depth, filter_size, stride, dim):
    found = pooling_stability(size, depth, filter_size=filter_size, stride=stride, dim=dim)
    diffeo, noise = brute_force(size, depth, filter_size, stride, dim)
    assert found.diffeo[-1] == pytest.approx(diffeo.item(), rel=1e-12)
    assert found.noise[-1] == pytest.approx(noise.item(), rel=1e-12)
    assert torch.allclose(found.relative, found.diffeo / found.noise)


def test_noise_term_against_real_rectified_noise():
    size, depth, num = 64, 5, 4000
    matrix = torch.eye(size, dtype=torch.float64)
    for _ in range(depth):
        matrix = pooling_matrix(size, filter_size=3, stride=1) @ matrix
    noise = torch.randn(num, size, generator=generator("noise"), dtype=torch.float64) * math.sqrt(2 / size)
    image = torch.zeros(size, dtype=torch.float64)
    image[10] = 1.0
    change = (((image + noise).relu() - image) @ matrix.T).square().sum(1) / (2 * (matrix @ image).square().sum())
    found = pooling_stability(size, depth, filter_size=3, stride=1, dim=1).noise[-1]
    # the active pixel is taken as never rectified: its amplitude is 5.7 standard deviations of the noise
    assert abs(change.mean() - found) < 4 * change.std() / math.sqrt(num)


@pytest.mark.parametrize(("filter_size", "dim"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_exponents_of_stride_one(filter_size, dim):
    found = pooling_stability(512, 24, filter_size=filter_size, stride=1, dim=dim)
    assert log_slope(found.diffeo, 6) == pytest.approx(-1, abs=0.1)
    assert log_slope(found.noise, 6) == pytest.approx(dim / 2, abs=0.12 if dim == 1 else 0.15)


@pytest.mark.parametrize("dim", [1, 2])
def test_asymptotics_are_approached(dim):
    found = pooling_stability(512, 60, filter_size=3, stride=1, dim=dim)
    limit = pooling_asymptotics(60, filter_size=3, dim=dim)
    for name in ("diffeo", "noise"):
        gap = (getattr(found, name) / getattr(limit, name) - 1).abs()
        assert gap[-1] < gap[23] < gap[5] and gap[-1] < 0.1


@pytest.mark.parametrize("dim", [1, 2])
def test_blocks_of_two(dim):
    found = pooling_stability(256, 6, filter_size=2, stride=2, dim=dim)
    assert torch.allclose(found.diffeo, 2.0 ** -torch.arange(1, 7, dtype=torch.float64))
    growth = found.noise.log2().diff()
    assert (growth.diff() > 0).all() and growth[-1] == pytest.approx(dim, abs=0.07)


def test_overlapping_strides_are_smooth():
    assert pooling_stability(512, 7, filter_size=4, stride=2, dim=1).diffeo.log2().diff()[-1] == pytest.approx(
        -2, abs=0.01
    )


def test_pooling_errors():
    with pytest.raises(ValueError, match="multiple of stride"):
        pooling_stability(20, 3, filter_size=2, stride=2, dim=1)
    with pytest.raises(ValueError, match="does not fit"):
        pooling_stability(4, 1, filter_size=5, stride=1, dim=1)


def random_net(seeds=3, hidden=40, dim=6):
    draw = torch.randn(seeds, hidden, dim + 2, generator=generator("net"), dtype=torch.float64)
    return StripeNet(draw[..., :dim] * torch.arange(dim, 0, -1), draw[..., dim], draw[..., dim + 1])


def points(num, seeds=3, dim=6, key="points"):
    return torch.randn(seeds, num, dim, generator=generator(key, num), dtype=torch.float64)


def test_gradient_agrees_with_autograd():
    net, inputs = random_net(), points(5).requires_grad_()
    (automatic,) = torch.autograd.grad(net(inputs).sum(), inputs)
    assert torch.allclose(net.gradient(inputs), automatic, atol=1e-14)


def test_small_noise_identity_by_z_score():
    """R_f = d/(Λ_f² + d - 1) for any network, at vanishing noise."""
    net, dim, num = random_net(), 6, 60_000
    inputs, noise = points(num), points(num, key="noise")
    measured = stripe_relative_stability(net, inputs, noise=noise, norm=1e-4)
    predicted = dim / (net.gradient_anisotropy(inputs) ** 2 + dim - 1)
    assert torch.allclose(measured, predicted, rtol=0.03)  # 1/√num times the kurtosis of the change


def test_labels_are_balanced():
    labels = stripe_labels(points(100_000))
    assert labels.mean().abs() < 4 / math.sqrt(300_000)


def test_training_is_gradient_descent_on_the_hinge_loss():
    """One step against autograd, in mean-field units."""
    inputs = points(20)
    options = {"num_hidden": 7, "initial_scale": 0.5, "learning_rate": 0.3, "target_loss": 1e-9}
    drawn = {name: options[name] for name in ("num_hidden", "initial_scale")}
    start = draw_stripe_networks(3, dim=6, **drawn, generator=generator("init"), like=inputs)
    after = train_stripes(inputs, **options, max_steps=1, generator=generator("init")).network
    leaves = [tensor.clone().requires_grad_() for tensor in (start.weight, start.bias, start.readout)]
    loss = (1 - stripe_labels(inputs) * StripeNet(*leaves)(inputs)).relu().mean(1).sum()
    gradients = torch.autograd.grad(loss, leaves)
    for before, now, gradient in zip(leaves, (after.weight, after.bias, after.readout), gradients, strict=True):
        assert torch.allclose(now, before - 0.3 * 7 * gradient, atol=1e-12)


def test_each_seed_stops_at_its_own_target():
    inputs = points(24, seeds=4)
    options = {"num_hidden": 30, "initial_scale": 1e-2, "learning_rate": 1.0, "target_loss": 0.05, "max_steps": 4000}
    run = train_stripes(inputs, **options, generator=generator("seeds"))
    margin = (1 - stripe_labels(inputs) * run.network(inputs)).relu().mean(1)
    assert run.converged.all() and torch.allclose(run.loss, margin)
    assert (run.loss < 0.05).all() and run.loss.min() != run.loss.max()


def test_each_seed_stops_when_enough_of_its_points_have_their_margin():
    """And not a step earlier: with one step less, fewer have."""
    inputs = points(40, seeds=3)
    options = {"num_hidden": 30, "initial_scale": 1e-2, "learning_rate": 1.0, "target_loss": 0.0, "target_fitted": 0.3}

    def fitted(max_steps):
        run = train_stripes(inputs, **options, max_steps=max_steps, generator=generator("fitted"))
        return run, (stripe_labels(inputs) * run.network(inputs) >= 1).double().mean(1)

    run, share = fitted(4000)
    assert run.converged.all() and (share >= 0.3).all() and (share < 0.6).all() and 10 < run.num_steps < 4000
    assert torch.allclose(run.loss, (1 - stripe_labels(inputs) * run.network(inputs)).relu().mean(1))
    short, share = fitted(run.num_steps - 1)
    assert not short.converged.all() and (share < 0.3).any()
    with pytest.raises(ValueError, match=r"a fraction in \(0, 1\], got 0"):
        train_stripes(inputs, **options | {"target_fitted": 0.0}, max_steps=1, generator=generator("fitted"))


def test_unconverged_seeds_say_so():
    run = train_stripes(
        points(24),
        num_hidden=8,
        initial_scale=1e-4,
        learning_rate=1.0,
        target_loss=1e-3,
        max_steps=3,
        generator=generator(0),
    )
    assert not run.converged.any() and run.num_steps == 3
