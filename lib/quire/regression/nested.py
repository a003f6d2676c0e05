r"""A whole learning curve from one factorisation.

Kernel regression on the first :math:`P` of :math:`n` points predicts
:math:`f_P(x_*) = k_P(x_*)^\top (K_P + \delta)^{-1} y_P`. With :math:`K + \delta = LL^\top`, the leading blocks of
:math:`L`, of :math:`W = L^{-1}K(X,X_*)` and of :math:`z = L^{-1}y` belong to the leading blocks of :math:`K`, so that

.. math:: f_P(x_*) = W_P^\top z_P

is a running sum over rows: every :math:`P` and every teacher share one factor. For teachers drawn from a Gaussian
field of covariance :math:`K_T` the average over the teachers is exact, with :math:`V_P = L_P^{-\top}W_P`:

.. math:: E_P(x_*) = K_T(x_*,x_*) - 2\,V_P^\top K_T(X_P,x_*) + V_P^\top K_T(X_P,X_P)\,V_P

If teacher and student agree and :math:`\delta=0` this is the posterior variance :math:`K(x_*,x_*)-|W_P|^2`, which
cannot increase with :math:`P`. The points of one curve share their data: error bars come from new data sets.
"""

from collections.abc import Sequence

import torch

from quire.cite import cites
from quire.device import require_memory
from quire.regression.cholesky import cholesky_factor
from quire.types import Float, Tensor

__all__ = ["NestedRegression", "kernel_regression"]


def kernel_regression(
    train_gram: Float[Tensor, "train train"],
    cross_gram: Float[Tensor, "train test"],
    *,
    targets: Float[Tensor, "train teacher"],
    ridge: float,
    jitter: float = 0.0,
) -> Float[Tensor, "test teacher"]:
    """Predictions of kernel (ridge) regression on all training points: one size, one direct solve.

    Raises:
        ValueError: as for :class:`NestedRegression`, or targets that are not finite or not ``[train, teacher]``.

    >>> kernel_regression(torch.eye(2), torch.tensor([[1.0], [0.0]]), targets=torch.tensor([[3.0], [5.0]]), ridge=1.0)
    tensor([[1.5000]])
    """
    factor = cholesky_factor(train_gram, ridge=ridge, jitter=jitter)
    _check_targets(targets, len(train_gram), "targets")
    return cross_gram.T @ torch.cholesky_solve(targets, factor)


