"""Cells of deep linear networks, which learn one mode after the other."""

import math

import torch

from quire.mechanics import aligned_weights, mode_strengths
from quire.types import Float, Tensor

__all__ = ["modes_from_aligned_weights", "modes_from_random_weights"]

SIDE = 16  # inputs, and outputs
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
