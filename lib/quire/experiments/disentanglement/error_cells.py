"""Cells of the disentanglement error of pairs of tasks, on test data."""

import itertools
from collections.abc import Mapping

import torch

from quire.experiments.disentanglement.workbench import Workbench, workbench
from quire.tangent import Disentanglement, disentanglement_error
from quire.types import Tensor

__all__ = ["error_map", "errors_of", "pair_errors"]


def pair_errors(
    *,
    start: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    images: int,
    validation: int,
    test: int,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """The error of each pair of tasks where both vectors are added in full, on the axes, and over [0, 1]².

    Returns:
        One row per pair: error, localisation and interaction at (1, 1); axis, the mean of (1, 0) and (0, 1); diagonal, the mean of
        (1/2, 1/2) and (1, 1); grid, the mean over coefficients 0, 1/2 and 1.
    """
    bench = workbench(
        start=start,
        vectors=vectors,
        linearised=linearised,
        images=images,
        validation=validation,
        test=test,
        seed=seed,
        device=device,
    )
    return errors_of(bench, places=[0.0, 0.5, 1.0])


def errors_of(bench: Workbench, *, places: list[float]) -> list[dict]:
    """The rows of :func:`pair_errors`, with means over these coefficients, from zero to one."""
    rows = []
    for a, b in itertools.combinations(range(len(bench.tasks)), 2):
        found = _error(bench, (a, b), places)
        parts = {name: float(getattr(found, name)[-1, -1]) for name in ("error", "localisation", "interaction")}
        axis = float(found.error[0, -1] + found.error[-1, 0]) / 2
        names = {"first": bench.tasks[a].name, "second": bench.tasks[b].name}
        diagonal = float(found.error.diagonal()[1:].mean())
        rows.append(names | parts | {"axis": axis, "diagonal": diagonal, "grid": float(found.error.mean())})
    return rows


def error_map(
    *,
    start: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    first: int,
    second: int,
    reach: float,
    points: int,
    images: int,
    validation: int,
    test: int,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """The error of one pair of tasks over the square [-reach, reach]².

    Args:
        first, second: which tasks, counted from 0.
        reach: largest coefficient.
        points: coefficients of each vector.

    Returns:
        One row per pair of coefficients.
    """
    bench = workbench(
        start=start,
        vectors=vectors,
        linearised=linearised,
        images=images,
        validation=validation,
        test=test,
        seed=seed,
        device=device,
    )
    alphas = torch.linspace(-reach, reach, points, dtype=torch.float64).tolist()
    found = _error(bench, (first, second), alphas)
    parts = {name: getattr(found, name).tolist() for name in ("error", "localisation", "interaction")}
    return [
        {"alpha": round(alphas[i], 9), "other_alpha": round(alphas[j], 9)}
        | {name: part[i][j] for name, part in parts.items()}
        for i, j in itertools.product(range(points), range(points))
    ]


def _error(bench: Workbench, pair: tuple[int, int], alphas: list[float]) -> Disentanglement:
    tasks = [bench.tasks[place] for place in pair]
    return disentanglement_error(
        tuple(bench.response(task, "test") for task in tasks),
        alphas=alphas,
        heads=tuple(task.head for task in tasks),
        vectors=pair,
    )
