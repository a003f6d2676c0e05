"""Glyph-8: eight tasks of ten classes, each a script in a domain style of its own; a control; and the "web" of all of them.

The task "digits" are the handwritten digits of scikit-learn, enlarged to 16 × 16; all others are drawn from matplotlib's
fonts. "control" are 27 more characters without a style. "web" is what a network is pre-trained on: all 107 classes, printed,
most images in a random style at a strength of at most one half, so that no task's images are among them.
Everything is a function of (task, seed, index), by the counter-based hash of :mod:`quire.data.glyphs`.
"""

import hashlib
import json

import numpy as np
from jaxtyping import Float64, Int64

from quire.data.dataset import Dataset
from quire.data.embedded import digits
from quire.data.fonts import FONTS
from quire.data.glyph_styles import STYLES, styled
from quire.data.glyphs import _Drawer, _load, _save, _uniform
from quire.files import folder
from quire.fingerprint import fingerprint

__all__ = ["TASKS", "draw_glyph_task", "glyph_task_classes"]

CHARACTERS = {
    "digits": "0123456789",
    "upper": "ABDEGHKMQR",
    "greek": "ΓΔΘΛΞΠΣΦΨΩ",
    "cyrillic": "БДЖИЛЦЧШЭЮ",
    "armenian": "ԱԲԳԴԵԶԷԸԹԺ",
    "georgian": "აბგდევზთიკ",
    "symbols": "∀∂∃∅∇∈∏∑√∞",
    "lower": "abdefghkmn",
    "control": "CFJLNPSTUVWXYZpqrtyαβγδζηθλ",
}
TASKS = tuple(CHARACTERS)[:8]
STYLE_OF = dict(zip(TASKS[1:], STYLES, strict=True))
FACES = (
    *FONTS,
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
)
SIDE = 16
STRENGTHS = (0.125, 0.25, 0.375, 0.5)  # of a style in the web
RANGES = {"web": (20.0, 0.2, 0.6, 0.85, 0.04), "task": (15.0, 0.2, 0.6, 0.85, 0.04)}  # as in quire.data.glyphs
NOISE = {"web": 0.08, "task": 0.05}


def glyph_task_classes(task: str) -> tuple[str, ...]:
    """The characters of a task, of "control", or of the "web", in the order of their labels.

    >>> "".join(glyph_task_classes("greek")), len(glyph_task_classes("web"))
    ('ΓΔΘΛΞΠΣΦΨΩ', 107)
    """
    if task != "web" and task not in CHARACTERS:
        raise ValueError(f"task must be one of {', '.join(CHARACTERS)} or web, got {task!r}")
    return tuple("".join(CHARACTERS.values()) if task == "web" else CHARACTERS[task])


def draw_glyph_task(
    *, task: str, num_samples: int = 1300, num_test: int = 500, seed: int = 0, cache: bool = True
) -> Dataset:
    """Draw one task of Glyph-8.

    Args:
        task: one of TASKS, "control" or "web".
        num_samples: training (and validation) images; for "web" of each of its nine groups.
        num_test: of an independent test split. Of "digits", 1,797 images are shared by both splits.
        seed: names the stream of samples; for "digits", the order in which they are taken.
        cache: keep what is drawn in the store's folder.

    Raises:
        ValueError: an unknown task, sizes that are not positive, or more digits than there are.
    """
    classes = glyph_task_classes(task)
    if num_samples < 1 or num_test < 0 or seed < 0:
        raise ValueError(
            f"num_samples ≥ 1, num_test ≥ 0 and seed ≥ 0 are needed, got {num_samples}, {num_test}, {seed}"
        )
    text = json.dumps([task, num_samples, num_test, seed, fingerprint(draw_glyph_task)])
    path = folder("store") / "glyphs" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
    arrays = _load(path) if cache else None
    if arrays is None:
        draw = {"digits": _handwritten, "web": _web}.get(task, _printed)
        inputs, labels = draw(task, "train", num_samples, num_test, seed)
        arrays = {"inputs": inputs, "labels": labels, "test_inputs": inputs[:0], "test_labels": labels[:0]}
        if num_test:
            arrays["test_inputs"], arrays["test_labels"] = draw(task, "test", num_test, num_samples, seed)
        if cache:
            _save(path, arrays)
    if not num_test:
        arrays |= {"test_inputs": None, "test_labels": None}
    source = "scikit-learn's handwritten digits, enlarged" if task == "digits" else f"matplotlib's fonts, seed {seed}"
    licence = "CC BY 4.0" if task == "digits" else "Bitstream Vera / DejaVu font licence (free use)"
    return Dataset(name="glyph-tasks", classes=classes, peak=255, licence=licence, source=source, **arrays)


def _handwritten(task: str, split: str, number: int, others: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    data = digits()
    if number + others > len(data.inputs):
        raise ValueError(
            f"there are {len(data.inputs)} handwritten digits, asked were {number} and {others}: lower num_samples or num_test"
        )
    order = np.argsort(_uniform(f"digits/{seed}", np.arange(len(data.inputs), dtype=np.uint64), 1)[:, 0])
    rows = order[:number] if split == "train" else order[::-1][:number]
    small = data.inputs[rows] / data.peak
    return _bytes(small.repeat(2, axis=1).repeat(2, axis=2)), data.labels[rows]


def _printed(task: str, split: str, number: int, others: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _drawn(task, split, number, seed, "task")
    uniform = _pixels(f"{task}/{split}/{seed}", number)
    if task in STYLE_OF:
        images = styled(images, STYLE_OF[task], uniform=uniform[0])
    return _bytes(images + NOISE["task"] * _normal(uniform)), labels


def _web(task: str, split: str, number: int, others: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    found, first = [], 0
    for group, characters in CHARACTERS.items():
        images, labels = _drawn(group, split, number, seed, "web")
        uniform = _pixels(f"web/{group}/{split}/{seed}", number)
        choice = _uniform(f"style/{group}/{split}/{seed}", np.arange(number, dtype=np.uint64), 2)
        which = (choice[:, 0] * (len(STYLES) + 2)).astype(int)  # two of nine: as it is
        strength = np.take(STRENGTHS, (choice[:, 1] * len(STRENGTHS)).astype(int))[:, None, None]
        for position, style in enumerate(STYLES):
            own = which == position
            images[own] = styled(images[own], style, uniform=uniform[0][own], strength=strength[own])
        found.append((_bytes(images + NOISE["web"] * _normal(uniform)), labels + first))
        first += len(characters)
    images, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return images, labels


def _drawn(
    group: str, split: str, number: int, seed: int, kind: str
) -> tuple[Float64[np.ndarray, "image side side"], Int64[np.ndarray, "image"]]:
    draw = _Drawer(tuple(CHARACTERS[group]), FACES, SIDE, seed, RANGES[kind])
    images, labels = draw(f"{kind}/{group}/{split}", 0, number)
    return images / 255, labels


def _pixels(stream: str, number: int) -> Float64[np.ndarray, "three image side side"]:
    flat = _uniform(f"pixels/{stream}", np.arange(number, dtype=np.uint64), 3 * SIDE**2)
    return flat.reshape(number, 3, SIDE, SIDE).transpose(1, 0, 2, 3)


def _normal(uniform: Float64[np.ndarray, "three image side side"]) -> Float64[np.ndarray, "image side side"]:
    """Box and Muller: standard normal numbers from two uniform ones."""
    return np.sqrt(-2 * np.log1p(-uniform[1])) * np.cos(2 * np.pi * uniform[2])


def _bytes(images: Float64[np.ndarray, "image side side"]) -> np.ndarray:
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
