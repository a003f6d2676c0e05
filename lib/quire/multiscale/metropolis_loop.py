"""A checkerboard Metropolis sweep of many φ⁴ fields in the memory of this machine, in one compiled pass.

Tensor code moves each field some forty times through memory for every sweep; here a field stays in the first level of cache, and the
exponential is computed only where a proposal raises the energy.
"""

import math

from quire.cores import compiled

__all__ = ["sweep_loop"]


@compiled
def sweep_loop(fields, moves, levels, coupling):
    """Propose fields + moves site by site, even sites first, and keep a proposal with the probability min(1, exp(-rise)).

    Args:
        fields: (chains, side, side), changed in place.
        moves: what each site proposes to add.
        levels: uniform in [0, 1).
        coupling: β.
    """
    chains, side, _ = fields.shape
    for chain in range(chains):
        for colour in range(2):
            for row in range(side):
                above, below = (row - 1) % side, (row + 1) % side
                for column in range((row + colour) % 2, side, 2):
                    left, right = (column - 1) % side, (column + 1) % side
                    near = fields[chain, above, column] + fields[chain, below, column]
                    near += fields[chain, row, left] + fields[chain, row, right]
                    old = fields[chain, row, column]
                    new = old + moves[chain, row, column]
                    rise = new * new * (new * new - 1) - old * old * (old * old - 1) - coupling * near * (new - old)
                    if rise <= 0 or levels[chain, row, column] < math.exp(-rise):
                        fields[chain, row, column] = new
