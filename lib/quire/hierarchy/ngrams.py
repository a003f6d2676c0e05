r"""Counting n-grams: the last token from the n before it, with no idea of the hierarchy.

The law after a context is the table of counts, interpolated with the law of the context one token shorter,

    P_n(x | c) = (N(c, x) + κ P_{n-1}(x | c')) / (N(c) + κ),   P_{-1} = 1/v,

so that a context never seen falls back to the longest suffix that was. The number of contexts, hence of data needed,
grows exponentially with n: v m^((s^l-1)/(s-1)) strings of s^l tokens; the *hierarchical* n-gram
(:mod:`quire.hierarchy.hierarchical_ngrams`) needs a power of n.

Source: cagnetta2025tvc (n-gram references); interpolation as in MacKay & Peto (1995).
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["CountingNgram", "num_contexts"]


@cites("cagnetta2025tvc", "n-gram references")
@dataclass(frozen=True)
class CountingNgram:
    """A table of counts for every context length 0..n; make one with :meth:`fit`.

    Attributes:
        vocab: v.
        prior_strength: κ, how many observations the shorter context is worth.
        contexts: sorted codes of the contexts of each length that were seen.
        counts: last tokens seen after each of them.
        context_vocab: how many symbols a context is made of; v unless said otherwise.
    """

    vocab: int
    prior_strength: float
    contexts: tuple[Int[Tensor, "_"], ...]
    counts: tuple[Float[Tensor, "_ vocab"], ...]
    context_vocab: int

    @staticmethod
    def fit(
        tokens: Shaped[Tensor, "samples tokens"],
        vocab: int,
        *,
        context: int,
        prior_strength: float,
        context_vocab: int | None = None,
    ) -> "CountingNgram":
        """Count the last tokens of some data.

        Args:
            tokens: the last is predicted from the ``context`` before it.
            vocab: v.
            context: n in 0..d-1, with v^n < 2^62.
            prior_strength: κ > 0.
            context_vocab: symbols of the contexts, if they are not those of the last token.

        Raises:
            ValueError: a context longer than the data, or too long to be coded in an integer.
        """
        if not 0 <= context < tokens.shape[1]:
            raise ValueError(f"context must be in 0..{tokens.shape[1] - 1}, got {context}: give longer data")
        base = context_vocab or vocab
        if base**context >= 2**62:
            raise ValueError(f"vocab**context = {base}**{context} does not fit an integer: lower context")
        if not prior_strength > 0:
            raise ValueError(f"prior_strength must be > 0, got {prior_strength}: unseen tokens need a probability")
        contexts, counts = [], []
        for codes in _suffix_codes(tokens, base, context):
            seen, place = codes.unique(return_inverse=True)
            flat = torch.bincount(place * vocab + tokens[:, -1].long(), minlength=len(seen) * vocab)
            contexts.append(seen)
            counts.append(flat.view(-1, vocab).double())
        return CountingNgram(vocab, prior_strength, tuple(contexts), tuple(counts), base)

    def law(self, tokens: Shaped[Tensor, "samples tokens"]) -> Float[Tensor, "samples vocab"]:
        """P(last token | the context before it), float64.

        >>> model = CountingNgram.fit(torch.tensor([[0, 1], [0, 1], [1, 0]]), 2, context=1, prior_strength=1e-9)
        >>> model.law(torch.tensor([[0, 0]])).round(decimals=6).tolist()
        [[0.0, 1.0]]
        """
        law = torch.full((len(tokens), self.vocab), 1 / self.vocab, dtype=torch.float64)
        context = len(self.contexts) - 1
        for length, codes in enumerate(_suffix_codes(tokens, self.context_vocab, context)):
            seen = self.contexts[length]
            place = torch.searchsorted(seen, codes).clamp(max=len(seen) - 1)
            counts = torch.where((seen[place] == codes)[:, None], self.counts[length][place], 0.0)
            law = (counts + self.prior_strength * law) / (counts.sum(1, keepdim=True) + self.prior_strength)
        return law


def num_contexts(vocab: int, num_rules: int, branching: int, *, level: int) -> int:
    """Number of grammatical strings of s^l tokens, v m^((s^l-1)/(s-1)).

    >>> num_contexts(32, 8, 2, level=2)
    16384
    """
    return vocab * num_rules ** ((branching**level - 1) // (branching - 1))


def _suffix_codes(tokens: Tensor, vocab: int, context: int) -> list[Tensor]:
    codes = [torch.zeros(len(tokens), dtype=torch.int64, device=tokens.device)]
    for length in range(1, context + 1):
        codes.append(codes[-1] + tokens[:, -1 - length].long() * vocab ** (length - 1))
    return codes
