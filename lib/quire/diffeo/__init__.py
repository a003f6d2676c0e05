"""Maximum-entropy diffeomorphisms of images and the relative stability of networks to them.

* The ensemble: :class:`MaxEntropyDiffeo` (fields, Jacobian, bijectivity, warp), its laws (:func:`temperature`,
  :func:`typical_displacement`, …), :func:`warp` for any field, and :class:`RandomDiffeo`, a callable transform.
* What is measured: :func:`perturb` makes a diffeomorphism and a noise of equal norm; :func:`stability` and
  :func:`layer_stability` give D_f, G_f and R_f = D_f/G_f; :func:`shuffle_channels` and :func:`filter_spectrum` are controls.
* Why: :func:`pooling_stability` (constant filters), :func:`scale_labels` (a task that pooling solves) and
  :func:`train_stripes` (linear invariance).
"""

from quire.diffeo.controls import FilterSpectrum, filter_spectrum, laplacian_modes, shuffle_channels
from quire.diffeo.ensemble import MaxEntropyDiffeo
from quire.diffeo.laws import (
    TemperatureRange,
    gradient_energy,
    mean_displacement,
    num_modes,
    temperature,
    temperature_range,
    typical_displacement,
)
from quire.diffeo.layers import layer_stability, rectified_layers, stability
from quire.diffeo.modes import active_modes, cosine_basis, sine_basis
from quire.diffeo.perturbation import Perturbation, perturb
from quire.diffeo.pooling import PoolingStability, pooling_asymptotics, pooling_matrix, pooling_stability
from quire.diffeo.relative import Stability, relative_stability
from quire.diffeo.resampling import warp
from quire.diffeo.scale import (
    SCALE_TASKS,
    RingProbes,
    pixel_pairs,
    ring_images,
    ring_pooling,
    ring_probes,
    scale_labels,
)
from quire.diffeo.stripe_training import StripeTraining, draw_stripe_networks, train_stripes
from quire.diffeo.stripes import StripeNet, stripe_labels, stripe_relative_stability
from quire.diffeo.transform import RandomDiffeo

__all__ = [
    "SCALE_TASKS",
    "FilterSpectrum",
    "MaxEntropyDiffeo",
    "Perturbation",
    "PoolingStability",
    "RandomDiffeo",
    "RingProbes",
    "Stability",
    "StripeNet",
    "StripeTraining",
    "TemperatureRange",
    "active_modes",
    "cosine_basis",
    "draw_stripe_networks",
    "filter_spectrum",
    "gradient_energy",
    "laplacian_modes",
    "layer_stability",
    "mean_displacement",
    "num_modes",
    "perturb",
    "pixel_pairs",
    "pooling_asymptotics",
    "pooling_matrix",
    "pooling_stability",
    "rectified_layers",
    "relative_stability",
    "ring_images",
    "ring_pooling",
    "ring_probes",
    "scale_labels",
    "shuffle_channels",
    "sine_basis",
    "stability",
    "stripe_labels",
    "stripe_relative_stability",
    "temperature",
    "temperature_range",
    "train_stripes",
    "typical_displacement",
    "warp",
]
