"""One estimate out of several independent ones: the extreme, the average, how far they spread."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real

from quire.stats.estimate import Estimate

__all__ = ["average", "farthest", "largest", "smallest", "spread"]

Estimates = Mapping | Iterable


def largest(estimates: Estimates, *, if_empty: str = "") -> Estimate:
    """The estimate of the largest value, with its own error and degrees of freedom.

    Selecting favours values that noise has raised: the value is biased upwards, by about one error if several lie within
    their errors of one another, and its error does not know. An upper bound ("at most") is tested strictly, a lower bound
    on the largest too kindly.

    Args:
        estimates: a list, or the values of a dict; if one is missing, so is the largest.
        if_empty: why there may be none at all: the result is then missing.

    Raises:
        ValueError: none, without ``if_empty``.

    >>> largest({"a": Estimate(1.0, 0.1, 2), "b": Estimate(2.0, 0.3, 4)})
    Estimate(value=2.0, stderr=0.3, dof=4.0, reason='')
    """
    return _chosen(estimates, if_empty, lambda estimate: estimate.value)


def smallest(estimates: Estimates, *, if_empty: str = "") -> Estimate:
    """The estimate of the smallest value, as :func:`largest`; selecting biases the value downwards."""
    return _chosen(estimates, if_empty, lambda estimate: -estimate.value)


def farthest(estimates: Estimates, *, from_: Real, if_empty: str = "") -> Estimate:
    """The estimate whose value is farthest from a number, on either side; selecting biases it away from that number.

    >>> farthest([Estimate.exact(0.9), Estimate.exact(1.2)], from_=1.0).value
    1.2
    """
    return _chosen(estimates, if_empty, lambda estimate: abs(estimate.value - from_))


def average(estimates: Estimates) -> Estimate:
    """Mean of independent estimates, each with the same weight; its error follows from theirs, not from their scatter.

    >>> average([Estimate(1.0, 0.3, math.inf), Estimate(3.0, 0.4, math.inf)])
    Estimate(value=2.0, stderr=0.25, dof=inf, reason='')
    """
    each = _listed(estimates, "")
    return sum(each[1:], each[0]) / len(each)


def spread(estimates: Estimates, *, if_empty: str = "") -> Estimate:
    """The largest over the smallest of several positive estimates.

    Both are given the largest relative error of all, r: the error is √2 r times the ratio, with the degrees of freedom of
    that estimate. Selecting the extremes biases the ratio upwards.

    Args:
        estimates: a list, or the values of a dict; with a missing one, or one that is not positive, the result is missing.
        if_empty: as in :func:`largest`.

    >>> str(spread([Estimate(2.0, 0.02, 9), Estimate(4.0, 0.04, 9)]))
    '2.00 ± 0.03'
    """
    each = _listed(estimates, if_empty)
    if not each:
        return Estimate.missing(if_empty)
    high, low = largest(each), smallest(each)
    if not low.value > 0:  # nan if one is missing
        return Estimate.missing(low.reason or "the ratio of the extremes needs positive values")
    quotient = high.value / low.value
    without = [estimate for estimate in each if not estimate.known]
    if without:
        return Estimate(quotient, math.nan, 0.0, without[0].reason)
    worst = max(each, key=lambda estimate: estimate.stderr / estimate.value)
    return Estimate(quotient, quotient * (worst.stderr / worst.value) * 2**0.5, worst.dof)


def _chosen(estimates: Estimates, if_empty: str, height) -> Estimate:
    each = _listed(estimates, if_empty)
    if not each:
        return Estimate.missing(if_empty)
    for estimate in each:
        if math.isnan(estimate.value):
            return estimate
    return max(each, key=height)


def _listed(estimates: Estimates, if_empty: str) -> list[Estimate]:
    each = list(estimates.values() if isinstance(estimates, Mapping) else estimates)
    wrong = [estimate for estimate in each if not isinstance(estimate, Estimate)]
    if wrong:
        raise TypeError(f"expected estimates, got {wrong[0]!r}: write Estimate.exact(x) for a number without error")
    if not each and not if_empty:
        raise ValueError(
            "one out of no estimates: if that may happen, say why with if_empty=…, which makes the result missing; "
            "otherwise look at how the rows were selected"
        )
    return each
