"""Cells of settings that are solved: diagonal networks, kernels on a circle, random features, free features."""

import math
from functools import lru_cache

import torch

from quire.experiments.mechanics.networks import digits
from quire.mechanics import (
    feature_limited_error,
    fitted_by_flow,
    implicit_bias,
    learnability,
    least_absolute,
    least_norm,
    neural_collapse,
    power_law_covariance,
    sample_limited_error,
    unconstrained_features,
)
from quire.regression import ModeSpectrum, self_consistent_curve
from quire.types import Float, Tensor

__all__ = [
    "collapsed",
    "diagonal_bias",
    "learnabilities",
    "pool_errors",
    "scaling",
]


def diagonal_bias(*, inputs: int, samples: int, nonzero: int, scales: list[float], seed: int) -> list[dict]:
    """Where gradient flow ends in a diagonal network, beside the minimiser of its potential and the two limits.

    Args:
        inputs, samples: of a regression with Gaussian features.
        nonzero: entries of the true solution that are ±1.
        scales: α.
        seed: of the features.

    Returns:
        One row per α: population losses of flow and minimiser, their relative distance, sums of absolute values, and the losses of the
        shortest and the sparsest solution.
    """
    stream = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, inputs, generator=stream, dtype=torch.float64)
    truth = torch.zeros(inputs, dtype=torch.float64)
    truth[:nonzero] = 1 - 2 * (torch.arange(nonzero) % 2).double()
    y = x @ truth
    limits = {"shortest": _population(least_norm(x, y), truth), "sparsest": _population(least_absolute(x, y), truth)}
    rows = []
    for scale in scales:
        best = implicit_bias(x, y, scale)
        end = fitted_by_flow(x, y, scale, torch.tensor([1e6], dtype=torch.float64))[-1]
        row = {"scale": scale, "loss": _population(end, truth), "predicted": _population(best, truth)}
        row |= {"distance": float((end - best).norm() / best.norm()), "absolute": float(end.abs().sum())}
        rows.append(row | limits)
    return rows


def scaling(
    *, limited_by: str, exponent: float, number: int, inputs: int, draw: int, generator: torch.Generator
) -> dict:
    """Error of a linear model that is limited by its features, or by its data.

    Args:
        limited_by: "features" or "samples".
        exponent: α of the covariance i^-(1+α).
        number: of features, or of samples.
        inputs: of the model.
        draw: names the draw of features or data.
    """
    covariance = power_law_covariance(inputs, exponent)
    error = {"features": feature_limited_error, "samples": sample_limited_error}[limited_by]
    return {"error": float(error(covariance, number, generator))}


def learnabilities(*, places: int, samples: int, exponent: float, draw: int, generator: torch.Generator) -> list[dict]:
    """What a kernel method on a circle learns of each Fourier mode, without ridge.

    The learnability of a mode is the coefficient of that mode in what is learned from its values at the samples.

    Args:
        places: on the circle, of which so many are drawn.
        samples: training points.
        exponent: a of the eigenvalues (1 + k)^-a of frequency k.
        draw: names the draw of the points.

    Returns:
        One row per frequency (sine and cosine together): learnability, predicted, modes; and the sum over all, which is exactly the number of
        samples.
    """
    angle = 2 * math.pi * torch.arange(places, dtype=torch.float64) / places
    frequency = torch.arange(places // 2 + 1)
    level = (1.0 + frequency.double()) ** -exponent
    number = torch.where((frequency == 0) | (2 * frequency == places), 1, 2)
    kernel = _circulant((number * level) @ torch.cos(frequency[:, None] * angle))
    chosen = torch.randperm(places, generator=generator)[:samples]
    spectrum = ModeSpectrum(level, number.double(), torch.ones(len(level), dtype=torch.float64))
    kappa = self_consistent_curve(spectrum, [samples], ridge=0.0).threshold[0]
    waves = [torch.cos(k * angle) for k in frequency] + [torch.sin(k * angle) for k in frequency[number == 2]]
    shares = learnability(kernel, chosen, torch.stack(waves))
    total, of = float(shares.sum()), torch.cat([frequency, frequency[number == 2]])
    rows = []
    for k, modes in zip(frequency.tolist(), number.tolist(), strict=True):
        share = float(level[k] / (level[k] + kappa))
        own = float(shares[of == k].mean())
        rows.append({"frequency": k, "modes": modes, "learnability": own, "predicted": share, "total": total})
    return rows


def pool_errors(
    *, sizes: list[int], ridge: float, bandwidth: float, draw: int, generator: torch.Generator
) -> list[dict]:
    """Test error of kernel regression on the parity of digits, beside what the spectrum of all digits' Gram matrix predicts.

    The theory averages over the pool from which training points are drawn, and these are in it; what it predicts for the others follows
    from its error and its training error.

    Args:
        sizes: numbers of training points.
        ridge: δ, added to the Gram matrix.
        bandwidth: of the kernel exp(-‖x - x'‖ / bandwidth), of images with a mean square length of one.
        draw: names the draw of the training points.

    Returns:
        One row per size: error, on the digits that were not drawn, and predicted.
    """
    kernel, y, spectrum = _parity_pool(bandwidth)
    number = len(y)
    theory = self_consistent_curve(spectrum, sizes, ridge=ridge)
    order = torch.randperm(number, generator=generator)
    rows = []
    for size, kappa, error in zip(sizes, theory.threshold.tolist(), theory.errors.tolist(), strict=True):
        own, others = order[:size], order[size:]
        dual = torch.linalg.solve(kernel[own][:, own] + ridge * torch.eye(size, dtype=y.dtype), y[own])
        measured = float((kernel[others][:, own] @ dual - y[others]).square().mean())
        training = (ridge / (size * kappa)) ** 2 * error
        predicted = (number * error - size * training) / (number - size)
        rows.append({"size": size, "error": measured, "predicted": predicted})
    return rows


@lru_cache(maxsize=2)
def _parity_pool(bandwidth: float) -> tuple[Tensor, Tensor, ModeSpectrum]:
    """Kernel between all digits, their parity, and the spectrum of both; for all cells of a process."""
    images, labels = digits(1797)
    x, y = images.double() / images.double().square().sum(1).mean().sqrt(), 1 - 2 * (labels % 2).double()
    kernel, number = torch.exp(-torch.cdist(x, x) / bandwidth), len(x)
    levels, vectors = torch.linalg.eigh(kernel / number)
    power = (vectors.mT @ y).square() / number
    return kernel, y, ModeSpectrum(levels.clamp(min=0), torch.ones(number, dtype=torch.float64), power)


def collapsed(*, classes: int, samples: int, width: int, decay: float, draw: int, generator: torch.Generator) -> dict:
    """How far features that may be anything are from neural collapse at the minimum of the regularised loss, from one first guess."""
    found = neural_collapse(
        *unconstrained_features(classes=classes, samples=samples, width=width, decay=decay, generator=generator)
    )
    return {**vars(found), "predicted_cosine": -1 / (classes - 1)}


def _circulant(first: Float[Tensor, " places"]) -> Float[Tensor, "places places"]:
    """The matrix whose entry i, j is that of the difference."""
    place = torch.arange(len(first))
    return first[(place[:, None] - place) % len(first)]


def _population(solution: Tensor, truth: Tensor) -> float:
    """½ ⟨(b - b*)·x⟩² over Gaussian inputs, without the half."""
    return float((solution - truth).square().sum())
