r"""Multinomial logistic regression in the space of a kernel.

The minimiser of :math:`\sum_i -\log p_{y_i}(x_i) + \tfrac{\lambda}{2}\|f\|^2`, with :math:`p = \mathrm{softmax}(f)`, is
:math:`f(x) = \sum_i K(x, x_i)\,\beta_i`, and its coefficients are the only solution of

.. math:: G(\beta) = \lambda\beta - (Y - P) = 0,\qquad P = \mathrm{softmax}(K\beta),

with one-hot labels :math:`Y`; the gradient of the objective is :math:`K G`. A Newton step solves
:math:`(\lambda + WK)\,\delta = -G`. As :math:`W = RR^\top` sample by sample, with
:math:`R = \mathrm{diag}(\sqrt p)\,(1 - \sqrt p \sqrt p^\top)`, it is :math:`\delta = -(G + Rt)/\lambda` where :math:`t` solves
:math:`(\lambda + R^\top K R)\,t = -R^\top K G`, a positive definite system: conjugate gradients, one product with
:math:`K` each. Stopped at any iteration they give a direction of descent, because
:math:`\langle G, K\delta\rangle \le -G^\top[K - KR(\lambda + R^\top K R)^{-1}R^\top K]\,G/\lambda \le 0`.

Problems of one size go together along leading axes. Every size of a learning curve starts from zero: the solution of a
smaller size is confidently wrong on some new points, where W vanishes, and Newton's method then takes several times as long.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from quire.types import Float, Int, Tensor

__all__ = ["NotConvergedError", "logistic_coefficients", "nested_logistic"]

SUFFICIENT = 1e-4  # Armijo: fraction of the decrease that the slope promises
HALVINGS = 40


class NotConvergedError(RuntimeError):
    """The stopping rule was not met within the allowed number of steps."""


def logistic_coefficients(
    gram: Float[Tensor, "*problems point _"],
    labels: Int[Tensor, "*problems point"],
    *,
    num_classes: int,
    ridge: float,
    tolerance: float,
    max_steps: int = 100,
) -> Float[Tensor, "*problems point classes"]:
    r"""Coefficients :math:`\beta` of kernel logistic regression without intercept, in float64 on the device of the kernel.

    Args:
        gram: kernel between the training points, symmetric and positive semi-definite.
        labels: classes 0 … num_classes - 1.
        num_classes: outputs of the softmax.
        ridge: :math:`\lambda > 0`, against the *sum* of the losses. The residual y - p of a sample is :math:`\lambda\beta`:
            a small ridge means a small training loss.
        tolerance: stop when no entry of :math:`\lambda\beta - (Y - P)`, a difference of probabilities, is larger.
        max_steps: Newton steps.

    Raises:
        ValueError: ridge or tolerance not positive and finite, a kernel that is not square or finite, labels out of range.
        NotConvergedError: the tolerance is not reached in ``max_steps``, or rounding stops the descent before.

    >>> gram = 3 * torch.eye(2, dtype=torch.float64)
    >>> a = logistic_coefficients(gram, torch.tensor([0, 1]), num_classes=2, ridge=0.5, tolerance=1e-12)
    >>> residual = torch.eye(2) - (gram @ a).softmax(-1)
    >>> torch.allclose(a, residual / 0.5)
    True
    """
    gram, labels = _checked(gram, labels, num_classes, ridge, tolerance)
    shape = (*labels.shape, num_classes)
    gram, labels = gram.reshape(-1, *gram.shape[-2:]), labels.reshape(-1, labels.shape[-1])
    onehot = functional.one_hot(labels, num_classes).to(gram)
    beta, fields = torch.zeros_like(onehot), torch.zeros_like(onehot)
    for step in range(max_steps + 1):
        gradient = ridge * beta - onehot + fields.softmax(-1)
        worst = float(gradient.abs().max())
        if worst <= tolerance:
            return beta.view(shape)
        if step == max_steps:
            break
        direction = _newton_direction(gram, fields.softmax(-1), gradient, ridge)
        moved = gram @ direction
        length = _line_search(beta, fields, onehot, direction, moved, gradient, ridge)
        if not bool(length.any()):
            break
        beta, fields = beta + length * direction, fields + length * moved
        if step % 8 == 7:
            fields = gram @ beta  # rounding does not add up
    raise NotConvergedError(
        f"kernel logistic regression stopped after {step} Newton steps with a largest residual of {worst:.3g}, expected "
        f"{tolerance:.3g} (ridge {ridge:.3g}): raise max_steps, tolerance or ridge"
    )


def nested_logistic(
    gram: Float[Tensor, "train train"],
    cross: Float[Tensor, "train test"],
    labels: Int[Tensor, " train"],
    *,
    num_classes: int,
    sizes: Sequence[int],
    ridge: float,
    tolerance: float,
    max_steps: int = 100,
) -> Float[Tensor, "size test classes"]:
    """Outputs f at the test points after the first P training points, for every P of a learning curve.

    Raises:
        ValueError: sizes that do not increase from 1 to at most the number of points; see :func:`logistic_coefficients`.
        NotConvergedError: see :func:`logistic_coefficients`.

    >>> x = torch.tensor([[1.0], [-1.0], [2.0]], dtype=torch.float64)
    >>> curve = nested_logistic(
    ...     x @ x.T, x @ x.T, torch.tensor([0, 1, 0]), num_classes=2, sizes=[2, 3], ridge=0.1, tolerance=1e-9
    ... )
    >>> curve.argmax(-1).tolist()
    [[0, 1, 0], [0, 1, 0]]
    """
    sizes = [int(size) for size in sizes]
    if (
        not sizes
        or sizes[0] < 1
        or sizes[-1] > len(gram)
        or any(b <= a for a, b in zip(sizes, sizes[1:], strict=False))
    ):
        raise ValueError(f"sizes must increase strictly from 1 to at most {len(gram)}, got {sizes}: sort them")
    options = dict(num_classes=num_classes, ridge=ridge, tolerance=tolerance, max_steps=max_steps)
    curve = [
        cross[:size].double().T @ logistic_coefficients(gram[:size, :size], labels[:size], **options) for size in sizes
    ]
    return torch.stack(curve)


def _newton_direction(gram: Tensor, probabilities: Tensor, gradient: Tensor, ridge: float) -> Tensor:
    """Conjugate gradients for the Newton step, of all problems together, to a precision that grows near the solution."""
    root = probabilities.sqrt()

    def spread(t):  # R t
        return root * (t - root * (root * t).sum(-1, keepdim=True))

    def project(t):  # R^T t
        t = root * t
        return t - root * (root * t).sum(-1, keepdim=True)

    remainder = -project(gram @ gradient)
    solution, conjugate = torch.zeros_like(remainder), remainder.clone()
    squared = remainder.square().sum((1, 2), keepdim=True)
    forcing = gradient.abs().amax((1, 2), keepdim=True).clamp(1e-8, 0.1)
    # a remainder r of this system leaves R r / λ in the equation for the step, to be small beside G
    goal = (ridge * forcing).square() * gradient.square().sum((1, 2), keepdim=True)
    for _ in range(10 * gradient[0].numel()):  # rounding may delay what exact arithmetic ends sooner
        if bool((squared <= goal).all()):
            break
        image = ridge * conjugate + project(gram @ spread(conjugate))
        # a problem that is solved stands still: its remainder may vanish exactly
        length = torch.where(squared > goal, squared / (conjugate * image).sum((1, 2), keepdim=True), 0.0)
        solution = solution + length * conjugate
        remainder = remainder - length * image
        before, squared = squared, remainder.square().sum((1, 2), keepdim=True)
        conjugate = torch.where(before > goal, remainder + squared / before * conjugate, conjugate)
    return -(gradient + spread(solution)) / ridge


def _line_search(beta, fields, onehot, direction, moved, gradient, ridge) -> Tensor:
    """Largest step 1, 1/2, 1/4, … of each problem that decreases its objective enough; 0 where none does."""

    def objective(step):
        weights, outputs = beta + step * direction, fields + step * moved
        losses = outputs.logsumexp(-1) - (outputs * onehot).sum(-1)
        return losses.sum(1) + 0.5 * ridge * (weights * outputs).sum((1, 2))

    slope = (gradient * moved).sum((1, 2))
    length = torch.ones(len(beta), 1, 1, dtype=beta.dtype, device=beta.device)
    first = objective(torch.zeros_like(length))
    slack = 1e-13 * first.abs()  # differences of the objective are rounding long before the gradient is
    for _ in range(HALVINGS):
        failed = ~(objective(length) <= first + SUFFICIENT * length.flatten() * slope + slack)
        if not bool(failed.any()):
            return length
        length = torch.where(failed[:, None, None], length / 2, length)
    return torch.where(failed[:, None, None], 0.0, length)


def _checked(gram: Tensor, labels: Tensor, num_classes: int, ridge: float, tolerance: float) -> tuple[Tensor, Tensor]:
    for name, value in (("ridge", ridge), ("tolerance", tolerance)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be > 0 and finite, got {value}: without it there may be no minimum to reach")
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or not gram.numel() or gram.shape[:-1] != labels.shape:
        raise ValueError(
            f"gram must be [..., point, point] and labels [..., point], got {tuple(gram.shape)} and {tuple(labels.shape)}"
        )
    if not bool(torch.isfinite(gram).all()):
        where = tuple((~torch.isfinite(gram)).nonzero()[0].tolist())
        raise ValueError(f"gram must be finite, got {gram[where]} at {where}: check the inputs")
    if labels.is_floating_point() or int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        raise ValueError(
            f"labels must be integers in 0..{num_classes - 1}, got {labels.dtype} in {labels.min()}..{labels.max()}"
        )
    return gram.double(), labels.to(gram.device).long()
