"""The φ⁴ model and its sampler against automatic derivatives, the transfer matrix of a ring, and enumeration of signs."""

import itertools

import pytest
import torch

from quire.multiscale import (
    binder_cumulant,
    energy,
    flip_clusters,
    gradient,
    hessian,
    hessian_product,
    metropolis_sweep,
    sample_phi4,
)

BETA = 0.68


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=stream(seed))


def test_energy_counts_each_bond_once():
    field = noise(4, 4)
    bonds = sum(
        field[i, j] * (field[(i + 1) % 4, j] + field[i, (j + 1) % 4]) for i, j in itertools.product(range(4), repeat=2)
    )
    torch.testing.assert_close(energy(field, BETA), -BETA * bonds + (field**4 - field**2).sum())


@pytest.mark.parametrize("side", [2, 3, 4])
def test_derivatives_are_those_of_autograd_and_of_finite_differences(side):
    field, direction, small = noise(side, side), noise(side, side, seed=1), 1e-5
    automatic = torch.autograd.functional.hessian(lambda x: energy(x, BETA), field).reshape(side**2, side**2)
    torch.testing.assert_close(hessian(field, BETA), automatic)
    slope = (energy(field + small * direction, BETA) - energy(field - small * direction, BETA)) / (2 * small)
    torch.testing.assert_close((gradient(field, BETA) * direction).sum(), slope, rtol=1e-7, atol=1e-7)
    bend = (gradient(field + small * direction, BETA) - gradient(field - small * direction, BETA)) / (2 * small)
    torch.testing.assert_close(hessian_product(field, direction, BETA), bend, rtol=1e-7, atol=1e-7)


def test_the_most_negative_curvature_is_at_zero_in_the_uniform_mode():
    least = torch.linalg.eigvalsh(hessian(torch.zeros(4, 4, dtype=torch.float64), BETA))[0]
    assert float(least) == pytest.approx(-2 - 4 * BETA)


def ring_moments(bond):
    """<x²> and <x_1 x_2> of four sites on a ring, energy -bond Σ x_i x_(i+1) + Σ x⁴ - x²: transfer matrix by quadrature.

    A 2 × 2 torus is this ring with bond 2β, since each neighbour is met twice.
    """
    x = torch.linspace(-3.5, 3.5, 701, dtype=torch.float64)
    half = torch.exp(-(x**4 - x**2) / 2)
    transfer = half[:, None] * torch.exp(bond * x[:, None] * x) * half
    squared = transfer @ transfer
    whole = (squared * squared.T).sum()
    square = (x**2 * (squared @ squared).diagonal()).sum() / whole
    cubed = squared @ transfer
    pair = (x[:, None] * x * transfer * cubed.T).sum() / whole
    return float(square), float(pair)


@pytest.mark.parametrize("clusters", [False, True], ids=["local", "with clusters"])
def test_moments_of_four_sites_are_those_of_the_transfer_matrix(clusters):
    fields, generator, coupling, chains = noise(40000, 2, 2), stream(1), 0.3, 40000
    for _ in range(60):
        fields = metropolis_sweep(fields, coupling, step=1.3, generator=generator)
        fields = flip_clusters(fields, coupling, generator=generator) if clusters else fields
    expected = ring_moments(2 * coupling)
    squares = fields.square().mean((1, 2))
    pairs = (fields * torch.roll(fields, 1, -1)).mean((1, 2))
    for values, exact in zip((squares, pairs), expected, strict=True):
        assert abs(float(values.mean()) - exact) < 4 * float(values.std()) / chains**0.5
    wrong = ring_moments(coupling)  # each bond counted half as often is told apart
    assert abs(float(squares.mean()) - wrong[0]) > 10 * float(squares.std()) / chains**0.5


def test_clusters_obey_detailed_balance_over_all_signs_of_four_sites():
    size, coupling, repeats = noise(2, 2).abs(), 0.4, 20000
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=4)), dtype=torch.float64).reshape(16, 2, 2)
    law = torch.softmax(-energy(signs * size, coupling), 0)
    starts = (signs * size).repeat_interleave(repeats, 0)
    ends = flip_clusters(starts, coupling, generator=stream(2))
    torch.testing.assert_close(ends.abs(), starts.abs())
    code = ((ends > 0).flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1).reshape(16, repeats)
    counts = torch.nn.functional.one_hot(code, 16).double().sum(1)
    assert largest_imbalance(law, counts, repeats) < 4.5
    assert largest_imbalance(torch.full_like(law, 1 / 16), counts, repeats) > 10  # another law is told apart


def largest_imbalance(law, counts, repeats):
    """Largest z-score of flow minus reverse flow; its variance from the flow that both counts together give."""
    pooled = (counts + counts.T) / (repeats / law[:, None] + repeats / law)
    difference = law[:, None] * counts / repeats
    spread = (pooled * (law[:, None] + law) / repeats).sqrt()
    return float(((difference - difference.T) / spread.clamp(min=1e-15)).abs().max())


def test_the_two_updates_leave_the_joint_law_of_both_phases():
    ordered = sample_phi4(128, 8, coupling=0.9, loops=30, sweeps=3, step=1.3, generator=stream(3))
    free = sample_phi4(128, 8, coupling=0.3, loops=30, sweeps=3, step=1.3, generator=stream(4))
    assert binder_cumulant(ordered) > 0.63 and binder_cumulant(free) < 0.35


def test_equal_streams_draw_equal_fields():
    asked = dict(coupling=BETA, loops=2, sweeps=1, step=1.3)
    one, other = (sample_phi4(3, 4, **asked, generator=stream(5)) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: energy(torch.full((2, 2), torch.nan), BETA), "NaN"),
        (lambda: energy(noise(2, 2), -1.0), "coupling"),
        (lambda: hessian_product(noise(2, 2), noise(3, 3), BETA), "."),
        (lambda: metropolis_sweep(noise(1, 3, 3), BETA, step=1.0, generator=stream()), "odd"),
        (lambda: metropolis_sweep(noise(1, 4, 4), BETA, step=0.0, generator=stream()), "step"),
        (lambda: sample_phi4(0, 4, coupling=BETA, loops=1, sweeps=1, step=1.0, generator=stream()), "chains"),
        (lambda: sample_phi4(1, 5, coupling=BETA, loops=1, sweeps=1, step=1.0, generator=stream()), "even"),
        (lambda: binder_cumulant(torch.zeros(2, 2, 2)), "zero"),
    ],
)
def test_bad_input_is_said(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()
