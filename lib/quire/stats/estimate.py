"""One noun for value ± error: what is measured, its standard error, and how well that error is known.

An error that was estimated from n values has n - 1 degrees of freedom, and an interval of Student's t: from three seeds the
95 % interval is ± 4.3 standard errors, not ± 2. Sums, products and powers of *independent* estimates propagate the errors to
first order, and Welch and Satterthwaite's formula gives the degrees of freedom of the result: with e_i the share of each
operand in the error e, e² = Σ e_i²,

    1 / dof = Σ (e_i / e)⁴ / dof_i.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Union

from scipy import special

__all__ = ["ONE_SEED", "Estimate"]

ONE_SEED = "one seed has no error"
Operand = Union["Estimate", Real]


@dataclass(frozen=True)
class Estimate:
    """A measured value and its standard error.

    Attributes:
        value: what was measured; nan where there is nothing to measure (:meth:`missing`).
        stderr: its standard error; nan if there is none.
        dof: degrees of freedom of the error: inf if it is known, 0 if there is none.
        reason: why there is no error or no value; "" otherwise.

    Raises:
        ValueError: a value that is infinite, an error below zero, or degrees of freedom that do not fit the error.

    >>> str(Estimate(-0.523, 0.022, 5) - Estimate(-0.5, 0.01, 3))
    '-0.02 ± 0.02'
    """

    value: Real
    stderr: Real
    dof: Real
    reason: str = ""

    def __post_init__(self):
        for name in ("value", "stderr", "dof"):
            object.__setattr__(self, name, float(getattr(self, name)))  # numpy's and pandas' numbers are accepted
        if math.isinf(self.value) or math.isinf(self.stderr) or self.stderr < 0:
            raise ValueError(f"an estimate needs a finite value and an error ≥ 0, got {self.value} ± {self.stderr}")
        if math.isnan(self.dof) or self.dof < 0 or (self.dof == 0) != math.isnan(self.stderr):
            raise ValueError(
                f"dof must be 0 where there is no error (nan), else positive, inf if it is known; got {self.dof} for "
                f"± {self.stderr}"
            )
        if math.isnan(self.value) and not (math.isnan(self.stderr) and self.reason):
            raise ValueError("a value of nan needs a reason: write Estimate.missing(reason)")
        if math.isnan(self.stderr) and not self.reason:
            object.__setattr__(self, "reason", ONE_SEED)

    @classmethod
    def exact(cls, value: Real) -> "Estimate":
        """A number without error.

        >>> Estimate.exact(2).margin()
        0.0
        """
        return cls(value, 0.0, math.inf)

    @classmethod
    def missing(cls, reason: str) -> "Estimate":
        """Nothing was measured, and why: the claim is then *untested*, for that reason.

        >>> Estimate.missing("no curve crosses 0.5").reason
        'no curve crosses 0.5'
        """
        return cls(math.nan, math.nan, 0.0, reason)

    @property
    def known(self) -> bool:
        """Whether there is a value and an error."""
        return self.dof > 0

    def margin(self, level: float = 0.95) -> float:
        """Half of the interval that covers the truth with a probability: Student's t times the standard error.

        It is nan where there is no error.

        >>> round(Estimate(0.0, 1.0, 2).margin(), 2), round(Estimate(0.0, 1.0, math.inf).margin(), 2)
        (4.3, 1.96)
        """
        if not 0 < level < 1:
            raise ValueError(f"a level of confidence lies between 0 and 1, got {level}: write 0.95 for 95 %")
        if not self.known:
            return math.nan
        return float(special.stdtrit(self.dof, (1 + level) / 2)) * self.stderr

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The interval that covers the truth with a probability."""
        margin = self.margin(level)
        return self.value - margin, self.value + margin

    def __add__(self, other: Operand) -> "Estimate":
        other = _estimate(other)
        return _propagate(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __sub__(self, other: Operand) -> "Estimate":
        other = _estimate(other)
        return _propagate(self.value - other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other: Operand) -> "Estimate":
        other = _estimate(other)
        return _propagate(self.value * other.value, [(self, other.value), (other, self.value)])

    def __truediv__(self, other: Operand) -> "Estimate":
        other = _estimate(other)
        if other.value == 0:
            return Estimate.missing("a ratio to zero has no value")
        ratio = self.value / other.value
        return _propagate(ratio, [(self, 1 / other.value), (other, ratio / other.value)])

    def __radd__(self, other: Operand) -> "Estimate":
        return self + other

    def __rsub__(self, other: Operand) -> "Estimate":
        return _estimate(other) - self

    def __rmul__(self, other: Operand) -> "Estimate":
        return self * other

    def __rtruediv__(self, other: Operand) -> "Estimate":
        return _estimate(other) / self

    def __neg__(self) -> "Estimate":
        return Estimate(-self.value, self.stderr, self.dof, self.reason)

    def __abs__(self) -> "Estimate":
        """With the same error; biased upwards where the value is within its error of zero."""
        return Estimate(abs(self.value), self.stderr, self.dof, self.reason)

    def __pow__(self, power: Real) -> "Estimate":
        if self.value < 0 and power != int(power) or self.value == 0 and power < 1:
            return Estimate.missing(f"{self.value:.3g} to the power {power:g} has no value or no error")
        return _propagate(self.value**power, [(self, power * self.value ** (power - 1))])

    def log(self) -> "Estimate":
        """Natural logarithm; missing if the value is not positive."""
        if self.value <= 0:
            return Estimate.missing(f"{self.value:.3g} has no logarithm")
        return _propagate(math.log(self.value), [(self, 1 / self.value)])

    def log2(self) -> "Estimate":
        """Logarithm to base two; missing if the value is not positive."""
        return self.log() / math.log(2)

    def exp(self) -> "Estimate":
        """Exponential function."""
        return _propagate(math.exp(self.value), [(self, math.exp(self.value))])

    def __str__(self) -> str:
        """With as many digits as the first digit of the error: ``-1.00 ± 0.01``; ``0.52 ± ?`` without an error."""
        if math.isnan(self.value):
            return "nothing"
        if math.isnan(self.stderr):
            return f"{self.value:.3g} ± ?"
        return _with_digits(self.value, self.stderr)


def _estimate(value: Operand) -> Estimate:
    return value if isinstance(value, Estimate) else Estimate.exact(value)


def _propagate(value: float, operands: Iterable[tuple[Estimate, float]]) -> Estimate:
    """The result of an operation on independent estimates, each with the derivative of the result by it."""
    operands = list(operands)
    reasons = [estimate.reason for estimate, _ in operands if not estimate.known]
    if math.isnan(value):
        return Estimate.missing(reasons[0])
    if reasons:
        return Estimate(value, math.nan, 0.0, reasons[0])
    errors = [abs(derivative) * estimate.stderr for estimate, derivative in operands]
    total = math.hypot(*errors)
    if total == 0:
        return Estimate(value, 0.0, min(estimate.dof for estimate, _ in operands))
    rate = sum((error / total) ** 4 / estimate.dof for error, (estimate, _) in zip(errors, operands, strict=True))
    return Estimate(value, total, 1 / rate if rate else math.inf)


def _with_digits(value: float, error: float) -> str:
    if error == 0:
        return f"{value:.4g} ± 0"
    rounded = float(f"{error:.1g}")
    decimals = max(0, -math.floor(math.log10(rounded)))
    if decimals > 9:
        return f"{value:.3g} ± {error:.1g}"
    return f"{round(value, decimals) + 0.0:.{decimals}f} ± {rounded:.{decimals}f}"
