"""Cells of the settings that are solved: deep linear networks, diagonal networks, random features, free features."""

import math

import torch

from quire.mechanics import (
    aligned_weights,
    feature_limited_error,
    fitted_by_flow,
    implicit_bias,
    least_absolute,
    least_norm,
    mode_strengths,
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
    "modes_from_aligned_weights",
    "modes_from_random_weights",
    "scaling",
]

SIDE = 16  # inputs, and outputs, of the linear networks
HIDDEN = 32


def modes_from_aligned_weights(
    *,
    singular_values: list[float],
    initial: float,
    depth: int,
    rate: float,
    horizon: float,
    points: int,
    generator: torch.Generator,
) -> list[dict]:
    """Gradient descent on a linear network whose weights are balanced and aligned with the target, beside the exact flow.

    Args:
        singular_values: of the target.
        initial: strength of every mode at first.
        depth: layers.
        rate: η.
        horizon: time at the end, in units of the flow.
        points: looks, at equal distances.

    Returns:
        One row per look and mode: time, mode, strength, predicted, and the loss with its prediction.
    """
    target = _target(singular_values, generator)
    weights = aligned_weights(target, initial, hidden=HIDDEN, depth=depth, generator=generator)
    looks = _looks(horizon, points, rate)
    times = torch.tensor(looks, dtype=torch.float64) * rate
    values = torch.tensor(singular_values, dtype=torch.float64)
    predicted = mode_strengths(values, initial, times, depth=depth)
    measured, losses = _descended(weights, target, rate, looks, len(values))
    rest = 0.5 * initial**2 * (SIDE - len(values))  # modes of the aligned weights that the target does not have
    theory = 0.5 * (values - predicted).square().sum(1) + rest
    return [
        {
            "time": float(times[k]),
            "mode": mode,
            "strength": float(measured[k, mode]),
            "predicted": float(predicted[k, mode]),
            "loss": float(losses[k]),
            "predicted_loss": float(theory[k]),
        }
        for k in range(len(looks))
        for mode in range(len(values))
    ]


def modes_from_random_weights(
    *, singular_values: list[float], spread: float, rate: float, draw: int, generator: torch.Generator
) -> list[dict]:
    """When each mode is half learned, from small random weights of two layers.

    Args:
        singular_values: of the target.
        spread: standard deviation of the weights times the square root of the fan-in.
        rate: η.
        draw: names the draw of target and weights.

    Returns:
        One row per mode: its singular value, half_time, and half_time · s / ln(1/spread), which goes to one.
    """
    target = _target(singular_values, generator)
    shapes = ((HIDDEN, SIDE), (SIDE, HIDDEN))
    weights = [
        spread / math.sqrt(shape[1]) * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    ]
    looks = _looks(1.5 * math.log(1 / spread) / min(singular_values), 600, rate)
    measured, _ = _descended(weights, target, rate, looks, len(singular_values))
    rows = []
    for mode, value in enumerate(singular_values):
        above = (measured[:, mode] >= value / 2).nonzero()
        time = rate * looks[int(above[0])] if len(above) else math.nan
        rows.append({"mode": mode, "value": value, "half_time": time, "scaled": time * value / math.log(1 / spread)})
    return rows


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
    learned = kernel[:, chosen] @ torch.linalg.inv(kernel[chosen][:, chosen])
    spectrum = ModeSpectrum(level, number.double(), torch.ones(len(level), dtype=torch.float64))
    kappa = self_consistent_curve(spectrum, [samples], ridge=0.0).threshold[0]
    rows, total = [], 0.0
    for k, modes in zip(frequency.tolist(), number.tolist(), strict=True):
        pair = [torch.cos(k * angle), torch.sin(k * angle)][:modes]
        shares = [float((wave @ (learned @ wave[chosen])) / (wave @ wave)) for wave in pair]
        total += sum(shares)
        share = float(level[k] / (level[k] + kappa))
        rows.append({"frequency": k, "modes": modes, "learnability": sum(shares) / modes, "predicted": share})
    return [row | {"total": total} for row in rows]


def collapsed(*, classes: int, samples: int, width: int, decay: float, draw: int, generator: torch.Generator) -> dict:
    """How far features that may be anything are from neural collapse at the minimum of the regularised loss, from one first guess."""
    found = neural_collapse(
        *unconstrained_features(classes=classes, samples=samples, width=width, decay=decay, generator=generator)
    )
    return {**vars(found), "predicted_cosine": -1 / (classes - 1)}


def _target(singular_values: list[float], generator: torch.Generator) -> Float[Tensor, "outputs inputs"]:
    frames = [
        torch.linalg.qr(torch.randn(SIDE, len(singular_values), generator=generator, dtype=torch.float64)).Q
        for _ in range(2)
    ]
    return (frames[0] * torch.tensor(singular_values, dtype=torch.float64)) @ frames[1].T


def _looks(horizon: float, points: int, rate: float) -> list[int]:
    """Steps at equal distances, the first and the last included."""
    last = max(points - 1, round(horizon / rate))
    return [round(k * last / (points - 1)) for k in range(points)]


def _descended(
    weights: list[Tensor], target: Tensor, rate: float, looks: list[int], modes: int
) -> tuple[Float[Tensor, "looks modes"], Float[Tensor, " looks"]]:
    """Gradient descent on ½‖S - W_N … W_1‖²: strengths of the modes, and the loss, at some steps."""
    weights = [one.clone() for one in weights]
    left, _, right = torch.linalg.svd(target, full_matrices=False)
    strengths, losses, waiting = [], [], set(looks)
    for step in range(max(looks) + 1):
        below = [torch.eye(target.shape[1], dtype=torch.float64)]  # products of the layers below each
        for one in weights:
            below.append(one @ below[-1])
        error = below[-1] - target
        if step in waiting:
            strengths.append((left.T @ below[-1] @ right.T).diagonal()[:modes])
            losses.append(0.5 * error.square().sum())
        back = error
        for place in reversed(range(len(weights))):
            slope = back @ below[place].T
            back = weights[place].T @ back
            weights[place] = weights[place] - rate * slope
    return torch.stack(strengths), torch.stack(losses)


def _circulant(first: Float[Tensor, " places"]) -> Float[Tensor, "places places"]:
    """The matrix whose entry i, j is that of the difference."""
    place = torch.arange(len(first))
    return first[(place[:, None] - place) % len(first)]


def _population(solution: Tensor, truth: Tensor) -> float:
    """½ ⟨(b - b*)·x⟩² over Gaussian inputs, without the half."""
    return float((solution - truth).square().sum())
