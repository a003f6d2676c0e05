"""Which cells the composition chapter asks for: grids from the parameters of a run. All trees are binary and have depth three.

Tokens are correlated only where m < v: a setting that asks for more rules gets v - 1.
"""

from quire.sweep import Grid, grid, replicates

__all__ = ["clustering_cells", "covariance_cells", "finite_cells", "online_cells", "setting", "text_cells"]

TIMES = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
MULTIPLES = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]  # of P_l


def setting(vocab: int, num_rules: int, depth: int) -> dict:
    """Arguments of a grammar, with m = v - 1 if more is asked for.

    >>> setting(4, 9, 2)
    {'vocab': 4, 'num_rules': 3, 'branching': 2, 'depth': 2}
    """
    return dict(vocab=vocab, num_rules=min(num_rules, vocab - 1), branching=2, depth=depth)


def covariance_cells(vocab: int, num_rules: int, *, seeds: int) -> Grid:
    """Cells of string_covariances at depth four, which has three levels below the root."""
    return grid(**setting(vocab, num_rules, 4), seed=replicates(seeds))


def clustering_cells(vocab: int, rules: list, *, seeds: int) -> Grid:
    """Cells of clustering, for levels 1 and 2."""
    axes = dict(seed=replicates(seeds), level=[1, 2], multiples=[MULTIPLES], restarts=10)
    return sum((grid(**one, **axes) for one in _settings(vocab, rules)), Grid())


def online_cells(vocab: int, rules: list, *, seeds: int, steps: int, batch_size: int, **training: object) -> Grid:
    """Cells of learning on fresh strings, one pass."""
    sizes = [[steps * batch_size]]
    axes = dict(seed=replicates(seeds), sizes=sizes, online=True, steps=steps, batch_size=batch_size, per_octave=2)
    return sum((grid(**one, **axes, **training) for one in _settings(vocab, rules)), Grid())


def finite_cells(vocab: int, rules: list, *, seeds: int, sizes: list, **training: object) -> Grid:
    """Cells of learning on finite sets."""
    axes = dict(seed=replicates(seeds), sizes=[sizes], online=False, per_octave=2)
    return sum((grid(**one, **axes, **training) for one in _settings(vocab, rules)), Grid())


def text_cells(source: str, *, seeds: int, **asked: object) -> Grid:
    """Cells of text_learning on windows of 32 characters."""
    return grid(source=source, levels=5, seed=replicates(seeds), times=[TIMES], per_octave=1, **asked)


def _settings(vocab: int, rules: list) -> list[dict]:
    found = []
    for m in rules:
        one = setting(vocab, m, 3)
        found += [] if one in found else [one]
    return found
