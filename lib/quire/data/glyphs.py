"""Characters of many scripts under random affine maps: a data set without end, at any size.

With d the signed distance to a character's outline, its longer side being 1, a sample with linear map A and shift b
has at pixel centre p the grey value

    255 · clip(1/2 − size · √|det A| · d(A⁻¹(p − b)), 0, 1),   A = scale · rotation · shear,

an antialiased picture. Class, font, A and b are functions of (seed, split, index) by a counter-based hash: a sample is
the same whatever else is drawn, and a larger set begins with the smaller one.
"""

import hashlib
import json
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt64
from scipy import ndimage

from quire.data.dataset import Dataset
from quire.data.fonts import FONTS, SCRIPTS, glyph_classes, signed_distances
from quire.files import CorruptFile, folder, write_atomic
from quire.fingerprint import fingerprint

__all__ = ["draw_glyphs"]


def draw_glyphs(
    *,
    num_samples: int = 1000,
    num_test: int = 0,
    num_classes: int = 10,
    size: int = 28,
    seed: int = 0,
    start: int = 0,
    scripts: tuple[str, ...] | list[str] = tuple(SCRIPTS),
    fonts: tuple[str, ...] | list[str] = FONTS,
    max_rotation: float = 15.0,
    max_shear: float = 0.2,
    scale_range: tuple[float, float] | list[float] = (0.55, 0.8),
    max_shift: float = 0.08,
    cache: bool = True,
) -> Dataset:
    """Draw a data set of glyphs.

    Args:
        num_samples: of the training split, of indices ``start`` … ``start + num_samples - 1``.
        num_test: of the test split, which is independent of the training split.
        num_classes: the first so many of :func:`quire.data.fonts.glyph_classes`; labels are uniform, independent.
        size: pixels per side.
        seed: names the stream of samples.
        start: the first index of the training split.
        scripts: names of SCRIPTS, in the order in which classes are taken.
        fonts: names of matplotlib's fonts; each sample is drawn in one of those that have the character.
        max_rotation: degrees to either side.
        max_shear: largest horizontal shear.
        scale_range: longer side of the character as a fraction of the picture's.
        max_shift: fraction of the picture's side.
        cache: keep the result in the store's folder.

    Raises:
        ValueError: an option is out of its range.
    """
    counts = {"num_samples": num_samples, "num_test": num_test, "num_classes": num_classes, "size": size}
    _check({**counts, "seed": seed, "start": start}, scripts, fonts, scale_range)
    classes = glyph_classes(scripts=tuple(scripts), font=fonts[0], limit=num_classes)
    if len(classes) < num_classes:
        raise ValueError(f"num_classes must be ≤ {len(classes)} with these scripts, got {num_classes}: add scripts")
    ranges = (max_rotation, max_shear, *scale_range, max_shift)
    path = _path([classes, fonts, size, seed, start, num_samples, num_test, ranges])
    arrays = _load(path) if cache else None
    if arrays is None:
        arrays = _draw_splits(_Drawer(classes, tuple(fonts), size, seed, ranges), start, num_samples, num_test)
        if cache:
            _save(path, arrays)
    if not num_test:
        arrays |= {"test_inputs": None, "test_labels": None}
    source = f"drawn from {', '.join(fonts)} of matplotlib, seed {seed}"
    licence = "Bitstream Vera / DejaVu font licence (free use)"
    return Dataset(name="glyphs", classes=classes, peak=255, licence=licence, source=source, **arrays)


def _check(numbers: dict[str, int], scripts, fonts, scale_range) -> None:
    least = {"num_samples": 1, "num_test": 0, "num_classes": 1, "size": 4, "seed": 0, "start": 0, "number of fonts": 1}
    for name, value in {**numbers, "number of fonts": len(fonts)}.items():
        if value < least[name]:
            raise ValueError(f"{name} must be ≥ {least[name]}, got {value}")
    if not scripts or set(scripts) - set(SCRIPTS):
        raise ValueError(f"scripts must be some of {', '.join(SCRIPTS)}, got {list(scripts)}")
    if not 0 < scale_range[0] <= scale_range[1]:
        raise ValueError(f"scale_range must be 0 < smallest ≤ largest, got {scale_range}")


