"""What every loader returns: named arrays, with where they come from and on what terms."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

__all__ = ["Dataset", "MissingData"]


class MissingData(FileNotFoundError):
    """The data are neither in QUIRE_DATA nor to be downloaded; the message says which file to put where."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Attributes:
        name: the name that ``quire.data.load`` was given; write it in every figure and row.
        inputs: unsigned bytes, sample first. Images are (sample, height, width) or (sample, height, width, RGB);
            text is one token per character.
        labels: the class of each sample, an index into ``classes``; None for text.
        test_inputs, test_labels: the official test split (for glyphs, an independent one); None if there is none.
        classes: the name of each label (for text, the character of each token).
        peak: the input that means full intensity (16 for digits, 255 for other images, the last token for text).
        licence: the terms of use, in a few words.
        source: where the data come from.
    """

    name: str
    inputs: UInt8[np.ndarray, "sample *shape"]
    labels: Int64[np.ndarray, "sample"] | None
    test_inputs: UInt8[np.ndarray, "test *shape"] | None
    test_labels: Int64[np.ndarray, "test"] | None
    classes: tuple[str, ...]
    peak: int
    licence: str
    source: str
