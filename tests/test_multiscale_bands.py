"""Orthogonal bands, conditional Hessians, score matching and Langevin steps against dense algebra and automatic derivatives."""

import pytest
import torch

from quire.multiscale import (
    Phi4,
    conditional_hessian,
    daubechies,
    energy,
    hessian,
    langevin,
    match_scores,
    packet_band,
    packet_matrix,
    sample_phi4,
    smallest_eigenvalues,
)

BETA = 0.68


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=stream(seed))


@pytest.mark.parametrize("moments", range(1, 9))
def test_filters_are_orthonormal_and_have_vanishing_moments(moments):
    taps = daubechies(moments)
    assert len(taps) == 2 * moments
    for shift in range(moments):
        product = float((taps[2 * shift :] * taps[: len(taps) - 2 * shift]).sum())
        assert product == pytest.approx(float(shift == 0), abs=1e-8)
    place = torch.linspace(-1, 1, len(taps), dtype=torch.float64)
    alternating = (-1.0) ** torch.arange(len(taps)) * taps
    for power in range(moments):
        assert float((alternating * place**power).sum()) == pytest.approx(0, abs=1e-8)


def test_four_taps_are_the_closed_form():
    root = 3**0.5
    exact = torch.tensor([1 + root, 3 + root, 3 - root, 1 - root], dtype=torch.float64) / (4 * 2**0.5)
    torch.testing.assert_close(daubechies(2), exact)


@pytest.mark.parametrize(("side", "depth", "moments"), [(4, 1, 4), (8, 1, 1), (8, 3, 2), (16, 2, 4), (16, 3, 4)])
def test_transforms_are_orthogonal(side, depth, moments):
    matrix = packet_matrix(side, depth=depth, moments=moments)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(side, dtype=torch.float64), atol=1e-9, rtol=0)


