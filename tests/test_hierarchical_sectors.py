"""Spectra by sector: traces, brute-force projections, parity, decay; exponents, bound, and their errors."""

import math

import numpy as np
import pytest
import torch

from quire.deep_kernels import (
    Architecture,
    bound_exponent,
    effective_dimension,
    fully_connected,
    fully_connected_exponent,
    hierarchical_diagonal,
    hierarchical_gram_by_level,
    hierarchical_kernel,
    mean_eigenvalue,
    quoted_exponent,
    ridgeless_exponent,
    sample_spheres,
    sector_decay,
    sector_spectrum,
    smoothness,
)
from quire.regression import NestedRegression, best_error_bound, error_bound
from quire.rng import generator

TREE = Architecture((2, 2, 2))
GRID = {1: (512, 256, 8), 2: (128, 64, 8), 3: (32, 16, 8)}


def spectra(kind, network=None, tree=TREE):
    return [
        sector_spectrum(tree, level, kind=kind, nodes=n, modes=m, average_nodes=a, network=network)
        for level, (n, m, a) in GRID.items()
        if level < tree.depth
    ]


@pytest.mark.parametrize(("kind", "missing"), [("ntk", 0.03), ("nngp", 2e-4)])
@pytest.mark.parametrize("network", [None, fully_connected(8, hidden_layers=3), TREE.cut(1), TREE.cut(2)])
def test_the_sectors_sum_to_the_trace_from_below(kind, missing, network):
    levels = len((network or TREE).filter_sizes)
    trace = hierarchical_diagonal(levels=levels, kind=kind)
    found = mean_eigenvalue(TREE, kind=kind, average_nodes=16, network=network)
    found += sum(spectrum.power for spectrum in spectra(kind, network))
    assert 0 < trace - found < missing * trace


def test_eigenvalues_are_projections_of_the_kernel():
    """E_{x,y} K(x,y) Phi(x) Phi(y) by Monte Carlo over inputs, for a mode of each sector; four standard errors."""
    inputs = sample_spheres(4096, 4, patch_size=2, generator=generator("projection"))
    x, y = inputs[:2048], inputs[2048:]
    kernel = hierarchical_kernel(x, y, architecture=TREE, kind="ntk")
    for level, degrees in ((1, (2,)), (2, (1, 1)), (3, (1, 0, 0, 1))):
        spectrum = spectra("ntk")[level - 1]
        row = (spectrum.degrees == torch.tensor(degrees)).all(1).nonzero().item()
        modes = []
        for points in (x, y):
            angles = torch.atan2(points[:, 1::2], points[:, ::2])[:, : len(degrees)]
            modes.append((math.sqrt(2) * torch.cos(angles * torch.tensor(degrees))).where(torch.tensor(degrees) > 0, 1))
        left, right = (mode.prod(1) for mode in modes)
        parts = torch.stack([(left[i::16] @ kernel[i::16, i::16] @ right[i::16]) / 128**2 for i in range(16)])
        expected = float(spectrum.eigenvalues[row])
        assert abs(float(parts.mean()) - expected) < 4 * float(parts.std()) / 4


def test_eigenvalues_of_the_gram_matrix_are_those_of_the_sectors():
    """The largest eigenvalues of K/n, against the spectrum with multiplicities, within the sampling noise."""
    inputs = sample_spheres(1500, 2, patch_size=2, generator=generator("gram-spectrum"))
    tree = Architecture((2, 2))
    gram = hierarchical_gram_by_level(inputs, architecture=tree, kind="ntk")[1]
    found = torch.linalg.eigvalsh(gram / 1500).flip(0)[:17]
    parts = [torch.tensor([mean_eigenvalue(tree, kind="ntk", average_nodes=32)], dtype=torch.float64)]
    for level in (1, 2):
        spectrum = sector_spectrum(tree, level, kind="ntk", nodes=128, modes=32, average_nodes=16)
        parts.append(spectrum.eigenvalues.repeat_interleave(spectrum.multiplicities.long()))
    expected = torch.cat(parts).sort(descending=True).values[:17]
    torch.testing.assert_close(found, expected, rtol=0.15, atol=2e-3)


@pytest.mark.parametrize("patch_size", [2, 3, 4])
def test_one_patch_against_a_direct_projection(patch_size):
    """Degree-k eigenvalues of the depth-two kernel by plain quadrature in the angle, and the trace with harmonics."""
    tree = Architecture((patch_size,))
    spectrum = sector_spectrum(tree, 1, kind="ntk", nodes=400, modes=60, average_nodes=8)
    angle = (torch.arange(200_000, dtype=torch.float64) + 0.5) * (math.pi / 200_000)
    weight = torch.sin(angle) ** (patch_size - 2)
    left = torch.stack([torch.ones_like(angle), *[torch.zeros_like(angle)] * (patch_size - 1)], 1)[:1]
    right = torch.zeros(len(angle), patch_size, dtype=torch.float64)
    right[:, 0], right[:, 1] = torch.cos(angle), torch.sin(angle)
    kernel = hierarchical_kernel(left, right, architecture=tree, kind="ntk")[0]
    polynomials = {2: torch.cos(2 * angle), 3: 1.5 * torch.cos(angle) ** 2 - 0.5}
    polynomials[4] = torch.sin(3 * angle) / (3 * torch.sin(angle))
    expected = float((kernel * weight * polynomials[patch_size]).sum() / weight.sum())
    assert abs(float(spectrum.eigenvalues[1]) / expected - 1) < 1e-5
    counts = {2: 2, 3: 5, 4: 9}
    assert spectrum.multiplicities[1] == counts[patch_size]


