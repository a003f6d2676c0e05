"""Cells: random features against their kernel, trained networks against their rainbows, the rows of trained matrices."""

from collections.abc import Mapping

import torch

from quire.experiments.rainbow.networks import images_of, weights_of
from quire.experiments.rainbow.refitting import accuracy, refitted_accuracy
from quire.kernels import arccos_kernel_degree1
from quire.rainbow import LAWS, alignment_distance, covariance_spectrum, features_of, kernel_distance, sample_rainbow
from quire.types import Float, Tensor

__all__ = ["accuracies", "distances", "random_features", "row_moments", "spectra"]

REFERENCE = 4096  # features
MOST = 2000  # images on which random features are compared
KINDS = ("gaussian", "shifted", "resampled", "unaligned")


def random_features(
    *, images: str, train_images: int, width: int, number: int, generator: torch.Generator, device: str
) -> dict:
    """ReLU features of normal weights against a second set and against their kernel, on all images, 2,000 at most.

    Args:
        images, train_images: see :func:`quire.experiments.rainbow.networks.images_of`; the others of the set are taken, too.
        width: features.
        number: names the draw.

    Returns:
        pair: alignment distance of the two sets; limit: from one set to infinitely many features; reference: to 4,096 features; kernel:
        squared relative distance of the Gram matrix from the kernel.
    """
    parts = [images_of(images, train=train_images, held_out=held, device=device)[0] for held in (False, True)]
    x = torch.cat(parts)[:MOST].double()
    weights = torch.randn(2, width, x.shape[1], generator=generator, dtype=torch.float64).to(x)
    first, second = _features(x, weights)
    reference = torch.randn(REFERENCE, x.shape[1], generator=generator, dtype=torch.float64).to(x)
    exact = _root(_kernel(x))
    return {
        "pair": float(alignment_distance(first, second)),
        "limit": float(alignment_distance(first, exact)),
        "reference": float(alignment_distance(first, _features(x, reference))),
        "kernel": float(kernel_distance(first, exact)),
    }


def accuracies(
    *,
    weights: Mapping[str, Tensor],
    images: str,
    train_images: int,
    seed: int,
    draws: int,
    generator: torch.Generator,
    device: str,
) -> list[dict]:
    """Test accuracy of a trained network and of networks that are sampled from it.

    Args:
        weights: of :func:`quire.experiments.rainbow.networks.trained_weights`.
        images, train_images: those that they were trained on.
        seed: which of them.
        draws: sampled networks of each kind.

    Returns:
        One row per kind and draw. Kinds: trained; gaussian, shifted, resampled: rows of that law; unaligned: without rotations; refitted: the
        gaussian one with a new classifier; random: as drawn before training, with a new classifier.
    """
    x, y = images_of(images, train=train_images, held_out=False, device=device)
    x_test, y_test = images_of(images, train=train_images, held_out=True, device=device)
    trained = weights_of(weights, when="end", seed=seed, device=device)
    rows = [{"kind": "trained", "draw": 0, "accuracy": accuracy(features_of(trained, x_test)[-1], y_test)}]
    refit = dict(labels=y, test_labels=y_test)
    for kind in KINDS:
        options = {"aligned": False} if kind == "unaligned" else {"law": kind}
        sampled = sample_rainbow(trained, x, draws=draws, generator=generator, **options)
        tested = features_of(sampled.weights, x_test)
        rows += _rows(kind, accuracy(tested[-1], y_test))
        if kind == "gaussian":
            rows += _rows("refitted", refitted_accuracy(sampled.features[-1], tested[-2], **refit))
    start = weights_of(weights, when="start", seed=seed, device=device)
    plain, held = (features_of(start, one)[-2][None] for one in (x, x_test))
    return rows + _rows("random", refitted_accuracy(plain, held, **refit))


