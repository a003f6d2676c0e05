"""What the chapter on phase collapse runs: cells against what symmetry says, and against the same said in another way."""

import math

import pytest
import torch
from known_answers import finite, fits

from quire.experiments.phase_collapse import cells, learned_cells, plans, torus_images
from quire.scattering import ScatteringNet, morlet_bank, wavelet_coefficients


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def test_digits_are_moved_around_the_torus():
    images, labels = torus_images.digits_on_torus()
    assert images.shape == (1797, 16, 16) and float(images.max()) == 1 and len(labels) == 1797
    assert float(images[:, :4].abs().max()) == 0
    moved = torus_images.shifted(images[:50], 8, generator=stream())
    torch.testing.assert_close(moved.flatten(1).sort(1).values, images[:50].flatten(1).sort(1).values)
    power = [torch.fft.fft2(one).abs() for one in (images[:50], moved)]
    torch.testing.assert_close(*power)
    assert not torch.equal(moved, images[:50]) and torus_images.shifted(images, 0, generator=stream()) is images
    many = torus_images.shifted(images[:1].expand(2000, 16, 16), 8, generator=stream(1))
    assert len(many.flatten(1).unique(dim=0)) == 256  # every place, and each about as often
    assert float((many.mean(0) - images[0].mean()).abs().max()) < 0.06


def test_class_means_over_all_shifts():
    """Against the mean over all 256 shifted copies of a few digits."""
    asked = dict(scales=1, angles=2, part=0, parts=300)
    found = finite(cells.class_means(nonlinearity="modulus", quantile=0.0, **asked), arguments=asked)[0]["ratio"]
    images, labels = (one[::300] for one in torus_images.digits_on_torus())
    bank = morlet_bank(16, scales=1, angles=2)
    copies = torch.stack([images.roll((i, j), (1, 2)) for i in range(16) for j in range(16)], 1)
    z = wavelet_coefficients(copies.flatten(0, 1), bank).unflatten(0, copies.shape[:2]).abs()
    at_a_place = z[..., 3, 5].mean(1)  # [images, scales, angles], over all shifts
    energy = z[..., 3, 5].square().mean((0, 1)).sum()
    means = sum(
        float((labels == label).double().mean()) * at_a_place[labels == label].mean(0).square().sum()
        for label in labels.unique()
    )
    assert found == pytest.approx(float(means / energy))
    linear = cells.class_means(nonlinearity="linear", quantile=0.0, **asked)[0]["ratio"]
    soft = cells.class_means(nonlinearity="soft", quantile=0.5, **asked)[0]["ratio"]
    assert linear < 1e-25 < soft < 0.05 < found < 1


def test_shifts_turn_phases():
    rows = finite(cells.phase_shifts(scale=0, scales=2, angles=4), arguments=("scale", "scales", "angles"))
    assert all(0 < row["ratio"] <= row["bound"] for row in rows)
    assert rows[0]["ratio"] == pytest.approx(rows[0]["bound"], rel=0.02)
    whole = cells.phase_shifts(scale=0, scales=1, angles=1)[
        -1
    ]  # one pixel along the rows: measured on images that are moved
    images, bank = torus_images.digits_on_torus()[0], morlet_bank(16, scales=1, angles=1)
    before, after = (wavelet_coefficients(one, bank) for one in (images, images.roll(1, 1)))
    turned = torch.exp(-1j * bank.frequencies[0, 0, 0]) * before
    ratio = (after - turned).abs().square().sum() / before.abs().square().sum()
    assert whole["displacement"] == 1 and whole["ratio"] == pytest.approx(float(ratio.sqrt()))
    assert rows[-1]["displacement"] == 1 and cells.phase_shifts(scale=1, scales=2, angles=4)[-1]["displacement"] == 2


def test_textures_of_one_law_cannot_be_told_and_different_ones_can():
    asked = dict(side=8, fields=240, loops=5, seed=0)
    alike = cells.drawn_textures(couplings=[0.5, 0.5], generator=stream(), **asked)
    assert alike["fields"].shape == (2, 240, 8, 8)
    assert float(alike["fields"].square().mean()) == pytest.approx(1, rel=1e-5)
    guessed = cells.textures(fields=alike, features="modulus", quantile=0.0)
    finite([guessed], arguments=("fields", "features", "quantile"))
    assert abs(guessed["error"] - 0.5) < 4 * math.sqrt(0.25 / 160)
    apart = cells.drawn_textures(couplings=[0.1, 0.7], generator=stream(), **asked)
    errors = {
        name: cells.textures(fields=apart, features=name, quantile=quantile)["error"]
        for name, quantile in (plans.QUANTILES | {"pixels": 0.0}).items()
    }
    assert (
        max(errors["modulus"], errors["rectified"])
        < 0.1
        < 0.3
        < min(errors["pixels"], errors["soft"], errors["linear"])
    )


def test_digits_by_fixed_scattering():
    asked = dict(nonlinearity="modulus", quantile=0.0, shift=0, seed=0)
    local = cells.digit_errors(order=1, pooled=False, generator=stream(), **asked)
    pooled = cells.digit_errors(order=1, pooled=True, generator=stream(), **asked)
    finite([local, pooled], arguments=asked)
    assert (local["inputs"], pooled["inputs"]) == (9 * 16, 9)
    assert local["error"] < 0.06 < 0.15 < pooled["error"]


def test_learned_networks_are_trained_and_tested():
    asked = dict(
        images="digits", train_images=300, nonlinearity="modulus", channels=[8, 16], strides=[1, 2], epochs=15,
        learning_rate=0.1, seed=0, device="cpu",
    )  # fmt: skip
    row = learned_cells.learned(**asked)
    finite([row], arguments=asked)
    assert row["train_error"] <= row["error"] < 0.15 and row["weights"] == 8 * 5 + 16 * 5 * 8 + 16 * 16 * 10 + 10
    parts = learned_cells._split("digits", 300, "cpu")
    assert [len(part[0]) for part in parts] == [300, 500] and parts[0][0].shape[1:] == (1, 8, 8)


def test_plans():
    assert fits(cells.class_means, plans.mean_cells(parts=2)) and len(plans.mean_cells(parts=2)) == 8
    assert fits(cells.phase_shifts, plans.shift_cells())
    planned = plans.texture_cells(side=20, fields=6, loops=1, seeds=2)
    assert fits(cells.textures, planned) and len(planned) == 10
    assert {cell["fields"].arguments["side"] for cell in planned} == {16}
    planned = plans.digit_cells(seeds=1)
    assert fits(cells.digit_errors, [one | {"generator": None} for one in planned]) and len(planned) == 24
    for images, colours, side in (("digits", 1, 8), ("cifar10-subset", 3, 32)):
        planned = plans.learned_cells(images=images, train_images=10, epochs=1, learning_rate=0.1, seeds=1)
        assert fits(learned_cells.learned, [one | {"device": "cpu"} for one in planned])
        sizes = []
        for one in planned:
            shape = {name: one[name] for name in ("channels", "strides", "nonlinearity")}
            net = ScatteringNet(side=side, in_channels=colours, num_classes=10, generator=stream(), **shape)
            sizes.append(sum(weight.numel() for weight in net.parameters()))
        assert max(sizes) < 1.02 * min(sizes)
