"""Rainbow networks: layers of random features, each turned to what the layer before it says (guth2023rainbow).

``sample_rainbow`` (a network with new weights of the same covariances), ``sample_rows`` (its new rows), ``matrices_of`` (of a plain
network), ``alignment_distance`` and ``kernel_distance`` (how far two representations are from being one), ``covariance_spectrum``.
"""

from quire.rainbow.distances import alignment_distance, kernel_distance
from quire.rainbow.sampling import Rainbow, features_of, matrices_of, sample_rainbow
from quire.rainbow.weight_rows import LAWS, covariance_spectrum, sample_rows

__all__ = [
    "LAWS",
    "Rainbow",
    "alignment_distance",
    "covariance_spectrum",
    "features_of",
    "kernel_distance",
    "matrices_of",
    "sample_rainbow",
    "sample_rows",
]
