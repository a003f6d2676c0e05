"""The φ⁴ sampler beside a loop over sites and beside local updates alone, and extreme eigenvalues beside the dense matrix, as ratios."""

import math

import numpy as np
import pytest
import torch
from timing import cpu_seconds

from quire.multiscale import (
    conditional_hessian,
    flip_clusters,
    metropolis_sweep,
    packet_band,
    sample_phi4,
    smallest_eigenvalues,
)

BETA, STEP = 0.68, 1.3


pytestmark = pytest.mark.usefixtures("one_thread")


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def test_clusters_cost_less_than_twice_the_sweeps(record_property):
    """64 chains of 32 × 32 sites, 20 of 80 loops: all of it, and the Metropolis sweeps alone."""
    fields = torch.randn(64, 32, 32, dtype=torch.float64, generator=stream())

    def sweeps():
        for _ in range(60):
            metropolis_sweep(fields, BETA, step=STEP, generator=stream())

    def whole():
        sample_phi4(64, 32, coupling=BETA, loops=20, sweeps=3, step=STEP, generator=stream())

    ratio = cpu_seconds(whole) / cpu_seconds(sweeps)
    record_property("ratio", ratio)
    print(f"\nsampler with clusters / its Metropolis sweeps: {ratio:.2f}")
    assert ratio < 3


def sweep_by_sites(field, generator):
    """A user's loop over sites, in Python and NumPy."""
    side = len(field)
    for colour in (0, 1):
        for row in range(side):
            for column in range((row + colour) % 2, side, 2):
                near = field[row - 1, column] + field[(row + 1) % side, column]
                near += field[row, column - 1] + field[row, (column + 1) % side]
                old = field[row, column]
                new = old + STEP * (2 * generator.random() - 1)
                rise = (new**4 - new**2) - (old**4 - old**2) - BETA * near * (new - old)
                if rise <= 0 or generator.random() < math.exp(-rise):
                    field[row, column] = new


def test_sweeps_against_a_loop_over_sites(record_property):
    field, generator = np.random.default_rng(0).normal(size=(32, 32)), np.random.default_rng(1)
    fields = torch.randn(64, 32, 32, dtype=torch.float64, generator=stream())
    ours = cpu_seconds(lambda: metropolis_sweep(fields, BETA, step=STEP, generator=stream())) / 64
    ratio = cpu_seconds(lambda: sweep_by_sites(field, generator)) / ours
    record_property("ratio", ratio)
    print(f"\none sweep of one 32 × 32 field, loop over sites / quire: {ratio:.0f}")
    assert ratio > 20


def forgotten(side, clusters):
    """Loops, of three sweeps each, until chains that all began at one have a mean below a tenth."""
    fields, rounds = torch.ones(128, side, side, dtype=torch.float64), 0
    generator = stream(2)
    while abs(float(fields.mean())) > 0.1 and rounds < 3000:
        for _ in range(3):
            fields = metropolis_sweep(fields, BETA, step=STEP, generator=generator)
        fields = flip_clusters(fields, BETA, generator=generator) if clusters else fields
        rounds += 1
    return rounds


def test_local_updates_slow_down_beside_clusters(record_property):
    """Loops until the sign of the mean is forgotten, local over with clusters: a ratio that grows with the side."""
    ratios = {side: forgotten(side, False) / forgotten(side, True) for side in (4, 8)}
    record_property("ratio", ratios[8])
    print(f"\nloops to forget the sign, local / with clusters: {ratios}")
    assert ratios[8] > ratios[4] > 2


def test_lanczos_beats_the_dense_matrix(record_property):
    """On 32 × 32 sites; on 16 × 16, with 192 coefficients, the two take the same time."""
    fields = sample_phi4(4, 32, coupling=BETA, loops=20, sweeps=3, step=STEP, generator=stream())
    band = packet_band(32, depth=1, band=1, moments=4)

    def by_lanczos():
        return smallest_eigenvalues(fields, BETA, band=band, steps=120, generator=stream())

    def dense():
        return torch.stack([torch.linalg.eigvalsh(conditional_hessian(x, BETA, band))[0] for x in fields])

    torch.testing.assert_close(by_lanczos(), dense(), atol=1e-2, rtol=0)
    ratio = cpu_seconds(dense) / cpu_seconds(by_lanczos)
    record_property("ratio", ratio)
    print(f"\nsmallest eigenvalue of 768 coefficients, dense / Lanczos: {ratio:.1f}")
    assert ratio > 1
