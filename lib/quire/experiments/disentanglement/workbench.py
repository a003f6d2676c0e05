"""Weights and task vectors as functions of coefficients, asked on the data of each task: what all cells work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from quire.data import TASKS
from quire.device import resolve
from quire.experiments.disentanglement.networks import encoder_of
from quire.experiments.disentanglement.tasks import Split, Task, control, task_of
from quire.tangent import Response, linear_response, nearest_class, nonlinear_response
from quire.types import Float, Tensor

__all__ = ["Workbench", "accuracies", "one_each", "relative", "workbench"]


@dataclass(eq=False)
class Workbench:
    """A pre-trained encoder, task vectors, and data.

    Attributes:
        net: the encoder's architecture.
        start: θ0 by name.
        vectors: by name, ``[tasks, …]``.
        tasks: in the order of the vectors.
        control: on which nothing was fine-tuned.
        linearised: outputs are f(θ0) + Jτ, in place of f(θ0 + τ).
    """

    net: nn.Module
    start: Mapping[str, Tensor]
    vectors: Mapping[str, Tensor]
    tasks: list[Task]
    control: Task
    linearised: bool
    known: dict = field(default_factory=dict)

    def response(self, task: Task, split: str) -> Response:
        """Embeddings of a split as a function of the coefficients of all vectors; kept."""
        place = (task.name, split)
        if place not in self.known:
            self.known[place] = self.response_of(self.vectors, task, split)
        return self.known[place]

    def response_of(self, vectors: Mapping[str, Tensor], task: Task, split: str) -> Response:
        """The same for other vectors ``[vectors, …]``."""
        form = linear_response if self.linearised else nonlinear_response
        return form(self.net, self.start, vectors, self._images(task, split))

    def accuracy(
        self, coefficients: Float[Tensor, "points vectors"], task: Task, split: str, *, of: Mapping | None = None
    ) -> Float[Tensor, " points"]:
        """Fraction of a task's images that its own head classifies rightly, at each point.

        Args:
            coefficients: of the workbench's vectors, or of others.
            task, split: which images.
            of: other vectors.
        """
        response = self.response(task, split) if of is None else self.response_of(of, task, split)
        return accuracies(response(coefficients), task, getattr(task, split))

    def _images(self, task: Task, split: str) -> Tensor:
        return getattr(task, split).images.to(next(iter(self.vectors.values())).device)


def workbench(
    *,
    start: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    linearised: bool,
    images: int,
    validation: int,
    test: int,
    seed: int,
    device: str,
) -> Workbench:
    """Set up; the arguments are those of the cells."""
    place = resolve(device)
    splits = dict(validation=validation, test=test, seed=seed)
    return Workbench(
        net=encoder_of(start).to(place).eval(),
        start={name: tensor.to(place) for name, tensor in start.items()},
        vectors={name: tensor.to(place) for name, tensor in vectors.items()},
        tasks=[task_of(name, images=images, **splits) for name in TASKS[: len(next(iter(vectors.values())))]],
        control=control(**splits),
        linearised=linearised,
    )


def accuracies(embeddings: Float[Tensor, "points images width"], task: Task, split: Split) -> Float[Tensor, " points"]:
    """Fraction of the images that are classified rightly, at each point."""
    found = nearest_class(embeddings, task.head.to(embeddings)).cpu()
    return (found == split.labels).double().mean(1)


def relative(found: Float[Tensor, "..."], whole: Float[Tensor, "..."] | float, split: Split) -> Float[Tensor, "..."]:
    """Accuracies over that of another network on the same images, which counts as one image at least.

    >>> images = Split(torch.zeros(4, 1, 1), torch.zeros(4, dtype=torch.long))
    >>> relative(torch.tensor([0.5]), 0.0, images).tolist()
    [2.0]
    """
    return found / torch.as_tensor(whole).clamp_min(1 / len(split.labels))


def one_each(number: int, alphas: Float[Tensor, " points"], which: int) -> Float[Tensor, "points vectors"]:
    """Coefficients that move along one of so many vectors."""
    coefficients = torch.zeros(len(alphas), number, dtype=torch.float64)
    coefficients[:, which] = alphas.double()
    return coefficients
