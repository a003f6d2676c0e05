r"""Where gradient flow ends in a diagonal network, from rich to lazy (woodworth2020kernel).

:math:`f(x) = \langle u\circ u - v\circ v, x\rangle` with u = v = α at first. Of all b = u² - v² that fit the data, gradient flow on the
squared loss finds the one with the smallest

.. math:: Q_\alpha(b) = \sum_i \alpha^2\, q(b_i/\alpha^2), \qquad q(z) = 2 - \sqrt{4 + z^2} + z\,\mathrm{asinh}(z/2):

the shortest for large α (a kernel method), the sparsest for small α (basis pursuit). As q'(z) = asinh(z/2), the minimiser is
:math:`b = 2\alpha^2\sinh(X^\top\nu)` with Xb = y: n equations for n multipliers ν, the gradient of a convex function.
"""

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import linprog

from quire.types import Float, Tensor

__all__ = ["fitted_by_flow", "implicit_bias", "least_absolute", "least_norm", "potential"]

STEPS = 500  # of Newton; a hundred are enough for α = 1e-6


def potential(solution: Float[Tensor, "... inputs"], scale: float) -> Float[Tensor, "..."]:
    """Q_α(b).

    Args:
        solution: b.
        scale: α, positive.

    >>> round(float(potential(torch.tensor([1.0], dtype=torch.float64), 100.0)) * 4 * 100**2, 6)
    1.0
    """
    _check_scale(scale)
    z = solution.double() / scale**2
    small = z * z / (2 + torch.sqrt(4 + z * z))  # 2 - √(4 + z²) is minus this, without cancellation
    return scale**2 * (z * torch.asinh(z / 2) - small).sum(-1)


def implicit_bias(
    features: Float[Tensor, "samples inputs"], targets: Float[Tensor, " rows"], scale: float
) -> Float[Tensor, " inputs"]:
    """The minimiser of Q_α among all b with Xb = y, by Newton's method on ν with a line search.

    Args:
        features: X, of full row rank: fewer samples than inputs.
        targets: y.
        scale: α.

    Raises:
        ValueError: the rank is not full, or shapes do not fit.
        RuntimeError: no convergence to a relative residual of 1e-10.
    """
    x, y = _checked(features, targets)
    _check_scale(scale)
    unit = 2 * scale**2
    multipliers = torch.zeros(len(y), dtype=torch.float64)

    def convex(nu: Tensor) -> Tensor:
        return unit * torch.cosh(x.T @ nu).sum() - y @ nu

    for _ in range(STEPS):
        field = x.T @ multipliers
        gradient = x @ (unit * torch.sinh(field)) - y
        if float(gradient.norm()) <= 1e-10 * float(y.norm()):
            return unit * torch.sinh(field)
        curvature = (x * (unit * torch.cosh(field))) @ x.T
        direction = -torch.linalg.solve(curvature, gradient)
        multipliers = multipliers + _step(convex, multipliers, direction, gradient) * direction
    raise RuntimeError(
        f"no convergence after {STEPS} steps at scale {scale}: is it far below 1e-6, or are X and y scaled?"
    )


def fitted_by_flow(
    features: Float[Tensor, "samples inputs"],
    targets: Float[Tensor, " rows"],
    scale: float,
    times: Float[Tensor, " times"],
) -> Float[Tensor, "times inputs"]:
    r"""b(t) under gradient flow on :math:`\tfrac12\|Xb - y\|^2`, without a step size.

    With u = α exp(-2 Xᵀm) and v = α exp(2 Xᵀm), the flow is :math:`\dot m = Xb - y`, :math:`b = -2\alpha^2\sinh(4 X^\top m)`: as many
    equations as samples, which a stiff integrator follows to ten digits.

    Args:
        features, targets: X and y.
        scale: α.
        times: from zero, in increasing order.
    """
    x, y = (one.numpy() for one in _checked(features, targets))
    _check_scale(scale)

    def slope(_time: float, m: np.ndarray) -> np.ndarray:
        return -x @ (2 * scale**2 * np.sinh(4 * x.T @ m)) - y

    def jacobian(_time: float, m: np.ndarray) -> np.ndarray:
        return -(x * (8 * scale**2 * np.cosh(4 * x.T @ m))) @ x.T

    span, start = (0.0, float(times[-1])), np.zeros(len(y))
    found = solve_ivp(
        slope, span, start, t_eval=times.double().numpy(), method="LSODA", jac=jacobian, rtol=1e-9, atol=1e-12
    )
    return torch.from_numpy(-2 * scale**2 * np.sinh(4 * x.T @ found.y).T)


def least_norm(features: Float[Tensor, "samples inputs"], targets: Float[Tensor, " rows"]) -> Float[Tensor, " inputs"]:
    """The limit of large α: the shortest b with Xb = y."""
    x, y = _checked(features, targets)
    return x.T @ torch.linalg.solve(x @ x.T, y)


def least_absolute(
    features: Float[Tensor, "samples inputs"], targets: Float[Tensor, " rows"]
) -> Float[Tensor, " inputs"]:
    """The limit of small α: the b with Xb = y and the smallest sum of absolute values, by linear programming.

    Raises:
        RuntimeError: the programme has no solution.
    """
    x, y = _checked(features, targets)
    number = x.shape[1]
    both = np.hstack([x.numpy(), -x.numpy()])
    found = linprog(np.ones(2 * number), A_eq=both, b_eq=y.numpy(), bounds=(0, None), method="highs")
    if not found.success:
        raise RuntimeError(f"the linear programme has no solution: {found.message}")
    return torch.from_numpy(found.x[:number] - found.x[number:])


def _step(convex, place: Tensor, direction: Tensor, gradient: Tensor) -> float:
    """How far to go: halved until the convex function falls as much as its slope promises."""
    before, slope, size = convex(place), float(gradient @ direction), 1.0
    while size > 1e-12:
        after = convex(place + size * direction)
        if bool(torch.isfinite(after)) and float(after - before) <= 1e-4 * size * slope + 1e-14 * abs(float(before)):
            return size
        size /= 2
    return size


def _checked(features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    x, y = features.double(), targets.double()
    if x.ndim != 2 or y.shape != x.shape[:1] or not bool(torch.isfinite(x).all() and torch.isfinite(y).all()):
        raise ValueError(
            f"features must be [samples, inputs] and targets [samples], finite; got {list(x.shape)}, {list(y.shape)}"
        )
    if x.shape[0] > x.shape[1] or int(torch.linalg.matrix_rank(x)) < x.shape[0]:
        raise ValueError(
            f"features [{x.shape[0]}, {x.shape[1]}] must have full row rank: where the data leave no choice there is no bias"
        )
    if not bool(y.any()):
        raise ValueError("targets must not all be zero")
    return x, y


def _check_scale(scale: float) -> None:
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale α must be positive, got {scale}")
