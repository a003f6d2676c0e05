"""What is refused before the first step."""

from collections.abc import Callable, Sequence

import torch

from quire.nets import Ensemble
from quire.training.config import TrainConfig
from quire.training.data import MemberData
from quire.training.objectives import Objective

__all__ = ["check_fit", "check_members"]


def check_members(
    members: int,
    data: MemberData,
    generators: Sequence[torch.Generator],
    validation: MemberData | None,
    config: TrainConfig,
) -> None:
    """Raise unless everything has as many members as the net, and there is a validation set where one is needed."""
    counts = {"data": data.members, "generators": len(generators)}
    if validation is not None:
        counts["validation"] = validation.members
    for name, count in counts.items():
        if count != members:
            raise ValueError(f"{name} must have one entry per network: {members} networks, got {count}")
    if validation is None and (config.patience is not None or config.select == "best"):
        raise ValueError('patience and select="best" need a validation set: hold out part of the training data')


def check_fit(net: Ensemble, data: MemberData, objective: Callable) -> None:
    """Raise unless all samples fit the net and its outputs fit the loss; an objective that asks something else of the
    net than its outputs on the samples speaks at the first step."""
    if not isinstance(objective, Objective) or objective.corrupt is not None:
        return
    net.eval()  # a look at the samples must not move running statistics
    inputs, targets = data.batch(torch.zeros(net.members, 1, dtype=torch.long))
    with torch.no_grad():
        net.check_inputs(data.inputs)
        objective.loss(net(inputs), targets)
