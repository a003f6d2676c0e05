"""The tasks of Glyph-8 as tensors in three splits, and the frozen head of each.

The head is the "text tower" of an open-vocabulary model: one unit vector for each of the 107 classes, drawn once, never trained.
A task is its ten rows; the control, on which nothing is fine-tuned, is 27 more.
"""

from dataclasses import dataclass

import numpy as np
import torch

from quire.data import TASKS, glyph_task_classes, load
from quire.rng import generator
from quire.tangent import class_vectors
from quire.types import Float, Int, Tensor

__all__ = ["EMBEDDING", "Split", "Task", "control", "head_of", "task_of", "web"]

EMBEDDING = 64  # length of the class vectors, as of the networks' embeddings
HANDWRITTEN = 1797  # images of "digits", which all splits share


@dataclass(frozen=True, eq=False)
class Split:
    """Images ``[images, side, side]`` with values between 0 and 1, or with channels in other tasks; labels of the task's own classes."""

    images: Float[Tensor, "images ..."]
    labels: Int[Tensor, " images"]


@dataclass(frozen=True, eq=False)
class Task:
    """Three disjoint splits, and the class vectors of the task."""

    name: str
    train: Split
    validation: Split
    test: Split
    head: Float[Tensor, "classes width"]


def task_of(name: str, *, images: int, validation: int, test: int, seed: int) -> Task:
    """One of the tasks.

    Args:
        name: one of ``quire.data.TASKS``, or "control".
        images, validation, test: samples of the splits; of "digits", of which there are 1,797, the same fractions at most.
        seed: of the images.
    """
    if name == "digits" and images + validation + test > HANDWRITTEN:
        share = HANDWRITTEN / (images + validation + test)
        images, validation, test = (max(1, int(share * number)) for number in (images, validation, test))
    data = load("glyph-tasks", task=name, num_samples=images + validation, num_test=test, seed=seed)
    parts = (_split(data.inputs[:images], data.labels[:images]), _split(data.inputs[images:], data.labels[images:]))
    return Task(name, *parts, _split(data.test_inputs, data.test_labels), head_of(name))


def control(*, validation: int, test: int, seed: int) -> Task:
    """The characters that belong to no task; its training split is a single image."""
    return task_of("control", images=1, validation=validation, test=test, seed=seed)


def web(*, images: int, seed: int) -> Split:
    """What networks are pre-trained on: so many images of each of nine groups, with labels among all 107 classes."""
    data = load("glyph-tasks", task="web", num_samples=images, num_test=0, seed=seed)
    return _split(data.inputs, data.labels)


def head_of(name: str) -> Float[Tensor, "classes width"]:
    """The class vectors of a task, of the control, or of the web, which has all of them in order."""
    vectors = class_vectors(len(glyph_task_classes("web")), EMBEDDING, generator("disentanglement", "classes"))
    if name == "web":
        return vectors
    first = 0
    for group in (*TASKS, "control"):
        last = first + len(glyph_task_classes(group))
        if group == name:
            return vectors[first:last]
        first = last
    raise ValueError(f"name must be one of {', '.join(TASKS)}, control or web, got {name!r}")


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    values = torch.from_numpy(np.asarray(images)).float() / 255
    return Split(values, torch.from_numpy(np.asarray(labels)).long())