def midpoints(patch_size, nodes):
    """The rule that was used before: midpoints in the angle."""
    angles = (torch.arange(nodes, dtype=torch.float64) + 0.5) * (math.pi / nodes)
    weights = torch.sin(angles) ** (patch_size - 2)
    return angles, weights / weights.sum()


@pytest.mark.parametrize("filters", [(2, 2), (2, 2, 2), (3, 2), (3, 2, 2)])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_the_mean_of_the_kernel_converges_with_the_nodes(filters, kind, monkeypatch):
    """Off by less than 5e-5 of itself with eight nodes per patch; midpoints across the cusp are off by more than 4e-4 (the tangent kernel)."""
    tree = Architecture(filters)
    means = {nodes: mean_eigenvalue(tree, kind=kind, average_nodes=nodes) for nodes in (8, 32)}
    error = abs(means[8] / means[32] - 1)
    monkeypatch.setattr("quire.deep_kernels.grid.quadrature", midpoints)
    before = abs(mean_eigenvalue(tree, kind=kind, average_nodes=8) / means[32] - 1)
    assert error < 5e-5 and before > (4e-4 if kind == "ntk" and filters[0] == 2 else 0.7 * error)


@pytest.mark.parametrize(("filters", "level"), [((2, 2, 2), 1), ((2, 2, 2), 2), ((3, 2), 1)])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_eigenvalues_converge_with_the_averaged_nodes(filters, level, kind):
    """What the docstring of `sector_spectrum` says: with eight, off by 1e-2 of themselves at most."""
    given = {"kind": kind, "nodes": 64, "modes": 16}
    coarse, fine = (
        sector_spectrum(Architecture(filters), level, **given, average_nodes=n).eigenvalues for n in (8, 24)
    )
    kept = fine > 1e-9
    assert kept.sum() >= 4
    assert float((coarse / fine - 1)[kept].abs().max()) < 1e-2


@pytest.mark.parametrize("level", [1, 2])
def test_degrees_up_to_half_of_the_nodes_are_resolved(level):
    few, many = (
        sector_spectrum(Architecture((2, 2)), level, kind="ntk", nodes=n, modes=16, average_nodes=8).eigenvalues
        for n in (32, 128)
    )
    assert float((few - many).abs().max() / many.max()) < 1e-5
    assert float((few / many - 1)[many > 1e-7].abs().max()) < 2e-2


def test_small_eigenvalues_are_free_of_rounding():
    """Λ_k k⁴ of the random-feature kernel is flat to the last degree, where Λ_k is 1e-12 of the trace."""
    spectrum = sector_spectrum(TREE, 1, kind="nngp", nodes=4096, modes=512, average_nodes=8)
    norms, eigenvalues = spectrum.along((1,))
    flat = (eigenvalues * norms**4)[torch.tensor([127, 255, 509])]
    assert float(eigenvalues[509]) < 2e-12
    assert float((flat / flat[0] - 1).abs().max()) < 0.01


def test_odd_harmonics_vanish_for_one_layer_and_come_back_with_depth():
    shallow = sector_spectrum(Architecture((2,)), 1, kind="ntk", nodes=512, modes=16, average_nodes=8)
    deep = sector_spectrum(Architecture((2, 2, 2)), 1, kind="ntk", nodes=512, modes=16, average_nodes=8)
    odd = [3, 5, 7]
    assert shallow.eigenvalues[torch.tensor(odd) - 1].abs().max() < 1e-12
    assert deep.eigenvalues[torch.tensor(odd) - 1].min() > 1e-5


@pytest.mark.parametrize(("kind", "level"), [("ntk", 1), ("ntk", 2), ("nngp", 1), ("nngp", 2)])
def test_the_decay_of_each_sector_is_the_predicted_power(kind, level):
    tree = Architecture((2, 2))
    nodes, modes = (4096, 512) if level == 1 else (768, 128)
    spectrum = sector_spectrum(tree, level, kind=kind, nodes=nodes, modes=modes, average_nodes=32)
    norm, eigenvalues = spectrum.along((1,) * level)
    window = norm >= modes / 8
    slope = np.polyfit(norm[window].log().numpy(), eigenvalues[window].log().numpy(), 1)[0]
    assert abs(slope - sector_decay(tree, level, kind=kind)) < 0.06


