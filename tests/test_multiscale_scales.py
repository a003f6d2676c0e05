"""Laws fitted and drawn scale by scale, the climb of a blind denoiser, and the sampler's loop, against autograd and closed forms."""

import math

import pytest
import torch

from quire.multiscale import (
    COARSE_POTENTIALS,
    PHI4_POTENTIALS,
    FittedEnergy,
    Phi4,
    Potentials,
    Scale,
    averages,
    climb,
    details_given,
    fit_scales,
    generate,
    langevin,
    match_scores,
    metropolis_sweep,
    packet_band,
    sample_phi4,
    with_details,
)
from quire.multiscale.metropolis_loop import sweep_loop
from quire.multiscale.phi4_sampler import _sweep_by_tensors
from quire.nets import window_denoiser

BETA = 0.68


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=stream(seed))


@pytest.mark.parametrize("potentials", [PHI4_POTENTIALS, COARSE_POTENTIALS, Potentials((), (4,))])
@pytest.mark.parametrize("banded", [False, True])
def test_derivatives_of_potentials(potentials, banded):
    fields = noise(2, 4, 4)
    band = packet_band(4, depth=1, band=1, moments=1) if banded else None
    basis = (
        torch.eye(16, dtype=torch.float64).reshape(16, 4, 4)
        if band is None
        else band.synthesise(torch.eye(12).double())
    )
    for number in range(len(potentials)):

        def one(field, number=number):
            return potentials.values(field[None])[0, number]

        for sample in range(2):
            slope = torch.autograd.functional.jacobian(one, fields[sample])
            torch.testing.assert_close(potentials.gradients(fields)[sample, number], slope)
            bend = torch.autograd.functional.hessian(one, fields[sample]).reshape(16, 16)
            rows = basis.flatten(1)
            trace = (rows @ bend * rows).sum()
            torch.testing.assert_close(potentials.laplacians(fields, band=band)[sample, number], trace)