def distances(
    *,
    weights: Mapping[str, Tensor],
    images: str,
    train_images: int,
    first: int,
    second: int,
    draws: int,
    generator: torch.Generator,
    device: str,
    centring: str = "image",
) -> list[dict]:
    """Alignment distance of hidden features on held-out images: of two trained networks, and of one and networks sampled from it.

    Args:
        first, second: the two networks; what is sampled is sampled from the first.
        weights, images, train_images, draws: see :func:`accuracies`.
        centring: of the images that they were trained on.

    Returns:
        One row per layer and kind (trained, random, and the laws of rows), a mean over draws.
    """
    asked = dict(train=train_images, device=device, centring=centring)
    x = images_of(images, held_out=False, **asked)[0]
    held = images_of(images, held_out=True, **asked)[0][:1000]
    one, other = (weights_of(weights, when="end", seed=seed, device=device) for seed in (first, second))
    target, compared = features_of(one, held), {"trained": [other], "random": []}
    compared["random"] = [weights_of(weights, when="start", seed=second, device=device)]
    for law in LAWS:
        sampled = sample_rainbow(one, x, draws=draws, law=law, generator=generator).weights
        compared[law] = [[weight[draw] for weight in sampled] for draw in range(draws)]
    return [
        {
            "layer": layer + 1,
            "kind": kind,
            "distance": sum(float(alignment_distance(features_of(net, held)[layer], target[layer])) for net in nets)
            / len(nets),
        }
        for kind, nets in compared.items()
        for layer in (0, 1)
    ]


def spectra(*, weights: Mapping[str, Tensor], seed: int, most: int, device: str) -> list[dict]:
    """The largest eigenvalues of the covariances of the hidden matrices' rows, before and after training, over their mean at first.

    Args:
        weights, seed: see :func:`accuracies`.
        most: eigenvalues of each.
    """
    rows = []
    for layer in (0, 1):
        found = {
            when: covariance_spectrum(weights_of(weights, when=when, seed=seed, device=device)[layer])
            for when in ("start", "end")
        }
        mean = found["start"].mean()
        for when, values in found.items():
            head = {"layer": layer + 1, "when": when}
            rows += [
                head | {"order": place + 1, "eigenvalue": float(value / mean)}
                for place, value in enumerate(values[:most])
            ]
    return rows


def row_moments(*, weights: Mapping[str, Tensor], seed: int, directions: int, device: str) -> list[dict]:
    """Excess kurtosis of the rows' components along the first principal directions of their covariance: zero for normal rows.

    Args:
        weights, seed: see :func:`accuracies`.
        directions: of each hidden matrix.
    """
    rows = []
    for layer in (0, 1):
        for when in ("start", "end"):
            matrix = weights_of(weights, when=when, seed=seed, device=device)[layer].double()
            along = matrix @ torch.linalg.svd(matrix, full_matrices=False).Vh[:directions].mT
            along = along - along.mean(0)
            excess = along.pow(4).mean(0) / along.square().mean(0).square() - 3
            rows += [
                {"layer": layer + 1, "when": when, "direction": place + 1, "kurtosis": float(value)}
                for place, value in enumerate(excess)
            ]
    return rows


def _rows(kind: str, values: Tensor) -> list[dict]:
    return [{"kind": kind, "draw": draw, "accuracy": float(value)} for draw, value in enumerate(values)]


def _features(x: Float[Tensor, "images pixels"], weights: Float[Tensor, "*sets width pixels"]) -> Tensor:
    return (x @ weights.mT / x.shape[1] ** 0.5).relu() / weights.shape[-2] ** 0.5


def _kernel(x: Float[Tensor, "images pixels"]) -> Float[Tensor, "images images"]:
    """E[relu(<w, x>) relu(<w, x'>)] for normal w of variance one over the number of pixels."""
    sizes = x.norm(dim=1)
    cosine = ((x @ x.mT) / (sizes[:, None] * sizes)).clamp(-1, 1)
    return sizes[:, None] * sizes * arccos_kernel_degree1(cosine) / (2 * x.shape[1])


def _root(kernel: Float[Tensor, "images images"]) -> Float[Tensor, "images images"]:
    """Features whose Gram matrix is the kernel."""
    values, vectors = torch.linalg.eigh(kernel)
    return vectors * values.clamp(min=0).sqrt()
