r"""The Random Hierarchy Model: an ensemble of context-free grammars on a regular tree.

A datum is the yield of a complete ``branching``-ary tree of depth L. Level 0 holds the d = s^L tokens, level L the class.
A symbol of level l is replaced by one of its m *synonyms*, strings of s symbols of level l-1. The rules are drawn once:
at every level, n·m of the v^s strings, uniformly without replacement, dealt in blocks of m to the n parents. No string has
two parents, so that a datum has one derivation.

Source: cagnetta2024rhm, definition of the model; levels are counted from the tokens, as in cagnetta2024ntp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from quire.cite import cites
from quire.rng import seed_from
from quire.types import Float, Int, Tensor

__all__ = ["RandomHierarchy", "draw_rules"]

MAX_TOKENS = 2**16


@cites("cagnetta2024rhm", "definition of the model")
@dataclass(frozen=True, eq=False)
class RandomHierarchy:
    """One grammar of the ensemble.

    Args:
        vocab: symbols v of every level below the root.
        num_rules: synonyms m of every symbol.
        branching: children s of every node.
        depth: number of levels L above the tokens.
        num_classes: root symbols n_c, the classes (1 is a language without labels).
        seed: of the rules, and of nothing else.
        rule_law: level -> probabilities of the m rules of each of its symbols; a level that is not named is uniform.
        class_law: probabilities of the classes; uniform if None.
        shared_rules: every level between the root and the tokens uses the same rules.
        rules: rules[l-1][symbol, rule] is the string that replaces a symbol of level l; drawn from the seed if None.

    Raises:
        ValueError: sizes for which there is no such grammar, laws that are not distributions, rules with shared strings.

    >>> RandomHierarchy(vocab=3, num_rules=3, branching=2, depth=1, num_classes=3, seed=0).num_data
    9
    """

    vocab: int
    num_rules: int
    branching: int
    depth: int
    num_classes: int
    seed: int = 0
    rule_law: Mapping[int, Sequence[float]] | None = None
    class_law: Sequence[float] | None = None
    shared_rules: bool = False
    rules: tuple[Int[Tensor, "_ _ _"], ...] | None = field(default=None, repr=False)

    def __post_init__(self):
        _check_sizes(self)
        _check_law(self.class_law, self.num_classes, "class_law")
        for level, law in (self.rule_law or {}).items():
            if not 1 <= level <= self.depth:
                raise ValueError(f"rule_law must name levels in 1..depth = {self.depth}, got {level}: drop it")
            _check_law(law, self.num_rules, f"rule_law[{level}]")
        rules = draw_rules(self) if self.rules is None else tuple(torch.as_tensor(r).long() for r in self.rules)
        _check_rules(self, rules)
        object.__setattr__(self, "rules", rules)

    @property
    def num_tokens(self) -> int:
        """Length d = s^L of a datum."""
        return self.branching**self.depth

    @property
    def num_choices(self) -> int:
        """Rules chosen per datum, (s^L - 1)/(s - 1): one per node above the tokens."""
        return (self.num_tokens - 1) // (self.branching - 1)

    @property
    def num_data(self) -> int:
        """Number of different data, n_c m^((d-1)/(s-1)): an exact integer, however large."""
        return self.num_classes * self.num_rules**self.num_choices

    @property
    def fill(self) -> float:
        """Fraction f = m / v^(s-1) of all strings of s symbols that the grammar produces."""
        return self.num_rules / self.vocab ** (self.branching - 1)

    @property
    def is_uniform(self) -> bool:
        """All data are equally likely."""
        return not self.rule_law and self.class_law is None

    @cached_property
    def class_probabilities(self) -> Float[Tensor, "classes"]:
        """Law of the root, float64."""
        return _law(self.class_law, self.num_classes)

    @cached_property
    def rule_probabilities(self) -> tuple[Float[Tensor, "rules"], ...]:
        """rule_probabilities[l-1]: law of the rules of a level-l symbol, float64."""
        laws = self.rule_law or {}
        return tuple(_law(laws.get(level), self.num_rules) for level in range(1, self.depth + 1))

    def num_symbols(self, level: int) -> int:
        """Alphabet size of a level: v, and n_c at the root."""
        return self.num_classes if level == self.depth else self.vocab

    def participation(self, level: int) -> float:
        """Sum of the squared rule probabilities of a level; 1/m when they are uniform."""
        return float(self.rule_probabilities[level - 1].square().sum())


def draw_rules(grammar: RandomHierarchy) -> tuple[Int[Tensor, "_ _ _"], ...]:
    """The rules that the grammar's seed stands for, from the tokens' level up: distinct strings dealt to the parents."""
    rules = []
    for level in range(1, grammar.depth + 1):
        parents = grammar.num_symbols(level)
        if grammar.shared_rules and level > 1 and parents == grammar.vocab:
            rules.append(rules[0])
            continue
        # a small set of a huge population is drawn by Floyd's algorithm: nothing of size v^s is ever stored
        numbers = np.random.default_rng(seed_from("hierarchy.rules", grammar.seed, level))
        size = (parents, grammar.num_rules)
        codes = numbers.choice(grammar.vocab**grammar.branching, size=size, replace=False, shuffle=True)
        rules.append(torch.from_numpy(_digits(codes, grammar.vocab, grammar.branching)))
    return tuple(rules)


def _digits(codes: np.ndarray, base: int, count: int) -> np.ndarray:
    powers = base ** np.arange(count - 1, -1, -1, dtype=np.int64)
    return codes[..., None] // powers % base


def _law(law: Sequence[float] | None, size: int) -> Tensor:
    uniform = torch.full((size,), 1 / size, dtype=torch.float64)
    return uniform if law is None else torch.as_tensor(law, dtype=torch.float64)


def _check_law(law: Sequence[float] | None, size: int, name: str) -> None:
    if law is None:
        return
    values = np.asarray(law, dtype=float)
    if values.shape != (size,):
        raise ValueError(f"{name} must have {size} probabilities, got {values.size}: give one per choice")
    if not (values >= 0).all() or abs(values.sum() - 1) > 1e-9:
        raise ValueError(f"{name} must be non-negative and sum to 1, got {values.tolist()}: normalise it")


def _check_sizes(grammar: RandomHierarchy) -> None:
    for name, least in (("vocab", 2), ("num_rules", 1), ("branching", 2), ("depth", 1), ("num_classes", 1)):
        if getattr(grammar, name) < least:
            raise ValueError(f"{name} must be >= {least}, got {getattr(grammar, name)}: raise it")
    v, m, s = grammar.vocab, grammar.num_rules, grammar.branching
    if s**grammar.depth > MAX_TOKENS:
        raise ValueError(f"branching**depth = {s**grammar.depth} tokens, more than {MAX_TOKENS}: lower depth")
    if v**s >= 2**62:
        raise ValueError(f"vocab**branching = {v**s} does not fit an integer of 62 bits: lower vocab or branching")
    if grammar.depth >= 2 and m > v ** (s - 1):
        raise ValueError(
            f"num_rules must be <= vocab**(branching-1) = {v ** (s - 1)} so that no string has two parents, got {m}: "
            "lower num_rules or raise vocab"
        )
    if m * grammar.num_classes > v**s:
        raise ValueError(
            f"num_classes * num_rules must be <= vocab**branching = {v**s} so that no string has two classes, got "
            f"{grammar.num_classes} * {m}: lower one of them or raise vocab"
        )


def _check_rules(grammar: RandomHierarchy, rules: tuple[Tensor, ...]) -> None:
    if len(rules) != grammar.depth:
        raise ValueError(f"rules must hold one tensor per level, {grammar.depth}, got {len(rules)}")
    for level, table in enumerate(rules, start=1):
        shape = (grammar.num_symbols(level), grammar.num_rules, grammar.branching)
        if tuple(table.shape) != shape:
            raise ValueError(f"the rules of level {level} must have shape {shape}, got {tuple(table.shape)}")
        if table.min() < 0 or table.max() >= grammar.vocab:
            raise ValueError(f"the rules of level {level} hold symbols outside 0..{grammar.vocab - 1}: relabel them")
        if len(table.reshape(-1, grammar.branching).unique(dim=0)) < shape[0] * shape[1]:
            raise ValueError(f"the rules of level {level} give one string to two parents: make the strings distinct")
