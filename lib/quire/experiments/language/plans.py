"""Which cells the language chapter asks for: grids from the parameters of a run. All trees are binary, s = 2.

Tokens are correlated only where m < v: a setting that asks for more rules gets v - 1.
"""

from quire.sweep import Grid, grid, replicates

__all__ = [
    "correlation_cells",
    "counting_cells",
    "curve_cells",
    "decay_cells",
    "ensemble_cells",
    "entropy_cells",
    "learned",
    "learner",
    "loss_cells",
    "setting",
]

HELD_OUT = 2048  # validation and test data of a network: no datum is in two sets
COUNTED = 12  # symbols of the grammars whose strings are counted
DISTANCES = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 60, 80]  # in characters
PRIORS = [1.0, 3.0, 10.0, 30.0, 100.0]  # of the counts of characters


def setting(vocab: int, num_rules: int, depth: int) -> dict:
    """Arguments of a grammar, with m = v - 1 if more is asked for.

    >>> setting(4, 9, 2)
    {'vocab': 4, 'num_rules': 3, 'branching': 2, 'depth': 2}
    """
    return dict(vocab=vocab, num_rules=min(num_rules, vocab - 1), branching=2, depth=depth)


def correlation_cells(vocab: int, num_rules: int, *, sizes: list) -> Grid:
    """Cells of sampled_correlations: two grammars of depth three."""
    return grid(**setting(vocab, num_rules, 3), seed=replicates(2), sizes=[sizes])


def ensemble_cells(settings: list, *, seeds: int) -> Grid:
    """Cells of ensemble_correlations for grammars [[v, m], …] of depth three."""
    return _of_all([setting(v, m, 3) for v, m in settings], seed=replicates(seeds))


def entropy_cells(settings: list, *, seeds: int, probes: int) -> Grid:
    """Cells of entropies for [[v, m, L], …], L up to six: the shortest contexts, and all of s^l - 1 tokens."""
    found = Grid()
    for sizes in _each_once([setting(v, m, depth) for v, m, depth in settings]):
        depth = sizes["depth"]
        contexts = sorted({*range(min(16, 2**depth)), *(2**level - 1 for level in range(depth + 1))})
        found += grid(**sizes, seed=replicates(seeds), probes=probes, contexts=[contexts])
    return found


def counting_cells(rules: list) -> Grid:
    """Cells of ngram_curve for several m at v = 12 and depth two: P in units of v m³, the number of strings of four tokens."""
    steps = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    found = Grid()
    for m in rules:
        sizes = [round(COUNTED * m**3 * step) for step in steps]
        found += grid(**setting(COUNTED, m, 2), level=2, seed=replicates(2), sizes=[sizes])
    return found


def learned(vocab: int, num_rules: int, *, seeds: int) -> dict:
    """Axes of the grammars, of depth three, that counts and networks learn."""
    return dict(**setting(vocab, num_rules, 3), seed=replicates(seeds))


def learner(network: str, *, width: int, sizes: list, learning_rate: float | None = None) -> dict:
    """Axes of the learning curve of one network: "cnn", "lcn" or "transformer"; its own rate unless said otherwise."""
    return dict(network=network, width=width, sizes=sizes, learning_rate=learning_rate)


def curve_cells(grammars: dict, *learners: dict, context: int | list, max_steps: int) -> Grid:
    """Cells of last_token_curve; sizes beyond what there is leave 2,048 data for validation and test.

    Args:
        grammars: as :func:`learned` gives them.
        learners: as :func:`learner` gives them.
        context: tokens that are seen, or a list of numbers of them.
        max_steps: longest training.
    """
    there = grammars["vocab"] * grammars["num_rules"] ** (2 ** grammars["depth"] - 1) - HELD_OUT
    found = Grid()
    for axes in learners:
        sizes = sorted({min(size, there) for size in axes["sizes"]})
        found += grid(**{**grammars, **axes, "sizes": [sizes]}, context=context, max_steps=max_steps)
    return found


def decay_cells(source: str, *, length: int, sizes: list, seeds: int) -> Grid:
    """The cell of character_correlations."""
    return grid(source=source, length=length, distances=[DISTANCES], sizes=[sizes], seeds=seeds)


def loss_cells(
    source: str, *, length: int, contexts: list, sizes: list, seeds: int, width: int, probes: int, **training: object
) -> Grid:
    """Cells of character_losses.

    Args:
        source: of the text.
        length: of the generated text.
        contexts: characters that are seen.
        sizes: windows that are trained on.
        seeds: draws of windows and weights.
        width: of the transformers; four heads share it, so that it is raised to a multiple of four.
        probes: validation windows, and as many test windows.
        training: depth, learning_rate and max_steps.
    """
    axes = dict(context=contexts, seed=replicates(seeds), sizes=[sizes], priors=[PRIORS])
    fixed = dict(reach=max(contexts), width=-(-width // 4) * 4, init_scale=0.5, held_out_windows=probes)
    return grid(source=source, length=length, **axes, **fixed, **training)


def _of_all(settings: list[dict], **axes: object) -> Grid:
    return sum((grid(**sizes, **axes) for sizes in _each_once(settings)), Grid())


def _each_once(settings: list[dict]) -> list[dict]:
    return [sizes for i, sizes in enumerate(settings) if sizes not in settings[:i]]
