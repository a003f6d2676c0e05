"""Pictures: arrays and tensors as they are, their table, their pixels, what is refused."""

import hashlib
import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_figures import TEXT

from quire.figures import figure, pictures
from quire.figures.images import MOST_BYTES
from quire.record import current

RNG = np.random.default_rng(0)
GREY = RNG.random((5, 7)).astype(np.float32)


def kept(name: str = "toy-pictures") -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Table and pixels of a figure, as a reader loads them."""
    entry = current().figures()[name]
    with np.load(current().file(entry["pixels"]), allow_pickle=False) as file:
        return pd.read_csv(current().file(entry["table"])), {key: file[key] for key in file}


def test_a_picture_has_a_line_in_the_table_and_its_pixels():
    """Title, attributes, size, range, checksum; the pixels come back by number, with their values and type."""
    colour = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    about = [{"cutoff": 2, "multiple": 0.3}, {"cutoff": 5, "multiple": 1.0}]
    figure("toy-pictures", pictures({"first": GREY, 2: colour}, about=about), **TEXT)
    table, pixels = kept()
    names = ["number", "title", "cutoff", "multiple", "height", "width", "channels", "dtype", "min", "max", "sha256"]
    assert list(table.columns) == names and table["title"].tolist() == ["first", "2"]
    assert table[["cutoff", "multiple"]].to_dict("records") == about
    assert table[["height", "width", "channels"]].to_numpy().tolist() == [[5, 7, 1], [4, 6, 3]]
    assert table["dtype"].tolist() == ["float32", "uint8"]
    for i, image in enumerate((GREY, colour)):
        assert (pixels[str(i + 1)] == image).all() and pixels[str(i + 1)].dtype == image.dtype
        assert (table["min"][i], table["max"][i]) == pytest.approx((image.min(), image.max()), rel=1e-15)
        assert table["sha256"][i] == hashlib.sha256(pixels[str(i + 1)].tobytes()).hexdigest()


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 3), st.sampled_from(["f4", "f8", "i8", "u1", "?"]))
def test_pixels_come_back_without_loss(height, width, number, kind):
    """Whatever size and type; channels first or last, one channel or none."""
    image = RNG.integers(0, 2, (height, width)).astype(kind)
    drawing = pictures([image, image[None], image[..., None]][: number + 1])
    with np.load(io.BytesIO(drawing.pixels()), allow_pickle=False) as file:
        assert len(file.files) == len(drawing.table) == min(number + 1, 3)
        if height not in (1, 3) and width not in (1, 3):
            assert all((file[key] == image).all() and file[key].dtype == image.dtype for key in file)


def test_tensors_are_taken_in_every_arrangement():
    """Stacked, by title, channels first or last; the values are the same."""
    stack = torch.rand(3, 1, 8, 9, generator=torch.Generator().manual_seed(1))
    expected = [tuple(line) for line in pictures(list(stack.numpy())).table[["height", "width", "sha256"]].to_numpy()]
    for images in (stack, list(stack), [image[0] for image in stack], {str(i): image for i, image in enumerate(stack)}):
        found = pictures(images).table
        assert [tuple(line) for line in found[["height", "width", "sha256"]].to_numpy()] == expected
    colour = torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(1))
    first, last = pictures([colour]).table, pictures([colour.permute(1, 2, 0)]).table
    assert first.equals(last) and first["channels"].tolist() == [3]


def test_titles_layout_and_brightness():
    """Each picture stands in its place with its own brightness, unless one is given for all."""
    images = [GREY, 2 * GREY, 3 * GREY]
    axes = pictures(images, titles=["a", "b", "$c$"], layout=(2, 2)).canvas("light", {}, ()).axes
    assert [ax.get_title() for ax in axes] == ["a", "b", "$c$", ""] and not axes[3].axison
    assert [ax.images[0].get_clim()[1] for ax in axes[:3]] == [float(image.max()) for image in images]
    assert all(ax.images[0].get_interpolation() == "nearest" for ax in axes[:3])  # each pixel is seen
    axes = pictures(images, brightness=(0, 5)).canvas("light", {}, ()).axes
    assert len(axes) == 3 and all(ax.images[0].get_clim() == (0, 5) for ax in axes)
    assert len(pictures([GREY] * 9).canvas("light", {}, ()).axes) == 12  # four in a row


def test_pixels_that_are_not_finite_are_left_blank():
    """The range is that of the others; no warning."""
    hole = np.where(GREY == GREY.max(), np.nan, GREY)
    figure("toy-pictures", pictures([hole, np.full((2, 2), np.inf)]), **TEXT)
    table, pixels = kept()
    assert table["max"][0] == pytest.approx(np.sort(GREY, axis=None)[-2], rel=1e-15) and np.isnan(table["max"][1])
    assert np.isnan(pixels["1"]).sum() == 1


@pytest.mark.parametrize(
    "images, options, error, message",
    [
        (["text"], {}, TypeError, "picture 1 must be an array of real numbers"),
        ([GREY, GREY * 1j], {}, TypeError, "picture 2 must be an array of real numbers, got complex64"),
        ([torch.ones(2, 2, requires_grad=True)], {}, TypeError, "picture 1 .*detach a tensor and copy it to the CPU"),
        ([torch.ones(2, 2, dtype=torch.bfloat16)], {}, TypeError, "picture 1 must be an array of numbers"),
        ([np.ones(3)], {}, ValueError, r"must be \(height, width\) with 1 or 3 channels, got \(3,\)"),
        ([np.ones((2, 4, 4))], {}, ValueError, r"got \(2, 4, 4\)"),
        ([np.ones((0, 4))], {}, ValueError, r"got \(0, 4\)"),
        ([np.full((3, 4, 4), 1.5)], {}, ValueError, "three channels, which must lie between 0 and 1"),
        ([np.full((3, 4, 4), np.nan)], {}, ValueError, "three channels, which must lie between 0 and 1"),
        ([GREY], {"titles": ["a", "b"]}, ValueError, "titles must have an entry for each of 1 pictures, got 2"),
        ([GREY], {"about": []}, ValueError, "about must have an entry for each of 1 pictures, got 0"),
    ],
)
def test_what_is_no_picture_is_refused(images, options, error, message):
    """With the number of the picture."""
    with pytest.raises(error, match=message):
        pictures(images, **options)


@pytest.mark.parametrize(
    "drawing, message",
    [
        (pictures([GREY] * 5, layout=(2, 2)), r"layout \(rows, columns\) must hold 5 pictures.*got \(2, 2\)"),
        (pictures([GREY], size=(0, 1)), "size must be > 0"),
        (pictures([GREY], about=[{"max": 1}]), r"\['max'\] are columns of the table of pictures"),
        (pictures([GREY], titles=["$\theta$"]), "title has the control character"),
        (
            pictures([np.zeros((2**10, 2**10), np.uint8)] * 5),
            f"5,242,880 bytes, at most {MOST_BYTES:,} are kept: show fewer",
        ),
    ],
)
def test_pictures_that_do_not_fit_are_refused_before_a_file_is_written(drawing, message):
    """Room, names, size of the file."""
    with pytest.raises(ValueError, match=message):
        figure("toy-pictures", drawing, **TEXT)
    assert not current().path.exists()


def test_attributes_may_be_a_table():
    """A row for each picture."""
    drawing = pictures([GREY, GREY], about=pd.DataFrame({"cutoff": [2, 5]}))
    assert drawing.table["cutoff"].tolist() == [2, 5]