def test_packets_stand_in_the_order_of_frequency():
    side, depth = 64, 3
    power = torch.fft.rfft(packet_matrix(side, depth=depth, moments=8)).abs().square()
    centre = (power * torch.arange(side // 2 + 1)).sum(1) / power.sum(1)
    by_part = centre.reshape(2**depth, -1).mean(1)
    assert bool((by_part.diff() > 0).all()), by_part


def test_bands_put_a_field_together():
    fields = noise(3, 16, 16)
    bands = [packet_band(16, depth=2, band=m, moments=4) for m in (1, 2, 3)]
    coarse = fields - sum(band.project(fields) for band in bands)
    lowest = bands[0].average(fields)
    torch.testing.assert_close(coarse.square().sum((1, 2)), lowest.square().sum(1))
    torch.testing.assert_close(bands[2].analyse(bands[2].synthesise(noise(3, 112))), noise(3, 112))
    torch.testing.assert_close(bands[2].analyse(bands[1].project(fields)), torch.zeros(3, 112, dtype=torch.float64))


def test_the_conditional_hessian_is_that_of_the_conditional_energy():
    field, band = noise(4, 4), packet_band(4, depth=1, band=1, moments=2)
    held = field - band.project(field)
    exact = torch.autograd.functional.hessian(lambda v: energy(held + band.synthesise(v), BETA), band.analyse(field))
    torch.testing.assert_close(conditional_hessian(field, BETA, band), exact)


@pytest.mark.parametrize("conditional", [False, True])
def test_smallest_eigenvalues_are_those_of_the_dense_matrix(conditional):
    fields, band = noise(4, 8, 8), packet_band(8, depth=1, band=1, moments=4)
    dense = [conditional_hessian(x, BETA, band) if conditional else hessian(x, BETA) for x in fields]
    exact = torch.stack([torch.linalg.eigvalsh(matrix)[0] for matrix in dense])
    band = band if conditional else None
    found = smallest_eigenvalues(fields, BETA, band=band, steps=44, generator=stream())
    torch.testing.assert_close(found, exact, atol=1e-3, rtol=0)
    few = smallest_eigenvalues(fields, BETA, band=band, steps=3, generator=stream())
    assert bool((few > exact).all())
    every = smallest_eigenvalues(fields, BETA, band=band, steps=10000, generator=stream())
    torch.testing.assert_close(every, exact)


@pytest.mark.parametrize(("depth", "band", "least"), [(1, 1, 2.0), (2, 3, 3.38), (3, 7, 3.83)])
def test_no_band_is_log_concave_at_the_field_zero(depth, band, least):
    zero = torch.zeros(1, 16, 16, dtype=torch.float64)
    chosen = packet_band(16, depth=depth, band=band, moments=4)
    found = float(smallest_eigenvalues(zero, BETA, band=chosen, steps=250, generator=stream()))
    assert found == pytest.approx(BETA * least - 2 - 4 * BETA, abs=0.01)


@pytest.mark.parametrize("conditional", [False, True])
def test_score_matching_is_least_where_it_says(conditional):
    fields = noise(30, 4, 4)
    band = packet_band(4, depth=1, band=1, moments=1) if conditional else None
    found = match_scores(fields, band=band).parameters

    def modelled(v, held, theta):
        x = held + (band.synthesise(v) if conditional else v.reshape(4, 4))
        bonds = (x * (torch.roll(x, 1, 0) + torch.roll(x, 1, 1))).sum()
        return -theta[0] * bonds + sum(theta[k] * (x ** (2 * k)).sum() for k in (1, 2, 3))

    theta = found.clone().requires_grad_()
    loss = torch.zeros((), dtype=torch.float64)
    for x in fields:
        v = (band.analyse(x) if conditional else x.flatten()).requires_grad_()
        held = (x - band.project(x)) if conditional else torch.zeros_like(x)
        (slope,) = torch.autograd.grad(modelled(v, held, theta), v, create_graph=True)
        bends = [torch.autograd.grad(slope[k], v, create_graph=True)[0][k] for k in range(len(v))]
        loss = loss + (slope.square().sum() / 2 - sum(bends)) / len(fields)
    (residual,) = torch.autograd.grad(loss, theta)
    torch.testing.assert_close(residual, torch.zeros(4, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("conditional", [False, True])
def test_score_matching_recovers_the_energy_of_samples(conditional):
    fields = sample_phi4(512, 8, coupling=BETA, loops=40, sweeps=3, step=1.3, generator=stream(1))
    band = packet_band(8, depth=1, band=1, moments=4) if conditional else None
    found = match_scores(fields, band=band).parameters
    expected = torch.tensor([BETA, -1, 1, 0], dtype=torch.float64)
    assert float((found - expected).abs().max()) < 0.15
    assert abs(float(found[0]) - 0.34) > 0.2  # half of the bonds is told apart


def test_langevin_moves_details_only_and_keeps_the_law():
    fields = sample_phi4(2000, 4, coupling=BETA, loops=40, sweeps=3, step=1.3, generator=stream(2))
    band = packet_band(4, depth=1, band=1, moments=2)
    run = langevin(fields, Phi4(BETA), band=band, step=0.05, steps=60, generator=stream(3))
    torch.testing.assert_close(band.average(run.fields), band.average(fields))
    change = energy(run.fields, BETA) - energy(fields, BETA)
    assert abs(float(change.mean())) < 4 * float(change.std()) / 2000**0.5
    assert 0.3 < run.acceptance < 0.99 and float(run.overlaps[-1]) < 0.7 * float(run.overlaps[0])
    start = band.analyse(fields)
    torch.testing.assert_close(run.overlaps[-1], (start * band.analyse(run.fields)).mean())


def test_langevin_arrives_at_the_law_from_elsewhere():
    right = sample_phi4(4000, 2, coupling=0.3, loops=40, sweeps=3, step=1.3, generator=stream(4))
    run = langevin(torch.zeros_like(right), Phi4(0.3), band=None, step=0.1, steps=300, generator=stream(5))
    one, other = energy(run.fields, 0.3), energy(right, 0.3)
    assert abs(float(one.mean() - other.mean())) < 4 * float((one.var() + other.var()).sqrt()) / 4000**0.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: daubechies(0), "moments"),
        (lambda: packet_matrix(12, depth=3, moments=1), "multiple"),
        (lambda: packet_band(8, depth=1, band=2, moments=1), "band"),
        (lambda: packet_band(8, depth=1, band=1, moments=1).synthesise(noise(5)), "48"),
        (lambda: smallest_eigenvalues(noise(1, 4, 4), BETA, band=None, steps=0, generator=stream()), "step"),
        (lambda: match_scores(noise(2, 4, 4).float(), band=None), "float64"),
        (lambda: match_scores(torch.zeros(2, 4, 4, dtype=torch.float64), band=None), "vary"),
        (lambda: match_scores(torch.ones(2, 4, 4, dtype=torch.float64), band=None), "dependent"),
        (lambda: langevin(noise(1, 4, 4), Phi4(BETA), band=None, step=0.0, steps=1, generator=stream()), "step"),
    ],
)
def test_bad_input_is_said(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
