r"""From tokens back to the tree: no string has two parents, so that parsing is a table look-up per level.

The code of a string (x_1..x_s) is the number Σ_i x_i v^(s-i). A level is parsed by one look-up of the code of every
group of s symbols; a string that no rule writes, and everything above it, is marked -1.

Source: cagnetta2024rhm (unambiguity); the parse is exact and costs O(d).
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from quire.hierarchy.grammar import RandomHierarchy
from quire.hierarchy.trees import Trees
from quire.types import Bool, Float, Int, Shaped, Tensor

__all__ = ["Parse", "is_grammatical", "parse", "string_codes", "valid_fractions"]

TABLE_LIMIT = 2**20
_tables: WeakKeyDictionary = WeakKeyDictionary()


@dataclass(frozen=True)
class Parse:
    """Symbols and rules of every node; -1 where a string is not grammatical.

    Attributes:
        levels: levels[l] has shape (P, s^(L-l)); levels[0] are the tokens, levels[L] the class.
        rules: rules[l-1] has shape (P, s^(L-l)): the rule that the level-l symbol used.
    """

    levels: tuple[Int[Tensor, "samples _"], ...]
    rules: tuple[Int[Tensor, "samples _"], ...]

    @property
    def labels(self) -> Int[Tensor, "samples"]:
        """The class, or -1."""
        return self.levels[-1][:, 0]

    @property
    def trees(self) -> Trees:
        """The derivations.

        Raises:
            ValueError: a datum has none.
        """
        if bool((self.labels < 0).any()):
            raise ValueError(
                f"{int((self.labels < 0).sum())} of {len(self.labels)} data are not grammatical: drop them first"
            )
        return Trees(labels=self.labels, choices=torch.cat(self.rules[::-1], dim=1))


def string_codes(symbols: Shaped[Tensor, "*batch children"], vocab: int) -> Int[Tensor, "*batch"]:
    """Number of a string of symbols in base ``vocab``, the first symbol most significant.

    >>> string_codes(torch.tensor([[1, 0, 2]]), 3)
    tensor([11])
    """
    codes = torch.zeros(symbols.shape[:-1], dtype=torch.int64, device=symbols.device)
    for position in range(symbols.shape[-1]):
        codes = codes * vocab + symbols[..., position].long()
    return codes


def parse(grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"]) -> Parse:
    """The tree of every datum.

    Args:
        grammar: the language.
        tokens: integers in [0, vocab), a power of ``branching`` of them up to the full length s^L: shorter strings are
            parsed up to the level they span.

    Raises:
        ValueError: the length is not a power of ``branching``, or a token is outside the vocabulary.

    >>> from quire.hierarchy import RandomHierarchy, sample
    >>> grammar = RandomHierarchy(vocab=8, num_rules=3, branching=2, depth=3, num_classes=8, seed=1)
    >>> data = sample(grammar, 50, seed=0, replacement=True)
    >>> bool((parse(grammar, data.tokens).labels == data.labels).all())
    True
    """
    length, branching = tokens.shape[1], grammar.branching
    height = next((h for h in range(grammar.depth + 1) if branching**h == length), None)
    if height is None:
        raise ValueError(
            f"the length must be a power of branching = {branching} up to {grammar.num_tokens}, got {length}"
        )
    symbols = tokens.long()
    if symbols.numel() and (symbols.min() < 0 or symbols.max() >= grammar.vocab):
        raise ValueError(f"tokens must be in [0, {grammar.vocab}), got {int(symbols.min())}..{int(symbols.max())}")
    levels, rules = [symbols], []
    for level in range(1, height + 1):
        groups = symbols.unflatten(1, (-1, branching))
        found = _look_up(grammar, level, string_codes(groups.clamp(min=0), grammar.vocab))
        found = torch.where((groups < 0).any(-1), -1, found)
        symbols = torch.where(found < 0, -1, torch.div(found, grammar.num_rules, rounding_mode="floor"))
        rules.append(torch.where(found < 0, -1, found % grammar.num_rules))
        levels.append(symbols)
    return Parse(tuple(levels), tuple(rules))


def is_grammatical(grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"]) -> Bool[Tensor, "samples"]:
    """Whether the grammar can produce the datum."""
    return parse(grammar, tokens).labels >= 0


def valid_fractions(grammar: RandomHierarchy, tokens: Shaped[Tensor, "samples tokens"]) -> Float[Tensor, "levels"]:
    """Fraction of the nodes of level 1..L whose whole sub-tree is grammatical, averaged over data and positions."""
    levels = parse(grammar, tokens).levels[1:]
    return torch.stack([(symbols >= 0).double().mean() for symbols in levels])


def _look_up(grammar: RandomHierarchy, level: int, codes: Tensor) -> Tensor:
    """symbol * num_rules + rule of a code of this level, or -1."""
    table = _table(grammar, level, codes.device)
    if len(table) == 1:
        return table[0][codes]
    sorted_codes, parents = table
    place = torch.searchsorted(sorted_codes, codes).clamp(max=len(sorted_codes) - 1)
    return torch.where(sorted_codes[place] == codes, parents[place], -1)


def _table(grammar: RandomHierarchy, level: int, device: torch.device) -> tuple[Tensor, ...]:
    cache = _tables.setdefault(grammar, {})
    if (level, device) not in cache:
        codes = string_codes(grammar.rules[level - 1].to(device), grammar.vocab).flatten()
        if grammar.vocab**grammar.branching <= TABLE_LIMIT:
            table = torch.full((grammar.vocab**grammar.branching,), -1, dtype=torch.int64, device=device)
            table[codes] = torch.arange(len(codes), device=device)
            cache[level, device] = (table,)
        else:  # the table would not fit the memory: sort the few codes that exist
            cache[level, device] = tuple(codes.sort())
    return cache[level, device]
