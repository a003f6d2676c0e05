"""Cells on the tasks of a network that somebody else trained; what they measure is what the others measure."""

from collections.abc import Mapping

import torch

from quire.device import resolve
from quire.experiments.disentanglement.cells import sums_of
from quire.experiments.disentanglement.error_cells import errors_of
from quire.experiments.disentanglement.imagenet import encoder_with, image_task
from quire.experiments.disentanglement.tasks import Task
from quire.experiments.disentanglement.workbench import Workbench
from quire.types import Tensor

__all__ = ["image_errors", "image_singles", "image_sums"]

ADDED = torch.linspace(0, 1, 11, dtype=torch.float64)


def image_singles(
    *,
    origin: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    seed: int,
    device: str,
) -> list[dict]:
    """Each task's test accuracy before fine-tuning, and with its own vector.

    Returns:
        One row per task: zero_shot, single.
    """
    bench = _bench(origin, vectors, linearised, image_tasks, images, validation, test, side, seed, device)
    number, rows = len(bench.tasks), []
    for place, task in enumerate(bench.tasks):
        points = torch.zeros(2, number, dtype=torch.float64)
        points[1, place] = 1
        before, after = bench.accuracy(points, task, "test").tolist()
        rows.append({"task": task.name, "zero_shot": before, "single": after})
    return rows


def image_sums(
    *,
    origin: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    seed: int,
    device: str,
) -> list[dict]:
    """Test accuracy of the sum of all vectors, the coefficient chosen on validation images; rows of ``cells.sums_of``."""
    bench = _bench(origin, vectors, linearised, image_tasks, images, validation, test, side, seed, device)
    return sums_of(bench, fewest=len(bench.tasks), alphas=ADDED)


def image_errors(
    *,
    origin: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    seed: int,
    device: str,
) -> list[dict]:
    """The disentanglement error of each pair of tasks; rows of ``error_cells.errors_of``, at zero and one."""
    bench = _bench(origin, vectors, linearised, image_tasks, images, validation, test, side, seed, device)
    return errors_of(bench, places=[0.0, 1.0])


def _bench(
    origin: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    seed: int,
    device: str,
) -> Workbench:
    place, splits = resolve(device), dict(images=images, validation=validation, test=test, side=side, seed=seed)
    tasks = [Task(name, *image_task(name, **splits), origin[f"head.{name}"]) for name in image_tasks]
    net = encoder_with(origin).to(place)
    return Workbench(
        net=net,
        start={name: tensor.detach() for name, tensor in net.state_dict().items()},
        vectors={name: tensor.to(place) for name, tensor in vectors.items()},
        tasks=tasks,
        control=tasks[0],
        linearised=linearised,
    )
