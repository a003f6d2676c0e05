"""How many steps a discretised reverse diffusion of a Gaussian needs, without a network: exact, for each eigenvalue on its own.

Forward dx = -x dt + √2 dW until time T; backward Euler-Maruyama steps of length d with the exact score. A mode of variance e has
s(t) = 1 + (e - 1) exp(-2t), and the variance of the samples obeys v <- (1 + d - 2d/s(t))² v + 2d from v(T) = 1.
"""

import torch

from quire.types import Float, Tensor

__all__ = ["generated_variances", "steps_needed"]


def generated_variances(eigenvalues: Float[Tensor, "modes"], *, steps: int, horizon: float) -> Float[Tensor, "modes"]:
    """Variance of the generated samples along each eigenvector.

    Args:
        eigenvalues: of the covariance, positive.
        steps: number of steps of equal length.
        horizon: T.

    Raises:
        ValueError: eigenvalues, steps or a horizon that are not positive.

    White noise is left as it is, but for the error of Euler's method:

    >>> bool((generated_variances(torch.ones(3), steps=4000, horizon=8.0) - 1).abs().max() < 0.01)
    True
    """
    if not (eigenvalues.numel() and bool((eigenvalues > 0).all()) and bool(torch.isfinite(eigenvalues).all())):
        raise ValueError("the eigenvalues of a covariance must be finite and > 0: drop directions without variance")
    if steps < 1 or not horizon > 0:
        raise ValueError(f"expected steps ≥ 1 and horizon > 0, got {steps} and {horizon}")
    length, variances = horizon / steps, torch.ones_like(eigenvalues)
    decays = torch.exp(-2 * torch.linspace(horizon, length, steps, dtype=torch.float64)).tolist()
    for decay in decays:
        noised = 1 + (eigenvalues - 1) * decay
        variances = (1 + length - 2 * length / noised).square() * variances + 2 * length
    return variances


def steps_needed(
    eigenvalues: Float[Tensor, "modes"], *, error: float, horizon: float, per_octave: int, most: int
) -> int | None:
    """Least number of steps on the grid 2^(k/per_octave) with max |v/e - 1| below ``error``; None if ``most`` do not suffice.

    Args:
        eigenvalues: of the covariance.
        error: largest relative error of a variance.
        horizon: T.
        per_octave: grid points per factor of two.
        most: largest number that is tried.

    Raises:
        ValueError: as :func:`generated_variances`, or an error that is not positive, or an empty grid.
    """
    if not error > 0 or per_octave < 1 or most < 1:
        raise ValueError(f"expected error > 0, per_octave ≥ 1, most ≥ 1, got {error}, {per_octave}, {most}")
    tried = 0
    while round(2 ** (tried / per_octave)) <= most:
        steps = round(2 ** (tried / per_octave))
        found = generated_variances(eigenvalues, steps=steps, horizon=horizon) / eigenvalues
        if bool(((found - 1).abs() < error).all()):
            return steps
        tried += 1
    return None
