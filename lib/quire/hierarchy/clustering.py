r"""What the first gradient step knows: synonyms cluster by their counts with the classes.

At the first step a hidden unit h of a two-layer network on one patch responds to string μ in proportion to

    Σ_α a_{hα} [N(μ, α)/P - N(μ)/(n_c P)],

with a the random readout and N counts in the training set. So the representation of a string is its vector of centred
class counts: it converges to class-string covariances that synonyms share, and k-means on it finds the symbols when the
noise of P data is smaller than the differences between symbols, at P of order √n_c m^L.

Source: cagnetta2024rhm, Figs. 8 and 10.
"""

import warnings

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from quire.cite import cites
from quire.hierarchy.empirical import pair_counts
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["clustering_error", "first_step_response", "synonym_clusters"]


@cites("cagnetta2024rhm", "one gradient step")
def first_step_response(
    strings: Shaped[Tensor, "samples"], labels: Shaped[Tensor, "samples"], *, num_strings: int, num_classes: int
) -> Float[Tensor, "strings classes"]:
    """N(μ, α)/P - N(μ)/(n_c P): the change of every string's hidden representation, up to the random readout.

    Args:
        strings: which string stands in the patch, in [0, num_strings).
        labels: classes in [0, num_classes).
        num_strings: how many strings there are.
        num_classes: n_c.
    """
    counts = pair_counts(strings, labels, (num_strings, num_classes)).double() / len(strings)
    return counts - counts.mean(dim=1, keepdim=True)


def synonym_clusters(
    response: Float[Tensor, "strings classes"], *, num_clusters: int, seed: int, restarts: int
) -> Int[Tensor, "strings"]:
    """k-means (started by k-means++, best of some restarts) on the response of every string."""
    points, best = response.numpy(), (np.inf, np.zeros(len(response), dtype=int))
    for restart in range(restarts):
        numbers = np.random.default_rng([seed, restart])
        with warnings.catch_warnings():  # an empty cluster is a bad start, and another start does better
            warnings.simplefilter("ignore", UserWarning)
            centres, assigned = kmeans2(points, num_clusters, minit="++", rng=numbers, missing="warn", iter=30)
        spread = float(((points - centres[assigned]) ** 2).sum())
        best = min(best, (spread, assigned), key=lambda pair: pair[0])
    return torch.from_numpy(best[1]).long()


def clustering_error(found: Int[Tensor, "strings"], truth: Int[Tensor, "strings"]) -> float:
    """Fraction of strings in the wrong cluster under the best one-to-one naming of the clusters.

    >>> clustering_error(torch.tensor([1, 1, 0, 0]), torch.tensor([0, 0, 1, 1]))
    0.0
    """
    size = int(max(found.max(), truth.max())) + 1
    table = pair_counts(found, truth, (size, size)).numpy()
    rows, columns = linear_sum_assignment(-table)
    return float(1 - table[rows, columns].sum() / len(found))
