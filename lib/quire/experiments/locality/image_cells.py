"""Learning curves on real images, with square patches, beside the theory from the images' own spectrum: JSON arguments, rows.

Kernels are written as in :mod:`quire.experiments.locality.kernels_by_name`, with the filter size counted along one side: "3lc" sees squares
of three pixels. Patches are open, since an image has an edge.
"""

import torch
import torch.nn.functional as F

from quire.data import load
from quire.device import resolve
from quire.experiments.locality.kernels_by_name import AVERAGES, named
from quire.regression import NestedRegression, empirical_spectrum, self_consistent_curve
from quire.rng import generator
from quire.types import Float, Tensor

__all__ = ["image_curves", "images"]


def images(
    dataset: str, *, side: int, num_points: int, shifted: bool, seed: int
) -> tuple[Float[Tensor, "point channel side side"], Float[Tensor, "point class"]]:
    """Images of a data set in random order, and their centred labels.

    Args:
        dataset: a name of :func:`quire.data.load` that has images.
        side: pixels to which larger images are averaged.
        num_points: how many.
        shifted: each image is shifted at random, around the edges, so that no place means anything.
        seed: of the order, and of the shifts.

    Returns:
        Intensities, centred and with one standard deviation for all pixels; one indicator for each class, less its mean, in units in which
        the mean square of a row is one.

    Raises:
        ValueError: the data set has fewer images.
    """
    data = load(dataset)
    if len(data.inputs) < num_points:
        raise ValueError(f"{dataset} has {len(data.inputs)} training images, asked {num_points}")
    chosen = torch.randperm(len(data.inputs), generator=generator("locality.images", dataset, seed))[:num_points]
    pixels = torch.from_numpy(data.inputs[chosen.numpy()]).double()
    pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    if pixels.shape[-1] > side:
        pixels = F.adaptive_avg_pool2d(pixels, side)
    if shifted:
        pixels = _rolled(pixels, generator("locality.shifts", dataset, seed))
    labels = F.one_hot(torch.from_numpy(data.labels[chosen.numpy()])).double()
    labels -= labels.mean(0)
    return (pixels - pixels.mean()) / pixels.std(), labels / labels.square().sum(1).mean().sqrt()


def _rolled(pixels: Tensor, source: torch.Generator) -> Tensor:
    """Each image shifted by a number of rows and columns of its own, around the edges."""
    points, _, height, width = pixels.shape
    rows = (torch.randint(height, (points, 1), generator=source) + torch.arange(height)) % height
    columns = (torch.randint(width, (points, 1), generator=source) + torch.arange(width)) % width
    return pixels[torch.arange(points)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def image_curves(
    *,
    dataset: str,
    side: int,
    kernel: str,
    num_points: int,
    shifted: bool,
    sizes: list,
    noise: float,
    num_draws: int,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """Interpolation of labels, measured and predicted, with a set of images as the whole distribution.

    Training sets are drawn from it, the other images are the test set; the theory gets the eigenvalues of the Gram matrix of all of
    them and the power of the labels in its eigenvectors, and nothing is fitted.

    Args:
        dataset, side, num_points, shifted, seed: of :func:`images`; patches of shifted images go around the edges.
        kernel: such as "3cn"; "8fc" sees all of an image of 8 pixels a side.
        sizes: training-set sizes.
        noise: variance of the Gaussian noise of the training labels, in units of the labels' mean square; test labels have none.
        num_draws: training sets of each size.
        device: where the matrices are.

    Returns:
        One row for each draw and size: the mean squared error on the other images (one without training), the fraction of them that
        is misclassified, and the predicted mean squared error.

    Raises:
        ValueError: an unknown kernel, or more points than the data set has.
    """
    drawn = images(dataset, side=side, num_points=num_points, shifted=shifted, seed=seed)
    inputs, labels = (part.to(resolve(device)) for part in drawn)
    kind = named(kernel, side)
    average = AVERAGES[kind.architecture.replace("fc", "lc")]  # fully connected: one patch
    gram = average(
        inputs, constituent=kind.constituent, filter_size=kind.filter_size, cyclic=shifted and kind.architecture != "fc"
    )
    predicted = predicted_errors(gram, labels, sizes, noise=noise)
    rows = []
    for draw in range(num_draws):
        source = generator("locality.image_curves", dataset, num_points, seed, draw)
        errors = _measured(gram, labels, sizes, noise, source)
        rows += [
            {"draw": draw, "size": size, "error": error, "misclassified": wrong, "predicted_error": theory}
            for size, (error, wrong), theory in zip(sizes, errors, predicted, strict=True)
        ]
    return rows


def predicted_errors(
    gram: Float[Tensor, "point point"], labels: Float[Tensor, "point class"], sizes: list, *, noise: float
) -> list[float]:
    r"""The self-consistent theory's mean squared error on images that were not drawn, for every size.

    The theory averages over all n images, and draws with return. Drawn without, P of n, its error on labels without noise is the
    same, and the noise is amplified by :math:`(1 - q)\gamma/(1 - \gamma)` with q = P/n in place of :math:`\gamma/(1 - \gamma)`: equal
    eigenvalues, where both are elementary, give q, and draws from spectra that fall give the same (``tests/test_experiments_locality.py``).
    A drawn image has the noise of its label for an error, which is taken out of the average.
    """
    curve = self_consistent_curve(empirical_spectrum(gram, labels), sizes, ridge=0.0)
    predicted = []
    for size, error, gamma in zip(sizes, curve.errors.tolist(), curve.overfitting.tolist(), strict=True):
        drawn = size / len(gram)
        over_all = error + noise * (1 - drawn) * gamma / (1 - gamma)
        predicted.append((over_all - drawn * noise) / (1 - drawn))
    return predicted


def _measured(
    gram: Tensor, labels: Tensor, sizes: list, noise: float, source: torch.Generator
) -> list[tuple[float, float]]:
    """Mean squared error and fraction misclassified on what was not drawn; the same test images for every size."""
    order = torch.randperm(len(gram), generator=source).to(gram.device)
    train, test = order[: max(sizes)], order[max(sizes) :]
    spread = (noise / labels.shape[1]) ** 0.5
    drawn = spread * torch.randn(len(train), labels.shape[1], generator=source, dtype=torch.float64).to(gram.device)
    nested = NestedRegression(gram[train][:, train], gram[train][:, test], ridge=0.0)
    predictions = nested.predictions(labels[train] + drawn, sizes=sizes)
    squares = (predictions - labels[test]).square().sum(2).mean(1)
    wrong = (predictions.argmax(2) != labels[test].argmax(1)).double().mean(1)
    return list(zip(squares.tolist(), wrong.tolist(), strict=True))
