"""Measurements on a text: Shakespeare where the data are at hand, a generated one everywhere."""

import torch

from quire.data import load
from quire.experiments.language import text_decay, varying_codes

__all__ = ["character_correlations"]

GRAMMAR = {"vocab": 12, "num_binary": 1, "num_ternary": 1, "depth": 6, "binary_probability": 0.5, "seed": 0}


def character_correlations(
    source: str, *, length: int, distances: list[int], sizes: list[int], seeds: int
) -> list[dict]:
    """Correlation of characters against distance, from P random windows and from all of a text.

    Args:
        source: "shakespeare" (his complete works in the public copy), or "generated" by a grammar of varying trees.
        length: tokens of the generated text; the whole of Shakespeare is used.
        distances: in characters.
        sizes: numbers P of windows.
        seeds: draws of the windows.

    Raises:
        MissingData: Shakespeare is asked for, is not stored, and cannot be downloaded.
        ValueError: another source.
    """
    if source == "shakespeare":
        works = load("shakespeare")
        codes, symbols = torch.from_numpy(works.inputs.astype("int64")), len(works.classes)
    elif source == "generated":
        codes, symbols = varying_codes(**GRAMMAR, length=length)["text"], GRAMMAR["vocab"]
    else:
        raise ValueError(f'source must be "shakespeare" or "generated", got {source!r}')
    return text_decay(codes, symbols, distances=distances, sizes=sizes, seeds=seeds)
