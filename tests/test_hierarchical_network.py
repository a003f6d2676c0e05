"""Finite-width networks: their empirical kernel and their training, against the infinite-width limit."""

import numpy as np
import pytest
import torch

from quire.deep_kernels import (
    Architecture,
    draw_weights,
    empirical_kernel,
    hierarchical_gram,
    hierarchical_kernel,
    network_outputs,
    sample_spheres,
    train_centred,
)
from quire.regression import NestedRegression
from quire.rng import generator

TREE = Architecture((2, 2, 2))


def test_the_empirical_kernel_approaches_the_limit_as_one_over_root_width():
    inputs = sample_spheres(10, 4, patch_size=2, generator=generator("empirical"))
    limit = hierarchical_gram(inputs, architecture=TREE, kind="ntk")
    for width in (32, 256):
        gaps = []
        for seed in range(6):
            weights = draw_weights(TREE, width, num_networks=1, generator=generator(width, seed), dtype=torch.float64)
            found = empirical_kernel(weights, inputs, inputs, architecture=TREE)
            gaps.append(float((found - limit).norm() / limit.norm()))
        assert 1.0 < np.mean(gaps) * width**0.5 < 6.0


@pytest.mark.parametrize("shape", [((2, 2), 1), ((3, 2), 2), ((2,), 3), ((4, 1, 2), 1)])
def test_the_mean_empirical_kernel_is_the_limit(shape):
    tree = Architecture(*shape)
    inputs = sample_spheres(5, tree.num_nodes(1), patch_size=tree.filter_sizes[0], generator=generator("mean"))
    left, right = inputs[:3], inputs[3:]
    found = torch.stack(
        [
            empirical_kernel(
                draw_weights(tree, 64, num_networks=1, generator=generator("m", seed), dtype=torch.float64),
                left,
                right,
                architecture=tree,
            )
            for seed in range(48)
        ]
    )
    limit = hierarchical_kernel(left, right, architecture=tree, kind="ntk")
    score = (found.mean(0) - limit) / (found.std(0) / 48**0.5)
    assert score.abs().max() < 5  # unbiased up to terms of order 1 / width


def test_output_covariance_is_the_nngp():
    inputs = sample_spheres(4, 4, patch_size=2, generator=generator("nngp"))
    weights = draw_weights(TREE, 48, num_networks=3000, generator=generator("outputs"), dtype=torch.float64)
    outputs = network_outputs(weights, inputs, architecture=TREE)
    limit = hierarchical_gram(inputs, architecture=TREE, kind="nngp")
    products = outputs[:, :, None] * outputs[:, None, :]
    score = (products.mean(0) - limit) / (products.std(0) / 3000**0.5)
    assert score.abs().max() < 5


def test_networks_of_a_batch_do_not_see_each_other():
    inputs = sample_spheres(5, 4, patch_size=2, generator=generator("alone"), dtype=torch.float32)
    weights = draw_weights(TREE, 16, num_networks=3, generator=generator("batch"))
    together = network_outputs(weights, inputs, architecture=TREE)
    for network in range(3):
        alone = network_outputs([layer[network : network + 1] for layer in weights], inputs, architecture=TREE)
        torch.testing.assert_close(together[network : network + 1], alone)


def test_training_ends_at_kernel_regression():
    """A network of width 1024 on 12 points: interpolates, and predicts as the kernel does up to 1 / sqrt(width)."""
    inputs = sample_spheres(76, 4, patch_size=2, generator=generator("train"))
    gram = hierarchical_gram(inputs, architecture=TREE, kind="ntk")
    targets = torch.stack([inputs[:, 0] * inputs[:, 2], inputs[:, 1]]).float()
    fit = NestedRegression(gram[:12, :12], gram[:12, 12:], ridge=0.0)
    expected = fit.predictions(targets[:, :12].double().T.contiguous(), sizes=[12])[0].T
    weights = draw_weights(TREE, 512, num_networks=2, generator=generator("wide"))
    before = [layer.clone() for layer in weights]
    found = train_centred(
        weights,
        inputs[:12].float(),
        targets[:, :12].contiguous(),
        architecture=TREE,
        test_inputs=inputs[12:].float(),
        learning_rate=1 / float(torch.linalg.eigvalsh(gram[:12, :12])[-1]),
        momentum=0.9,
        num_steps=150,
    )
    assert found["losses"].max() < 1e-6
    gap = (found["predictions"].double() - expected).square().mean().sqrt() / expected.square().mean().sqrt()
    assert gap < 6 / 512**0.5
    assert all(torch.equal(old, new) for old, new in zip(before, weights, strict=True))


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="width and num_networks must be ≥ 1"):
        draw_weights(TREE, 0, num_networks=1, generator=generator("none"))
    weights = draw_weights(TREE, 4, num_networks=1, generator=generator("some"))
    with pytest.raises(ValueError, match="pass normalise=True"):
        network_outputs(weights, torch.ones(2, 8), architecture=TREE)
