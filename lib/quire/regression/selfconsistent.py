r"""Generalisation error of kernel regression from spectra alone: no fit, no data.

Levels :math:`\rho` have student eigenvalue :math:`\Lambda_\rho`, multiplicity :math:`m_\rho` and total teacher power
:math:`T_\rho`. With ridge :math:`\delta` (on the diagonal of the Gram matrix) and :math:`P` training points,

.. math::
    \sum_\rho \frac{m_\rho\Lambda_\rho}{\Lambda_\rho+\kappa} + \frac{\delta}{\kappa} = P, \qquad
    \gamma = \frac1P \sum_\rho m_\rho\Big(\frac{\Lambda_\rho}{\Lambda_\rho+\kappa}\Big)^2, \qquad
    E = \frac{\sum_\rho \big(\frac{\kappa}{\Lambda_\rho+\kappa}\big)^2 T_\rho + V + \sigma^2}{1-\gamma}

Modes with eigenvalue above :math:`\kappa` are learned, those below are not. A spectrum is always cut somewhere, and
the tail closure is part of the theory: student modes beyond the cut lie far below :math:`\kappa` and act as a ridge of
their total trace; teacher power beyond the cut, or outside the student's span, is unlearnable, :math:`V`.

Sources: bordelon2020spectrum, canatar2021spectral, simon2023eigenlearning; favero2025physics, Chapter 2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["ModeSpectrum", "SelfConsistentCurve", "self_consistent_curve"]


@dataclass(frozen=True)
class ModeSpectrum:
    """Student and teacher in the student's eigenbasis.

    Args:
        eigenvalues: of the student's kernel, one per level, ≥ 0.
        multiplicities: modes per level.
        teacher_power: expected squared teacher coefficients, summed over the modes of the level.
        student_tail: trace of the student's kernel that is not in ``eigenvalues``.
        unlearnable: teacher power that no level of the student holds.
    """

    eigenvalues: Float[Tensor, " level"]
    multiplicities: Float[Tensor, " _"]
    teacher_power: Float[Tensor, " _"]
    student_tail: float = 0.0
    unlearnable: float = 0.0

    def __post_init__(self):
        parts = (self.eigenvalues, self.multiplicities, self.teacher_power)
        if len({len(part) for part in parts}) != 1 or not len(parts[0]):
            raise ValueError(
                f"levels must agree, got lengths {[len(part) for part in parts]}: one entry per level each"
            )
        if not all(bool((part >= 0).all()) and bool(part.isfinite().all()) for part in parts):
            raise ValueError("eigenvalues, multiplicities and teacher_power must be ≥ 0 and finite: check the spectrum")
        for name, value in (("student_tail", self.student_tail), ("unlearnable", self.unlearnable)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be ≥ 0 and finite, got {value}: take it from the exact trace")


@dataclass(frozen=True)
class SelfConsistentCurve:
    """Predictions per training-set size: the threshold kappa, the overfitting factor gamma, and the mean squared error."""

    sizes: list[int]
    threshold: Float[Tensor, " size"]
    overfitting: Float[Tensor, " size"]
    errors: Float[Tensor, " size"]


@cites("simon2023eigenlearning", "the eigenlearning equations")
@cites("canatar2021spectral", "generalisation error of kernel regression")
@cites("bordelon2020spectrum", "spectrum-dependent learning curves")
def self_consistent_curve(
    spectrum: ModeSpectrum, sizes: Sequence[int], *, ridge: float | Sequence[float], noise: float = 0.0
) -> SelfConsistentCurve:
    """Solve the self-consistent equation at every training-set size.

    Args:
        spectrum: student and teacher, with their tails.
        sizes: numbers of training points.
        ridge: added to the Gram matrix, one number or one per size.
        noise: variance of the labels' noise; the error is then that on noisy test labels.

    Raises:
        ValueError: a ridge or noise that is negative, or no root: without ridge and tail, n modes are learned exactly
            by n points and there is no threshold left.

    Equal eigenvalues make the equation quadratic, and without ridge the error falls to zero linearly:

    >>> flat = ModeSpectrum(torch.ones(1).double(), torch.tensor([100.0]).double(), torch.ones(1).double())
    >>> self_consistent_curve(flat, [25, 50, 75], ridge=0.0).errors.mul(1e12).round().div(1e12).tolist()
    [0.75, 0.5, 0.25]
    """
    sizes = [int(size) for size in sizes]
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes must be ≥ 1, got {sizes}: they count training points")
    ridges = [ridge] * len(sizes) if isinstance(ridge, (int, float)) else list(ridge)
    if len(ridges) != len(sizes) or not all(math.isfinite(value) and value >= 0 for value in [*ridges, noise]):
        raise ValueError(f"ridge must be ≥ 0, one or one per size, and noise ≥ 0, got {ridge} and {noise}")
    eigenvalues, multiplicities, power = (
        part.double() for part in (spectrum.eigenvalues, spectrum.multiplicities, spectrum.teacher_power)
    )
    points = torch.tensor(sizes, dtype=torch.float64, device=eigenvalues.device)
    flat = torch.tensor(ridges, dtype=torch.float64, device=eigenvalues.device) + spectrum.student_tail
    threshold = _solve(eigenvalues, multiplicities, flat, points)
    learned = [eigenvalues / (eigenvalues + kappa) for kappa in threshold]
    gamma = torch.stack([(multiplicities * share.square()).sum() for share in learned]) / points
    left = torch.stack([((1 - share).square() * power).sum() for share in learned])
    errors = (left + spectrum.unlearnable + noise) / (1 - gamma)
    return SelfConsistentCurve(sizes=sizes, threshold=threshold, overfitting=gamma, errors=errors)


def _solve(eigenvalues: Tensor, multiplicities: Tensor, flat: Tensor, points: Tensor) -> Tensor:
    """Newton in log kappa on log(left side / P), kept inside a bracket that is derived, not guessed."""
    positive = eigenvalues > 0
    eigenvalues, multiplicities = eigenvalues[positive], multiplicities[positive]
    modes = multiplicities.sum()
    for size, extra in zip(points.tolist(), flat.tolist(), strict=True):
        if extra == 0 and size >= modes:
            raise ValueError(
                f"no threshold: without ridge and tail, sizes must be < the {float(modes):.0f} modes of the student, "
                f"got {size:.0f}: give a ridge, a student_tail, or more levels"
            )
    high = ((multiplicities * eigenvalues).sum() + flat) / points  # left side ≤ (trace + flat) / kappa
    low = flat / points  # left side ≥ flat / kappa
    if len(eigenvalues):
        low = torch.maximum(low, eigenvalues.min() * (modes / points - 1))  # ≥ modes · min / (min + kappa)
    low, high, target = low.log(), high.log(), points.log()
    root = (low + high) / 2
    for _ in range(200):
        kappa = root.exp()
        sides = [_left_side(eigenvalues, multiplicities, extra, k) for extra, k in zip(flat, kappa, strict=True)]
        value = torch.stack([side for side, _ in sides])
        slope = torch.stack([derivative for _, derivative in sides]) * kappa / value
        gap = value.log() - target
        low, high = torch.where(gap > 0, root, low), torch.where(gap > 0, high, root)
        step = root - gap / slope
        new = torch.where((step > low) & (step < high), step, (low + high) / 2)
        done = bool(((new - root).abs() < 1e-13).all())
        root = new
        if done:
            break
    return root.exp()


def _left_side(eigenvalues, multiplicities, flat, kappa) -> tuple[Tensor, Tensor]:
    share = multiplicities * eigenvalues / (eigenvalues + kappa)
    return share.sum() + flat / kappa, -(share / (eigenvalues + kappa)).sum() - flat / kappa**2
