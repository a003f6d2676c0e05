"""Gaussian fields: spectra, step counts and local denoisers against dense algebra and simulated draws."""

import math

import pytest
import torch

from quire.multiscale import (
    conditional_spectra,
    detail_denoising_error,
    field_covariance,
    field_spectrum,
    generated_variances,
    packet_band,
    pixel_denoising_error,
    steps_needed,
)


def test_the_covariance_has_the_spectrum():
    spectrum, covariance = field_spectrum(6, exponent=3.0), field_covariance(6, exponent=3.0)
    torch.testing.assert_close(torch.linalg.eigvalsh(covariance), spectrum.flatten().sort().values)
    torch.testing.assert_close(covariance.diagonal(), torch.ones(36, dtype=torch.float64))
    assert float(spectrum[0, 0] / spectrum[0, 1]) == pytest.approx(2**1.5)
    assert float(spectrum[0, 1] / spectrum[0, 3]) == pytest.approx(4**1.5)  # eigenvalues 1 and 4 of -Δ on six sites


def test_the_conditional_covariance_is_the_inverse_block_of_the_precision():
    band = packet_band(8, depth=1, band=1, moments=2)
    basis = band.synthesise(torch.eye(48, dtype=torch.float64)).flatten(1)
    precision = basis @ torch.linalg.inv(field_covariance(8, exponent=3.0)) @ basis.T
    exact = (1 / torch.linalg.eigvalsh(precision)).sort().values
    torch.testing.assert_close(conditional_spectra(8, exponent=3.0, moments=2)[0], exact / exact.mean())


def test_scales_hold_all_numbers_of_the_field():
    assert [len(scale) for scale in conditional_spectra(16, exponent=2.0, moments=1)] == [192, 48, 12, 3, 1]


def test_generated_variances_are_those_of_a_simulation():
    eigenvalues, steps, horizon = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64), 40, 3.0
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(200000, 3, dtype=torch.float64, generator=noise)
    length = horizon / steps
    for k in range(steps):
        noised = 1 + (eigenvalues - 1) * math.exp(-2 * (horizon - k * length))
        drift = x - 2 * x / noised  # -f + 2 score, with f = -x
        x = x + length * drift + math.sqrt(2 * length) * torch.randn(x.shape, dtype=x.dtype, generator=noise)
    found = generated_variances(eigenvalues, steps=steps, horizon=horizon)
    torch.testing.assert_close(x.var(0), found, rtol=5 * (2 / 200000) ** 0.5, atol=0)


def test_the_error_of_the_variance_is_of_first_order_in_the_step():
    eigenvalues = torch.tensor([0.3, 2.0], dtype=torch.float64)
    errors = [
        (generated_variances(eigenvalues, steps=n, horizon=8.0) / eigenvalues - 1).abs().max() for n in (4000, 8000)
    ]
    assert float(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_steps_needed_is_the_least_on_its_grid():
    eigenvalues = torch.tensor([0.3, 2.0], dtype=torch.float64)
    asked = dict(error=0.1, horizon=8.0, per_octave=4)
    found = steps_needed(eigenvalues, **asked, most=4096)
    before = round(found / 2**0.25)
    ratios = [generated_variances(eigenvalues, steps=n, horizon=8.0) / eigenvalues for n in (found, before)]
    assert float((ratios[0] - 1).abs().max()) < 0.1 <= float((ratios[1] - 1).abs().max())
    assert steps_needed(eigenvalues, **asked, most=4) is None


def test_a_window_of_the_whole_field_is_the_whole_field():
    asked = dict(exponent=2.0, noise=1.5)
    whole = pixel_denoising_error(9, **asked, window=None)
    assert pixel_denoising_error(9, **asked, window=9) == pytest.approx(whole)
    every = [pixel_denoising_error(9, **asked, window=k) for k in (1, 3, 5, 7, 9)]
    assert every == sorted(every, reverse=True) and every[0] == pytest.approx(1.5**2 / (1 + 1.5**2))
    details = [detail_denoising_error(10, **asked, window=k) for k in (1, 3, 5)]
    assert details == sorted(details, reverse=True)
    assert details[-1] == pytest.approx(detail_denoising_error(10, **asked, window=None))


def test_details_given_all_averages_have_the_wiener_error_of_their_conditional_law():
    sigma, band = 1.5, packet_band(8, depth=1, band=1, moments=1)
    basis = band.synthesise(torch.eye(48, dtype=torch.float64)).flatten(1)
    variances = 1 / torch.linalg.eigvalsh(basis @ torch.linalg.inv(field_covariance(8, exponent=2.0)) @ basis.T)
    exact = (variances * sigma**2 / (variances + sigma**2)).mean()
    found = detail_denoising_error(8, exponent=2.0, noise=sigma, window=None)
    assert found == pytest.approx(float(exact))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: field_spectrum(1, exponent=2.0), "side"),
        (lambda: field_spectrum(4, exponent=math.nan), "finite"),
        (lambda: conditional_spectra(12, exponent=2.0, moments=1), "power of two"),
        (lambda: generated_variances(torch.zeros(2), steps=3, horizon=1.0), "> 0"),
        (lambda: generated_variances(torch.ones(2), steps=0, horizon=1.0), "steps"),
        (lambda: steps_needed(torch.ones(2), error=0.0, horizon=1.0, per_octave=4, most=8), "error"),
        (lambda: pixel_denoising_error(8, exponent=2.0, noise=0.0, window=3), "noise"),
        (lambda: pixel_denoising_error(8, exponent=2.0, noise=1.0, window=4), "odd"),
        (lambda: detail_denoising_error(8, exponent=2.0, noise=1.0, window=5), "odd and in"),
    ],
)
def test_bad_input_is_said(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
