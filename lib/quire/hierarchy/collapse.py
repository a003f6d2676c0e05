r"""Collapse of learning curves measured with contexts of different lengths.

If correlations over t characters are seen from P ∝ t^z windows on, and the loss falls as P^-α as long as longer contexts
keep helping, the loss with t characters of context is L(P, t) = t^(-αz) F(P/t^z): plotted as L t^(αz) against P/t^z, the
curves of all t lie on one. With u = ln(P/t^z) and w = ln L, every point of the curve t is compared with every other curve
t' that covers its u (linear interpolation of w between two points), over differences

    d + αz ln(t/t'),   d = w_t(u) - w_t'(u).

α is their least-squares fit, z is given; the *residual* is their root mean square, the relative distance of the curves.

Source: cagnetta2024ntp (collapse of the losses of text).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quire.cite import cites

__all__ = ["Collapse", "loss_collapse"]


@dataclass(frozen=True)
class Collapse:
    """Outcome of :func:`loss_collapse`.

    Attributes:
        power: αz, the exponent of t that multiplies the loss.
        alpha: α (nan for z = 0).
        residual: root-mean-square difference of ln(L t^(αz)) between two curves at the same P/t^z.
        unscaled: the same without the factor t^(αz).
        comparisons: number of differences.
    """

    power: float
    alpha: float
    residual: float
    unscaled: float
    comparisons: int


@cites("cagnetta2024ntp", "collapse of the losses of text")
def loss_collapse(contexts: Iterable, samples: Iterable, losses: Iterable, *, dynamic_exponent: float) -> Collapse:
    """Fit α so that curves of different context collapse, and measure how well they do.

    Args:
        contexts: t of every point, in characters.
        samples: P of every point.
        losses: L > 0 of every point, in nats.
        dynamic_exponent: z >= 0; 0 compares curves at the same P.

    Raises:
        ValueError: lengths differ, a value is not positive, or no two curves share a range of P/t^z.

    >>> t, P = np.repeat([1, 2, 4], 9), np.tile(4.0 ** np.arange(9), 3)
    >>> fit = loss_collapse(t, P, 2 * P**-0.125, dynamic_exponent=2.0)  # a power of P alone
    >>> round(fit.alpha, 9), round(fit.residual, 9), round(fit.unscaled, 3) > 0.1
    (0.125, 0.0, True)
    """
    t, size, loss = (np.array(list(values), float) for values in (contexts, samples, losses))
    if not t.shape == size.shape == loss.shape or t.ndim != 1:
        raise ValueError(f"one t, P and loss for each point are needed, got {t.shape}, {size.shape} and {loss.shape}")
    if not all((np.isfinite(x) & (x > 0)).all() for x in (t, size, loss)) or dynamic_exponent < 0:
        raise ValueError("t, P and loss must be positive and finite, and dynamic_exponent >= 0: drop such points")
    u, w = np.log(size) - dynamic_exponent * np.log(t), np.log(loss)
    d, lag = _differences(t, u, w)
    if not len(d):
        raise ValueError("no two contexts share a range of P/t^z: add sizes, or contexts closer to one another")
    power = -float(d @ lag) / float(lag @ lag)
    return Collapse(
        power=power,
        alpha=power / dynamic_exponent if dynamic_exponent else float("nan"),
        residual=float(np.sqrt(np.mean((d + power * lag) ** 2))),
        unscaled=float(np.sqrt(np.mean(d**2))),
        comparisons=len(d),
    )


def _differences(t: np.ndarray, u: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """w_t(u) - w_t'(u) and ln(t/t') for every point of a curve t and every other curve t' that covers its u."""
    gaps, lags = [], []
    for here in np.unique(t):
        for there in np.unique(t[t != here]):
            mine, other = t == here, t == there
            order = np.argsort(u[other])
            known, values = u[other][order], w[other][order]
            shared = mine & (u >= known[0]) & (u <= known[-1])
            gaps.append(w[shared] - np.interp(u[shared], known, values))
            lags.append(np.full(shared.sum(), np.log(here / there)))
    return np.concatenate(gaps or [[]]), np.concatenate(lags or [[]])
