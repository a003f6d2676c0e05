"""Eight domain styles of small grey images: each task of the Glyph-8 family lives in its own.

A style maps an image x with values in [0, 1] to another one; ``strength`` s blends the two, (1 - s) x + s style(x).
"""

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

__all__ = ["STYLES", "styled"]

SALT = 0.2  # fraction of the pixels that salt noise turns white
BLUR = 0.7  # standard deviation, in pixels


def _inverted(images, uniform):
    return 1 - images


def _striped(images, uniform):
    rows = np.arange(images.shape[1])[:, None] + np.arange(images.shape[2])
    return np.maximum(images, 0.5 * (rows % 4 < 2))


def _salted(images, uniform):
    return np.where(uniform < SALT, 1.0, images)


def _turned(images, uniform):
    return np.rot90(images, axes=(1, 2))


def _mirrored(images, uniform):
    return ndimage.gaussian_filter(images[:, :, ::-1], (0, BLUR, BLUR))


def _edges(images, uniform):
    down, right = (np.diff(images, axis=axis, append=0.0) for axis in (1, 2))
    return np.clip(np.hypot(down, right), 0, 1)


def _shaded(images, uniform):
    ramp = np.linspace(0, 1, images.shape[2])
    return 0.2 + 0.35 * images + 0.45 * ramp


STYLES = {
    "inverted": _inverted,
    "striped": _striped,
    "salted": _salted,
    "turned": _turned,
    "mirrored": _mirrored,
    "edges": _edges,
    "shaded": _shaded,
}


def styled(
    images: Float64[np.ndarray, "image side side"],
    style: str,
    *,
    uniform: Float64[np.ndarray, "image side side"],
    strength: float | Float64[np.ndarray, "image 1 1"] = 1.0,
) -> Float64[np.ndarray, "image side side"]:
    """The images in a style.

    Args:
        images: values in [0, 1].
        style: one of STYLES.
        uniform: random numbers in [0, 1), of which salt noise is made.
        strength: s, in [0, 1].

    Raises:
        ValueError: the style is unknown.

    >>> x = np.zeros((1, 2, 2))
    >>> float(styled(x, "inverted", uniform=x, strength=0.25).max())
    0.25
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    return (1 - strength) * images + strength * STYLES[style](images, uniform)
