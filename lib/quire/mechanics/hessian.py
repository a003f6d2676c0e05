"""The largest eigenvalue of the Hessian of a loss, by power iteration on Hessian-vector products.

A product costs two passes forward and back, and two copies of the parameters; the Hessian itself would have as many entries as
parameters squared. Full-batch gradient descent is stable on a quadratic while this *sharpness* is below 2/η (cohen2021gradient).
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.func import grad, vjp, vmap

from quire.types import Float, Tensor

__all__ = ["hessian_product", "sharpness", "sharpnesses"]

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
    """The largest eigenvalue and its eigenvector: :func:`sharpnesses` of one network.

    Returns:
        (eigenvalue, unit eigenvector by name).
    """
    _check(parameters, parameters if start is None else start)
    one, guess = (
        None if state is None else {name: t[None] for name, t in state.items()} for state in (parameters, start)
    )
    values, vectors = sharpnesses(loss, one, start=guess, tolerance=tolerance, most=most, generator=generator)
    return float(values[0]), {name: tensor[0] for name, tensor in vectors.items()}


def sharpnesses(
    loss: Callable[[State], Tensor],
    parameters: State,
    *,
    start: State | None = None,
    tolerance: float = 1e-4,
    most: int = 200,
    generator: torch.Generator | None = None,
) -> tuple[Float[Tensor, " members"], dict[str, Tensor]]:
    """The largest eigenvalue and its eigenvector, of several networks at once.

    Power iteration finds the eigenvalue of the largest size. Where that is negative, a second run on the Hessian less this eigenvalue,
    all of whose eigenvalues are positive, finds the largest.

    Args:
        loss: from the parameters of one network, by name, to one number.
        parameters: where, ``[members, …]`` by name.
        start: a guess of the eigenvectors, for instance that of some steps of training before.
        tolerance: relative change of the eigenvalue at which to stop, once it holds for all members.
        most: products at most, for each of the two runs.
        generator: of the first guess, where there is none; the same for every member.

    Returns:
        (eigenvalues, unit eigenvectors ``[members, …]`` by name).

    Raises:
        ValueError: names or shapes differ, a guess is zero, or a Hessian is not finite there.
    """
    _check(parameters, parameters if start is None else start)
    place = {name: tensor.detach() for name, tensor in parameters.items()}
    product = _products(loss, members=len(next(iter(place.values()))))
    vectors = _first(place, start, generator)
    values, vectors = _largest_size(product, place, vectors, torch.zeros(()), tolerance, most)
    negative = values < 0
    if bool(negative.any()):
        shift = values.clamp(max=0)
        guess = _chosen(negative, _first(place, None, generator), vectors)
        above, vectors = _largest_size(product, place, guess, shift, tolerance, most)
        values = torch.where(negative, above + shift, values)
    return values, vectors


def _products(loss: Callable[[State], Tensor], *, members: int) -> Callable[[State, State], dict[str, Tensor]]:
    """H v of each member; one alone goes without vmap, which costs half as much again there."""
    if members > 1:
        return vmap(lambda one, vector: hessian_product(loss, one, vector))

    def alone(place: State, vector: State) -> dict[str, Tensor]:
        one, direction = ({name: tensor[0] for name, tensor in state.items()} for state in (place, vector))
        return {name: tensor[None] for name, tensor in hessian_product(loss, one, direction).items()}

    return alone


def _largest_size(
    product: Callable, place: State, vectors: dict, shift: Tensor, tolerance: float, most: int
) -> tuple[Float[Tensor, " members"], dict[str, Tensor]]:
    """Of H - shift: the eigenvalues of the largest size (Rayleigh quotients) and the vectors."""
    values = torch.full((len(next(iter(vectors.values()))),), math.inf)
    for _ in range(most):
        found = product(place, vectors)
        moved = {name: found[name] - _along(shift, vectors[name]) * vectors[name] for name in vectors}
        before, values = values, _dots(vectors, moved)
        lengths = _dots(moved, moved).sqrt()
        if not bool(lengths.isfinite().all()):
            raise ValueError("the Hessian is not finite at these parameters: has training diverged?")
        close = (values - before).abs() <= tolerance * values.abs()
        if bool((close | (lengths == 0)).all()):
            break
        vectors = {name: tensor / _along(lengths, tensor) for name, tensor in moved.items()}
    return values, vectors


def _first(place: State, start: State | None, generator: torch.Generator | None) -> dict[str, Tensor]:
    if start is None:
        draws = {name: torch.randn(t.shape[1:], generator=generator, dtype=t.dtype) for name, t in place.items()}
        start = {name: draw.to(place[name].device).expand_as(place[name]) for name, draw in draws.items()}
    _check(place, start)
    lengths = _dots(start, start).sqrt()
    if not bool((lengths.isfinite() & (lengths > 0)).all()):
        raise ValueError(f"a guess of the eigenvector must have a length, got {lengths.tolist()}")
    return {name: start[name] / _along(lengths, start[name]) for name in place}


def _dots(a: State, b: State) -> Float[Tensor, " members"]:
    return sum((a[name] * b[name]).flatten(1).sum(1) for name in a)


def _along(numbers: Tensor, tensor: Tensor) -> Tensor:
    """One number for each member, in the shape that multiplies ``[members, …]``."""
    return numbers.to(tensor).reshape(-1, *[1] * (tensor.ndim - 1))


def _chosen(members: Tensor, a: State, b: State) -> dict[str, Tensor]:
    """Those of a for these members, of b for the others."""
    return {name: torch.where(_along(members, a[name]).bool(), a[name], b[name]) for name in a}


def _check(parameters: State, direction: State) -> None:
    if not parameters or parameters.keys() != direction.keys():
        raise ValueError(f"a direction must have the parameters' names {sorted(parameters)}, got {sorted(direction)}")
    for name, tensor in parameters.items():
        if direction[name].shape != tensor.shape:
            raise ValueError(f"{name} must have the shape {list(tensor.shape)}, got {list(direction[name].shape)}")
