"""Images scale by scale: what becomes simple when details are modelled given the coarser field.

``energy`` and ``sample_phi4`` (a model whose law is known), ``packet_band`` (orthogonal bands), ``smallest_eigenvalues`` (log-concavity),
``match_scores`` (energies from samples), ``fit_scales`` and ``generate`` (a law scale by scale), ``langevin`` (dynamics of details given the
coarse field), ``steps_needed`` (diffusion of Gaussians), ``climb`` (samples from a blind denoiser) and ``pixel_denoising_error``,
``detail_denoising_error`` (what a window costs).
"""

from quire.multiscale.adjusted_langevin import LangevinRun, Law, langevin
from quire.multiscale.ascent import Ascent, climb
from quire.multiscale.diffusion_steps import generated_variances, steps_needed
from quire.multiscale.gaussian_fields import (
    conditional_spectra,
    field_covariance,
    field_spectrum,
    periodic_covariance,
)
from quire.multiscale.local_denoisers import detail_denoising_error, pixel_denoising_error
from quire.multiscale.log_concavity import conditional_hessian, smallest_eigenvalues
from quire.multiscale.phi4 import Phi4, energy, gradient, hessian, hessian_product, neighbour_sum
from quire.multiscale.phi4_sampler import binder_cumulant, flip_clusters, metropolis_sweep, sample_phi4
from quire.multiscale.potentials import COARSE_POTENTIALS, PHI4_POTENTIALS, FittedEnergy, Potentials
from quire.multiscale.scale_by_scale import Scale, averages, details_given, fit_scales, generate, with_details
from quire.multiscale.score_matching import ScoreFit, match_scores
from quire.multiscale.wavelets import Band, daubechies, packet_band, packet_matrix

__all__ = [
    "Ascent",
    "Band",
    "COARSE_POTENTIALS",
    "FittedEnergy",
    "LangevinRun",
    "Law",
    "PHI4_POTENTIALS",
    "Phi4",
    "Potentials",
    "Scale",
    "ScoreFit",
    "averages",
    "binder_cumulant",
    "climb",
    "conditional_hessian",
    "conditional_spectra",
    "daubechies",
    "detail_denoising_error",
    "details_given",
    "energy",
    "field_covariance",
    "field_spectrum",
    "fit_scales",
    "flip_clusters",
    "generate",
    "generated_variances",
    "gradient",
    "hessian",
    "hessian_product",
    "langevin",
    "match_scores",
    "metropolis_sweep",
    "neighbour_sum",
    "packet_band",
    "packet_matrix",
    "periodic_covariance",
    "pixel_denoising_error",
    "sample_phi4",
    "smallest_eigenvalues",
    "steps_needed",
    "with_details",
]
