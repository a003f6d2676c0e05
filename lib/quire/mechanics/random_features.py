r"""A linear random-feature model: data and features are two sides of one scaling law (maloney2022solvable, bahri2024explaining).

Inputs are Gaussian with covariance eigenvalues :math:`\lambda_i`, the teacher is :math:`y = w\cdot x` with an isotropic w, so that with
infinitely many data and N random linear features, or with all features and T data, the expected squared error over x and w is

.. math:: L = \frac1M\,\mathrm{tr}\big[(1-P)^\top\Lambda\,(1-P)\big]\,,

with P the projection of w that the features, or the data, leave. For :math:`\lambda_i\sim i^{-(1+\alpha)}` both fall as a power α.
"""

import torch

from quire.types import Float, Tensor

__all__ = ["feature_limited_error", "power_law_covariance", "sample_limited_error"]


def power_law_covariance(number: int, exponent: float) -> Float[Tensor, " inputs"]:
    """λ_i = i^-(1+α).

    >>> power_law_covariance(2, 1.0).tolist()
    [1.0, 0.25]
    """
    if number < 1 or not exponent > 0:
        raise ValueError(f"one input at least and a positive exponent are needed, got {number}, {exponent}")
    return torch.arange(1, number + 1, dtype=torch.float64) ** -(1 + exponent)


def feature_limited_error(
    covariance: Float[Tensor, " inputs"], num_features: int, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Error of the best predictor from N random linear features, with infinitely many data, averaged over the teacher.

    Args:
        covariance: λ, positive.
        num_features: N, at most as many as inputs.
        generator: of the features, normal numbers.

    Raises:
        ValueError: more features than inputs, or a covariance that is not positive.
    """
    _check(covariance, num_features)
    root = covariance.double().sqrt()
    drawn = torch.randn(num_features, len(root), generator=generator, dtype=torch.float64) * root
    basis = torch.linalg.qr(drawn.T).Q  # of the span of Λ^(1/2) Fᵀ
    explained = ((basis.T * root) ** 2).sum()
    return (root.square().sum() - explained) / len(root)


def sample_limited_error(
    covariance: Float[Tensor, " inputs"], num_samples: int, generator: torch.Generator, *, ridge: float = 1e-6
) -> Float[Tensor, ""]:
    """Error of ridge regression on T data in all inputs, averaged over the teacher.

    Args:
        covariance: λ, positive.
        num_samples: T.
        generator: of the data.
        ridge: relative to the mean of the Gram matrix's diagonal.

    Raises:
        ValueError: more samples than inputs, a covariance that is not positive, or a negative ridge.
    """
    _check(covariance, num_samples)
    if ridge < 0:
        raise ValueError(f"ridge must be ≥ 0, got {ridge}")
    variances = covariance.double()
    data = torch.randn(num_samples, len(variances), generator=generator, dtype=torch.float64) * variances.sqrt()
    gram = data @ data.T
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    learned = data.T @ torch.linalg.solve(gram, data)  # P, symmetric
    rest = torch.eye(len(variances), dtype=torch.float64) - learned
    return (rest.square() * variances[:, None]).sum() / len(variances)


def _check(covariance: Tensor, number: int) -> None:
    if covariance.ndim != 1 or not bool((covariance > 0).all()):
        raise ValueError("covariance must be a list of positive eigenvalues")
    if not 1 <= number <= len(covariance):
        raise ValueError(f"a number between 1 and {len(covariance)}, the inputs, is needed, got {number}")
