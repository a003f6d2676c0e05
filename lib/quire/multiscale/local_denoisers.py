"""The best linear denoisers that see a window: of pixels, and of Haar details given the clean coarse field. Exact, no training.

Both predict a target y from a vector z of what is seen, and leave the error E|y|² - Cov(y,z) Cov(z)⁻¹ Cov(z,y), per predicted number.
"""

import torch

from quire.multiscale.gaussian_fields import field_covariance, field_spectrum
from quire.multiscale.wavelets import packet_matrix
from quire.types import Float, Tensor

__all__ = ["detail_denoising_error", "pixel_denoising_error"]


def pixel_denoising_error(side: int, *, exponent: float, noise: float, window: int | None) -> float:
    """Mean squared error of the best linear estimate of a pixel from the noisy pixels in a window around it.

    Args:
        side: of the field, of unit variance (:func:`quire.multiscale.field_spectrum`).
        exponent: η of its spectrum.
        noise: standard deviation of the white noise.
        window: odd side of the window, at most ``side``; None for the whole field.

    Raises:
        ValueError: a noise that is not positive, or another window.
    """
    _checked(side, noise, window)
    if window is None:
        power = field_spectrum(side, exponent=exponent)
        return float((power * noise**2 / (power + noise**2)).mean())
    seen = _window(side, window)
    covariance = field_covariance(side, exponent=exponent)
    return _least_error(covariance, targets=torch.tensor([0]), noisy=seen, clean=seen[:0], noise=noise)


def detail_denoising_error(side: int, *, exponent: float, noise: float, window: int | None) -> float:
    """The same for the three finest Haar details of a site, from noisy details and clean averages in a window of sites; per detail.

    Args:
        side: of the field, even; there are side/2 sites on each axis.
        exponent, noise: as for :func:`pixel_denoising_error`.
        window: odd side of the window in sites, at most side/2; None for all sites.

    Raises:
        ValueError: an odd side, a noise that is not positive, or another window.
    """
    matrix = packet_matrix(side, depth=1, moments=1)
    half = side // 2
    _checked(half, noise, window)
    both = torch.kron(matrix, matrix)
    covariance = both @ field_covariance(side, exponent=exponent) @ both.T
    sites = torch.arange(half**2) if window is None else _window(half, window)
    row, column = sites // half, sites % half
    parts = [(row + half * a) * side + column + half * b for a, b in ((0, 0), (0, 1), (1, 0), (1, 1))]
    targets = torch.tensor([half, half * side, half * side + half])
    return _least_error(covariance, targets=targets, noisy=torch.cat(parts[1:]), clean=parts[0], noise=noise)


def _least_error(
    covariance: Float[Tensor, "n n"], *, targets: Tensor, noisy: Tensor, clean: Tensor, noise: float
) -> float:
    """Error per target of the best linear estimate from some numbers with noise and some without."""
    seen = torch.cat([noisy, clean])
    variances = torch.cat([torch.full((len(noisy),), noise**2), torch.zeros(len(clean))]).to(covariance)
    known = covariance[seen][:, seen] + torch.diag(variances)
    cross = covariance[seen][:, targets]
    explained = (cross * torch.linalg.solve(known, cross)).sum(0)
    return float((covariance.diagonal()[targets] - explained).mean())


def _window(side: int, window: int) -> Tensor:
    """Numbers of the sites in a window around site (0, 0) of the torus."""
    line = torch.arange(-(window // 2), window // 2 + 1) % side
    return (line[:, None] * side + line).flatten()


def _checked(side: int, noise: float, window: int | None) -> None:
    if not noise > 0:
        raise ValueError(f"the noise must be > 0, got {noise}: without noise there is nothing to remove")
    if window is not None and not (1 <= window <= side and window % 2):
        raise ValueError(f"the window must be odd and in [1, {side}], got {window}; None is the whole field")
