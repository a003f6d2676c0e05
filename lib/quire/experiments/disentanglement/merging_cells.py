"""Cells of other ways to merge task vectors than to add them, and of task vectors scaled with depth."""

from collections.abc import Mapping

import torch

from quire.experiments.disentanglement.cells import ADDED, best_of
from quire.experiments.disentanglement.workbench import Workbench, relative, workbench
from quire.tangent import TaskVector, consensus, linear_scaling, mask_counts, summed, tall_masks, ties
from quire.types import Float, Tensor

__all__ = ["frontier", "merging"]

SLOPES = [round(0.1 * k, 1) for k in range(1, 16)]
THRESHOLDS = [0.2, 0.3, 0.4, 0.5, 0.6]
KEEPS = [0.2, 0.5, 1.0]
MEANS = torch.linspace(0, 3, 31, dtype=torch.float64)  # coefficients of a mean, which is shorter than a sum
BLOCKS = r"^blocks\.(\d+)\."
BEHIND = ("norm.", "project.")
SHALLOW = [round(0.1 * k, 1) for k in range(11)]


def merging(
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
    """All tasks in one set of weights (or, with masks, in one and a bit for each weight and task), rule by rule.

    Every rule has one number that is chosen on validation data; masks have one for each task.

    Returns:
        One row per rule: accuracy and normalised accuracy on test data, mean over tasks; the number that was chosen; the density
        of the rule's masks (1 where there are none).
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
    total = summed(bench.vectors)
    rows = [_scaled(bench, "sum", total, ADDED)]
    rows += [_by_layer(bench, f"by layer, tail {tail}", total, tail) for tail in ("first", "last")]
    masked, masks = _masked(bench, total)
    counts = mask_counts(masks).tolist()
    rows.append(masked)
    for least in (1, 2, 3):
        kept = consensus(bench.vectors, masks, least=least)
        rows.append(_scaled(bench, f"consensus of {least}", kept, ADDED, density=sum(counts[least:])))
    for keep in KEEPS:
        rows.append(_scaled(bench, f"signs, {keep:.0%} kept", ties(bench.vectors, keep=keep), MEANS, density=keep))
    return [row | {"useless": counts[0], "selfish": counts[1]} for row in rows]


def frontier(
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
    """One task vector whose shallow layers are scaled down, its last block kept: what the task loses and the control gains.

    Returns:
        One row per task and factor of the first block: target and control test accuracies over those of the task's own vector
        and of the pre-trained weights.
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
    rows, points = [], torch.eye(len(SHALLOW), dtype=torch.float64)
    nothing = torch.zeros(1, len(SHALLOW), dtype=torch.float64)
    for place, task in enumerate(bench.tasks):
        own = {name: tensor[place] for name, tensor in bench.vectors.items()}
        scaled = [_factored(own, shallow, 1 - shallow, "first") for shallow in SHALLOW]
        stacked = _stacked(scaled)
        target = bench.accuracy(points, task, "test", of=stacked)
        control = bench.accuracy(torch.cat([nothing, points]), bench.control, "test", of=stacked)
        target = relative(target, target[SHALLOW.index(1.0)], task.test).tolist()
        control = relative(control, control[0], bench.control.test).tolist()
        rows += [
            {"task": task.name, "shallow": shallow, "target": target[k], "control": control[k + 1]}
            for k, shallow in enumerate(SHALLOW)
        ]
    return rows


def _scaled(bench: Workbench, rule: str, vector: Mapping[str, Tensor], alphas: Tensor, *, density: float = 1.0) -> dict:
    best, found = best_of(bench, alphas[:, None], _stacked([vector]))
    return {"rule": rule, **found, "number": float(alphas[best]), "density": density}


def _by_layer(bench: Workbench, rule: str, total: Mapping[str, Tensor], tail: str) -> dict:
    scaled = [_factored(total, 1 / len(bench.tasks), slope, tail) for slope in SLOPES]
    best, found = best_of(bench, torch.eye(len(SLOPES), dtype=torch.float64), _stacked(scaled))
    return {"rule": rule, **found, "number": SLOPES[best], "density": 1.0}


def _masked(bench: Workbench, total: Mapping[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
    """Each task with its own mask, and the masks that were chosen."""
    choices = [tall_masks(bench.vectors, threshold=threshold) for threshold in THRESHOLDS]
    number, chosen, accuracy, normalised = len(bench.tasks), [], [], []
    points, own = torch.eye(len(THRESHOLDS), dtype=torch.float64), torch.eye(number, dtype=torch.float64)
    for place, task in enumerate(bench.tasks):
        served = _stacked([{name: masks[name][place] * total[name] for name in total} for masks in choices])
        best = int(bench.accuracy(points, task, "validation", of=served).argmax())
        chosen.append(best)
        found, whole = bench.accuracy(points, task, "test", of=served), bench.accuracy(own[[place]], task, "test")
        accuracy.append(float(found[best]))
        normalised.append(float(relative(found[best], whole, task.test)))
    masks = {name: torch.stack([choices[best][name][place] for place, best in enumerate(chosen)]) for name in total}
    bits = torch.cat([mask.flatten() for mask in masks.values()]).double().mean()
    row = {"rule": "masks", "accuracy": sum(accuracy) / number, "normalised": sum(normalised) / number}
    threshold = sum(THRESHOLDS[best] for best in chosen) / number
    return row | {"number": threshold, "density": float(bits)}, masks


def _factored(vector: Mapping[str, Tensor], shallow: float, slope: float, tail: str) -> dict[str, Tensor]:
    factor = linear_scaling(vector, blocks=BLOCKS, shallow=shallow, slope=slope, behind=BEHIND, tail=tail)
    return TaskVector(dict(vector)).scaled_by_layer(factor).tensors


def _stacked(vectors: list[Mapping[str, Tensor]]) -> dict[str, Float[Tensor, "vectors ..."]]:
    return {name: torch.stack([one[name] for one in vectors]) for name in vectors[0]}
