"""Cells on networks of finite width: trained by gradient descent, beside the kernel of infinite width."""

import torch

from quire.deep_kernels import (
    Architecture,
    draw_weights,
    hierarchical_gram_by_level,
    sample_spheres,
    train_centred,
)
from quire.device import resolve
from quire.regression import NestedRegression, draw_teachers
from quire.rng import generator, seed_from

__all__ = ["finite_width"]


def finite_width(
    *,
    filter_sizes: list[int],
    teacher_level: int,
    samples: int,
    width: int,
    num_networks: int,
    num_test: int,
    num_steps: int,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """Networks trained by gradient descent beside kernel regression on the same points and teachers, one row for each.

    Every network has its own teacher and its own initial weights; inputs and teachers depend on the seed and the number
    of points, not on the width.
    """
    tree, target = Architecture(tuple(filter_sizes)), resolve(device)
    stream = generator("spatial scales: finite width", filter_sizes, teacher_level, samples, num_test, seed)
    inputs = sample_spheres(samples + num_test, tree.num_nodes(1), patch_size=tree.filter_sizes[0], generator=stream)
    grams = hierarchical_gram_by_level(inputs, architecture=tree, kind="ntk")
    targets = draw_teachers(grams[teacher_level - 1], num_teachers=num_networks, generator=stream)
    gram = grams[-1][:samples]
    fit = NestedRegression(gram[:, :samples], gram[:, samples:], ridge=0.0)
    kernel_errors = fit.errors(targets[:samples], targets[samples:], sizes=[samples])[0]
    labels = targets.T.contiguous().float().to(target)
    points = inputs.float().to(target)
    source = torch.Generator().manual_seed(seed_from("spatial scales: weights", width, samples, seed))
    weights = draw_weights(tree, width, num_networks=num_networks, generator=source)
    trained = train_centred(
        [layer.to(target) for layer in weights],
        points[:samples],
        labels[:, :samples].contiguous(),
        architecture=tree,
        test_inputs=points[samples:],
        learning_rate=1 / float(torch.linalg.eigvalsh(gram[:, :samples])[-1]),
        momentum=0.9,
        num_steps=num_steps,
    )
    return _rows(trained, labels, samples, kernel_errors)


def _rows(trained: dict, labels: torch.Tensor, samples: int, kernel_errors: torch.Tensor) -> list[dict]:
    network_errors = (trained["predictions"] - labels[:, samples:]).double().square().mean(1).cpu()
    relative_losses = trained["losses"] / labels[:, :samples].square().mean(1)
    return [
        {
            "network": index,
            "network_error": float(network_errors[index]),
            "kernel_error": float(kernel_errors[index]),
            "relative_loss": float(relative_losses[index]),
        }
        for index in range(len(labels))
    ]
