r"""How long a cell will take, from others of the same function: a power of each of its sizes.

.. math:: \log t = a + \sum_i b_i \log(1 + x_i),\qquad 0 \le b_i \le 3,

fitted by least squares, with a weak preference for :math:`b_i = 1`: a size that is the same in all measured cells counts as
linear, which is at most what one pass through more of something takes, and far too much for what is seldom looked at. Sizes of
tensors that a cell receives (the steps of a training that is over) count only as far as the measured cells say so. Seeds and draws are no
sizes; of a list of integers the sum counts, of other lists the length. Cells that differ in a word or a
switch are left out where there are others.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

__all__ = ["Sample", "Scaling"]

PREFERENCE = 0.1  # weight of the preferred exponent, in units of one measured cell
LARGEST = 3.0  # exponent
NO_SIZES = ("seed", "seeds", "draw", "draws")
MADE = "made: "  # in front of the names of arguments of tensors
SHORTEST = 1e-3  # seconds, to which times are rounded


@dataclass(frozen=True)
class Sample:
    """A cell that was computed: its arguments and a positive number, seconds or bytes."""

    arguments: dict
    value: float


class Scaling:
    """A law fitted to cells of one function.

    Args:
        samples: at least one.
        preferred: the exponent of what the samples say nothing about.

    Attributes:
        spread: typical factor between the law and the samples; nan for a single one.

    Raises:
        ValueError: there is no sample.
    """

    def __init__(self, samples: list[Sample], *, preferred: float = 1.0):
        if not samples:
            raise ValueError("expected at least one measured cell, got none")
        self._preferred, self._fits = preferred, {}
        self._samples = [(_words(one.arguments), _sizes(one.arguments), _log(one.value)) for one in samples]
        off = [_log(one.value) - math.log(self(one.arguments)) for one in samples]
        self.spread = math.exp(float(np.std(off))) if len(samples) > 1 else math.nan

    def __call__(self, arguments: dict) -> float:
        """What a cell with these arguments takes."""
        words, sizes = _words(arguments), _sizes(arguments)
        key = repr(sorted(words.items())), tuple(sorted(sizes))
        if key not in self._fits:
            self._fits[key] = self._fitted(words, sizes)
        names, centre, exponents, level = self._fits[key]
        own = np.array([math.log1p(sizes[name]) for name in names]).reshape(len(names))
        return float(np.exp(level + (own - centre) @ exponents))

    def guesses(self, arguments: dict) -> bool:
        """Whether a size that differs from that of all measured cells was never varied among them."""
        known = [sizes for _, sizes, _ in self._samples]
        for name, value in _sizes(arguments).items():
            if name.startswith(MADE):
                continue
            seen = {sizes[name] for sizes in known if name in sizes}
            if len(seen) == 1 and value not in seen:
                return True
        return False

    def _fitted(self, words: dict, sizes: dict) -> tuple[list[str], np.ndarray, np.ndarray, float]:
        """Names of the sizes that count, their centre, their exponents, and the logarithm of the time there."""
        near = [one for one in self._samples if one[0] == words] or self._samples
        names = sorted(sizes.keys() & set().union(*(known for _, known, _ in near)))
        x = np.array([[math.log1p(known.get(name, 0.0)) for name in names] for _, known, _ in near])
        y = np.array([value for _, _, value in near])
        x = x.reshape(len(near), len(names))
        centre, level = x.mean(0), float(y.mean())
        if not names:
            return names, centre, np.zeros(0), level
        pull = math.sqrt(PREFERENCE) * np.eye(len(names))
        preferred = [0.0 if name.startswith(MADE) else self._preferred for name in names]
        aim = np.concatenate([y - level, pull @ np.array(preferred)])
        found = lsq_linear(np.vstack([x - centre, pull]), aim, bounds=(0.0, LARGEST))
        return names, centre, found.x, level


def _log(value: float) -> float:
    return math.log(max(value, SHORTEST))


def _leaves(arguments: dict, inside: str = "") -> Iterator[tuple[str, object]]:
    """Arguments by name; those of the tensors among them behind a mark."""
    for name, value in arguments.items():
        made = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
        if made:
            yield inside + name, [0.0] * len(made)
            yield from _leaves(made[0].get("arguments", made[0]), MADE)
        else:
            yield inside + name, value


def _sizes(arguments: dict) -> dict[str, float]:
    found = {}
    for name, value in _leaves(arguments):
        if isinstance(value, list):
            whole = all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in value)
            counts = name.removeprefix(MADE) in NO_SIZES or not whole
            found[name] = float(len(value) if counts else sum(value))
        elif (
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= 0
            and name.removeprefix(MADE) not in NO_SIZES
        ):
            found[name] = float(value)
    return found


def _words(arguments: dict) -> dict[str, object]:
    return {name: value for name, value in _leaves(arguments) if isinstance(value, str | bool)}
