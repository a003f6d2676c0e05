"""Patches: positions, every documented error, and the torus."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quire.kernels import extract_patches, patch_indices, torus_embedding


@given(st.integers(1, 12), st.data())
def test_open_patches_are_the_windows_of_unfold(dim, data):
    size, stride = data.draw(st.integers(1, dim)), data.draw(st.integers(1, 4))
    row = torch.arange(dim)
    assert torch.equal(patch_indices(dim, filter_size=size, stride=stride, cyclic=False), row.unfold(0, size, stride))


@given(st.integers(1, 12), st.data())
def test_cyclic_patches_cover_every_pixel_equally(dim, data):
    size = data.draw(st.integers(1, dim))
    covered = torch.bincount(patch_indices(dim, filter_size=size).flatten(), minlength=dim)
    assert covered.tolist() == [size] * dim


def test_channels_travel_with_their_pixel():
    inputs = torch.arange(6.0)[None]  # three pixels of two channels
    patches = extract_patches(inputs, filter_size=2, channels=2)
    assert patches.tolist() == [[[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 0, 1]]]


@pytest.mark.parametrize(("stride", "cyclic"), [(1, True), (2, True), (2, False)])
def test_patches_of_images_are_the_windows_around_the_loop(stride, cyclic):
    images = torch.randn(2, 3, 6, 4, generator=torch.Generator().manual_seed(0))
    found = extract_patches(images, filter_size=3, stride=stride, cyclic=cyclic)
    tops, lefts = (range(0, length if cyclic else length - 2, stride) for length in (6, 4))
    place = 0
    for top in tops:
        for left in lefts:
            window = images.roll((-top, -left), (2, 3))[:, :, :3, :3]
            assert torch.equal(found[:, place], window.permute(0, 2, 3, 1).flatten(1))
            place += 1
    assert found.shape == (2, place, 27)


def test_a_line_of_pixels_is_an_image_of_one_row():
    line = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    found = extract_patches(line[:, None, None], filter_size=1)
    assert torch.equal(found, extract_patches(line, filter_size=1))


def test_chords_of_the_torus():
    u, v = torch.rand(2, 1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chords = (torus_embedding(u) - torus_embedding(v)).square().sum()
    assert float(chords) == pytest.approx(float(4 * torch.sin(math.pi * (u - v)).square().sum()), rel=1e-14)


@pytest.mark.parametrize(
    "dim, arguments, message",
    [
        (4, {"filter_size": 5}, "filter_size must be ≤ dim = 4, got 5"),
        (4, {"filter_size": 0}, "filter_size must be ≥ 1, got 0"),
        (4, {"filter_size": -2}, "filter_size must be ≥ 1, got -2"),
        (0, {"filter_size": 1}, "dim must be ≥ 1, got 0"),
        (4, {"filter_size": 2, "stride": 0}, "stride must be ≥ 1, got 0"),
        (4, {"filter_size": 2, "stride": 3}, "stride must divide dim = 4 for cyclic patches, got 3"),
    ],
)
def test_impossible_lengths(dim, arguments, message):
    with pytest.raises(ValueError, match=message):
        patch_indices(dim, **arguments)


def test_channels_must_divide_the_features():
    with pytest.raises(ValueError, match="channels must divide the 3 features, got 2"):
        extract_patches(torch.ones(1, 3), filter_size=1, channels=2)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_inputs_must_be_finite(bad):
    inputs = torch.ones(2, 3)
    inputs[1, 2] = bad
    with pytest.raises(ValueError, match="inputs must be finite.*point 1, feature 2"):
        extract_patches(inputs, filter_size=2)
