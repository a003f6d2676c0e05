"""The grammars of last-token prediction."""

from quire.hierarchy import RandomHierarchy

__all__ = ["last_token_grammar"]


def last_token_grammar(vocab: int, num_rules: int, branching: int, depth: int, *, seed: int) -> RandomHierarchy:
    """A random grammar with as many roots as symbols; the root is no label, nobody is told it."""
    return RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)