def test_the_fitted_energy_of_phi4_is_phi4():
    fields = noise(3, 4, 4)
    law = FittedEnergy(PHI4_POTENTIALS, torch.tensor([BETA, -1.0, 1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(law.energy(fields), Phi4(BETA).energy(fields))
    torch.testing.assert_close(law.gradient(fields), Phi4(BETA).gradient(fields))


def test_averages_and_details_put_the_field_together():
    fields, octave = noise(3, 8, 8), packet_band(8, depth=1, band=1, moments=2)
    levels = averages(fields, coarsest=2, moments=2)
    assert [level.shape[-1] for level in levels] == [8, 4, 2]
    torch.testing.assert_close(with_details(levels[1], octave.analyse(fields), octave), fields)
    bare = with_details(levels[1], None, octave)
    assert float(octave.analyse(bare).abs().max()) < 1e-12


def test_details_that_are_drawn_obey_the_law_they_were_given():
    """Gaussian details: variance 1 / 2θ at every coefficient, whatever the averages are."""
    law = FittedEnergy(Potentials((), (2,)), torch.tensor([0.5 / 0.3], dtype=torch.float64))
    octave = packet_band(4, depth=1, band=1, moments=1)
    coarse = 5 * noise(3000, 2, 2)
    drawn = details_given(coarse, Scale(law, octave, 0.5), steps=200, generator=stream(1))
    torch.testing.assert_close(octave.average(drawn), coarse.flatten(1))
    variances = octave.analyse(drawn).square().mean(0)
    error = 0.3 * math.sqrt(2 / 3000)
    assert float((variances - 0.3).abs().max()) < 4.5 * error
    assert abs(float(variances.mean()) - 0.36) > 10 * error / math.sqrt(12)  # a fifth more is told apart


def test_fields_are_drawn_from_the_scales_that_were_fitted():
    fields = sample_phi4(600, 8, coupling=0.3, loops=20, sweeps=3, step=1.3, generator=stream(2))
    scales = fit_scales(fields, coarsest=4, moments=2)
    drawn = generate(scales, 600, side=4, coarse_steps=200, steps=100, generator=stream(3))
    assert [one.shape[-1] for one in drawn] == [8, 4] and scales[-1].band is None
    for mine, true in zip(drawn, averages(fields, coarsest=4, moments=2), strict=True):
        ratio = float(mine.square().mean() / true.square().mean())
        assert ratio == pytest.approx(1, abs=0.06)
        assert abs(float(mine.mean())) < 0.1


def test_other_averages_leave_the_conditional_fit_alone():
    """Fields whose averages are doubled in size but whose details have the same conditional law: θ is the same."""
    octave = packet_band(4, depth=1, band=1, moments=1)
    law = FittedEnergy(COARSE_POTENTIALS, torch.tensor([0.2, 0.1, 1.0, 0.3], dtype=torch.float64))
    found = []
    for size in (0.5, 1.5):
        start = with_details(size * noise(4000, 2, 2, seed=4), None, octave)
        fields = langevin(start, law, band=octave, step=0.1, steps=60, generator=stream(5)).fields
        found.append(match_scores(fields, band=octave, potentials=COARSE_POTENTIALS).parameters)
    torch.testing.assert_close(found[0], law.parameters, atol=0.1, rtol=0)
    torch.testing.assert_close(found[1], law.parameters, atol=0.1, rtol=0)


def test_the_loop_is_the_tensor_code_to_the_last_bit():
    fields, uniform = noise(5, 6, 6), torch.rand(2, 5, 6, 6, dtype=torch.float64, generator=stream(6))
    moves = 2 * uniform[0] - 1
    slow, fast = _sweep_by_tensors(fields, moves, uniform[1], BETA), fields.numpy().copy()
    sweep_loop(fast, moves.numpy(), uniform[1].numpy(), BETA)
    torch.testing.assert_close(torch.from_numpy(fast), slow, rtol=1e-12, atol=1e-12)
    before = fields.clone()
    metropolis_sweep(fields, BETA, step=1.0, generator=stream())
    assert torch.equal(fields, before)


def test_a_site_obeys_detailed_balance_between_bins():
    """Four sites without bonds: flows between bins of values are equal both ways, when starts have the law exp(-x⁴ + x²)."""
    x = torch.linspace(-3, 3, 60001, dtype=torch.float64)
    weight = torch.exp(x**2 - x**4)
    uniform = torch.rand(400000, dtype=torch.float64, generator=stream(7))
    starts = x[torch.searchsorted((weight.cumsum(0) / weight.sum()), uniform).clamp(max=len(x) - 1)].reshape(-1, 2, 2)
    ends = metropolis_sweep(starts, 0.0, step=1.3, generator=stream(8))
    edges = torch.tensor([-0.8, -0.3, 0.3, 0.8], dtype=torch.float64)
    here, there = torch.bucketize(starts, edges).flatten(), torch.bucketize(ends, edges).flatten()
    flows = torch.bincount(5 * here + there, minlength=25).reshape(5, 5).double()
    score = (flows - flows.T).abs() / (flows + flows.T).clamp(min=1).sqrt()
    assert float(score.max()) < 4.5 and float(flows[0, 4] + flows[1, 3]) > 100


def test_the_climb_ends_on_the_data():
    """Data on a line in the plane: the residual is the distance from it; the climb ends there, and spreads along it no more than it began."""

    def residual(y):
        return torch.stack([torch.zeros_like(y[:, 0]), y[:, 1]], 1)

    start = 3 * noise(200, 2)
    found = climb(residual, start, first_step=0.05, share=0.5, last_noise=0.01, most_steps=2000, generator=stream(9))
    assert float(found.samples[:, 1].abs().max()) <= 0.015 and float(found.noise.max()) <= 0.01 and found.steps < 2000
    still = climb(residual, start, first_step=0.05, share=0.5, last_noise=0.01, most_steps=1, generator=stream(9))
    assert still.steps == 1 and float(still.noise.max()) > 0.01


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_window_denoiser_sees_its_window_and_no_more(window):
    net = window_denoiser(1, 1, width=16, layers=3, window=window, bias=False, generator=stream())
    image = torch.randn(1, 1, 9, 9, generator=stream(1)).requires_grad_()
    net(image)[0, 0, 4, 4].backward()
    reach = window // 2
    inside = torch.zeros(9, 9, dtype=torch.bool)
    inside[4 - reach : 5 + reach, 4 - reach : 5 + reach] = True
    seen = image.grad[0, 0] != 0
    assert not bool((seen & ~inside).any()) and bool(seen[4 - reach].any())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Potentials((), (3,)), "even"),
        (lambda: Potentials((), ()), "at least one"),
        (lambda: averages(noise(1, 6, 6), coarsest=4, moments=1), "power of two"),
        (lambda: with_details(noise(1, 3, 3), None, packet_band(4, depth=1, band=1, moments=1)), "averages"),
        (
            lambda: climb(
                lambda y: y, noise(1, 2), first_step=2.0, share=0.5, last_noise=0.1, most_steps=1, generator=stream()
            ),
            "first_step",
        ),
        (lambda: window_denoiser(1, 1, width=4, layers=2, window=7, bias=True, generator=stream()), "odd window"),
        (lambda: window_denoiser(1, 1, width=0, layers=2, window=3, bias=True, generator=stream()), "sizes"),
    ],
)
def test_bad_input_is_said(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_the_coarsest_scale_has_no_details():
    law = FittedEnergy(Potentials((), (2,)), torch.ones(1, dtype=torch.float64))
    with pytest.raises(ValueError, match="no details"):
        details_given(noise(1, 2, 2), Scale(law, None, 1.0), steps=1, generator=stream())
