"""What the chapter on multiscale models runs: cells against closed forms, and against the same said in another way."""

import math

import pytest
import torch
from known_answers import finite, fits, storable

from quire.experiments.multiscale import field_cells, gaussian_cells, image_cells, patches, plans, scale_cells
from quire.multiscale import Phi4, packet_band, pixel_denoising_error

BETA = 0.68


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def test_phases_and_curvatures_are_storable():
    asked = dict(side=4, coupling=BETA, chains=16, loops=3, seed=0)
    row = field_cells.phases(**asked, generator=stream())
    finite([row], arguments=asked)
    assert row["binder"] < 2 / 3 + 1e-12
    asked = dict(side=8, coupling=BETA, depth=0, band=0, moments=4, fields=3, loops=2, seed=0)
    rows = finite(field_cells.curvatures(**asked, generator=stream()), arguments=asked)
    assert len(rows) == 3 and rows[0]["at_zero"] == pytest.approx(-2 - 4 * BETA, abs=1e-6)


def test_a_tilt_changes_the_law_of_the_averages_alone():
    octave = packet_band(8, depth=1, band=1, moments=4)
    field = torch.randn(2, 8, 8, dtype=torch.float64, generator=stream(1))
    tilted = field_cells.Tilted(BETA, 0.5, octave)
    moved = field.clone().requires_grad_()
    (slope,) = torch.autograd.grad(tilted.energy(moved).sum(), moved)
    torch.testing.assert_close(tilted.gradient(field), slope)
    difference = tilted.gradient(field) - Phi4(BETA).gradient(field)
    assert float(octave.analyse(difference).abs().max()) < 1e-12 < float(octave.average(difference).abs().max())


def test_recovery_gives_each_potential_with_its_truth():
    asked = dict(side=8, coupling=BETA, tilt=0.5, tilt_steps=5, fields=40, loops=5, seed=0)
    rows = field_cells.recovered(**asked, generator=stream())
    finite(rows, arguments=asked)
    assert [row["truth"] for row in rows] == 2 * [BETA, -1.0, 1.0, 0.0]
    assert [row["conditional"] for row in rows] == 4 * [False] + 4 * [True]
    assert all(row["condition"] > 1 for row in rows)


def test_far_from_the_critical_point_the_mean_is_soon_forgotten_and_chains_that_end_too_soon_say_nan():
    asked = dict(side=4, coupling=0.3, chains=400, loops=10, seed=0)
    assert field_cells.sweep_relaxation(**asked, sweeps=200, generator=stream())["time"] < 60
    assert math.isnan(field_cells.sweep_relaxation(**asked, sweeps=1, generator=stream())["time"])
    asked = dict(side=4, coupling=BETA, chains=100, loops=10, step=0.05, seed=0)
    found = field_cells.detail_relaxation(**asked, steps=120, generator=stream())
    finite([found], arguments=asked)
    assert 0.1 < found["time"] < 3 and 0 < found["acceptance"] <= 1


def test_drawn_fields_come_at_every_scale_and_are_counted_whole():
    asked = dict(side=8, coarsest=4, coupling=BETA, samples=64, loops=10, chains=12, coarse_steps=20, steps=20, seed=0)
    fields = scale_cells.drawn_by_scales(**asked, generator=stream())
    assert set(fields) == {"true.8", "true.4", "generated.8", "generated.4", "details.8", "longer.4"}
    octave = packet_band(8, depth=1, band=1, moments=4)
    for fine, coarse in (("generated.8", "generated.4"), ("details.8", "true.4"), ("true.8", "true.4")):
        torch.testing.assert_close(octave.average(fields[fine]), fields[coarse].flatten(1))
    first = scale_cells.first_fields(fields=fields, count=2)
    assert set(first) == {"true.8", "true.4", "generated.8", "generated.4"}
    unit = fields["true.8"].square().mean().sqrt()
    torch.testing.assert_close(first["generated.8"] * unit, fields["generated.8"][:2])
    rows = finite(scale_cells.moments_by_scale(fields=fields))
    assert {(row["source"], row["scale"]) for row in rows} >= {("generated", 8), ("true", 4)}
    dense = finite(scale_cells.histograms(fields=fields, bins=10))
    whole = sum(row["density"] / 2 for row in dense if (row["source"], row["scale"]) == ("true", 8))
    assert whole == pytest.approx(1, abs=0.05)
    power = finite(scale_cells.spectra(fields=fields))
    mean_power = next(row["power"] for row in power if row["source"] == "true" and row["waves"] == 0)
    assert mean_power == pytest.approx(float(fields["true.8"].sum((1, 2)).square().mean()) / 64)


