r"""An upper bound on the error of kernel ridge regression that no learning curve may cross.

Student f minimises :math:`\sum_\mu (f(x_\mu)-y_\mu)^2 + \delta\,\|f\|^2` on P independent inputs, without noise; the
kernel's diagonal is a constant :math:`\kappa^2`, its eigenvalues are :math:`\Lambda_k`, the target has power
:math:`T_k = E\,c_k^2` on the same modes. For every P and every ridge :math:`\delta > 0`,

.. math::
    E\big[(f(x_*) - y_*)^2\big] \;\le\; \Big(1 + \frac{\kappa^2}{\delta}\Big)^2
    \sum_k T_k\, \frac{\mu}{\Lambda_k + \mu}, \qquad \mu = \frac{\delta}{P+1},

where the mean is over training sets, test input and target.

*Why.* Add the test point to the training set. All P+1 points are exchangeable, so the error is the mean squared
leave-one-out residual of a fit to P+1 points. That residual is the fit's own residual over :math:`1 - H_{ii}`, with
:math:`H = K(K+\delta)^{-1}` and :math:`H_{ii} \le \kappa^2/(\kappa^2+\delta)`: a factor of at most
:math:`1+\kappa^2/\delta`. The fit's mean squared residual is at most the minimum over f of
:math:`\mathrm{mean}_\mu (f(x_\mu)-y_\mu)^2 + \mu\|f\|^2`, and the mean of a minimum is at most the minimum of the mean,
:math:`\sum_k T_k\,\mu/(\Lambda_k+\mu)`. No constant is left open and nothing is asymptotic. Power outside the kept
modes enters with its whole weight, which keeps the bound valid.

With :math:`\delta` fixed the bound decays as :math:`P^{-\min(1, 2\nu_T/(2\nu_S+d_l))}`. It holds for the ridge that
it names, not for the ridgeless interpolant.

Source: derived here (leave-one-out, exchangeability); the source-capacity rates with optimal ridge are in
cagnetta2023deep.
"""

from dataclasses import dataclass

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["ErrorBound", "best_error_bound", "error_bound"]


@dataclass(frozen=True)
class ErrorBound:
    """A bound and the ridge it holds for."""

    value: float
    ridge: float


@cites("cagnetta2023deep", "upper bound with optimal ridge: source and capacity conditions")
def error_bound(
    num_train: int,
    ridge: float,
    *,
    eigenvalues: Float[Tensor, " modes"],
    teacher_power: Float[Tensor, " modes"],
    missed_power: float,
    diagonal: float,
) -> float:
    """Bound on the mean squared error after ``num_train`` points with the ridge ``ridge``.

    Args:
        num_train: number of training points P.
        ridge: what is added to the Gram matrix's diagonal (the loss is a sum over points).
        eigenvalues: the student's, one per mode or per group of modes that share it.
        teacher_power: power of the target on that mode or group, all of its modes together.
        missed_power: power of the target outside these modes.
        diagonal: the student's K(x, x), the same for all inputs.

    Raises:
        ValueError: ridge ≤ 0 or fewer than zero points.

    A single mode, learned from nothing: the bound is the target's power, times the price of the ridge.

    >>> import torch
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> error_bound(0, 1.0, eigenvalues=one * 0, teacher_power=one, missed_power=0.0, diagonal=1.0)
    4.0
    """
    if not ridge > 0 or num_train < 0:
        raise ValueError(
            f"the bound needs ridge > 0 and num_train ≥ 0, got {ridge} and {num_train}: without a ridge a residual "
            "says nothing about the error; use best_error_bound to choose it"
        )
    level = ridge / (num_train + 1)
    missed = float((teacher_power * (level / (eigenvalues + level))).sum()) + missed_power
    return (1 + diagonal / ridge) ** 2 * missed


def best_error_bound(
    num_train: int,
    *,
    eigenvalues: Float[Tensor, " modes"],
    teacher_power: Float[Tensor, " modes"],
    missed_power: float,
    diagonal: float,
    ridges: Float[Tensor, " candidates"],
) -> ErrorBound:
    """The smallest bound over candidate ridges, chosen from the spectrum alone (never from the data)."""
    bounds = [
        ErrorBound(
            error_bound(
                num_train,
                float(ridge),
                eigenvalues=eigenvalues,
                teacher_power=teacher_power,
                missed_power=missed_power,
                diagonal=diagonal,
            ),
            float(ridge),
        )
        for ridge in ridges
    ]
    return min(bounds, key=lambda bound: bound.value)
