r"""The disentanglement error of two tasks, and its parts (ortizjimenez2023tangent, Sec. 4).

.. math:: \xi(\alpha_1, \alpha_2) = \sum_{t=1,2} \mathbb{E}_{x\sim\mu_t}\,
    1[\hat y(x; \theta_0 + \alpha_t\tau_t) \ne \hat y(x; \theta_0 + \alpha_1\tau_1 + \alpha_2\tau_2)]

needs no labels, lies in [0, 2], and is zero where each task vector changes the predictions on its own data only. It has two causes.
With :math:`f_{12} = f_1 + f_2 - f_0 + I`, the *localisation* part counts predictions that change from :math:`f_t` to
:math:`f_1 + f_2 - f_0` (the other vector acts on data that are not its own), the *interaction* part those that change from there to
:math:`f_{12}`. A linear model has no interaction at all, and may have any localisation error. ξ is at most the sum of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quire.tangent.responses import Response
from quire.types import Float, Tensor

__all__ = ["Disentanglement", "disentanglement_error", "interaction"]


@dataclass(frozen=True, eq=False)
class Disentanglement:
    """Errors at each pair of coefficients; sums over the two tasks, in [0, 2].

    Attributes:
        error: ξ.
        localisation, interaction: its parts.
    """

    error: Float[Tensor, "alphas others"]
    localisation: Float[Tensor, "alphas others"]
    interaction: Float[Tensor, "alphas others"]


def disentanglement_error(
    responses: tuple[Response, Response],
    *,
    alphas: Sequence[float],
    other_alphas: Sequence[float] | None = None,
    heads: tuple[Tensor | None, Tensor | None] = (None, None),
    vectors: tuple[int, int] = (0, 1),
) -> Disentanglement:
    """ξ on a grid.

    Args:
        responses: on held-out data of the first and of the second task.
        alphas, other_alphas: of the first and of the second vector; the second default to the first.
        heads: of the first and of the second task: predictions on a task's data are among its own classes.
        vectors: which two of the responses' vectors.

    Raises:
        ValueError: the grid is empty or not finite, or the two vectors are not two of the responses'.
    """
    number = responses[0].num_vectors
    if responses[1].num_vectors != number or not 0 <= min(vectors) < max(vectors) < number:
        raise ValueError(f"vectors must be two different ones of {number} that both responses have, got {vectors}")
    first = _grid(alphas)
    second = first if other_alphas is None else _grid(other_alphas)
    tasks = [
        _one_task(response if head is None else response.through(head), own, first, second, vectors)
        for own, (response, head) in enumerate(zip(responses, heads, strict=True))
    ]
    return Disentanglement(*(a + b for a, b in zip(*tasks, strict=True)))


def interaction(
    response: Response, coefficients: Sequence[float], *, vectors: tuple[int, int] = (0, 1)
) -> Float[Tensor, "batch ..."]:
    """I = f12 - f1 - f2 + f0, the part of the change that no vector makes alone; to lowest order α1 α2 τ1ᵀ ∇²f τ2.

    Raises:
        ValueError: there are not two coefficients, or one is not finite.
    """
    if len(coefficients) != 2:
        raise ValueError(f"give two coefficients, one for each of the vectors {vectors}, got {list(coefficients)}")
    a, b = (float(value) for value in coefficients)
    pairs = torch.tensor([[a, b], [a, 0], [0, b], [0, 0]], dtype=torch.float64)
    both, one, other, none = response(_placed(pairs, response.num_vectors, vectors))
    return both - one - other + none


def _one_task(
    response: Response, own: int, first: Tensor, second: Tensor, vectors: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    def at(pairs: Tensor) -> Tensor:
        return response(_placed(pairs, response.num_vectors, vectors))

    zero = torch.zeros(1, dtype=torch.float64)
    alone = [at(torch.cartesian_prod(first, zero)), at(torch.cartesian_prod(zero, second))]
    start = at(torch.zeros(1, 2, dtype=torch.float64))
    reference = alone[own].argmax(-1)  # depends on one coefficient only
    rows = []
    for row, alpha in enumerate(first):
        both = at(torch.cartesian_prod(alpha[None], second)).argmax(-1)
        additive = (alone[0][row] + alone[1] - start).argmax(-1)
        expected = reference if own else reference[row].expand_as(both)
        pairs = ((expected, both), (expected, additive), (additive, both))
        rows.append([(a != b).double().flatten(1).mean(1) for a, b in pairs])
    return tuple(torch.stack(part) for part in zip(*rows, strict=True))


def _placed(pairs: Tensor, num_vectors: int, vectors: tuple[int, int]) -> Tensor:
    coefficients = pairs.new_zeros(len(pairs), num_vectors)
    coefficients[:, list(vectors)] = pairs
    return coefficients


def _grid(alphas: Sequence[float]) -> Tensor:
    values = torch.as_tensor(list(alphas), dtype=torch.float64)
    if values.ndim != 1 or values.numel() == 0 or not bool(torch.isfinite(values).all()):
        raise ValueError(
            f"alphas must be finite numbers, one at least, got {list(alphas)}: linspace(-1, 1, 21) is usual"
        )
    return values