def test_steps_and_windows():
    asked = dict(side=8, exponent=2.0, error=0.1, most=2000)
    row = gaussian_cells.diffusion_steps(**asked, basis="pixels")
    finite([row], arguments=asked)
    assert math.isnan(gaussian_cells.diffusion_steps(**(asked | {"most": 2}), basis="db1")["steps"])
    with pytest.raises(ValueError, match="basis"):
        gaussian_cells.diffusion_steps(**asked, basis="fourier")
    asked = dict(side=8, exponent=2.0, noise=2.0, windows=[1, 3, 7])
    rows = finite(gaussian_cells.window_errors(**asked), arguments=asked)
    assert [row["window"] for row in rows] == [1, 3, 7, 1, 3]
    whole = pixel_denoising_error(8, exponent=2.0, noise=2.0, window=None)
    small = pixel_denoising_error(8, exponent=2.0, noise=2.0, window=3)
    assert rows[1]["excess"] == pytest.approx(small / whole - 1)


def test_haar_details_are_orthogonal_and_invert():
    held = patches.patches("photos", 8, held_out=True)[:5]
    both = patches.haar_details(held)
    torch.testing.assert_close(both.square().sum(), held.square().sum())
    torch.testing.assert_close(patches.from_haar(both), held)
    learned = patches.patches("photos", 8, held_out=False)
    assert float(learned.square().mean()) == pytest.approx(1) and abs(float(learned.mean())) < 1e-5
    with pytest.raises(ValueError, match="even"):
        patches.patches("photos", 7, held_out=False)


NET = dict(images="photos", side=8, window=3, width=8, layers=2, seed=0)


@pytest.mark.parametrize("domain", ["pixels", "details"])
def test_trained_denoisers_are_about_as_good_as_a_guess_without_neighbours_or_better(domain):
    network = image_cells.trained_window_denoiser(**NET, domain=domain, train_steps=400)
    rows = image_cells.denoising_errors(network=network, **NET, domain=domain, noises=[0.1, 1.0], device="cpu")
    finite(rows)
    held = patches.patches("photos", 8, held_out=True)
    wanted = held if domain == "pixels" else patches.haar_details(held)[:, 1:]
    variance = float(wanted.square().mean())
    alone = variance / (1 + variance)  # of the best linear guess that does not look at neighbours
    assert rows[1]["error"] < (alone if domain == "pixels" else 1.5 * alone)
    assert domain == "details" or rows[0]["error"] < rows[1]["error"] / 5


def test_details_are_added_to_the_true_averages():
    network = image_cells.trained_window_denoiser(**NET, domain="details", train_steps=5)
    found = image_cells.enlarged(network=network, **NET, number=3, steps=4)
    averages = [patches.haar_details(one[:, None])[:, 0] for one in found.values()]
    for other in averages[1:]:
        torch.testing.assert_close(other, averages[0])
    assert float(patches.haar_details(found["averages"][:, None])[:, 1:].abs().max()) < 1e-6


def drawn(cells):
    """The cells with the generator that a sweep gives to each."""
    return [cell | {"generator": None} for cell in cells]


def test_plans_are_calls_of_their_cells():
    assert fits(field_cells.phases, drawn(plans.phase_cells(sides=[3, 4], couplings=[0.6], chains=2, loops=1, seeds=2)))
    assert fits(field_cells.curvatures, drawn(plans.curvature_cells(side=9, fields=2, loops=1, seeds=2)))
    shape = dict(fields=2, loops=1, seeds=2)
    assert fits(field_cells.recovered, drawn(plans.recovery_cells(sides=[4, 5], tilt=0.1, tilt_steps=3, **shape)))
    shape = dict(sides=[2, 4], chains=2, loops=1, seeds=1)
    assert fits(field_cells.sweep_relaxation, drawn(plans.sweep_cells(sweeps=3, **shape)))
    assert fits(field_cells.detail_relaxation, drawn(plans.detail_cells(steps=3, **shape)))
    assert fits(gaussian_cells.diffusion_steps, plans.step_cells(sides=[8, 9], exponents=[2.0], most=5))
    assert fits(gaussian_cells.window_errors, plans.window_cells(side=4, noises=[1.0, 2.0]))
    shape = dict(side=20, coarsest=3, samples=4, loops=1, chains=2, coarse_steps=3, steps=2, seeds=2)
    runs = plans.generations(**shape)
    assert [run.arguments["side"] for run in runs] == [16, 16]
    assert fits(scale_cells.histograms, plans.drawn_cells(runs, bins=4))
    shape = dict(images="photos", side=7, windows=[2, 40], width=4, layers=3, train_steps=1)
    cells = [cell | {"device": "cpu"} for cell in plans.denoiser_cells(**shape, noises=[1.0], seeds=1)]
    assert fits(image_cells.denoising_errors, cells) and {cell["window"] for cell in cells} == {1, 7}
    storable([{name: cell[name] for name in ("domain", "window")} for cell in cells])
