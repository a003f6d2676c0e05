r"""A hierarchy without correlations: rules that form a Latin square.

With two children and m = v, let parent(x_1, x_2) = L(x_1, x_2), every parent once in each row and column. Then each
child is uniform whatever its parent, all covariances of the class with tokens and strings vanish exactly, and synonyms
leave no trace in the first moments of the data: the hierarchy is there and cannot be learned from them.

Source: cagnetta2024rhm, Fig. 9 (uncorrelated RHM); v = 2 is the parity problem.
"""

import numpy as np
import torch

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy
from quire.rng import seed_from

__all__ = ["uncorrelated_hierarchy"]


@cites("cagnetta2024rhm", "Fig. 9")
def uncorrelated_hierarchy(vocab: int, depth: int, *, seed: int) -> RandomHierarchy:
    """A binary grammar with m = n_c = v whose children are independent of their parents one by one.

    Args:
        vocab: v, also the number of rules and of classes.
        depth: L.
        seed: of the random relabelling of the cyclic Latin square, one per level.

    >>> uncorrelated_hierarchy(2, 3, seed=0).num_data == 2**8
    True
    """
    rules = []
    for level in range(1, depth + 1):
        numbers = np.random.default_rng(seed_from("hierarchy.latin", seed, level))
        first, second, parents = (numbers.permutation(vocab) for _ in range(3))
        left = np.arange(vocab)[None, :].repeat(vocab, 0)
        right = (np.arange(vocab)[:, None] - left) % vocab
        table = np.empty((vocab, vocab, 2), dtype=np.int64)
        table[parents] = np.stack([first[left], second[right]], axis=-1)
        rules.append(torch.from_numpy(table))
    return RandomHierarchy(vocab, vocab, 2, depth, vocab, seed=seed, rules=tuple(rules))
