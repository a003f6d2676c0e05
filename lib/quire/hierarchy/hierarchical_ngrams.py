r"""The hierarchical n-gram, learned from data: synonyms first, counts on what they stand for afterwards.

Level by level, strings of s symbols are described by what stands next to them, and strings with the same description are
given the same parent. A string μ that is child i of a node, and the symbol x in slot q of its sibling j, give the
standardised residual

    R(μ; i, j, q, x) = (N(μ, x) - N(μ) p(x)) / √(N(μ) p(x)),

whose noise is about one in every entry, and whose mean is the same for all synonyms (if they are equally likely). Ward's
method merges the rows down to v groups, the known number of symbols; the groups are the symbols of the next level. The
last token is then counted after its *reduced* context, the s-1 siblings of its own path at every level: l(s-1) symbols
instead of s^l-1 tokens.

Data need. The symbols of a level are the tokens of a grammar one level shorter, and strings are told apart next to a
neighbour at common ancestor 2: v m³/(1-f) data, whatever the level (if the groups below are right). There are
v m^l sequences of rules and symbols along the path of the last token, against v m^((s^l-1)/(s-1)) strings to count.

Source: derived from the correlations of cagnetta2024ntp; groups from co-occurrences as in cagnetta2024rhm, Fig. 10.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.cluster.hierarchy import fcluster, ward

from quire.cite import cites
from quire.hierarchy.empirical import pair_counts
from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.ngrams import CountingNgram
from quire.hierarchy.parsing import string_codes
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["HierarchicalNgram", "exact_synonyms", "infer_synonyms", "reduced_context"]

MAX_STRINGS = 2**22  # entries of a table of parents


@cites("cagnetta2024ntp", "correlations of a string and a token")
def infer_synonyms(
    tokens: Shaped[Tensor, "samples tokens"], vocab: int, *, branching: int, levels: int
) -> tuple[Int[Tensor, "_"], ...]:
    """Parents of all strings that occur in the data, up to the names of the parents.

    Args:
        tokens: whole data of s^L tokens.
        vocab: v, tokens and also symbols of every level.
        branching: s.
        levels: how many levels of parents, at most L-1: a string is known by its siblings.

    Returns:
        One table per level: entry c is the parent, 0..v-1, of the string with code c in base v+1; v where the string was
        never seen. Symbol v stands for an unknown one.

    Raises:
        ValueError: levels that the data do not have, or too many strings for a table.
    """
    width = tokens.shape[1]
    if levels < 0 or width % branching ** (levels + 1):
        raise ValueError(
            f"levels must be >= 0 with s^(levels+1) = {branching ** (levels + 1)} a divisor of d = {width}"
        )
    _check_table(vocab, branching)
    tables, symbols = [], tokens.long()
    for _ in range(levels):
        # samples, nodes two levels up, their children, slots of each child
        nodes = symbols.unflatten(1, (-1, branching, branching))
        codes = string_codes(nodes, vocab + 1)
        tables.append(_grouped(nodes, codes, vocab))
        symbols = tables[-1][codes].flatten(1)
    return tuple(tables)


def exact_synonyms(grammar: RandomHierarchy, *, levels: int) -> tuple[Int[Tensor, "_"], ...]:
    """The tables of :func:`infer_synonyms` that the rules of a grammar give: what infinitely many data would teach.

    >>> grammar = RandomHierarchy(vocab=2, num_rules=1, branching=2, depth=2, num_classes=2, seed=0)
    >>> [int((table < 2).sum()) for table in exact_synonyms(grammar, levels=1)]  # two strings, one for each parent
    [2]
    """
    vocab, tables = grammar.vocab, []
    _check_table(vocab, grammar.branching)
    for level in range(1, levels + 1):
        rules = grammar.rules[level - 1]
        table = torch.full(((vocab + 1) ** grammar.branching,), vocab)
        table[string_codes(rules, vocab + 1)] = torch.arange(len(rules))[:, None].expand(rules.shape[:2])
        tables.append(table)
    return tuple(tables)


def reduced_context(
    tokens: Shaped[Tensor, "samples tokens"], tables: Sequence[Int[Tensor, "_"]], vocab: int, *, branching: int
) -> Int[Tensor, "samples reduced"]:
    """Siblings along the path to the last token, the highest level first, then the last token itself.

    With l-1 tables the siblings of l levels: l(s-1) symbols for s^l-1 tokens. What lies on the path is not looked at.
    """
    columns = [tokens[:, -branching:].long()]
    for height, _ in enumerate(tables, start=1):
        level = tokens[:, -(branching ** (height + 1)) : -(branching**height)].long()
        for table in tables[:height]:
            level = table[string_codes(level.unflatten(1, (-1, branching)), vocab + 1)]
        columns.insert(0, level)
    return torch.cat(columns, 1)


@cites("cagnetta2024ntp", "hierarchical predictor; counts interpolated as in quire.hierarchy.ngrams")
@dataclass(frozen=True)
class HierarchicalNgram:
    """Counts of the last token after its reduced context; make one with :meth:`fit`.

    Attributes:
        branching: s.
        tables: parents of strings, level by level.
        counts: the n-gram of the reduced contexts. It falls back from the highest level to the lowest.
    """

    branching: int
    tables: tuple[Int[Tensor, "_"], ...]
    counts: CountingNgram

    @staticmethod
    def fit(
        tokens: Shaped[Tensor, "samples tokens"],
        vocab: int,
        *,
        branching: int,
        level: int,
        prior_strength: float,
        tables: Sequence[Int[Tensor, "_"]] | None = None,
    ) -> "HierarchicalNgram":
        """Group the strings of some data, then count.

        Args:
            tokens: whole data of s^L tokens.
            vocab: v.
            branching: s.
            level: l in 1..L; the last token is predicted from the s^l - 1 before it.
            prior_strength: κ of :class:`CountingNgram`.
            tables: parents that are known already (:func:`exact_synonyms`); None infers them.

        Raises:
            ValueError: a level that the data do not have, or tables for another level.
        """
        if level < 1 or tokens.shape[1] % branching**level:
            raise ValueError(f"level must be >= 1 with s^level a divisor of d = {tokens.shape[1]}, got {level}")
        if tables is None:
            tables = infer_synonyms(tokens, vocab, branching=branching, levels=level - 1)
        if len(tables) != level - 1:
            raise ValueError(f"level {level} needs {level - 1} tables of parents, got {len(tables)}")
        reduced = reduced_context(tokens, tables, vocab, branching=branching)
        counts = CountingNgram.fit(
            reduced, vocab, context=reduced.shape[1] - 1, prior_strength=prior_strength, context_vocab=vocab + 1
        )
        return HierarchicalNgram(branching, tuple(tables), counts)

    def law(self, tokens: Shaped[Tensor, "samples tokens"]) -> Float[Tensor, "samples vocab"]:
        """P(last token | the s^l - 1 tokens before it), float64."""
        return self.counts.law(reduced_context(tokens, self.tables, self.counts.vocab, branching=self.branching))


def _grouped(nodes: Tensor, codes: Tensor, vocab: int) -> Tensor:
    """The table of one level: Ward's groups of the strings that occur, ``vocab`` for the others."""
    seen, rows = codes.unique(return_inverse=True)
    groups = torch.arange(len(seen))
    if len(seen) > vocab:
        tree = ward(_residuals(nodes, rows, len(seen), vocab).numpy())
        groups = torch.from_numpy(fcluster(tree, vocab, "maxclust") - 1).long()
    table = torch.full(((vocab + 1) ** nodes.shape[-1],), vocab)
    table[seen] = groups
    return table


def _residuals(nodes: Tensor, rows: Tensor, num_strings: int, vocab: int) -> Tensor:
    """R(μ; i, j, q, x), a row for every string that occurs."""
    branching, blocks = nodes.shape[-1], []
    for child, sibling in itertools.permutations(range(branching), 2):
        for slot in range(branching):
            beside = nodes[..., sibling, slot].flatten()
            counts = pair_counts(rows[..., child].flatten(), beside, (num_strings, vocab)).double()
            expected = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
            blocks.append((counts - expected) / expected.clamp(min=1e-30).sqrt())
    return torch.cat(blocks, 1)


def _check_table(vocab: int, branching: int) -> None:
    if (vocab + 1) ** branching > MAX_STRINGS:
        raise ValueError(
            f"(vocab + 1)**branching = {(vocab + 1) ** branching} exceeds {MAX_STRINGS}: lower one of them"
        )
