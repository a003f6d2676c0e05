"""Cells that add, subtract and compare task vectors: weights that are kept, and JSON arguments, to rows of numbers.

All have the arguments of :func:`quire.experiments.disentanglement.workbench.workbench`. The coefficient of a sum is chosen on
validation data, by the mean over tasks of the accuracy over that of the task's own vector, and reported on test data; that of a
negation is chosen where the target is worst among those that keep 95 per cent of the accuracy on the control.
"""

from collections.abc import Mapping

import torch

from quire.experiments.disentanglement.workbench import Workbench, one_each, relative, workbench
from quire.tangent import TaskVector
from quire.types import Float, Tensor

__all__ = ["ADDED", "addition", "best_of", "directions", "negation", "single_tasks", "sums_of"]

ADDED = torch.linspace(0, 1, 21, dtype=torch.float64)
SUBTRACTED = torch.linspace(0, 3, 31, dtype=torch.float64)
KEPT = 0.95  # of the pre-trained accuracy on the control


def single_tasks(
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
    """Each task's test accuracy before fine-tuning, and with its own vector.

    Returns:
        One row per task: zero_shot, single; and control, before and with this vector: control, control_after.
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
    number = len(bench.tasks)
    points = torch.cat([torch.zeros(1, number), torch.eye(number)]).double()
    on_control = bench.accuracy(points, bench.control, "test").tolist()
    rows = []
    for place, task in enumerate(bench.tasks):
        before, after = bench.accuracy(points[[0, place + 1]], task, "test").tolist()
        row = {"task": task.name, "zero_shot": before, "single": after}
        rows.append(row | {"control": on_control[0], "control_after": on_control[place + 1]})
    return rows


def addition(
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
    """Test accuracy, mean over tasks, of the sum of their vectors.

    Returns:
        One row per number of tasks that are merged, 2, 3, …, with the alpha of the best validation accuracy (chosen), and one for each
        alpha with all of them: accuracy, and normalised by that of each task's own vector.
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
    return sums_of(bench, fewest=2, alphas=ADDED)


def sums_of(bench: Workbench, *, fewest: int, alphas: Float[Tensor, " alphas"]) -> list[dict]:
    """The rows of :func:`addition`, from so many tasks on, with the coefficient chosen among these."""
    rows, number = [], len(bench.tasks)
    for merged in range(fewest, number + 1):
        points = torch.zeros(len(alphas), number, dtype=torch.float64)
        points[:, :merged] = alphas[:, None]
        held, shown = (_mean_accuracies(bench, points, merged, split) for split in ("validation", "test"))
        best = int(held[1].argmax())
        rows.append(_sum_row(merged, float(alphas[best]), best, shown, chosen=True))
        if merged == number:
            rows += [_sum_row(merged, float(alpha), k, shown, chosen=False) for k, alpha in enumerate(alphas)]
    return rows


def negation(
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
    """Test accuracies of θ0 - α τ on the task that is forgotten, and on the control.

    Returns:
        One row per task: the alpha that was chosen, target, control, and both before.
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
    rows = []
    for place, task in enumerate(bench.tasks):
        points = one_each(len(bench.tasks), -SUBTRACTED, place)
        held, shown = (
            {one.name: bench.accuracy(points, one, split) for one in (task, bench.control)}
            for split in ("validation", "test")
        )
        allowed = held["control"] >= KEPT * held["control"][0]
        best = int(held[task.name].masked_fill(~allowed, 2.0).argmin())
        row = {"task": task.name, "alpha": float(SUBTRACTED[best])}
        row |= {"target": float(shown[task.name][best]), "control": float(shown["control"][best])}
        rows.append(row | {"target_before": float(shown[task.name][0]), "control_before": float(shown["control"][0])})
    return rows


def directions(*, vectors: Mapping[str, Tensor]) -> list[dict]:
    """Lengths of the task vectors, and the cosine of each with the others.

    Returns:
        One row per pair of vectors: length and other_length, cosine.
    """
    number = len(next(iter(vectors.values())))
    each = [TaskVector({name: tensor[place] for name, tensor in vectors.items()}) for place in range(number)]
    return [
        {
            "first": a,
            "second": b,
            "length": each[a].norm(),
            "other_length": each[b].norm(),
            "cosine": each[a].cosine(each[b]),
        }
        for a in range(number)
        for b in range(a)
    ]


def best_of(bench: Workbench, points: Float[Tensor, "points vectors"], of: Mapping[str, Tensor]) -> tuple[int, dict]:
    """Which of the points is best on validation data over all tasks, and what it gives on test data.

    Args:
        bench: tasks and data.
        points: coefficients of the vectors.
        of: vectors, whichever.
    """
    number = len(bench.tasks)
    held, shown = (_mean_accuracies(bench, points, number, split, of=of) for split in ("validation", "test"))
    best = int(held[1].argmax())
    return best, {"accuracy": float(shown[0][best]), "normalised": float(shown[1][best])}


def _mean_accuracies(
    bench: Workbench, points: Tensor, merged: int, split: str, *, of: Mapping | None = None
) -> tuple[Tensor, Tensor]:
    """Means over the first tasks, at each point: of the accuracy, and of that over the accuracy of the task's own vector."""
    plain, normal = [], []
    own = torch.eye(len(bench.tasks), dtype=torch.float64)
    for place, task in enumerate(bench.tasks[:merged]):
        plain.append(bench.accuracy(points, task, split, of=of))
        alone = bench.accuracy(own[place : place + 1], task, split)
        normal.append(relative(plain[-1], alone, getattr(task, split)))
    return torch.stack(plain).mean(0), torch.stack(normal).mean(0)


def _sum_row(merged: int, alpha: float, place: int, shown: tuple[Tensor, Tensor], *, chosen: bool) -> dict:
    found = {"merged": merged, "alpha": alpha, "chosen": chosen}
    return found | {"accuracy": float(shown[0][place]), "normalised": float(shown[1][place])}
