"""The largest eigenvalue of the Hessian of a loss, by power iteration on Hessian-vector products.

A product costs two passes forward and back, and two copies of the parameters; the Hessian itself would have as many entries as
parameters squared. Full-batch gradient descent is stable on a quadratic while this *sharpness* is below 2/η (cohen2021gradient).
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.func import grad, vjp

from quire.types import Tensor

__all__ = ["hessian_product", "sharpness"]

State = Mapping[str, Tensor]


def hessian_product(loss: Callable[[State], Tensor], parameters: State, direction: State) -> dict[str, Tensor]:
    """H v, by a pass back through the gradient: H is symmetric.

    Args:
        loss: from parameters by name to one number.
        parameters: where.
        direction: v, by the same names.

    >>> square = lambda p: (torch.tensor([1.0, 3.0]) * p["w"] ** 2).sum()
    >>> hessian_product(square, {"w": torch.zeros(2)}, {"w": torch.ones(2)})["w"].tolist()
    [2.0, 6.0]
    """
    _check(parameters, direction)
    place = {name: tensor.detach() for name, tensor in parameters.items()}
    return vjp(grad(loss), place)[1]({name: direction[name] for name in place})[0]


def sharpness(
    loss: Callable[[State], Tensor],
    parameters: State,
    *,
    start: State | None = None,
    tolerance: float = 1e-4,
    most: int = 200,
    generator: torch.Generator | None = None,
) -> tuple[float, dict[str, Tensor]]:
    """The largest eigenvalue and its eigenvector.

    Power iteration finds the eigenvalue of the largest size. If that is negative, a second run on the Hessian less this eigenvalue, all
    of whose eigenvalues are positive, finds the largest.

    Args:
        loss: from parameters by name to one number.
        parameters: where.
        start: a guess of the eigenvector, for instance that of some steps of training before.
        tolerance: relative change of the eigenvalue at which to stop.
        most: products at most, for each of the two runs.
        generator: of the first guess, where there is none.

    Returns:
        (eigenvalue, unit eigenvector by name).

    Raises:
        ValueError: names differ, the guess is zero, or the loss is not finite there.
    """
    vector = _first(parameters, start, generator)
    value, vector = _largest_size(loss, parameters, vector, 0.0, tolerance, most)
    if value >= 0:
        return value, vector
    above, vector = _largest_size(loss, parameters, _first(parameters, None, generator), value, tolerance, most)
    return above + value, vector


def _largest_size(
    loss: Callable, parameters: State, vector: dict, shift: float, tolerance: float, most: int
) -> tuple[float, dict[str, Tensor]]:
    """Of H - shift: the eigenvalue of the largest size (its Rayleigh quotient) and the vector."""
    value = math.inf
    for _ in range(most):
        product = hessian_product(loss, parameters, vector)
        moved = {name: product[name] - shift * vector[name] for name in vector}
        before, value = value, _dot(vector, moved)
        length = math.sqrt(_dot(moved, moved))
        if not math.isfinite(length):
            raise ValueError("the Hessian is not finite at these parameters: has training diverged?")
        if length == 0 or abs(value - before) <= tolerance * abs(value):
            break
        vector = {name: tensor / length for name, tensor in moved.items()}
    return value, vector


def _first(parameters: State, start: State | None, generator: torch.Generator | None) -> dict[str, Tensor]:
    if start is None:
        draws = {
            name: torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            for name, tensor in parameters.items()
        }
        start = {name: draw.to(parameters[name].device) for name, draw in draws.items()}
    _check(parameters, start)
    length = math.sqrt(_dot(start, start))
    if not (math.isfinite(length) and length > 0):
        raise ValueError(f"a guess of the eigenvector must have a length, got {length}")
    return {name: start[name] / length for name in parameters}


def _dot(a: State, b: State) -> float:
    return float(sum((a[name] * b[name]).sum() for name in a))


def _check(parameters: State, direction: State) -> None:
    if not parameters or parameters.keys() != direction.keys():
        raise ValueError(f"a direction must have the parameters' names {sorted(parameters)}, got {sorted(direction)}")
    for name, tensor in parameters.items():
        if direction[name].shape != tensor.shape:
            raise ValueError(f"{name} must have the shape {list(tensor.shape)}, got {list(direction[name].shape)}")