def _draw_splits(draw: "_Drawer", start: int, num_samples: int, num_test: int) -> dict[str, np.ndarray]:
    inputs, labels = draw("train", start, num_samples)
    test_inputs, test_labels = draw("test", 0, num_test)
    return {"inputs": inputs, "labels": labels, "test_inputs": test_inputs, "test_labels": test_labels}


class _Drawer:
    """Draws samples of a split; the characters' signed distances are its state."""

    def __init__(self, classes: tuple[str, ...], fonts: tuple[str, ...], size: int, seed: int, ranges: tuple):
        self.distances, self.count, self.side = signed_distances(classes, fonts)
        self.first = np.cumsum(self.count) - self.count
        self.size, self.seed, self.ranges = size, seed, ranges

    def __call__(self, split: str, start: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        index = np.arange(start, start + number, dtype=np.uint64)
        uniform = _uniform(f"{split}/{self.seed}", index, 7)
        labels = (uniform[:, 0] * len(self.count)).astype(np.int64)
        which = self.first[labels] + (uniform[:, 1] * self.count[labels]).astype(np.int64)
        images = np.empty((number, self.size, self.size), np.uint8)
        block = max(1, 2**20 // self.size**2)  # bounds the memory; no sample depends on it
        for part in (slice(begin, begin + block) for begin in range(0, number, block)):
            images[part] = self._draw(which[part, None, None], uniform[part, 2:, None, None])
        return images, labels

    def _draw(self, which: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        rotation, shear, smallest, largest, shift = self.ranges
        turn, slant, right, down = (2 * uniform[:, i] - 1 for i in (0, 1, 3, 4))
        angle, scale = np.deg2rad(rotation) * turn, smallest + (largest - smallest) * uniform[:, 2]
        centres = (np.arange(self.size) + 0.5) / self.size - 0.5
        x, y = centres - shift * right, centres[:, None] - shift * down
        row = (np.cos(angle) * y - np.sin(angle) * x) / scale
        column = (np.cos(angle) * x + np.sin(angle) * y) / scale - shear * slant * row
        middle = (self.distances.shape[-1] - 1) / 2
        where = np.broadcast_arrays(which, self.side * row + middle, self.side * column + middle)
        far = float(self.side)  # outside of what is stored there is background
        distance = ndimage.map_coordinates(self.distances, where, order=1, mode="constant", cval=far) / self.side
        return np.rint(255 * np.clip(0.5 - self.size * scale * distance, 0, 1))


def _uniform(stream: str, index: UInt64[np.ndarray, "sample"], columns: int) -> Float64[np.ndarray, "sample columns"]:
    """Numbers in [0, 1) that depend on (stream, index, column) alone: SplitMix64's output function on a counter."""
    key = np.frombuffer(hashlib.sha256(stream.encode()).digest()[:8], "<u8")
    golden, first, second = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
    z = key + (index[:, None] * np.uint64(columns) + np.arange(1, columns + 1, dtype=np.uint64)) * golden
    z = (z ^ (z >> np.uint64(30))) * first
    z = (z ^ (z >> np.uint64(27))) * second
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def _path(options: list) -> Path:
    import matplotlib

    text = json.dumps([options, fingerprint(draw_glyphs), matplotlib.__version__])
    return folder("store") / "glyphs" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"


def _load(path: Path) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        warnings.warn(f"{path} is truncated or garbled: it is drawn again", CorruptFile, stacklevel=4)
        return None
    with np.load(BytesIO(content), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest().encode()
    try:
        write_atomic(path, digest + b"\n" + buffer.getvalue())
    except OSError as error:
        warnings.warn(f"{path} could not be kept ({error}): it is drawn again next time", stacklevel=4)
