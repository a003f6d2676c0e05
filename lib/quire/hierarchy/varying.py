r"""Trees of varying topology: every symbol is replaced by two or by three symbols, at random.

The depth is uniform and the length of a datum varies between 2^L and 3^L, so that where a constituent ends is ambiguous
from a few tokens. A symbol takes one of its m_2 binary rules with probability p_2 in all, or one of its m_3 ternary rules.
Strings of two symbols (and of three) have one parent each. Inference is the CYK inside recursion,

    I_l(i, n, a) = p_2/m_2 Σ_rules Σ_{n_1} I_{l-1}(i, n_1, b) I_{l-1}(i+n_1, n-n_1, c)  +  the ternary term,

over spans of n tokens from position i, 2^l ≤ n ≤ 3^l; a ternary rule is a pair whose second half is a pair.

Source: parley2026parse, definition of the model.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from quire.cite import cites
from quire.rng import seed_from
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["VaryingHierarchy", "sample_varying", "varying_log_likelihood", "varying_text"]


@cites("parley2026parse", "definition of the model with varying trees")
@dataclass(frozen=True, eq=False)
class VaryingHierarchy:
    """One grammar with rules of two and three children.

    Args:
        vocab: symbols v of every level below the root.
        num_binary: rules with two children, per symbol.
        num_ternary: rules with three children, per symbol.
        depth: L.
        num_classes: root symbols.
        binary_probability: p_2, that a rule has two children.
        seed: of the rules.

    Attributes:
        binary: binary[l-1] has shape (symbols, m_2, 2).
        ternary: ternary[l-1] has shape (symbols, m_3, 3).
    """

    vocab: int
    num_binary: int
    num_ternary: int
    depth: int
    num_classes: int
    binary_probability: float
    seed: int = 0
    binary: tuple[Int[Tensor, "_ _ 2"], ...] = field(init=False, repr=False)
    ternary: tuple[Int[Tensor, "_ _ 3"], ...] = field(init=False, repr=False)

    def __post_init__(self):
        if min(self.vocab - 1, self.num_binary, self.num_ternary, self.depth, self.num_classes) < 1:
            raise ValueError(f"vocab must be >= 2, and the other sizes >= 1, got {self}: raise them")
        if not 0 <= self.binary_probability <= 1:
            raise ValueError(f"binary_probability must be in [0, 1], got {self.binary_probability}")
        for children, name in ((2, "binary"), (3, "ternary")):
            count, strings = getattr(self, f"num_{name}"), self.vocab**children
            most = max(self.num_classes, self.vocab if self.depth > 1 else 0)
            if count * most > strings:
                raise ValueError(
                    f"num_{name} * symbols = {count} * {most} exceeds vocab**{children} = {strings}: a string would have "
                    f"two parents; lower num_{name} or raise vocab"
                )
            rules = tuple(self._draw(level, count, children) for level in range(1, self.depth + 1))
            object.__setattr__(self, name, rules)

    def _draw(self, level: int, count: int, children: int) -> Tensor:
        parents = self.num_classes if level == self.depth else self.vocab
        numbers = np.random.default_rng(seed_from("hierarchy.varying", self.seed, level, children))
        codes = numbers.choice(self.vocab**children, size=(parents, count), replace=False, shuffle=True)
        return torch.from_numpy(codes[..., None] // self.vocab ** np.arange(children - 1, -1, -1) % self.vocab)


@cites("parley2026parse", "definition of the model with varying trees")
def sample_varying(
    grammar: VaryingHierarchy, num_samples: int, *, generator: torch.Generator
) -> dict[str, Shaped[Tensor, "..."]]:
    """Independent data.

    Returns:
        ``tokens`` (P, longest), padded with ``vocab``; ``lengths`` (P,); ``labels`` (P,).

    >>> grammar = VaryingHierarchy(8, 2, 2, depth=2, num_classes=4, binary_probability=1.0)
    >>> sample_varying(grammar, 3, generator=torch.Generator().manual_seed(0))["lengths"].tolist()
    [4, 4, 4]
    """
    labels = torch.randint(grammar.num_classes, (num_samples,), generator=generator)
    symbols, owners = labels, torch.arange(num_samples)
    for level in range(grammar.depth, 0, -1):
        symbols, owners = _expand(grammar, level, symbols, owners, generator)
    lengths = torch.bincount(owners, minlength=num_samples)
    ends = lengths.cumsum(0)
    columns = torch.arange(len(symbols)) - (ends - lengths)[owners]
    tokens = torch.full((num_samples, int(lengths.max())), grammar.vocab)
    tokens[owners, columns] = symbols
    return {"tokens": tokens, "lengths": lengths, "labels": labels}


def varying_text(grammar: VaryingHierarchy, num_tokens: int, *, generator: torch.Generator) -> Int[Tensor, "tokens"]:
    """A text of a given length: independent data one after the other, the last one cut."""
    parts, total = [], 0
    while total < num_tokens:
        missing = num_tokens - total
        data = sample_varying(grammar, 1 + missing // 2**grammar.depth, generator=generator)
        kept = data["tokens"][data["tokens"] < grammar.vocab]
        parts.append(kept)
        total += len(kept)
    return torch.cat(parts)[:num_tokens]


@cites("parley2026parse", "inference on varying trees")
def varying_log_likelihood(
    grammar: VaryingHierarchy, tokens: Int[Tensor, "samples length"]
) -> Float[Tensor, "samples classes"]:
    """log P(tokens, class), float64; -inf where a class cannot produce the string.

    Args:
        grammar: the language.
        tokens: strings of one length, without padding.
    """
    samples, length = tokens.shape
    chart = {1: torch.nn.functional.one_hot(tokens.long(), grammar.vocab).double()}  # n -> (samples, starts, symbols)
    for level in range(1, grammar.depth + 1):
        binary, ternary = grammar.binary[level - 1], grammar.ternary[level - 1]
        pairs = _joined(chart, [c[..., binary[..., 0]] for c in _rows(chart)], chart, binary[..., 1])
        tails = _joined(chart, [c[..., ternary[..., 1]] for c in _rows(chart)], chart, ternary[..., 2])
        heads = _joined(chart, [c[..., ternary[..., 0]] for c in _rows(chart)], tails, None)
        weights = (
            grammar.binary_probability / grammar.num_binary,
            (1 - grammar.binary_probability) / grammar.num_ternary,
        )
        above = {}
        for spans, weight in ((pairs, weights[0]), (heads, weights[1])):
            for n, value in spans.items():
                above[n] = above.get(n, 0) + weight * value.sum(-1)
        chart = above
    if length not in chart:
        return torch.full((samples, grammar.num_classes), -torch.inf, dtype=torch.float64)
    return (chart[length][:, 0] / grammar.num_classes).log()


def _rows(chart: dict[int, Tensor]) -> list[Tensor]:
    return list(chart.values())


def _joined(chart, firsts, seconds, pick) -> dict[int, Tensor]:
    """Products of neighbouring spans, by total length: entry n has shape (samples, starts, parents, rules)."""
    joined: dict[int, Tensor] = {}
    for (n_first, _), first in zip(chart.items(), firsts, strict=True):
        for n_second, second in seconds.items():
            starts = second.shape[1] - n_first
            if starts < 1:
                continue
            right = second[:, n_first:]
            product = first[:, :starts] * (right if pick is None else right[..., pick])
            total = n_first + n_second
            joined[total] = joined[total] + product if total in joined else product
    return joined


def _expand(grammar, level, symbols, owners, generator):
    count = len(symbols)
    is_binary = torch.rand(count, generator=generator, dtype=torch.float64) < grammar.binary_probability
    widths = torch.where(is_binary, 2, 3)
    starts = widths.cumsum(0) - widths
    result = torch.empty(int(widths.sum()), dtype=torch.int64)
    for mask, rules in ((is_binary, grammar.binary[level - 1]), (~is_binary, grammar.ternary[level - 1])):
        rule = torch.randint(rules.shape[1], (int(mask.sum()),), generator=generator)
        strings = rules[symbols[mask], rule]
        result[(starts[mask][:, None] + torch.arange(rules.shape[2])).flatten()] = strings.flatten()
    return result, owners.repeat_interleave(widths)