@cites("favero2021locality", "kernel regression with teacher and student kernels")
class NestedRegression:
    """Kernel regression on nested training sets: the first P of n points, for every P at once.

    Args:
        train_gram: student kernel between the training points.
        cross_gram: student kernel between training and test points.
        ridge: added to the diagonal, the same for every size. In the convention where the loss is averaged over the
            training set this is the size times the penalty; a ridge that depends on the size needs one factor per size.
        jitter: added to the diagonal against rounding, and kept in ``self.jitter``.

    Raises:
        ValueError: shapes that do not match, a negative ridge or jitter, non-finite values.
        SingularGramError: duplicate points without ridge.
        MemoryError: the factor does not fit, said before it is computed.

    >>> student = NestedRegression(torch.eye(2), torch.eye(2)[:, :1], ridge=0.0)
    >>> student.errors(torch.tensor([[3.0], [5.0]]), torch.tensor([[3.0]]), sizes=[1, 2]).flatten().tolist()
    [0.0, 0.0]
    """

    def __init__(
        self,
        train_gram: Float[Tensor, "train train"],
        cross_gram: Float[Tensor, "train test"],
        *,
        ridge: float,
        jitter: float = 0.0,
    ):
        self.num_train, self.num_test = cross_gram.shape
        item = train_gram.element_size()
        self.num_bytes = require_memory(
            item * (2 * train_gram.numel() + 3 * cross_gram.numel()),
            f"a Cholesky factor of {self.num_train} points",
            train_gram.device,
        )
        self.ridge, self.jitter = ridge, jitter
        self.factor = cholesky_factor(train_gram, ridge=ridge, jitter=jitter)
        self.whitened = torch.linalg.solve_triangular(self.factor, cross_gram, upper=False)

    def predictions(
        self, targets: Float[Tensor, "train teacher"], *, sizes: Sequence[int]
    ) -> Float[Tensor, "size test teacher"]:
        """Predictions at the test points after the first P training points, for every P and teacher.

        Raises:
            ValueError: sizes that do not increase or are no whole numbers, or targets that are not finite or not ``[train, teacher]``.
        """
        sizes = self._checked(sizes)
        _check_targets(targets, self.num_train, "targets")
        coefficients = torch.linalg.solve_triangular(self.factor, targets, upper=False)
        steps = [
            self.whitened[low:high].T @ coefficients[low:high]
            for low, high in zip([0, *sizes[:-1]], sizes, strict=True)
        ]
        return torch.stack(steps).cumsum(0)

    def errors(
        self,
        targets: Float[Tensor, "train teacher"],
        test_targets: Float[Tensor, "test teacher"],
        *,
        sizes: Sequence[int],
    ) -> Float[Tensor, "size teacher"]:
        """Mean squared error over the test points, for every P and every teacher.

        Raises:
            ValueError: as for :meth:`predictions`, and test targets of other teachers.
        """
        _check_targets(test_targets, self.num_test, "test_targets", teachers=targets.shape[-1])
        return (self.predictions(targets, sizes=sizes) - test_targets).square().mean(1)

    def average_errors(
        self,
        teacher_gram: Float[Tensor, "train train"],
        teacher_cross: Float[Tensor, "train test"],
        *,
        teacher_diagonal: Float[Tensor, " test"],
        sizes: Sequence[int],
    ) -> Float[Tensor, "size test"]:
        """Squared error at each test point, averaged exactly over Gaussian teachers of that covariance."""
        curves = []
        for size in self._checked(sizes):
            weights = self._weights(size)
            residual = teacher_gram[:size, :size] @ weights
            residual.sub_(teacher_cross[:size], alpha=2).mul_(weights)
            curves.append(teacher_diagonal + residual.sum(0))
        return torch.stack(curves)

    def variances(self, diagonal: Float[Tensor, " test"], *, sizes: Sequence[int]) -> Float[Tensor, "size test"]:
        """Posterior variance at each test point: the average error when teacher and student kernel agree."""
        return diagonal - self.whitened.square().cumsum(0)[torch.tensor(self._checked(sizes)) - 1]

    def _weights(self, size: int) -> Tensor:
        return torch.linalg.solve_triangular(self.factor[:size, :size].T, self.whitened[:size], upper=True)

    def _checked(self, sizes: Sequence[int]) -> list[int]:
        if any(size != int(size) for size in sizes):
            raise ValueError(f"sizes count training points, got {list(sizes)}: round them")
        sizes = [int(size) for size in sizes]
        if not sizes or sizes[0] < 1 or any(b <= a for a, b in zip(sizes, sizes[1:], strict=False)):
            raise ValueError(f"sizes must be strictly increasing and ≥ 1, got {sizes}: sort them and drop repeats")
        if sizes[-1] > self.num_train:
            raise ValueError(
                f"sizes must be ≤ the number of training points = {self.num_train}, got {sizes[-1]}: draw more points"
            )
        return sizes


def _check_targets(targets: Tensor, points: int, name: str, teachers: int | None = None) -> None:
    """Raise unless these are finite, a row for each point and a column for each teacher."""
    fits = targets.ndim == 2 and targets.shape[0] == points and teachers in (None, targets.shape[1])
    if not fits:
        columns = "teacher" if teachers is None else teachers
        raise ValueError(
            f"{name} must be [{points}, {columns}], a row for each point and a column for each teacher, got "
            f"{list(targets.shape)}: of one teacher write {name}[:, None]"
        )
    if not bool(targets.isfinite().all()):
        raise ValueError(f"{name} must be finite, got nan or inf: drop these points")
