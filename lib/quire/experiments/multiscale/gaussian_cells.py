"""Cells on Gaussian fields with a power-law spectrum, where everything is exact: steps of a diffusion, windows of a denoiser."""

import math

from quire.multiscale import (
    conditional_spectra,
    detail_denoising_error,
    field_spectrum,
    pixel_denoising_error,
    steps_needed,
)

__all__ = ["diffusion_steps", "window_errors"]


def diffusion_steps(*, side: int, exponent: float, basis: str, error: float, most: int) -> dict:
    """Condition number of the covariance, and steps that a discretised diffusion needs.

    Args:
        side: of the field.
        exponent: η.
        basis: "pixels", or "db1", "db4": details given averages, octave by octave, each normalised; the worst octave counts.
        error: largest relative error of a variance.
        most: steps at most; nan if they do not suffice.

    Raises:
        ValueError: another basis.
    """
    if basis == "pixels":
        spectra = [field_spectrum(side, exponent=exponent).flatten()]
    elif basis.startswith("db") and basis[2:].isdigit():
        spectra = conditional_spectra(side, exponent=exponent, moments=int(basis[2:]))
    else:
        raise ValueError(f'basis must be "pixels", or "db" and a number of moments, got {basis!r}')
    needed = [steps_needed(values, error=error, horizon=8.0, per_octave=4, most=most) for values in spectra]
    steps = math.nan if None in needed else float(max(needed))
    return {"condition": max(float(values.max() / values.min()) for values in spectra), "steps": steps}


def window_errors(*, side: int, exponent: float, noise: float, windows: list[int]) -> list[dict]:
    """What a window costs the best linear denoiser, of pixels and of details given clean averages.

    Args:
        side: of the field.
        exponent: η.
        noise: standard deviation, in units of the field's.
        windows: odd sides, in pixels of the lattice that is denoised.

    Returns:
        One row per domain and window: excess, the mean squared error beyond that without a window, relative to it.
    """
    rows = []
    for domain, function, most in (
        ("pixels", pixel_denoising_error, side),
        ("details", detail_denoising_error, side // 2),
    ):
        whole = function(side, exponent=exponent, noise=noise, window=None)
        for window in windows:
            if window <= most:
                seen = function(side, exponent=exponent, noise=noise, window=window)
                rows.append({"domain": domain, "window": window, "excess": seen / whole - 1})
    return rows
