"""Learning mechanics: small settings whose outcome is known exactly, and the laws that they stand for.

``mode_strengths`` (deep linear networks), ``implicit_bias`` (diagonal networks) and ``train_scaled`` (any network, from rich to lazy),
``learnability`` (of a kernel method), ``sharpness`` (the edge of stability),
``rate_factors`` (one learning rate for all widths), ``feature_limited_error`` (scaling laws), ``neural_collapse``,
``linear_cka`` and ``alignment_error`` (universal representations).
"""

from quire.mechanics.collapse import NeuralCollapse, neural_collapse, unconstrained_features
from quire.mechanics.deep_linear import aligned_weights, half_time, mode_strengths
from quire.mechanics.diagonal_network import fitted_by_flow, implicit_bias, least_absolute, least_norm, potential
from quire.mechanics.hessian import hessian_product, sharpness, sharpnesses
from quire.mechanics.kernel_learnability import learnability
from quire.mechanics.random_features import feature_limited_error, power_law_covariance, sample_limited_error
from quire.mechanics.rate_sweep import losses_at_rates
from quire.mechanics.scaled_training import ScaledRuns, train_at_scales, train_scaled
from quire.mechanics.similarity import alignment_error, best_rotation, linear_cka
from quire.mechanics.width_scaling import (
    activation_sizes,
    initialize_by_width,
    parameter_groups,
    rate_factors,
    width_role,
)

__all__ = [
    "NeuralCollapse",
    "ScaledRuns",
    "activation_sizes",
    "aligned_weights",
    "alignment_error",
    "best_rotation",
    "feature_limited_error",
    "fitted_by_flow",
    "half_time",
    "hessian_product",
    "implicit_bias",
    "initialize_by_width",
    "learnability",
    "least_absolute",
    "least_norm",
    "linear_cka",
    "losses_at_rates",
    "mode_strengths",
    "neural_collapse",
    "parameter_groups",
    "potential",
    "power_law_covariance",
    "rate_factors",
    "sample_limited_error",
    "sharpness",
    "sharpnesses",
    "train_at_scales",
    "train_scaled",
    "unconstrained_features",
    "width_role",
]
