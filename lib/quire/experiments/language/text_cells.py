"""Cells on the correlations of a text: JSON arguments to rows."""

import math

from quire.experiments.language.texts import characters
from quire.hierarchy import Correlation, horizon, text_correlations
from quire.rng import generator
from quire.types import Tensor

__all__ = ["character_correlations", "text_decay"]


def character_correlations(*, source: str, length: int, distances: list, sizes: list, seeds: int) -> list[dict]:
    """Correlation of characters against distance, from P random windows and from all of a text.

    Args:
        source: "shakespeare" or "generated", see :func:`quire.experiments.language.texts.characters`.
        length: tokens of the generated text; the whole of Shakespeare is used.
        distances: in characters.
        sizes: numbers P of windows.
        seeds: draws of the windows.

    Raises:
        MissingData: Shakespeare is asked for, is not stored, and cannot be downloaded.
        ValueError: another source.
    """
    text, vocab = characters(source, length)
    return text_decay(text, vocab, distances=distances, sizes=sizes, seeds=seeds)


def text_decay(text: Tensor, vocab: int, *, distances: list, sizes: list, seeds: int) -> list[dict]:
    """Correlations of a text against distance, from P random windows and from all of it, and the horizon t*(P).

    The horizon of P is where the signal of the whole text, its own noise subtracted, meets the floor of P windows.

    Args:
        text: codes of its characters.
        vocab: how many different ones there are.
        distances, sizes, seeds: as for :func:`character_correlations`.

    Returns:
        A row for every distance of the whole text (``whole``), then of every draw of windows; ``floor_constant`` is the
        floor, or the noise that was measured, in units of 1/(v √P).
    """
    whole = text_correlations(text, vocab, distances=distances, num_windows=None)
    signal = [max(found.corrected, 1e-30) for found in whole]
    common = {"samples": len(text), "seed": 0, "horizon": math.nan, "whole": True}
    noise = [found.floor for found in whole]
    rows = _rows(whole, signal, noise, distances, vocab, common)
    for size in sizes:
        for seed in range(seeds):
            stream = generator("language.windows", size, seed)
            some = text_correlations(text, vocab, distances=distances, num_windows=size, generator=stream)
            floor = sum(found.floor for found in some) / len(some)
            reach = horizon(distances, signal, floor)
            common = {"samples": size, "seed": seed, "horizon": reach, "whole": False}
            noise = [max(found.measured - value, 0.0) for value, found in zip(signal, some, strict=True)]
            rows += _rows(some, signal, noise, distances, vocab, common)
    return rows


def _rows(found: list[Correlation], signal: list, noise: list, distances: list, vocab: int, common: dict) -> list[dict]:
    return [
        {
            "distance": t,
            "measured": seen.measured,
            "floor": seen.floor,
            "signal": value,
            "rms": seen.measured**0.5,
            "signal_rms": value**0.5,
            "norm": seen.norm,
            "floor_constant": vocab * (added * common["samples"]) ** 0.5,
            **common,
        }
        for t, value, added, seen in zip(distances, signal, noise, found, strict=True)
    ]