def test_a_shallow_network_has_no_power_beyond_its_level():
    spectrum = sector_spectrum(TREE, 2, kind="ntk", nodes=16, modes=8, average_nodes=4, network=TREE.cut(1))
    assert (spectrum.eigenvalues == 0).all()
    assert spectrum.multiplicities.min() == 2 * 4  # two meta-patches, cosine and sine on each of two patches


def test_sector_errors_name_what_exists():
    options = {"kind": "ntk", "nodes": 8, "modes": 4, "average_nodes": 4}
    with pytest.raises(ValueError, match="levels 1 to 3, got 4: a sector"):
        sector_spectrum(TREE, 4, **options)
    with pytest.raises(ValueError, match="levels 1 to 3, got 0"):
        sector_spectrum(TREE, 0, **options)
    with pytest.raises(ValueError, match="modes must be in 2"):
        sector_spectrum(TREE, 1, **{**options, "modes": 9})
    with pytest.raises(ValueError, match="multiples of its patches"):
        sector_spectrum(TREE, 1, **options, network=Architecture((3, 2)))
    with pytest.raises(ValueError, match="no harmonics"):
        sector_spectrum(Architecture((1, 2)), 1, **options)
    spectrum = sector_spectrum(TREE, 2, **options)
    with pytest.raises(ValueError, match="not all inside one meta-patch of level 1"):
        spectrum.along((1, 0))
    with pytest.raises(ValueError, match="names 2 degrees"):
        spectrum.along((1, 1, 1))


def test_the_grid_is_said_before_it_is_taken(monkeypatch):
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 10**6)
    with pytest.raises(MemoryError, match=r"a grid of 64\^4 cosines"):
        sector_spectrum(TREE, 3, kind="ntk", nodes=64, modes=8, average_nodes=4)


def test_exponents():
    given = {"student_kind": "ntk", "teacher_kind": "ntk"}
    assert [ridgeless_exponent(TREE, level, **given) for level in (1, 2, 3)] == pytest.approx([5 / 8, 5 / 12, 1 / 4])
    assert [quoted_exponent(TREE, level, teacher_kind="ntk") for level in (1, 2, 3)] == [1, 1 / 2, 1 / 4]
    assert fully_connected_exponent(TREE, **given) == 1 / 4
    wide = Architecture((2,) * 12)
    for level in (1, 2, 3):
        assert abs(ridgeless_exponent(wide, level, **given) / bound_exponent(wide, level, **given) - 1) < 1e-3
    for filters in ((2, 2), (2, 3), (3, 2)):
        tree = Architecture(filters)
        cursed = smoothness("ntk") / effective_dimension(tree, 2)
        assert abs(ridgeless_exponent(tree, 2, **given) - cursed) < 1e-15
    smooth = ridgeless_exponent(Architecture((2,)), 1, student_kind="ntk", teacher_kind="nngp")
    assert smooth == 2 * min(2, 3 / 2)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("ridge", [1.0, 16.0])
def test_the_bound_holds_on_average_over_training_sets(level, ridge):
    student = spectra("ntk")
    teacher = spectra("ntk", TREE.cut(level))
    eigenvalues = torch.cat([spectrum.eigenvalues for spectrum in student])
    power = torch.cat([spectrum.eigenvalues * spectrum.multiplicities for spectrum in teacher])
    missed = level + 1 - float(power.sum())
    errors = []
    for seed in range(4):
        inputs = sample_spheres(384, 4, patch_size=2, generator=generator("bound", seed))
        grams = hierarchical_gram_by_level(inputs, architecture=TREE, kind="ntk")
        fit = NestedRegression(grams[2][:128, :128], grams[2][:128, 128:], ridge=ridge)
        teacher_gram = grams[level - 1]
        diagonal = torch.full((256,), level + 1.0, dtype=torch.float64)
        curve = fit.average_errors(
            teacher_gram[:128, :128], teacher_gram[:128, 128:], teacher_diagonal=diagonal, sizes=[8, 32, 128]
        )
        errors.append(curve.mean(1))
    measured = torch.stack(errors).mean(0).tolist()
    for size, error in zip([8, 32, 128], measured, strict=True):
        bound = error_bound(
            size, ridge, eigenvalues=eigenvalues, teacher_power=power, missed_power=missed, diagonal=4.0
        )
        assert error < bound


def test_the_best_ridge_lowers_the_bound_and_errors_are_named():
    one = torch.ones(3, dtype=torch.float64)
    given = {"eigenvalues": one, "teacher_power": one, "missed_power": 0.5, "diagonal": 3.0}
    ridges = torch.logspace(-2, 3, 31, dtype=torch.float64)
    best = best_error_bound(50, **given, ridges=ridges)
    assert best.value == min(error_bound(50, float(ridge), **given) for ridge in ridges)
    assert best.value == error_bound(50, best.ridge, **given)
    with pytest.raises(ValueError, match="ridge > 0"):
        error_bound(10, 0.0, **given)
