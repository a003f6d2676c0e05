r"""Correlations of a real text, and how far they can be seen in P data.

C̃(t)² is the mean squared covariance of characters t apart; it decays as t^(-2β) over a range, down to the floor of the
sampling noise of P windows. The horizon t*(P), where signal and floor cross, grows as P^(1/z) with z = 2β: a model
trained on P data cannot use a longer context.

Source: cagnetta2024ntp (correlations of text and the collapse of learning curves).
"""

from collections.abc import Sequence

import numpy as np
import torch

from quire.cite import cites
from quire.hierarchy.empirical import Correlation, pair_correlation
from quire.types import Shaped, Tensor

__all__ = ["encode_text", "horizon", "split_text", "text_correlations", "text_windows"]


def encode_text(text: str) -> tuple[Shaped[Tensor, "length"], str]:
    """Characters as integers, and the sorted alphabet that names them.

    >>> codes, alphabet = encode_text("abba")
    >>> codes.tolist(), alphabet
    ([0, 1, 1, 0], 'ab')
    """
    characters, codes = np.unique(np.array(list(text)), return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), "".join(characters)


def split_text(text: Shaped[Tensor, "length"], *, held_out: float) -> dict[str, Shaped[Tensor, "_"]]:
    """Three stretches that share no character: "train", then "validation" and "test" of a fraction ``held_out`` each.

    Raises:
        ValueError: nothing left to train on, or nothing held out.

    >>> {name: part.tolist() for name, part in split_text(torch.arange(10), held_out=0.2).items()}
    {'train': [0, 1, 2, 3, 4, 5], 'validation': [6, 7], 'test': [8, 9]}
    """
    held = int(held_out * len(text))
    if held < 1 or 2 * held >= len(text):
        raise ValueError(
            f"held_out must keep 1..{(len(text) - 1) // 2} characters twice, got {held_out}: {held} of each"
        )
    train = len(text) - 2 * held
    return {"train": text[:train], "validation": text[train : train + held], "test": text[train + held :]}


def text_windows(
    text: Shaped[Tensor, "length"], num_windows: int, *, context: int, reach: int, generator: torch.Generator
) -> Shaped[Tensor, "windows tokens"]:
    """P windows of ``context`` characters and the one after them, at random places.

    Args:
        text: integer characters.
        num_windows: P; the places are drawn with replacement, the first ones are the same for every P.
        context: t.
        reach: the longest t of a comparison: the last characters are the same for every t up to it.
        generator: of the places.

    Raises:
        ValueError: a context beyond the reach, or a reach that the text cannot hold.

    >>> windows = text_windows(torch.arange(9), 3, context=2, reach=8, generator=torch.Generator().manual_seed(0))
    >>> windows.tolist()
    [[6, 7, 8], [6, 7, 8], [6, 7, 8]]
    """
    if not 0 <= context <= reach < len(text):
        raise ValueError(
            f"0 <= context <= reach < {len(text)} characters is needed, got context {context}, reach {reach}"
        )
    last = torch.randint(reach, len(text), (num_windows,), generator=generator)
    return text[last[:, None] + torch.arange(-context, 1)]


@cites("cagnetta2024ntp", "correlations of real text, Eq. (6)")
def text_correlations(
    text: Shaped[Tensor, "length"],
    vocab: int,
    *,
    distances: Sequence[int],
    num_windows: int | None,
    generator: torch.Generator | None = None,
) -> list[Correlation]:
    """Correlation of characters t apart, for every t, from P windows at random places.

    Args:
        text: integer characters.
        vocab: size of the alphabet.
        distances: the t.
        num_windows: P random windows, drawn with replacement, the same for every t; None takes every place of the text.
        generator: of the places.

    Raises:
        ValueError: a distance that the text cannot hold, or random windows without a generator.
    """
    reach = max(distances)
    if min(distances) < 1 or reach >= len(text):
        raise ValueError(f"distances must be in 1..{len(text) - 1}, got {min(distances)}..{reach}")
    if num_windows is None:
        starts = torch.arange(len(text) - reach)
    elif generator is None:
        raise ValueError("num_windows random places need a generator: quire.rng.generator(...), or num_windows=None")
    else:
        starts = torch.randint(len(text) - reach, (num_windows,), generator=generator)
    first = text[starts]
    return [pair_correlation(first, text[starts + t], (vocab, vocab)) for t in distances]


@cites("cagnetta2024ntp", "effective context window")
def horizon(distances: Sequence[int], signal: Sequence[float], floor: float) -> float:
    """t* where a decaying signal first meets the floor, by interpolation on logarithmic axes; nan if it does not.

    >>> round(horizon([1, 2, 4, 8], [1.0, 0.25, 0.0625, 0.015625], 1 / 9), 6)
    3.0
    """
    for (t, now), (later, after) in zip(
        zip(distances, signal, strict=True), zip(distances[1:], signal[1:], strict=True), strict=False
    ):
        if now >= floor >= after > 0:
            share = np.log(now / floor) / np.log(now / after) if after < now else 0.0
            return float(t * (later / t) ** share)
    return float("nan")
