"""Which cells the phase transition chapter asks for: grids from the parameters of a run. All trees are binary, s = 2.

Binary trees have a transition for m from 2 to v/2: a setting that asks for other rules gets the nearest.
"""

from quire.sweep import Grid, grid, replicates

__all__ = [
    "block_cells",
    "channel_cells",
    "diagram_cells",
    "level_cells",
    "map_cells",
    "peak_cells",
    "setting",
    "text_cells",
]

POINTS = 101  # of the map
TEXTS = ["grammar", "chain", "tokens"]
CHANNELS = ["mask", "uniform", "gaussian"]
PERSISTENCE = 0.8  # of the chain


def setting(vocab: int, num_rules: int) -> dict:
    """Arguments of the mean field, with the number of rules moved to where there is a transition.

    >>> setting(8, 9)
    {'vocab': 8, 'num_rules': 4, 'branching': 2}
    """
    return dict(vocab=vocab, num_rules=max(2, min(num_rules, vocab // 2)), branching=2)


def map_cells(vocab: int, num_rules: int) -> Grid:
    """Cells of update_map: this grammar."""
    return grid(**setting(vocab, num_rules), points=POINTS)


def diagram_cells(vocabs: list) -> Grid:
    """Cells of phase_diagram: these vocabularies, with any number of rules."""
    return grid(vocabs=[sorted(set(vocabs))], branching=2)


def level_cells(vocab: int, num_rules: int, *, depth: int, noises: list, seeds: int, strings: int) -> Grid:
    """Cells of epsilon_levels."""
    return grid(**setting(vocab, num_rules), depth=depth, noise=noises, seed=replicates(seeds), strings=strings)


def channel_cells(vocab: int, num_rules: int, *, depth: int, noises: list, seeds: int, strings: int) -> Grid:
    """Cells of channel_levels: all three channels."""
    sizes = dict(depth=depth, noise=noises, seed=replicates(seeds), strings=strings)
    return grid(channel=CHANNELS, **setting(vocab, num_rules), **sizes)


def block_cells(
    vocab: int, num_rules: int, *, depths: list, noises: list, blocks: int, grammars: int, strings: int, **channel
) -> Grid:
    """Cells of epsilon_blocks, or with a channel of channel_blocks; the deepest trees, which take longest, come first."""
    sizes = dict(noise=noises, block=replicates(blocks), grammars=grammars, strings=strings)
    return grid(**channel, depth=sorted(set(depths), reverse=True), **setting(vocab, num_rules), **sizes)


def peak_cells(vocab: int, num_rules: int, *, depths: list) -> Grid:
    """Cells of susceptibility_peak."""
    return grid(**setting(vocab, num_rules), depth=sorted(set(depths)))


def text_cells(
    vocab: int, num_rules: int, *, depths: list, noises: list, blocks: int, grammars: int, strings: int
) -> Grid:
    """Cells of text_blocks: three kinds of text, as long as trees of these depths."""
    more = dict(text=TEXTS, persistence=PERSISTENCE)
    kept = dict(blocks=blocks, grammars=grammars, strings=strings)
    return block_cells(vocab, num_rules, depths=depths, noises=noises, **kept, **more)
