"""From the Gram matrix and the labels of a data set to what the theory of learning curves asks for."""

import torch

from quire.cite import cites
from quire.regression.selfconsistent import ModeSpectrum
from quire.types import Float, Tensor

__all__ = ["empirical_spectrum"]


@cites("canatar2021spectral", "the data set as the distribution: eigenvalues and coefficients of its Gram matrix")
def empirical_spectrum(gram: Float[Tensor, "point point"], targets: Float[Tensor, "point outputs"]) -> ModeSpectrum:
    """Spectrum and teacher of a data set, taken as the whole distribution: training points are drawn from it, with return.

    With the eigenvectors u_ρ of K/n, the eigenvalues are those of K/n and the teacher's power is (u_ρ·y)²/n, summed over
    the outputs: the mean square of the targets is the sum of the powers. Feed it to :func:`self_consistent_curve`. The error of
    that curve is over all n points, the P training points included: without ridge, that of the others is 1/(1 - P/n) as large.

    Args:
        gram: the kernel between all pairs of points.
        targets: a row for each point; centre them, or add a constant to the kernel.

    Raises:
        ValueError: another number of rows, values that are not finite, a matrix that is not symmetric or has an eigenvalue
            below zero by more than rounding.

    >>> spectrum = empirical_spectrum(2 * torch.eye(4).double(), torch.ones(4, 1).double())
    >>> spectrum.eigenvalues.tolist(), float(spectrum.teacher_power.sum())
    ([0.5, 0.5, 0.5, 0.5], 1.0)
    """
    num = len(gram)
    if gram.shape != (num, num) or targets.ndim != 2 or len(targets) != num:
        raise ValueError(
            f"expected a square Gram matrix and a row of targets for each point, got {tuple(gram.shape)} and "
            f"{tuple(targets.shape)}"
        )
    if not (bool(gram.isfinite().all()) and bool(targets.isfinite().all())):
        raise ValueError("Gram matrix and targets must be finite: check the data")
    if not torch.allclose(gram, gram.T, rtol=1e-6, atol=1e-12 * float(gram.abs().max())):
        raise ValueError("the Gram matrix must be symmetric: give the kernel of the points with themselves")
    eigenvalues, modes = torch.linalg.eigh(gram.double() / num)
    least = -1e-9 * float(eigenvalues[-1].abs())
    if float(eigenvalues[0]) < least:
        raise ValueError(f"the Gram matrix has the eigenvalue {float(eigenvalues[0]) * num:.3g}: it is no kernel")
    power = (modes.T @ targets.double()).square().sum(1) / num
    return ModeSpectrum(eigenvalues.clamp_min(0).flip(0), torch.ones_like(eigenvalues), power.flip(0))
