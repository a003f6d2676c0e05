"""Characters of many scripts as signed distances, from the fonts that matplotlib brings along.

The longer side of a character's box is scaled to 1. Characters that look alike after that (Latin A, Greek Α and
Cyrillic А; O and o) are one class: the overlap |a ∧ b| / |a ∨ b| of two pictures that are kept is below ``_TWIN``.
"""

import unicodedata
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int, UInt8
from scipy import ndimage

__all__ = ["FONTS", "SCRIPTS", "glyph_classes", "signed_distances"]

# Ranges of code points; of these, the letters, digits and mathematical symbols that the first font has.
SCRIPTS = {
    "latin": ["AZ", "az"],
    "digits": ["09"],
    "greek": ["Αω"],
    "cyrillic": ["Ая"],
    "armenian": ["Աև"],
    "georgian": ["ႠჅ", "აჺ"],
    "hebrew": ["את"],
    "arabic": ["ءي"],
    "tifinagh": ["ⴰⵥ"],
    "nko": ["ߊߪ"],
    "lao": ["ກຮ"],
    "ogham": ["ᚁᚚ"],
    "syllabics": ["ᐁᙶ"],
    "mathematics": ["∀⋿", "⟀⟯", "⨀⫿"],
}
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold")

_KINDS = {"Lu", "Ll", "Lo", "Nd", "Sm"}  # Unicode's categories of letters, digits and mathematical symbols
_TWIN = 0.68
_SIDE, _MARGIN = 160, 16  # pixels of a stored character's longer side, and around it


def glyph_classes(
    *, scripts: tuple[str, ...] = tuple(SCRIPTS), font: str = FONTS[0], limit: int | None = None
) -> tuple[str, ...]:
    """The first ``limit`` characters that serve as classes, twins left out.

    Example:
        >>> "".join(glyph_classes(scripts=("latin", "greek"), limit=44))
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghkmnprtyΞΣΦΨ'
    """
    face, found, pictures = _face(font), [], np.zeros((0, 36, 36), np.uint8)
    ranges = [pair for script in scripts for pair in SCRIPTS[script]]
    for character in (chr(code) for low, high in ranges for code in range(ord(low), ord(high) + 1)):
        if len(found) == limit:
            break
        if unicodedata.category(character) not in _KINDS or not face.get_char_index(ord(character)):
            continue
        picture = _picture(face, character, 32, 2)
        common, either = (f(picture, pictures).sum((1, 2), float) for f in (np.minimum, np.maximum))
        if picture.any() and np.all(common < _TWIN * either):
            pictures = np.concatenate([pictures, picture[None]])
            found.append(character)
    return tuple(found)


def signed_distances(
    classes: tuple[str, ...], fonts: tuple[str, ...]
) -> tuple[Float32[np.ndarray, "glyph side side"], Int[np.ndarray, "label"], int]:
    """Distance of each stored pixel to the outline, negative inside, of each class in each font that has it.

    Returns:
        the distances, in stored pixels, one picture per class and font; how many fonts each class has; how many
        stored pixels the longer side of a character takes.
    """
    faces, pictures, count = [_face(font) for font in fonts], [], []
    for character in classes:
        able = [face for face in faces if face.get_char_index(ord(character))]
        count.append(len(able))
        for face in able:
            inside = _picture(face, character, _SIDE, _MARGIN) > 127
            outward, inward = (ndimage.distance_transform_edt(mask) for mask in (~inside, inside))
            distance = outward - inward + np.where(inside, 0.5, -0.5)
            pictures.append(ndimage.gaussian_filter(distance, 1.0).astype(np.float32))  # smooths the pixels' steps
    return np.stack(pictures), np.array(count), _SIDE


def _face(font: str):
    import matplotlib  # here, so that the other data sets do not need it
    from matplotlib.ft2font import FT2Font

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    if not path.exists():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.ttf")))
        raise ValueError(f"fonts must be among those of matplotlib, got {font!r}: name some of {known}")
    return FT2Font(str(path))


def _picture(face, character: str, longer_side: int, margin: int) -> UInt8[np.ndarray, "side side"]:
    """A character whose box's longer side is ``longer_side`` pixels, centred in a square."""
    from matplotlib.ft2font import LoadFlags

    points, side = float(longer_side), longer_side + 2 * margin
    canvas = np.zeros((side, side), np.uint8)
    for _ in range(2):  # measure, then draw at the right size
        face.set_size(points, 72)
        face.set_text(character, 0.0, flags=LoadFlags.NO_HINTING)
        face.draw_glyphs_to_bitmap(antialiased=True)
        image = np.asarray(face.get_image())
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        if not rows.size:
            return canvas
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        points *= longer_side / max(image.shape)
    top, left = ((side - length) // 2 for length in image.shape)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas
