r"""Deep linear networks learn one singular mode after the other, and the time of each is known (saxe2014exact).

With the loss :math:`\tfrac12\|S - W_N\cdots W_1\|^2`, S = U diag(s) Vᵀ, gradient flow, and balanced weights that are aligned with S, the
strength u of a mode obeys

.. math:: \dot u = N u^{2 - 2/N} (s - u), \qquad N = 2:\ u(t) = \frac{s\,e^{2st}}{e^{2st} - 1 + s/u_0},\quad
    t_{1/2} = \frac{\ln(s/u_0 - 1)}{2s}.

A loss without the one half, or averaged, only changes the unit of time.
"""

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp

from quire.types import Float, Tensor

__all__ = ["aligned_weights", "half_time", "mode_strengths"]


def mode_strengths(
    singular_values: Float[Tensor, " modes"],
    initial: float,
    times: Float[Tensor, " times"],
    *,
    depth: int = 2,
) -> Float[Tensor, "times modes"]:
    """u(t) of each mode: in closed form for one and two layers, by an integrator to ten digits for more.

    Args:
        singular_values: s, positive.
        initial: u_0 of every mode, between zero and the smallest s.
        times: from zero, in increasing order.
        depth: N, layers.

    Raises:
        ValueError: a value is out of its domain.

    >>> s = torch.tensor([2.0], dtype=torch.float64)
    >>> t = torch.tensor([half_time(2.0, 0.1)], dtype=torch.float64)
    >>> round(float(mode_strengths(s, 0.1, t)), 9)
    1.0
    """
    s, t = singular_values.double(), times.double()
    _check(s, initial, t, depth)
    if depth == 1:
        return s + (initial - s) * torch.exp(-t)[:, None]
    if depth == 2:
        decay = torch.exp(-2 * s * t[:, None])  # the formula divided by its exponential, which may be large
        return s / (1 + (s / initial - 1) * decay)
    values = s.numpy()

    def logarithmic_growth(_time: float, logarithm: np.ndarray) -> np.ndarray:
        strength = np.exp(logarithm)
        return depth * strength ** (1 - 2 / depth) * (values - strength)

    start = np.full(len(values), math.log(initial))
    end = max(float(t[-1]), 1e-12)
    found = solve_ivp(logarithmic_growth, (0.0, end), start, t_eval=t.numpy(), method="LSODA", rtol=1e-10, atol=1e-12)
    return torch.from_numpy(np.exp(found.y.T))


def half_time(singular_value: float, initial: float) -> float:
    """When a mode of a two-layer network is half learned: ln(s/u_0 - 1)/(2s).

    Raises:
        ValueError: the initial strength is not between zero and s/2.
    """
    if not 0 < initial < singular_value / 2:
        raise ValueError(
            f"initial must lie in (0, {singular_value / 2}), got {initial}: the mode is half learned before"
        )
    return math.log(singular_value / initial - 1) / (2 * singular_value)


def aligned_weights(
    target: Float[Tensor, "outputs inputs"],
    initial: float,
    *,
    hidden: int,
    depth: int = 2,
    generator: torch.Generator,
) -> list[Float[Tensor, "..."]]:
    """Balanced weights whose product is u_0 U Vᵀ, with the singular vectors of the target and random directions between.

    Args:
        target: S.
        initial: u_0, positive.
        hidden: width of the hidden layers, at least the rank of S.
        depth: layers, two or more.
        generator: of the directions.

    Returns:
        [W_1, …, W_N] in float64, the first acts on the inputs.

    Raises:
        ValueError: the width is too small, or a number is out of its domain.

    >>> S = torch.eye(3, dtype=torch.float64)
    >>> first, second = aligned_weights(S, 0.01, hidden=5, generator=torch.Generator())
    >>> bool(torch.allclose(second @ first, 0.01 * S))
    True
    """
    rank = min(target.shape)
    if hidden < rank or depth < 2 or not initial > 0:
        raise ValueError(f"hidden ≥ {rank}, depth ≥ 2 and initial > 0 are needed, got {hidden}, {depth}, {initial}")
    left, _, right = torch.linalg.svd(target.double(), full_matrices=False)
    between = [_frame(hidden, rank, generator) for _ in range(depth - 1)]
    ends = [right.T, *between, left]
    share = initial ** (1 / depth)
    return [share * out @ into.T for into, out in zip(ends[:-1], ends[1:], strict=True)]


def _frame(size: int, count: int, generator: torch.Generator) -> Tensor:
    """Orthonormal columns."""
    return torch.linalg.qr(torch.randn(size, count, generator=generator, dtype=torch.float64)).Q


def _check(s: Tensor, initial: float, t: Tensor, depth: int) -> None:
    if s.ndim != 1 or s.numel() == 0 or not bool((s > 0).all()):
        raise ValueError(f"singular_values must be positive numbers, got {s.tolist()}")
    if not 0 < initial < float(s.min()):
        raise ValueError(f"initial must lie in (0, {float(s.min())}), between zero and every s, got {initial}")
    if t.ndim != 1 or t.numel() == 0 or float(t[0]) < 0 or not bool((t.diff() > 0).all()):
        raise ValueError("times must be numbers from zero on, in increasing order, one at least")
    if depth < 1:
        raise ValueError(f"depth must be a number of layers, got {depth}")
