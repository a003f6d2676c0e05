"""Pictures side by side: arrays as they are, one line of the table for each, and their pixels without loss."""

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from quire.figures.base import NARROW, Drawing, blank
from quire.figures.labels import legible
from quire.figures.palette import FADED

__all__ = ["MOST_BYTES", "Pictures", "pictures"]

MOST_BYTES = 4 * 2**20  # of all pixels of a figure
LETTER, TITLE = 0.085, 0.3  # inches: a letter of a title is as wide, a line of it takes that
ACROSS = 4  # pictures in a row where no layout is given
OWN = ["number", "title", "height", "width", "channels", "dtype", "min", "max", "sha256"]


def pictures(
    images: Mapping | Iterable,
    *,
    titles: Sequence[str] | None = None,
    about: pd.DataFrame | Sequence[Mapping] | None = None,
    layout: tuple[int, int] | None = None,
    size: tuple[Real, Real] = (2.1, 2.2),
    brightness: tuple[Real, Real] | None = None,
) -> "Pictures":
    """Pictures side by side.

    Their table has a line for each: number, title, what is said ``about`` it, size, range, and a checksum of its pixels.
    The pixels are kept beside it in a ``.npz``, by number, with the values and the type that were given.

    Args:
        images: arrays or tensors on the CPU, by title or in a sequence. Grey: (height, width). Colour: three channels,
            first or last, floats between 0 and 1 or bytes. One channel is grey.
        titles: a title for each picture; without them the keys of a mapping, or none.
        about: a row of attributes for each picture, such as the parameters that made it.
        layout: rows and columns (default: four in a row).
        size: width and height of a panel in inches.
        brightness: (black, white) of grey pictures; None: each has its own.

    Returns:
        The drawing, for ``figure``.

    Raises:
        TypeError: an image is not an array of numbers.
        ValueError: an image has another shape or range, or lengths do not fit.
    """
    named = isinstance(images, Mapping)
    if titles is None:
        titles = [str(key) for key in images] if named else None
    arrays = [pixels_of(image, i) for i, image in enumerate(images.values() if named else images)]
    about = about.to_dict("records") if isinstance(about, pd.DataFrame) else about
    for name, given in (("titles", titles), ("about", about)):
        if given is not None and len(given) != len(arrays):
            raise ValueError(f"{name} must have an entry for each of {len(arrays)} pictures, got {len(given)}")
    titles = [""] * len(arrays) if titles is None else [str(title) for title in titles]
    attributes = [{}] * len(arrays) if about is None else [dict(entry) for entry in about]
    if layout is None:
        layout = (max(1, -(-len(arrays) // ACROSS)), min(ACROSS, max(1, len(arrays))))
    return Pictures(tuple(arrays), tuple(titles), tuple(attributes), layout, size, brightness)


def pixels_of(image: Any, place: int) -> np.ndarray:
    """An image as an array of (height, width) or (height, width, 3).

    Raises:
        TypeError: it is not an array of numbers.
        ValueError: its shape or its range is not that of an image.
    """
    try:
        array = np.asarray(image)
    except (TypeError, RuntimeError) as error:
        remedy = "detach a tensor and copy it to the CPU"
        raise TypeError(f"picture {place + 1} must be an array of numbers ({error}): {remedy}") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"picture {place + 1} must be an array of real numbers, got {array.dtype}")
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    colour = array.ndim == 3 and array.shape[-1] == 3
    if not array.size or not (array.ndim == 2 or colour):
        raise ValueError(f"picture {place + 1} must be (height, width) with 1 or 3 channels, got {np.shape(image)}")
    if colour and array.dtype != np.uint8 and not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"picture {place + 1} has three channels, which must lie between 0 and 1, or be bytes")
    return np.ascontiguousarray(array)


@dataclass(frozen=True, eq=False)
class Pictures(Drawing):
    """Images with their titles and attributes."""

    images: tuple[np.ndarray, ...]
    titles: tuple[str, ...]
    about: tuple[dict, ...]
    layout: tuple[int, int]
    size: tuple[Real, Real]
    brightness: tuple[Real, Real] | None

    @property
    def table(self) -> pd.DataFrame:
        """A line for each picture."""
        rows = [self._line(i) for i in range(len(self.images))]
        return pd.DataFrame(rows, columns=None if rows else OWN)

    def _line(self, i: int) -> dict:
        image = self.images[i]
        finite = image[np.isfinite(image)]
        low, high = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        channels = 1 if image.ndim == 2 else 3
        shape = {"height": image.shape[0], "width": image.shape[1], "channels": channels, "dtype": str(image.dtype)}
        return {
            "number": i + 1,
            "title": self.titles[i],
            **self.about[i],
            **shape,
            "min": low,
            "max": high,
            "sha256": digest,
        }

    @property
    def empty(self) -> bool:
        """There are no pictures."""
        return not self.images

    def narrow(self) -> "Pictures | None":
        """The same pictures smaller, under titles of the same size; None where these would run into each other."""
        (width, height), across = self.size, self.layout[1]
        small = NARROW / across
        crowded = any(
            len([title for title in self.titles[start : start + across] if title]) > 1
            and max(map(len, self.titles[start : start + across])) * LETTER > small
            for start in range(0, len(self.titles), across)
        )
        if width <= small or crowded:
            return None
        return replace(self, size=(small, max(height * small / width, small + TITLE)))

    def pixels(self) -> bytes:
        """All pixels as a ``.npz``; equal pictures give equal bytes."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{str(i + 1): image for i, image in enumerate(self.images)})
        return buffer.getvalue()

    def check(self, id: str, guides: Sequence) -> None:
        """Refuse guides, a layout that is too small, attributes with names of ours, and pictures that are too large.

        Raises:
            ValueError: one of these.
        """
        if guides:
            raise ValueError(f"figure {id}: guides go with drawings on axes, pictures have none; got {guides[0]!r}")
        if min(self.layout) < 1 or self.layout[0] * self.layout[1] < len(self.images) or min(self.size) <= 0:
            room = f"layout (rows, columns) must hold {len(self.images)} pictures, size must be > 0"
            raise ValueError(f"figure {id}: {room}; got {self.layout} and {self.size}")
        taken = sorted(set(OWN) & {name for entry in self.about for name in entry})
        if taken:
            raise ValueError(f"figure {id}: {taken} are columns of the table of pictures: name attributes otherwise")
        total = sum(image.nbytes for image in self.images)
        if total > MOST_BYTES:
            remedy = "show fewer or smaller ones, or as float32"
            raise ValueError(f"figure {id}: pictures of {total:,} bytes, at most {MOST_BYTES:,} are kept: {remedy}")
        for title in self.titles:
            legible(title, f"figure {id}: title")

    def canvas(self, theme: str, labels: Mapping[str, str], guides: Sequence) -> Figure:
        """The pictures line by line, each pixel as it is."""
        if self.empty:
            return blank(self.size, FADED[theme])
        (down, across), (width, height) = self.layout, self.size
        figure = Figure(figsize=(width * across, height * down))
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        low, high = (None, None) if self.brightness is None else self.brightness
        for ax, image, title in zip(axes, self.images, self.titles, strict=False):
            ax.imshow(image, cmap="gray", interpolation="nearest", vmin=low, vmax=high)
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, loc="center" if len(title) * LETTER < width else "left")
        for ax in axes[len(self.images) :]:
            ax.set_axis_off()
        return figure
