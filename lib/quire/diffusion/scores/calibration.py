"""Through windows of which size does a network look? The size at which a machine's score is most like the network's.

The architecture bounds the window, but what the network has learned to use is smaller, and depends on the noise. It is
measured, at each level of noise, on states of the network's own trajectories.

Source: kamb2025analytic, Appendix C.2 (cosine between the scores, median over images).
"""

from collections.abc import Sequence
from typing import Literal

import torch

from quire.diffusion.scores.score_machine import ScoreMachine
from quire.types import Float, Tensor

__all__ = ["agreement", "best_scale"]


def agreement(
    machine: ScoreMachine,
    noisy: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    *,
    abar: float,
    scales: Sequence[int],
    criterion: Literal["cosine", "distance"] = "cosine",
) -> Float[Tensor, "scales batch"]:
    """How well the machine predicts the noise that a network predicts, for each window size and image.

    Args:
        machine: a local machine.
        noisy: states of the network's trajectories at one level.
        noise: what the network says of them.
        abar: fraction of signal of the level.
        scales: window sizes.
        criterion: "cosine" between the two, or the negative root-mean-square "distance"; the larger the better.

    Raises:
        ValueError: no scale, or an unknown criterion.
    """
    if not scales:
        raise ValueError("agreement needs at least one scale, got none")
    if criterion not in ("cosine", "distance"):
        raise ValueError(f'criterion must be "cosine" or "distance", got {criterion!r}')
    found = []
    for scale in scales:
        predicted = machine.noise(noisy, abar, scale)
        if criterion == "cosine":
            found.append(torch.cosine_similarity(predicted.flatten(1), noise.flatten(1)))
        else:
            found.append(-(predicted - noise).flatten(1).square().mean(1).sqrt())
    return torch.stack(found)


def best_scale(agreements: Float[Tensor, "scales batch"], scales: Sequence[int]) -> int:
    """The median over images of the scale with the largest agreement; the lower one of an even number.

    >>> best_scale(torch.tensor([[0.9, 0.2, 0.3], [0.1, 0.8, 0.7]]), [3, 5])
    5
    """
    return int(torch.tensor(list(scales))[agreements.argmax(0).median()])
